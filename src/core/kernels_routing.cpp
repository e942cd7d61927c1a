// Products of a query with centroids in bytes.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/kernels_routing.cpp"
#include "hwy/foreach_target.h"
//
#include "core/kernels.h"
#include "core/kernels_dispatch.h"
#include "core/kernels_inl.h"

HWY_BEFORE_NAMESPACE();
namespace avq::HWY_NAMESPACE {

#if HWY_TARGET == HWY_SCALAR

void dot_rows_int8(const int16_t* query, const int8_t* rows, size_t count, size_t stride,
                   float* out) {
  for (size_t r = 0; r < count; ++r, rows += stride) {
    int32_t sum = 0;
    for (size_t i = 0; i < stride; ++i) sum += query[i] * rows[i];
    out[r] = static_cast<float>(sum);
  }
}

#else

using Words = hn::CappedTag<int16_t, kRoutingStride>;

// Two rows at once: four sums, as many as the latency of an addition wants.
HWY_INLINE void dot_two(const int16_t* HWY_RESTRICT query, const int8_t* HWY_RESTRICT row0,
                        const int8_t* HWY_RESTRICT row1, size_t stride, float* HWY_RESTRICT out) {
  const Words d16;
  const hn::Rebind<int8_t, Words> d8;
  const hn::Repartition<int32_t, Words> d32;
  const size_t lanes = hn::Lanes(d16);
  auto sum0 = hn::Zero(d32), more0 = sum0, sum1 = sum0, more1 = sum0;
  for (size_t i = 0; i < stride; i += lanes) {
    const auto part = hn::LoadU(d16, query + i);
    const auto codes0 = hn::PromoteTo(d16, hn::LoadU(d8, row0 + i));
    const auto codes1 = hn::PromoteTo(d16, hn::LoadU(d8, row1 + i));
    sum0 = hn::ReorderWidenMulAccumulate(d32, part, codes0, sum0, more0);
    sum1 = hn::ReorderWidenMulAccumulate(d32, part, codes1, sum1, more1);
  }
  out[0] = static_cast<float>(hn::GetLane(hn::SumOfLanes(d32, hn::Add(sum0, more0))));
  out[1] = static_cast<float>(hn::GetLane(hn::SumOfLanes(d32, hn::Add(sum1, more1))));
}

void dot_rows_int8(const int16_t* query, const int8_t* rows, size_t count, size_t stride,
                   float* out) {
  size_t r = 0;
  for (; r + 2 <= count; r += 2, rows += 2 * stride) {
    dot_two(query, rows, rows + stride, stride, out + r);
  }
  if (r == count) return;
  float twice[2];
  dot_two(query, rows, rows, stride, twice);
  out[r] = twice[0];
}

#endif

}  // namespace avq::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace avq {

AVQ_KERNEL(dot_rows_int8);

namespace kernels {
void choose_routing() noexcept { AVQ_CHOOSE(dot_rows_int8); }
}  // namespace kernels

void dot_rows_int8(const int16_t* query, const int8_t* rows, size_t count, size_t stride,
                   float* out) noexcept {
  chosen_dot_rows_int8(query, rows, count, stride, out);
}

}  // namespace avq
#endif
