#pragma once
// From vectors to codes and from queries to look-up tables (DESIGN: docs/design.md, "Mathematics").
// All functions are noexcept and allocation-free unless said otherwise; scratch is the caller's.
#include <cstddef>
#include <cstdint>

#include "core/model.h"

namespace avq {

// Rotates (if the model says so) and, for cosine, normalises `in` (dims floats) into `out`
// (padded_dims floats, zero padded). The rotation is orthogonal: inner products, norms and L2
// distances survive. `in` must have a finite norm, and for cosine a positive one.
void prepare(const ModelShape& shape, const float* in, float* out) noexcept;

// |vector|, also where its square is beyond float's range.
double exact_norm(const float* vector, size_t dims) noexcept;

// --- rows ---------------------------------------------------------------------------------------

// The list of a cell for a row whose residual's squared norm this is.
uint32_t list_by_square(const Model& model, uint32_t cell, float square) noexcept;

// The list of each prepared row: in the cell of argmax <x, c> - assign_bias. prepared: count x
// padded_dims.
void assign_lists(const Model& model, const float* prepared, size_t count,
                  uint32_t* lists) noexcept;

// The SOAR second lists of prepared rows (shape.soar_lambda > 0, at least two cells): in the cell
// of argmin over c' != c of |x - c'|^2 + lambda <x - c', r/|r|>^2, r = x - c. Sun et al., NeurIPS
// 2023. A row with |r|^2 < shape.spill_square stays in one list: its second is its first. prepared:
// count x padded_dims; scratch: kSpillScratchFloats.
inline constexpr size_t kSpillScratchFloats = 32 * 256;
void spill_lists(const Model& model, const float* prepared, size_t count, const uint32_t* lists,
                 uint32_t* second, float* scratch) noexcept;

struct EncodedRow {
  float scale;   // s: x ~ c + s * decoded(codes); >= 0, finite; already rounded to bfloat16
  float offset;  // l2: |c|^2/2 + s <c, decoded> + |x - c|^2/2; else 0
};

// Scratch that encode needs, in floats.
size_t encode_scratch_floats(const ModelShape& shape) noexcept;

// Codes of the residual of a prepared row to the centroid of `list`, one byte (0..15) a subspace.
// Code assignment: isotropic best, then coordinate descent on |e|^2 + (eta-1) <e, u>^2 with
// e = residual - decoded (Guo et al. 2020; eta from the shape) and u = x/|x|, for l2 u = r/|r|: a
// query near x differs from the centroid by about r. The scale minimises the same loss with
// eta_scale. A zero residual gives scale 0.
EncodedRow encode(const Model& model, const float* prepared, uint32_t list, uint8_t* codes,
                  float* scratch) noexcept;

// decoded(codes), padded_dims floats, without scale and centroid.
void decode(const Model& model, const uint8_t* codes, float* out) noexcept;

// Puts one row's codes into / takes them out of slot `slot` (0..31) of a block of code rows.
// The subspaces first .. first + count - 1 lie at `code_rows` (a block may be cut in pieces);
// `codes` is the whole row: codes[first + i] belongs to code row i.
void pack_codes(uint8_t* code_rows, size_t first, size_t count, uint32_t slot,
                const uint8_t* codes) noexcept;
void unpack_codes(const uint8_t* code_rows, size_t first, size_t count, uint32_t slot,
                  uint8_t* codes) noexcept;

// --- queries ------------------------------------------------------------------------------------

struct QueryTables {
  float step;      // value of one LUT unit
  float base;      // sum of minima + optimism: z * error_scale * |q| / sqrt(dims)
  float optimism;  // that last term, so that estimate = key - scale * optimism
};

// The quantised look-up table of a prepared query: lut is subspaces x 16 bytes,
// <q_m, codeword> ~ minimum_m + step * lut. z >= 0 is the width of the error bound.
QueryTables build_tables(const Model& model, const float* prepared, float z, uint8_t* lut) noexcept;

}  // namespace avq
