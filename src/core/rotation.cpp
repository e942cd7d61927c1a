#include "core/rotation.h"

#include <bit>
#include <cmath>
#include <cstring>

#include "core/lanes.h"
#include "core/random.h"

namespace avq {
namespace {

constexpr int kRounds = 3;  // two leave single coordinates visible, four change nothing

// x_i = +-factor * x_i. One bit of the seed's stream for each coordinate: coordinate i takes bit
// (i / 4) % 32 of lane i % 4 of the words drawn for i / 128.
void scale_with_random_signs(uint64_t seed, uint64_t stream, float factor, float* x,
                             size_t count) noexcept {
  for (size_t base = 0; base < count; base += 128) {
    const uint64_t key = seed ^ mix64(stream << 32 | base / 128);
    const uint64_t low = mix64(key), high = mix64(low);
    Bits4 words = {static_cast<uint32_t>(low), static_cast<uint32_t>(low >> 32),
                   static_cast<uint32_t>(high), static_cast<uint32_t>(high >> 32)};
    const Floats4 factors = fill4(factor);
    const size_t end = count - base < 128 ? count - base : 128;
    size_t i = 0;
    for (; i + 4 <= end; i += 4, words += words) {
      Bits4 flip;
      std::memcpy(&flip, &factors, sizeof(flip));
      flip ^= words & 0x80000000u;
      Floats4 signed_factors;
      std::memcpy(&signed_factors, &flip, sizeof(flip));
      store4(x + base + i, load4(x + base + i) * signed_factors);
    }
    for (size_t lane = 0; i + lane < end; ++lane) {
      x[base + i + lane] *= (words[lane] >> 31) != 0 ? -factor : factor;
    }
  }
}

// The first two levels within groups of four.
void hadamard_of_four(float* x, size_t count) noexcept {
  const Floats4 alternate = {1, -1, 1, -1};
  const Floats4 halves = {1, 1, -1, -1};
  for (size_t i = 0; i < count; i += 4) {
    Floats4 v = load4(x + i);
    v = __builtin_shufflevector(v, v, 1, 0, 3, 2) + v * alternate;
    v = __builtin_shufflevector(v, v, 2, 3, 0, 1) + v * halves;
    store4(x + i, v);
  }
}

// Unnormalised Walsh-Hadamard transform; count is a power of two.
void hadamard(float* x, size_t count) noexcept {
  size_t step = 1;
  if (count >= 4) {
    hadamard_of_four(x, count);
    step = 4;
  }
  // Two levels at a time halve the trips through memory.
  for (; step >= 4 && step * 4 <= count; step *= 4) {
    for (size_t block = 0; block < count; block += 4 * step) {
      for (size_t i = block; i < block + step; i += 4) {
        const Floats4 a = load4(x + i), b = load4(x + i + step);
        const Floats4 c = load4(x + i + 2 * step), d = load4(x + i + 3 * step);
        const Floats4 ab = a + b, a_b = a - b, cd = c + d, c_d = c - d;
        store4(x + i, ab + cd);
        store4(x + i + step, a_b + c_d);
        store4(x + i + 2 * step, ab - cd);
        store4(x + i + 3 * step, a_b - c_d);
      }
    }
  }
  for (; step < count; step *= 2) {
    for (size_t block = 0; block < count; block += 2 * step) {
      for (size_t i = block; i < block + step; ++i) {
        const float a = x[i], b = x[i + step];
        x[i] = a + b;
        x[i + step] = a - b;
      }
    }
  }
}

}  // namespace

void rotate(uint64_t seed, float* vector, size_t dims) noexcept {
  const size_t window = std::bit_floor(dims);
  const float factor = static_cast<float>(1.0 / std::sqrt(static_cast<double>(window)));
  const uint64_t key = mix64(seed ^ (static_cast<uint64_t>(RandomUse::rotation) << 32));
  for (uint64_t round = 0; round < kRounds; ++round) {
    scale_with_random_signs(key, 2 * round, factor, vector, window);
    hadamard(vector, window);
    if (window == dims) continue;
    float* last = vector + (dims - window);
    scale_with_random_signs(key, 2 * round + 1, factor, last, window);
    hadamard(last, window);
  }
}

}  // namespace avq
