// Rows against centres: a product of two matrices, whose entries are only compared or are kept.
// Tiles of four rows by three centres keep twelve sums in registers: with three centres and a row
// that fills the 16 registers of AVX2, and twelve sums hide the latency of the additions. Lanes run
// over the dimensions; a panel layout whose lanes run over the centres was tried and gained less
// than 10
// %.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/kernels_nearest.cpp"
#include "hwy/foreach_target.h"
//
#include <limits>

#include "core/kernels.h"
#include "core/kernels_dispatch.h"
#include "core/kernels_inl.h"

HWY_BEFORE_NAMESPACE();
namespace avq::HWY_NAMESPACE {

constexpr size_t kRowBlock = 64;  // rows that meet a centre while it is in the first-level cache

HWY_INLINE float sum_of(hn::Vec<Floats> sums) {
  return hn::GetLane(hn::SumOfLanes(Floats(), sums));
}

// The rows that are looked at: all from the first on, or those of a list of numbers.
struct AllRows {
  const float* values;
  size_t dims;
  HWY_INLINE size_t number(size_t i) const { return i; }
  HWY_INLINE const float* at(size_t i) const { return values + i * dims; }
};
struct ListedRows {
  const float* values;
  size_t dims;
  const uint32_t* numbers;
  HWY_INLINE size_t number(size_t i) const { return numbers[i]; }
  HWY_INLINE const float* at(size_t i) const { return values + number(i) * dims; }
};

// What becomes of the product of the i-th row and a centre: the best centre of each row is kept, or
// all products are.
template <class Rows>
struct KeepBest {
  Rows rows;
  const float* bias;
  uint32_t first;  // number of the first centre
  uint32_t* index;
  float* score;
  HWY_INLINE void take(size_t i, size_t centre, float product) const {
    const float value = product - bias[centre];
    const size_t row = rows.number(i);
    if (value > score[row]) {
      score[row] = value;
      index[row] = first + static_cast<uint32_t>(centre);
    }
  }
};
struct KeepAll {
  float* products;
  size_t stride;
  HWY_INLINE void take(size_t i, size_t centre, float product) const {
    products[i * stride + centre] = product;
  }
};

// Four rows against three centres, of which the last may be named again; dims >= lanes. Each pair
// is summed in the order of dot_each (kernels_inl.h).
template <class Keep>
HWY_INLINE void meet_tile(const float* const* rows, const float* const* centres, size_t dims,
                          size_t first_row, size_t rows_present, size_t first,
                          size_t centres_present, const Keep& keep) {
  const Floats d;
  const size_t lanes = hn::Lanes(d);
  const size_t whole = dims - dims % lanes;
  auto sum00 = hn::Zero(d), sum01 = sum00, sum02 = sum00, sum10 = sum00, sum11 = sum00;
  auto sum12 = sum00, sum20 = sum00, sum21 = sum00, sum22 = sum00, sum30 = sum00, sum31 = sum00;
  auto sum32 = sum00;
  const float* row0 = rows[0];
  const float* row1 = rows[1];
  const float* row2 = rows[2];
  const float* row3 = rows[3];
  const float* centre0 = centres[0];
  const float* centre1 = centres[1];
  const float* centre2 = centres[2];
  const auto add = [&](hn::Vec<Floats> c0, hn::Vec<Floats> c1, hn::Vec<Floats> c2, size_t at,
                       auto mask) HWY_ATTR {
    auto row = mask(hn::LoadU(d, row0 + at));
    sum00 = hn::MulAdd(row, c0, sum00);
    sum01 = hn::MulAdd(row, c1, sum01);
    sum02 = hn::MulAdd(row, c2, sum02);
    row = mask(hn::LoadU(d, row1 + at));
    sum10 = hn::MulAdd(row, c0, sum10);
    sum11 = hn::MulAdd(row, c1, sum11);
    sum12 = hn::MulAdd(row, c2, sum12);
    row = mask(hn::LoadU(d, row2 + at));
    sum20 = hn::MulAdd(row, c0, sum20);
    sum21 = hn::MulAdd(row, c1, sum21);
    sum22 = hn::MulAdd(row, c2, sum22);
    row = mask(hn::LoadU(d, row3 + at));
    sum30 = hn::MulAdd(row, c0, sum30);
    sum31 = hn::MulAdd(row, c1, sum31);
    sum32 = hn::MulAdd(row, c2, sum32);
  };
  const auto all = [](hn::Vec<Floats> row) HWY_ATTR { return row; };
  for (size_t i = 0; i < whole; i += lanes) {
    add(hn::LoadU(d, centre0 + i), hn::LoadU(d, centre1 + i), hn::LoadU(d, centre2 + i), i, all);
  }
  if (whole < dims) {
    const size_t last = dims - lanes;
    const auto end = [&](hn::Vec<Floats> row) HWY_ATTR { return keep_last(d, dims - whole, row); };
    add(hn::LoadU(d, centre0 + last), hn::LoadU(d, centre1 + last), hn::LoadU(d, centre2 + last),
        last, end);
  }
  const auto take = [&](size_t r, hn::Vec<Floats> s0, hn::Vec<Floats> s1, hn::Vec<Floats> s2)
                        HWY_ATTR {
                          if (r >= rows_present) return;
                          keep.take(first_row + r, first, sum_of(s0));
                          if (centres_present > 1) keep.take(first_row + r, first + 1, sum_of(s1));
                          if (centres_present > 2) keep.take(first_row + r, first + 2, sum_of(s2));
                        };
  take(0, sum00, sum01, sum02);
  take(1, sum10, sum11, sum12);
  take(2, sum20, sum21, sum22);
  take(3, sum30, sum31, sum32);
}

// One row, for what is left over by the tiles.
template <class Keep>
HWY_INLINE void meet_row(const float* row, size_t number, const float* centres,
                         size_t centres_count, size_t dims, const Keep& keep) {
  constexpr size_t kPart = 64;
  float products[kPart];
  for (size_t first = 0; first < centres_count; first += kPart) {
    const size_t part = HWY_MIN(kPart, centres_count - first);
    dot_each(row, centres + first * dims, part, dims, products);
    for (size_t c = 0; c < part; ++c) keep.take(number, first + c, products[c]);
  }
}

template <class Rows, class Keep>
HWY_INLINE void meet_all(const Rows& rows, size_t count, const float* centres, size_t centres_count,
                         const Keep& keep) {
  const size_t dims = rows.dims;
  // Two or three rows are worth a tile, one is not.
  const size_t tiled = dims < hn::Lanes(Floats()) ? 0 : count % 4 == 1 ? count - 1 : count;
  for (size_t block = 0; block < tiled; block += kRowBlock) {
    const size_t end = HWY_MIN(block + kRowBlock, tiled);
    for (size_t c = 0; c < centres_count; c += 3) {
      const size_t present = HWY_MIN(size_t{3}, centres_count - c);
      const float* three[3];
      for (size_t t = 0; t < 3; ++t) three[t] = centres + HWY_MIN(c + t, centres_count - 1) * dims;
      for (size_t r = block; r < end; r += 4) {
        const float* four[4];
        for (size_t t = 0; t < 4; ++t) four[t] = rows.at(HWY_MIN(r + t, end - 1));
        meet_tile(four, three, dims, r, end - r, c, present, keep);
      }
    }
  }
  for (size_t r = tiled; r < count; ++r) {
    meet_row(rows.at(r), r, centres, centres_count, dims, keep);
  }
}

void nearest_centres(const float* rows, size_t count, const float* centres, size_t centres_count,
                     size_t dims, const float* bias, uint32_t* best_index, float* best_score) {
  for (size_t r = 0; r < count; ++r) {
    best_index[r] = 0;
    best_score[r] = -std::numeric_limits<float>::infinity();
  }
  const AllRows all = {rows, dims};
  meet_all(all, count, centres, centres_count,
           KeepBest<AllRows>{all, bias, 0, best_index, best_score});
}

void nearer_centres(const float* rows, const uint32_t* numbers, size_t count, const float* centres,
                    size_t centres_count, size_t dims, const float* bias, uint32_t first_centre,
                    uint32_t* best_index, float* best_score) {
  const ListedRows listed = {rows, dims, numbers};
  meet_all(listed, count, centres, centres_count,
           KeepBest<ListedRows>{listed, bias, first_centre, best_index, best_score});
}

void dot_matrix(const float* rows, size_t count, const float* centres, size_t centres_count,
                size_t dims, float* products) {
  meet_all(AllRows{rows, dims}, count, centres, centres_count, KeepAll{products, centres_count});
}

void dot_matrix_of(const float* rows, const uint32_t* numbers, size_t count, const float* centres,
                   size_t centres_count, size_t dims, float* products) {
  meet_all(ListedRows{rows, dims, numbers}, count, centres, centres_count,
           KeepAll{products, centres_count});
}

}  // namespace avq::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace avq {

