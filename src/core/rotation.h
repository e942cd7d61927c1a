#pragma once
// The random rotation of the space before coding: a product of random signs and fast
// Walsh-Hadamard transforms (Ailon and Chazelle, STOC 2006), computed from the seed alone.
//
// When dims is no power of two each half round transforms the first or the last 2^k <= dims
// coordinates, so the vector keeps its length and no coordinate is left out.
//
// Invariants: linear and orthogonal up to float rounding; the same seed and dims give the same
// rotation on every machine, now and in later versions (stored codes depend on it). O(d log d).
// Errors: none; noexcept, no allocation.
#include <cstddef>
#include <cstdint>

namespace avq {

void rotate(uint64_t seed, float* vector, size_t dims) noexcept;

}  // namespace avq
