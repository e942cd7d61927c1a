#pragma once
// The model of an index: what training produced and what is needed to route, encode and score.
// Plain data over memory that somebody else owns, so that PostgreSQL's side can keep it in a memory
// context and core can keep it in vectors.
//
// Space: rows and queries are first *prepared* (codec.h: normalised for cosine, rotated if the
// model says so); centroids and codebooks live in that space, padded with zeros to padded_dims.
#include <cstddef>
#include <cstdint>

#include "core/groups.h"
#include "core/metric.h"

namespace avq {

inline constexpr uint32_t kCodewords = 16;  // 4-bit codes
inline constexpr uint32_t kMaxDims = 16000;

// Fixed-size part; stored in the meta page, so: plain old data, explicit padding, never reordered
// within a format version.
struct ModelShape {
  uint32_t dims;               // of the column
  uint32_t lists;              // >= 1: a cell's rows, or those whose residuals are of some length
  uint32_t cells;              // of k-means: 1 .. lists; the lists of a cell follow one another
  uint32_t subspaces;          // M = ceil(dims / dims_per_subspace)
  uint32_t dims_per_subspace;  // D
  Metric metric;
  uint8_t rotated;     // 1: rows and queries are rotated before coding
  uint8_t row_scale;   // 1: codes of r/|r| with a scale per row; 0: codes of r, scale 1
  uint8_t trained;     // 0: data-independent codebooks, one list with centroid 0
  float eta;           // anisotropy of code assignment, h_par / h_perp; 1 = plain
  float eta_scale;     // anisotropy of the per-row scale
  float route_sigma;   // routing score = <q,c> (- |c|^2/2 for l2) + route_sigma * sigma_list * |q|
  float error_scale;   // kappa: rms over candidates of (true score - estimate) * sqrt(dims) / (s *
                       // |q|)
  float soar_lambda;   // 0 = every row is in one list
  float spill_square;  // rows whose squared residual is less are in one list all the same
  uint32_t groups;     // of cells (groups.h), which are lists then; 0 = routing and assignment look
                       // at all cells
  uint32_t unused;
  uint64_t seed;  // of the rotation and of all training

  uint32_t padded_dims() const noexcept { return subspaces * dims_per_subspace; }
};
static_assert(sizeof(ModelShape) == 64);

struct Model {
  ModelShape shape;
  const float* centroids;    // cells x padded_dims
  const float* assign_bias;  // cells: |c|^2 / 2 for inner product and l2, 0 for cosine
  const float* list_sigma;   // lists: rms residual norm / sqrt(dims)
  const float* list_cell;    // lists: the cell's number
  const float* list_least;   // lists: squared residual norm of its rows, at least; those of a cell
                             // fall, the last is 0
  const float* codebooks;    // subspaces x dims_per_subspace x 16, codeword fastest
  Groups groups;             // in the same space
  const float* group_sigma;  // groups: rms norm of the rows' residuals to the group / sqrt(dims)

  // list_cell and list_least are not looked at, and may be null, where every cell is one list.
  uint32_t cell(uint32_t list) const noexcept {
    return shape.cells == shape.lists ? list : static_cast<uint32_t>(list_cell[list]);
  }
  const float* centroid(uint32_t list) const noexcept {
    return centroids + static_cast<size_t>(cell(list)) * shape.padded_dims();
  }

  // The arrays, in this order (of groups: centres, sigma, bias, ends), as one run of floats: the
  // stored form.
  static size_t float_count(const ModelShape& shape) noexcept {
    const size_t lists = shape.lists, cells = shape.cells, groups = shape.groups;
    return (cells + groups + kCodewords) * shape.padded_dims() + cells + 3 * lists + 3 * groups;
  }
  static Model over(const ModelShape& shape, const float* floats) noexcept {
    Model model;
    model.shape = shape;
    model.centroids = floats;
    model.assign_bias = floats + static_cast<size_t>(shape.cells) * shape.padded_dims();
    model.list_sigma = model.assign_bias + shape.cells;
    model.list_cell = model.list_sigma + shape.lists;
    model.list_least = model.list_cell + shape.lists;
    model.codebooks = model.list_least + shape.lists;
    const size_t padded = shape.padded_dims();
    const float* centres = model.codebooks + padded * kCodewords;
    model.group_sigma = centres + shape.groups * padded;
    const float* bias = model.group_sigma + shape.groups;
    model.groups = {shape.groups, centres, bias, bias + shape.groups};
    return model;
  }
};

}  // namespace avq