AVQ_KERNEL(nearest_centres);
AVQ_KERNEL(nearer_centres);
AVQ_KERNEL(dot_matrix);
AVQ_KERNEL(dot_matrix_of);

namespace kernels {
void choose_nearest() noexcept {
  AVQ_CHOOSE(nearest_centres);
  AVQ_CHOOSE(nearer_centres);
  AVQ_CHOOSE(dot_matrix);
  AVQ_CHOOSE(dot_matrix_of);
}
}  // namespace kernels

void nearest_centres(const float* rows, size_t count, const float* centres, size_t centres_count,
                     size_t dims, const float* bias, uint32_t* best_index,
                     float* best_score) noexcept {
  chosen_nearest_centres(rows, count, centres, centres_count, dims, bias, best_index, best_score);
}

void nearer_centres(const float* rows, const uint32_t* numbers, size_t count, const float* centres,
                    size_t centres_count, size_t dims, const float* bias, uint32_t first_centre,
                    uint32_t* best_index, float* best_score) noexcept {
  chosen_nearer_centres(rows, numbers, count, centres, centres_count, dims, bias, first_centre,
                        best_index, best_score);
}

void dot_matrix(const float* rows, size_t count, const float* centres, size_t centres_count,
                size_t dims, float* products) noexcept {
  chosen_dot_matrix(rows, count, centres, centres_count, dims, products);
}

void dot_matrix_of(const float* rows, const uint32_t* numbers, size_t count, const float* centres,
                   size_t centres_count, size_t dims, float* products) noexcept {
  chosen_dot_matrix_of(rows, numbers, count, centres, centres_count, dims, products);
}

}  // namespace avq
#endif
