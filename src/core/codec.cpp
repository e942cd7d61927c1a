#include "core/codec.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/anisotropic.h"
#include "core/assignment.h"
#include "core/bfloat16.h"
#include "core/kernels.h"
#include "core/lanes.h"
#include "core/rotation.h"

namespace avq {
namespace {

constexpr int kDescentRounds = 4;

// Squares of absurdly long rows are beyond float's range.
float finite(double value) noexcept {
  constexpr double kLargest = std::numeric_limits<float>::max();
  return static_cast<float>(std::clamp(value, -kLargest, kLargest));
}

float round_scale(float scale) noexcept {
  constexpr float kLargest = 3.38953139e38f;  // of bfloat16
  return bfloat16_to_float(float_to_bfloat16(std::clamp(scale, 0.0f, kLargest)));
}

}  // namespace

double exact_norm(const float* vector, size_t dims) noexcept {
  const float square = norm_squared(vector, dims);
  if (square > 1e-25f && square < 1e35f) return std::sqrt(static_cast<double>(square));
  double exact = 0;
  for (size_t i = 0; i < dims; ++i) exact += static_cast<double>(vector[i]) * vector[i];
  return std::sqrt(exact);
}

void prepare(const ModelShape& shape, const float* in, float* out) noexcept {
  double factor = 1;
  if (shape.metric == Metric::cosine) {
    const double length = exact_norm(in, shape.dims);
    factor = length > 0 ? 1 / length : 0;
  }
  // A factor beyond float's range would be infinite as a float.
  for (uint32_t i = 0; i < shape.dims; ++i) {
    out[i] = factor == 1 ? in[i] : static_cast<float>(in[i] * factor);
  }
  std::fill(out + shape.dims, out + shape.padded_dims(), 0.0f);
  if (shape.rotated != 0) rotate(shape.seed, out, shape.dims);
}

uint32_t list_by_square(const Model& model, uint32_t cell, float square) noexcept {
  const uint32_t lists = model.shape.lists;
  if (model.shape.cells == lists) return cell;
  const float number = static_cast<float>(cell);
  const float* first = std::lower_bound(model.list_cell, model.list_cell + lists, number);
  uint32_t list = static_cast<uint32_t>(first - model.list_cell);
  while (square < model.list_least[list] && list + 1 < lists &&
         model.list_cell[list + 1] == number) {
    ++list;
  }
  return list;
}

namespace {

uint32_t list_in_cell(const Model& model, const float* prepared, uint32_t cell) noexcept {
  if (model.shape.cells == model.shape.lists) return cell;
  const size_t padded = model.shape.padded_dims();
  return list_by_square(model, cell, l2_squared(prepared, model.centroids + cell * padded, padded));
}

}  // namespace

void assign_lists(const Model& model, const float* prepared, size_t count,
                  uint32_t* lists) noexcept {
  constexpr size_t kBatch = 256;
  float scores[kBatch];
  const size_t padded = model.shape.padded_dims();
  const Centres centres = {model.centroids, model.shape.cells, model.assign_bias, model.groups};
  for (size_t first = 0; first < count; first += kBatch) {
    const size_t rows = std::min(kBatch, count - first);
    centres.nearest(prepared + first * padded, rows, padded, lists + first, scores);
  }
  for (size_t i = 0; i < count; ++i) {
    lists[i] = list_in_cell(model, prepared + i * padded, lists[i]);
  }
}

namespace {

constexpr size_t kSpillBatch = RowsByGroup::kMostRows;
constexpr size_t kSpillRows = 32, kSpillCentres = 256;  // of one product of matrices
static_assert(kSpillScratchFloats == kSpillRows * kSpillCentres);

// A row in search of its second cell.
struct Spilling {
  uint32_t cell;  // its first one
  const float* own;
  double row_row, row_own, weight;  // |x|^2, <x, c>, lambda / |r|^2
  double best_loss;
};

// The rows of a batch that want a second cell, and cells to choose from. The loss is at least
// |x - c'|^2, so the second product, <c, c'>, is taken for the few centres whose distance alone is
// below the least loss so far.
void spill_among(const Model& model, const float* rows, const uint32_t* numbers, size_t count,
                 size_t first, size_t centres_count, Spilling* spilling, uint32_t* second,
                 float* products) noexcept {
  const size_t padded = model.shape.padded_dims();
  const bool cosine = model.shape.metric == Metric::cosine;
  dot_matrix_of(rows, numbers, count, model.centroids + first * padded, centres_count, padded,
                products);
  for (size_t i = 0; i < count; ++i) {
    Spilling& row = spilling[numbers[i]];
    for (size_t c = 0; c < centres_count; ++c) {
      const double product = products[i * centres_count + c];
      const double square = cosine ? 1.0 : 2.0 * model.assign_bias[first + c];
      const double distance = row.row_row - 2 * product + square;
      if (distance >= row.best_loss || first + c == row.cell) continue;
      const double own = dot(row.own, model.centroids + (first + c) * padded, padded);
      const double along = row.row_row - row.row_own - (product - own);
      const double loss = distance + row.weight * along * along;
      if (loss >= row.best_loss) continue;
      row.best_loss = loss;
      second[numbers[i]] = static_cast<uint32_t>(first + c);
    }
  }
}

}  // namespace

void spill_lists(const Model& model, const float* prepared, size_t count, const uint32_t* lists,
                 uint32_t* second, float* scratch) noexcept {
  const size_t padded = model.shape.padded_dims();
  Spilling spilling[kSpillBatch];
  uint32_t waiting[kSpillBatch];
  for (size_t begin = 0; begin < count; begin += kSpillBatch) {
    const size_t part = std::min(kSpillBatch, count - begin);
    const float* rows = prepared + begin * padded;
    size_t spilled = 0;
    for (size_t i = 0; i < part; ++i) {
      const uint32_t cell = model.cell(lists[begin + i]);
      second[begin + i] = cell;
      const float* row = rows + i * padded;
      const float* own = model.centroids + cell * padded;
      const double row_own = dot(row, own, padded);
      const double row_row = norm_squared(row, padded);
      const double residual = std::max(0.0, row_row - 2 * row_own + norm_squared(own, padded));
      if (!(residual >= model.shape.spill_square)) continue;
      // Without a residual there is no direction to be orthogonal to.
      const double weight = residual > 1e-7 * row_row ? model.shape.soar_lambda / residual : 0;
      spilling[i] = {cell, own, row_row, row_own, weight, INFINITY};
      waiting[spilled++] = static_cast<uint32_t>(i);
    }
    const auto choose = [&](const uint32_t* numbers, size_t rows_count, size_t cell, size_t end) {
      for (; cell < end; cell += kSpillCentres) {
        for (size_t i = 0; i < rows_count; i += kSpillRows) {
          spill_among(model, rows, numbers + i, std::min(kSpillRows, rows_count - i), cell,
                      std::min(kSpillCentres, end - cell), spilling, second + begin, scratch);
        }
      }
    };
    if (model.groups.count == 0) {
      choose(waiting, spilled, 0, model.shape.cells);
    } else if (spilled > 0) {
      const RowsByGroup looking(rows, waiting, spilled, padded, model.groups);
      for (uint32_t g = 0; g < model.groups.count; ++g) {
        choose(looking.of(g), looking.count(g), model.groups.begin(g), model.groups.end(g));
      }
    }
    for (size_t i = begin; i < begin + part; ++i) {
      second[i] = second[i] == model.cell(lists[i])
                      ? lists[i]
                      : list_in_cell(model, prepared + i * padded, second[i]);
    }
  }
}

size_t encode_scratch_floats(const ModelShape& shape) noexcept {
  return 2 * static_cast<size_t>(shape.subspaces) * kCodewords +
         3 * static_cast<size_t>(shape.padded_dims());
}

EncodedRow encode(const Model& model, const float* prepared, uint32_t list, uint8_t* codes,
                  float* scratch) noexcept {
  const ModelShape& shape = model.shape;
  const size_t padded = shape.padded_dims();
  float* squared = scratch;
  float* parallel = squared + shape.subspaces * kCodewords;
  float* target = parallel + shape.subspaces * kCodewords;
  float* direction = target + padded;
  float* decoded = direction + padded;
  const float* centroid = model.centroid(list);

  for (size_t i = 0; i < padded; ++i) target[i] = prepared[i] - centroid[i];
  const double residual_norm = exact_norm(target, padded);
  const double row_norm = exact_norm(prepared, padded);
  const bool l2 = shape.metric == Metric::l2;
  const double list_part = l2 ? model.assign_bias[model.cell(list)] : 0;
  if (!(residual_norm > 0)) {
    std::fill(codes, codes + shape.subspaces, uint8_t{0});
    return {0, static_cast<float>(list_part)};
  }
  if (shape.row_scale != 0) {
    const double factor = 1 / residual_norm;
    for (size_t i = 0; i < padded; ++i) target[i] = static_cast<float>(target[i] * factor);
  }
  // The direction in which an error costs most: the row's, or for l2 the residual's, since
  // there the score is of q - c and a query near the row differs from c by about the residual.
  const float* along = l2 ? target : prepared;
  const double along_norm = !l2 ? row_norm : shape.row_scale != 0 ? 1 : residual_norm;
  const double inverse_norm = along_norm > 0 ? 1 / along_norm : 0;
  for (size_t i = 0; i < padded; ++i) {
    direction[i] = static_cast<float>(along[i] * inverse_norm);
  }

  const bool anisotropic = shape.eta > 1 && along_norm > 0;
  fill_code_tables(model.codebooks, shape.subspaces, shape.dims_per_subspace, target, direction,
                   squared, anisotropic ? parallel : nullptr);
  assign_plain(squared, shape.subspaces, codes);
  if (anisotropic) {
    descend(squared, parallel, shape.subspaces, shape.eta, kDescentRounds, codes);
  }

  float scale = 1;
  if (shape.row_scale != 0 || l2) decode(model, codes, decoded);
  if (shape.row_scale != 0) {
    const ScaleTerms terms = {dot(target, decoded, padded), norm_squared(decoded, padded),
                              dot(target, direction, padded), dot(decoded, direction, padded)};
    // The scale is also the width of the row's error bound, so it may not vanish where the
    // decoded residual is zero or points the wrong way.
    const double relative =
        std::max(1.0 / 16, static_cast<double>(best_scale(terms, shape.eta_scale)));
    scale = round_scale(static_cast<float>(residual_norm * relative));
  }
  if (!l2) return {scale, 0};
  const double offset = list_part + static_cast<double>(scale) * dot(centroid, decoded, padded) +
                        residual_norm * residual_norm / 2;
  return {scale, finite(offset)};
}

void decode(const Model& model, const uint8_t* codes, float* out) noexcept {
  const size_t width = model.shape.dims_per_subspace;
  const float* codewords = model.codebooks;
  for (size_t m = 0; m < model.shape.subspaces; ++m) {
    for (size_t j = 0; j < width; ++j, codewords += kCodewords) *out++ = codewords[codes[m]];
  }
}

void pack_codes(uint8_t* code_rows, size_t first, size_t count, uint32_t slot,
                const uint8_t* codes) noexcept {
  uint8_t* at = code_rows + (slot & 15u);
  const bool high = slot >= 16;
  for (size_t m = 0; m < count; ++m, at += kCodeRowBytes) {
    const uint8_t code = codes[first + m];
    *at = static_cast<uint8_t>(high ? (*at & 0x0f) | (code << 4) : (*at & 0xf0) | code);
  }
}

void unpack_codes(const uint8_t* code_rows, size_t first, size_t count, uint32_t slot,
                  uint8_t* codes) noexcept {
  const uint8_t* at = code_rows + (slot & 15u);
  const int shift = slot >= 16 ? 4 : 0;
  for (size_t m = 0; m < count; ++m, at += kCodeRowBytes) {
    codes[first + m] = static_cast<uint8_t>((*at >> shift) & 15);
  }
}

namespace {

// The 16 products of one subspace.
void multiply_codewords(const float* codewords, const float* query, size_t width,
                        Floats4 values[4]) noexcept {
  for (size_t part = 0; part < 4; ++part) values[part] = fill4(0);
  for (size_t j = 0; j < width; ++j, codewords += kCodewords) {
    const Floats4 factor = fill4(query[j]);
    for (size_t part = 0; part < 4; ++part) values[part] += factor * load4(codewords + 4 * part);
  }
}

struct Range {
  float low, high;
};

Range range_of(const Floats4 values[4]) noexcept {
  const auto less = [](Floats4 a, Floats4 b) { return b < a ? b : a; };
  const auto more = [](Floats4 a, Floats4 b) { return b > a ? b : a; };
  Floats4 low = less(less(values[0], values[1]), less(values[2], values[3]));
  Floats4 high = more(more(values[0], values[1]), more(values[2], values[3]));
  low = less(low, __builtin_shufflevector(low, low, 2, 3, 0, 1));
  high = more(high, __builtin_shufflevector(high, high, 2, 3, 0, 1));
  return {std::min(low[0], low[1]), std::max(high[0], high[1])};
}

}  // namespace

QueryTables build_tables(const Model& model, const float* prepared, float z,
                         uint8_t* lut) noexcept {
  const ModelShape& shape = model.shape;
  const size_t width = shape.dims_per_subspace;
  const size_t book = width * kCodewords;
  // Twice over the codebooks: keeping the products between would need memory for 16,000
  // subspaces.
  float widest = 0;
  double base = 0;
  Floats4 values[4];
  for (size_t m = 0; m < shape.subspaces; ++m) {
    multiply_codewords(model.codebooks + m * book, prepared + m * width, width, values);
    const Range range = range_of(values);
    widest = std::max(widest, range.high - range.low);
    base += range.low;
  }
  QueryTables tables;
  tables.step = widest / 255;
  const double query_norm = exact_norm(prepared, shape.padded_dims());
  tables.optimism =
      finite(z * shape.error_scale * query_norm / std::sqrt(static_cast<double>(shape.dims)));
  tables.base = finite(base + tables.optimism);
  const float inverse = tables.step > 0 ? 1 / tables.step : 0;
  for (size_t m = 0; m < shape.subspaces; ++m) {
    multiply_codewords(model.codebooks + m * book, prepared + m * width, width, values);
    const float low = range_of(values).low;
    for (size_t part = 0; part < 4; ++part) {
      const Floats4 steps = (values[part] - fill4(low)) * fill4(inverse) + fill4(0.5f);
      store_bytes4(lut + m * kCodewords + 4 * part, steps);
    }
  }
  return tables;
}

}  // namespace avq
