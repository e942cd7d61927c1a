#pragma once
// bfloat16: the upper half of a float. Scales are kept in it: float's range, so that an outlier
// row needs no special case, and 8 bits of precision, which codes cannot tell from a float.
#include <bit>
#include <cstdint>

namespace avq {

inline float bfloat16_to_float(uint16_t value) noexcept {
  return std::bit_cast<float>(static_cast<uint32_t>(value) << 16);
}

// Round to nearest even; the argument must be finite.
inline uint16_t float_to_bfloat16(float value) noexcept {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  return static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

}  // namespace avq
