// What the kernel files share, compiled once per Highway target (hence the toggled guard instead
// of #pragma once): loads of the stored element types as floats, sums over pairs of vectors.
// Nothing here reads beyond the lengths given.
#if defined(AVQ_CORE_KERNELS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef AVQ_CORE_KERNELS_INL_H_
#undef AVQ_CORE_KERNELS_INL_H_
#else
#define AVQ_CORE_KERNELS_INL_H_
#endif

#include <cstddef>
#include <cstdint>

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace avq::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// At most 16 lanes, so that a block of 32 rows is a whole number of vectors on every CPU.
using Floats = hn::CappedTag<float, 16>;
using OneFloat = hn::CappedTag<float, 1>;

template <class D>
HWY_INLINE hn::Vec<D> load_floats(D d, const float* from) {
  return hn::LoadU(d, from);
}

template <class D>  // IEEE half
HWY_INLINE hn::Vec<D> load_floats(D d, const uint16_t* from) {
  const hn::Rebind<uint16_t, D> bits;
  const hn::Rebind<hwy::float16_t, D> half;
  return hn::PromoteTo(d, hn::BitCast(half, hn::LoadU(bits, from)));
}

template <class D>
HWY_INLINE hn::Vec<D> load_floats(D d, const int8_t* from) {
  const hn::Rebind<int8_t, D> bytes;
  const hn::Rebind<int32_t, D> words;
  return hn::ConvertTo(d, hn::PromoteTo(words, hn::LoadU(bytes, from)));
}

struct Product {
  template <class V>
  static HWY_INLINE V accumulate(V sum, V a, V b) {
    return hn::MulAdd(a, b, sum);
  }
};

// The last `rest` < Lanes(d) elements of an operation whose value for full vectors is `value`,
// computed at the last full vector that ends with the data: the lanes that earlier vectors
// already counted become zero. No element beyond the end is read.
template <class D>
HWY_INLINE hn::Vec<D> keep_last(D d, size_t rest, hn::Vec<D> value) {
  return hn::IfThenZeroElse(hn::FirstN(d, hn::Lanes(d) - rest), value);
}

// Sum of Op over the pairs a_i, b_i. Four sums are kept because an addition takes four cycles and
// two start per cycle on current CPUs.
template <class Op, class B>
HWY_INLINE float sum_over(const float* HWY_RESTRICT a, const B* HWY_RESTRICT b, size_t dims) {
  const Floats d;
  const size_t lanes = hn::Lanes(d);
  const auto zero = hn::Zero(d);
  if (dims < lanes) {
    const OneFloat one;
    auto sum = hn::Zero(one);
    for (size_t i = 0; i < dims; ++i) {
      sum = Op::accumulate(sum, load_floats(one, a + i), load_floats(one, b + i));
    }
    return hn::GetLane(sum);
  }
  auto sum0 = zero, sum1 = zero, sum2 = zero, sum3 = zero;
  size_t i = 0;
  for (; i + 4 * lanes <= dims; i += 4 * lanes) {
    sum0 = Op::accumulate(sum0, load_floats(d, a + i), load_floats(d, b + i));
    sum1 = Op::accumulate(sum1, load_floats(d, a + i + lanes), load_floats(d, b + i + lanes));
    sum2 =
        Op::accumulate(sum2, load_floats(d, a + i + 2 * lanes), load_floats(d, b + i + 2 * lanes));
    sum3 =
        Op::accumulate(sum3, load_floats(d, a + i + 3 * lanes), load_floats(d, b + i + 3 * lanes));
  }
  for (; i + lanes <= dims; i += lanes) {
    sum0 = Op::accumulate(sum0, load_floats(d, a + i), load_floats(d, b + i));
  }
  if (i < dims) {
    const size_t last = dims - lanes;
    const auto value = Op::accumulate(zero, load_floats(d, a + last), load_floats(d, b + last));
    sum1 = hn::Add(sum1, keep_last(d, dims - i, value));
  }
  return hn::GetLane(hn::SumOfLanes(d, hn::Add(hn::Add(sum0, sum1), hn::Add(sum2, sum3))));
}

// Products of one query with each of `count` rows. A row is summed in the same order whether it is
// one of a group of four or of the rest.
HWY_INLINE void dot_each(const float* HWY_RESTRICT query, const float* HWY_RESTRICT rows,
                         size_t count, size_t dims, float* HWY_RESTRICT out) {
  const Floats d;
  const size_t lanes = hn::Lanes(d);
  if (dims < lanes) {
    for (size_t r = 0; r < count; ++r) out[r] = sum_over<Product>(query, rows + r * dims, dims);
    return;
  }
  const size_t whole = dims - dims % lanes;
  const size_t last = dims - lanes;
  const auto zero = hn::Zero(d);
  const auto query_end = keep_last(d, dims - whole, hn::LoadU(d, query + last));
  size_t r = 0;
  for (; r + 4 <= count; r += 4) {
    const float* row0 = rows + r * dims;
    const float* row1 = row0 + dims;
    const float* row2 = row1 + dims;
    const float* row3 = row2 + dims;
    auto sum0 = zero, sum1 = zero, sum2 = zero, sum3 = zero;
    for (size_t i = 0; i < whole; i += lanes) {
      const auto part = hn::LoadU(d, query + i);
      sum0 = hn::MulAdd(part, hn::LoadU(d, row0 + i), sum0);
      sum1 = hn::MulAdd(part, hn::LoadU(d, row1 + i), sum1);
      sum2 = hn::MulAdd(part, hn::LoadU(d, row2 + i), sum2);
      sum3 = hn::MulAdd(part, hn::LoadU(d, row3 + i), sum3);
    }
    if (whole < dims) {
      sum0 = hn::MulAdd(query_end, hn::LoadU(d, row0 + last), sum0);
      sum1 = hn::MulAdd(query_end, hn::LoadU(d, row1 + last), sum1);
      sum2 = hn::MulAdd(query_end, hn::LoadU(d, row2 + last), sum2);
      sum3 = hn::MulAdd(query_end, hn::LoadU(d, row3 + last), sum3);
    }
    out[r] = hn::GetLane(hn::SumOfLanes(d, sum0));
    out[r + 1] = hn::GetLane(hn::SumOfLanes(d, sum1));
    out[r + 2] = hn::GetLane(hn::SumOfLanes(d, sum2));
    out[r + 3] = hn::GetLane(hn::SumOfLanes(d, sum3));
  }
  for (; r < count; ++r) {
    const float* row = rows + r * dims;
    auto sum = zero;
    for (size_t i = 0; i < whole; i += lanes) {
      sum = hn::MulAdd(hn::LoadU(d, query + i), hn::LoadU(d, row + i), sum);
    }
    if (whole < dims) sum = hn::MulAdd(query_end, hn::LoadU(d, row + last), sum);
    out[r] = hn::GetLane(hn::SumOfLanes(d, sum));
  }
}

}  // namespace avq::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // toggled guard
