#pragma once
// The distances behind the operators, over plain arrays: operator, sequential scan and index all
// call these, so that they give the same bits for the same two vectors.
//
// Invariants: smaller is nearer; the caller has checked that both sides have `dims` elements.
// Sums are taken in float, as pgvector takes them: large values overflow to infinity, never to an
// error. A zero vector has no cosine: its distance is NaN, which PostgreSQL sorts last.
// Errors: none, noexcept.
#include <cmath>

#include "core/kernels.h"

namespace avq {

// <#>
inline double inner_product_distance(const float* a, const float* b, int dims) noexcept {
  return -static_cast<double>(dot(a, b, static_cast<size_t>(dims)));
}

// The cosine distance from <a,b>, |a|^2 and |b|^2, for callers that know a norm beforehand.
inline double cosine_distance_from(float product, float norm_a, float norm_b) noexcept {
  // One root of the product, not the product of two roots: equal vectors then give exactly 1.
  double similarity = static_cast<double>(product) /
                      std::sqrt(static_cast<double>(norm_a) * static_cast<double>(norm_b));
  if (similarity > 1.0) similarity = 1.0;
  if (similarity < -1.0) similarity = -1.0;
  return 1.0 - similarity;
}

// <=>
inline double cosine_distance(const float* a, const float* b, int dims) noexcept {
  CosineParts parts = cosine_parts(a, b, static_cast<size_t>(dims));
  return cosine_distance_from(parts.dot, parts.norm_a, parts.norm_b);
}

inline double l2_squared_distance(const float* a, const float* b, int dims) noexcept {
  return static_cast<double>(l2_squared(a, b, static_cast<size_t>(dims)));
}

// <->
inline double l2_distance(const float* a, const float* b, int dims) noexcept {
  return std::sqrt(l2_squared_distance(a, b, dims));
}

// <+>
inline double l1_distance(const float* a, const float* b, int dims) noexcept {
  return static_cast<double>(l1(a, b, static_cast<size_t>(dims)));
}

// In double: squares of large elements overflow a float.
inline double l2_norm(const float* elements, int count) noexcept {
  double sum = 0;
  for (int i = 0; i < count; ++i) {
    const double element = elements[i];
    sum += element * element;
  }
  return std::sqrt(sum);
}

}  // namespace avq
