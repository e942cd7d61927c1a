#pragma once
// Four floats at a time for the loops over 16 codewords, where a call through the run-time
// dispatch of kernels.h would cost more than the work. Every baseline instruction set we build
// for has such vectors; compilers emulate them elsewhere.
//
// Errors: none.
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace avq {

using Floats4 = float __attribute__((vector_size(16)));
using Bits4 = uint32_t __attribute__((vector_size(16)));
using Words4 = int32_t __attribute__((vector_size(16)));

inline Floats4 load4(const float* at) noexcept {
  Floats4 value;
  std::memcpy(&value, at, sizeof(value));
  return value;
}

inline void store4(float* at, Floats4 value) noexcept { std::memcpy(at, &value, sizeof(value)); }

inline Floats4 fill4(float value) noexcept { return Floats4{value, value, value, value}; }

// Values >= 0 (or not numbers, which become anything), towards zero, at most 255.
inline void store_bytes4(uint8_t* at, Floats4 values) noexcept {
  using Bytes4 = uint8_t __attribute__((vector_size(4)));
  const Floats4 most = fill4(255);
  const Words4 whole = __builtin_convertvector(values < most ? values : most, Words4);
  const Bytes4 bytes = __builtin_convertvector(whole, Bytes4);
  std::memcpy(at, &bytes, sizeof(bytes));
}

// Index of the least of 16 values >= 0 (infinity included), up to a relative 2^-19: the index
// rides in the low four bits, and non-negative floats order like their bits. Ties go to the lower
// index.
inline uint32_t argmin16(const Floats4 values[4]) noexcept {
  Words4 best = {INT32_MAX, INT32_MAX, INT32_MAX, INT32_MAX};
  Words4 index = {0, 1, 2, 3};
  for (int i = 0; i < 4; ++i) {
    Words4 bits;
    std::memcpy(&bits, &values[i], sizeof(bits));
    bits = (bits & ~15) | index;
    best = bits < best ? bits : best;
    index += 4;
  }
  const int32_t left = best[0] < best[1] ? best[0] : best[1];
  const int32_t right = best[2] < best[3] ? best[2] : best[3];
  return static_cast<uint32_t>(left < right ? left : right) & 15u;
}

}  // namespace avq
