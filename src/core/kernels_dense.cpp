// Products and distances of float vectors.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/kernels_dense.cpp"
#include "hwy/foreach_target.h"
//
#include "core/kernels.h"
#include "core/kernels_dispatch.h"
#include "core/kernels_inl.h"

HWY_BEFORE_NAMESPACE();
namespace avq::HWY_NAMESPACE {

struct SquaredDifference {
  template <class V>
  static HWY_INLINE V accumulate(V sum, V a, V b) {
    const V difference = hn::Sub(a, b);
    return hn::MulAdd(difference, difference, sum);
  }
};

struct AbsoluteDifference {
  template <class V>
  static HWY_INLINE V accumulate(V sum, V a, V b) {
    return hn::Add(sum, hn::Abs(hn::Sub(a, b)));
  }
};

float dot(const float* a, const float* b, size_t dims) { return sum_over<Product>(a, b, dims); }

float l2_squared(const float* a, const float* b, size_t dims) {
  return sum_over<SquaredDifference>(a, b, dims);
}

float l1(const float* a, const float* b, size_t dims) {
  return sum_over<AbsoluteDifference>(a, b, dims);
}

CosineParts cosine_parts(const float* a, const float* b, size_t dims) {
  const Floats d;
  const size_t lanes = hn::Lanes(d);
  const auto zero = hn::Zero(d);
  auto dot0 = zero, dot1 = zero, a0 = zero, a1 = zero, b0 = zero, b1 = zero;
  size_t i = 0;
  for (; i + 2 * lanes <= dims; i += 2 * lanes) {
    const auto left0 = hn::LoadU(d, a + i), right0 = hn::LoadU(d, b + i);
    const auto left1 = hn::LoadU(d, a + i + lanes), right1 = hn::LoadU(d, b + i + lanes);
    dot0 = hn::MulAdd(left0, right0, dot0);
    dot1 = hn::MulAdd(left1, right1, dot1);
    a0 = hn::MulAdd(left0, left0, a0);
    a1 = hn::MulAdd(left1, left1, a1);
    b0 = hn::MulAdd(right0, right0, b0);
    b1 = hn::MulAdd(right1, right1, b1);
  }
  CosineParts parts{0, 0, 0};
  if (dims >= lanes) {
    while (i < dims) {
      const size_t rest = dims - i < lanes ? dims - i : lanes;
      const size_t at = i + rest - lanes;
      const auto left = keep_last(d, rest, hn::LoadU(d, a + at));
      const auto right = keep_last(d, rest, hn::LoadU(d, b + at));
      dot0 = hn::MulAdd(left, right, dot0);
      a0 = hn::MulAdd(left, left, a0);
      b0 = hn::MulAdd(right, right, b0);
      i += rest;
    }
    parts.dot = hn::GetLane(hn::SumOfLanes(d, hn::Add(dot0, dot1)));
    parts.norm_a = hn::GetLane(hn::SumOfLanes(d, hn::Add(a0, a1)));
    parts.norm_b = hn::GetLane(hn::SumOfLanes(d, hn::Add(b0, b1)));
  } else {
    for (; i < dims; ++i) {
      parts.dot += a[i] * b[i];
      parts.norm_a += a[i] * a[i];
      parts.norm_b += b[i] * b[i];
    }
  }
  return parts;
}

void axpy(float alpha, const float* x, float* y, size_t dims) {
  const Floats d;
  const size_t lanes = hn::Lanes(d);
  if (dims < lanes) {
    const OneFloat one;
    for (size_t i = 0; i < dims; ++i) {
      hn::StoreU(hn::MulAdd(hn::Set(one, alpha), hn::LoadU(one, x + i), hn::LoadU(one, y + i)), one,
                 y + i);
    }
    return;
  }
  // The last vector overlaps the one before it: it is computed before anything is written.
  const auto factor = hn::Set(d, alpha);
  const size_t last = dims - lanes;
  const auto end = hn::MulAdd(factor, hn::LoadU(d, x + last), hn::LoadU(d, y + last));
  for (size_t i = 0; i + lanes <= dims; i += lanes) {
    hn::StoreU(hn::MulAdd(factor, hn::LoadU(d, x + i), hn::LoadU(d, y + i)), d, y + i);
  }
  hn::StoreU(end, d, y + last);
}

void dot_rows(const float* query, const float* rows, size_t count, size_t dims, float* out) {
  dot_each(query, rows, count, dims, out);
}

}  // namespace avq::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace avq {

AVQ_KERNEL(dot);
AVQ_KERNEL(l2_squared);
AVQ_KERNEL(l1);
AVQ_KERNEL(cosine_parts);
AVQ_KERNEL(axpy);
AVQ_KERNEL(dot_rows);

namespace kernels {
void choose_dense() noexcept {
  AVQ_CHOOSE(dot);
  AVQ_CHOOSE(l2_squared);
  AVQ_CHOOSE(l1);
  AVQ_CHOOSE(cosine_parts);
  AVQ_CHOOSE(axpy);
  AVQ_CHOOSE(dot_rows);
}
}  // namespace kernels

float dot(const float* a, const float* b, size_t dims) noexcept { return chosen_dot(a, b, dims); }

float l2_squared(const float* a, const float* b, size_t dims) noexcept {
  return chosen_l2_squared(a, b, dims);
}

float l1(const float* a, const float* b, size_t dims) noexcept { return chosen_l1(a, b, dims); }

float norm_squared(const float* a, size_t dims) noexcept { return chosen_dot(a, a, dims); }

CosineParts cosine_parts(const float* a, const float* b, size_t dims) noexcept {
  return chosen_cosine_parts(a, b, dims);
}

void axpy(float alpha, const float* x, float* y, size_t dims) noexcept {
  chosen_axpy(alpha, x, y, dims);
}

void dot_rows(const float* query, const float* rows, size_t count, size_t dims,
              float* out) noexcept {
  chosen_dot_rows(query, rows, count, dims, out);
}

}  // namespace avq
#endif
