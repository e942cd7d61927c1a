// The rerank copies: half floats and bytes.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/kernels_copy.cpp"
#include "hwy/foreach_target.h"
//
#include <cstring>

#include "core/kernels.h"
#include "core/kernels_dispatch.h"
#include "core/kernels_inl.h"

HWY_BEFORE_NAMESPACE();
namespace avq::HWY_NAMESPACE {

// Integer arithmetic instead of the CPU's conversion: Highway's emulation of it on CPUs without
// one does not promise to round to nearest even, and a copy must not depend on who wrote it.
template <class D>
HWY_INLINE void store_half(D d, hn::Vec<D> value, uint16_t* to) {
  const hn::RebindToUnsigned<D> du;
  const hn::RebindToSigned<D> di;
  const auto bits = hn::BitCast(du, value);
  const auto magnitude = hn::AndNot(hn::Set(du, 0x80000000u), bits);
  const auto sign = hn::ShiftRight<16>(hn::And(bits, hn::Set(du, 0x80000000u)));

  // Normal halves: move the exponent's bias from 127 to 15 and round off 13 bits of mantissa; 65520
  // and above become infinity.
  const auto limited = hn::Min(magnitude, hn::Set(du, 0x47800000u));  // 2^16
  const auto odd = hn::And(hn::ShiftRight<13>(limited), hn::Set(du, 1u));
  const auto rounded = hn::Add(hn::Add(limited, hn::Set(du, 0xfffu)), odd);
  const auto normal = hn::ShiftRight<13>(hn::Sub(rounded, hn::Set(du, 0x38000000u)));

  // Subnormal halves are multiples of 2^-24, which is the unit in the last place of 0.5: adding
  // 0.5 makes the float unit round.
  const auto shifted = hn::Add(hn::BitCast(d, magnitude), hn::Set(d, 0.5f));
  const auto subnormal = hn::Sub(hn::BitCast(du, shifted), hn::Set(du, 0x3f000000u));

  const auto is_small = hn::Lt(hn::BitCast(di, magnitude), hn::Set(di, 0x38800000));  // 2^-14
  const auto is_nan = hn::Gt(hn::BitCast(di, magnitude), hn::Set(di, 0x7f800000));
  auto half = hn::IfThenElse(hn::RebindMask(du, is_small), subnormal, normal);
  half = hn::IfThenElse(hn::RebindMask(du, is_nan), hn::Set(du, 0x7e00u), half);
  half = hn::Or(half, sign);
  const hn::Rebind<uint16_t, D> halves;
  hn::StoreU(hn::DemoteTo(halves, hn::BitCast(di, half)), halves, to);
}

void float_to_half(const float* in, uint16_t* out, size_t count) {
  const Floats d;
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) store_half(d, hn::LoadU(d, in + i), out + i);
  const OneFloat one;
  for (; i < count; ++i) store_half(one, hn::LoadU(one, in + i), out + i);
}

void half_to_float(const uint16_t* in, float* out, size_t count) {
  const Floats d;
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) hn::StoreU(load_floats(d, in + i), d, out + i);
  const OneFloat one;
  for (; i < count; ++i) hn::StoreU(load_floats(one, in + i), one, out + i);
}

float dot_half(const float* query, const uint16_t* copy, size_t dims) {
  return sum_over<Product>(query, copy, dims);
}

float dot_int8(const float* query, const int8_t* copy, size_t dims) {
  return sum_over<Product>(query, copy, dims);
}

}  // namespace avq::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace avq {

AVQ_KERNEL(float_to_half);
AVQ_KERNEL(half_to_float);
AVQ_KERNEL(dot_half);
AVQ_KERNEL(dot_int8);

namespace kernels {
void choose_copy() noexcept {
  AVQ_CHOOSE(float_to_half);
  AVQ_CHOOSE(half_to_float);
  AVQ_CHOOSE(dot_half);
  AVQ_CHOOSE(dot_int8);
}
}  // namespace kernels

void float_to_half(const float* in, uint16_t* out, size_t count) noexcept {
  chosen_float_to_half(in, out, count);
}

void half_to_float(const uint16_t* in, float* out, size_t count) noexcept {
  chosen_half_to_float(in, out, count);
}

float dot_half(const float* query, const uint16_t* copy, size_t dims) noexcept {
  return chosen_dot_half(query, copy, dims);
}

float dot_int8(const float* query, const int8_t* copy, size_t dims) noexcept {
  return chosen_dot_int8(query, copy, dims);
}

}  // namespace avq
#endif
