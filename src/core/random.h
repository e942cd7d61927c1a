#pragma once
// Seeded random numbers for training and rotation: the same seed gives the same numbers on every
// machine (std's distributions do not promise that).
//
// Errors: none; everything is noexcept.
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace avq {

// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014).
inline uint64_t mix64(uint64_t value) noexcept {
  value += 0x9e3779b97f4a7c15u;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
  return value ^ (value >> 31);
}

// A stream of its own for each use of one seed, so that a change in how many numbers one phase of
// training draws does not change the others.
enum class RandomUse : uint64_t { rotation = 1, lists, reseed, codebooks, gaussian };

class Random {
 public:
  Random(uint64_t seed, RandomUse use) noexcept
      : state_(mix64(mix64(seed) ^ (static_cast<uint64_t>(use) << 32))) {}

  uint64_t next() noexcept {
    state_ += 0x9e3779b97f4a7c15u;
    return mix64(state_);
  }

  // Uniform in [0, 1).
  double uniform() noexcept { return static_cast<double>(next() >> 11) * 0x1p-53; }

  // Uniform in [0, bound), bound >= 1. The bias of the product method is below bound / 2^53.
  size_t below(size_t bound) noexcept {
    return static_cast<size_t>(uniform() * static_cast<double>(bound));
  }

  // Standard normal (Box and Muller).
  float normal() noexcept {
    const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
    return static_cast<float>(radius * std::cos(6.283185307179586 * uniform()));
  }

 private:
  uint64_t state_;
};

}  // namespace avq
