#pragma once
// Rerank copies: compact vectors from which candidates are rescored before the heap is asked.
//
// A record is a CopyHeader and a payload of `dims` halves, int8s or floats:
//   x ~ scale * payload,  |x - scale * payload| <= error.
// `error` is measured when the record is made and includes a margin for the float rounding of the
// products made with it, so a score from a copy has a certified bound: |q| * error. The scale of
// half and float copies is a power of two that brings the largest element near 1: no overflow, and
// values that fit half's 11 bits are kept exactly.
// All functions are noexcept and allocation-free.
#include <cstddef>
#include <cstdint>

#include "core/metric.h"

namespace avq {

// On disk: never renumber.
enum class Rerank : uint8_t { heap = 0, half = 1, int8 = 2, float4 = 3 };

struct CopyHeader {
  float scale;
  float error;
};

// Bytes of a record, a multiple of 4; 0 for Rerank::heap.
uint32_t copy_bytes(Rerank rerank, uint32_t dims) noexcept;

// Makes the record of a vector (dims floats of finite norm).
void make_copy(Rerank rerank, const float* vector, uint32_t dims, void* record) noexcept;

// <query, copy>.
float copy_dot(Rerank rerank, const float* query, const void* record, uint32_t dims) noexcept;

// The copy as floats.
void read_copy_floats(Rerank rerank, const void* record, uint32_t dims, float* out) noexcept;

// How far <query, x> may be from copy_dot: |q| * error, which is certain; for half and int8, whose
// errors have no preferred direction, two and a half standard deviations of a random one unless
// `certain` is asked for: where two such intervals part, the rows are in order but for two pairs in
// 10,000.
float copy_slack(Rerank rerank, float query_norm, const void* record, uint32_t dims,
                 bool certain = false) noexcept;

}  // namespace avq
