#pragma once
// A value of SQL type vector, as it lies in tuples: a varlena with the number of dimensions and
// that many float4. The layout is pgvector's, so that binary dumps and casts without function
// work between the two.
//
// Invariants: 1 <= dim <= kMaxDims; unused is 0; every element is finite (the input functions see
// to it, so later code may rely on it).
// Errors: the checks ereport with pgvector's texts and SQLSTATEs. datum_get_vector may detoast,
// hence allocate, hence ereport; never call it under a content lock.
#include "pg.h"
#include "types/distance.h"

namespace avq {

struct Vector {
  using Element = float;
  static constexpr int kMaxDims = 16000;

  int32 vl_len_;  // varlena header, not to be touched directly
  int16 dim;
  int16 unused;
  float x[FLEXIBLE_ARRAY_MEMBER];
};

static_assert(sizeof(Vector) == 8);
static_assert(offsetof(Vector, x) == 8);

inline size_t vector_size(int dim) { return offsetof(Vector, x) + sizeof(float) * dim; }

// The vector behind a datum. It is the datum's own memory unless that is toasted or has a short
// (one byte) header; then it is a palloc'ed copy.
inline Vector* datum_get_vector(Datum datum) {
  return reinterpret_cast<Vector*>(PG_DETOAST_DATUM(datum));
}

// A palloc'ed vector of `dim` zeros. The caller has checked dim.
Vector* new_vector(int dim);

[[noreturn]] void report_different_dims(int a, int b);
[[noreturn]] void report_unexpected_dims(int expected, int actual);

// "different vector dimensions": the two sides of an operator.
inline void check_dims(const Vector* a, const Vector* b) {
  if (unlikely(a->dim != b->dim)) report_different_dims(a->dim, b->dim);
}

// "expected %d dimensions, not %d": a value for a column of vector(typmod); -1 admits all.
inline void check_expected_dims(int32 typmod, int dim) {
  if (unlikely(typmod != -1 && typmod != dim)) report_unexpected_dims(typmod, dim);
}

// Whether a vector can have this many dimensions at all.
void check_dim(int64 dim);

// Neither NaN nor infinite.
void check_element(float value);

// Elements from the first on, then the number of dimensions, as arrays compare: -1, 0 or 1.
int compare_vectors(const Vector* a, const Vector* b);

}  // namespace avq
