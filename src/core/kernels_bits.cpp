// Counts of set bits. Plain code: compiled for a target, std::popcount is the CPU's instruction.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/kernels_bits.cpp"
#include "hwy/foreach_target.h"
//
#include <bit>
#include <cstring>

#include "core/kernels.h"
#include "core/kernels_dispatch.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace avq::HWY_NAMESPACE {

BitCounts count_bits(const uint8_t* a, const uint8_t* b, size_t bytes) {
  BitCounts counts = {0, 0, 0};
  while (bytes > 0) {
    const size_t part = HWY_MIN(bytes, sizeof(uint64_t));
    uint64_t left = 0, right = 0;
    std::memcpy(&left, a, part);
    std::memcpy(&right, b, part);
    counts.both += static_cast<uint64_t>(std::popcount(left & right));
    counts.a += static_cast<uint64_t>(std::popcount(left));
    counts.b += static_cast<uint64_t>(std::popcount(right));
    a += part;
    b += part;
    bytes -= part;
  }
  return counts;
}

}  // namespace avq::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace avq {

AVQ_KERNEL(count_bits);

namespace kernels {
void choose_bits() noexcept { AVQ_CHOOSE(count_bits); }
}  // namespace kernels

BitCounts count_bits(const uint8_t* a, const uint8_t* b, size_t bytes) noexcept {
  return chosen_count_bits(a, b, bytes);
}

}  // namespace avq
#endif
