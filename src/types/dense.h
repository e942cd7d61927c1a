#pragma once
// Values of the SQL types vector and halfvec, as they lie in tuples: a varlena with the number of
// dimensions and that many float4 or IEEE halves. The layouts are pgvector's, so that binary dumps
// and casts without function work between the two.
//
// Invariants: 1 <= dim <= kMaxDims; unused is 0; every element is finite (the input functions see
// to it, so later code may rely on it).
// Errors: the checks ereport with pgvector's texts and SQLSTATEs. datum_get may detoast, hence
// allocate, hence ereport; never call it under a content lock.
#include "pg.h"
#include "types/distance.h"

namespace avq {

struct Half {
  uint16 bits;
};

template <class E>
struct DenseVector {
  using Element = E;
  static constexpr int kMaxDims = 16000;

  int32 vl_len_;  // varlena header, not to be touched directly
  int16 dim;
  int16 unused;
  E x[FLEXIBLE_ARRAY_MEMBER];
};
using Vector = DenseVector<float>;
using HalfVector = DenseVector<Half>;

static_assert(sizeof(Vector) == 8 && offsetof(Vector, x) == 8);
static_assert(sizeof(HalfVector) == 8 && offsetof(HalfVector, x) == 8);

// The type's name in SQL.
template <class V>
inline constexpr const char* kTypeName = "vector";
template <>
inline constexpr const char* kTypeName<HalfVector> = "halfvec";

// Bytes of a value.
template <class V>
inline size_t dense_size(int dim) {
  return offsetof(V, x) + sizeof(typename V::Element) * dim;
}

// The value behind a datum. It is the datum's own memory unless that is toasted or has a short
// (one byte) header; then it is a palloc'ed copy.
template <class V>
inline V* datum_get(Datum datum) {
  return reinterpret_cast<V*>(PG_DETOAST_DATUM(datum));
}

// A palloc'ed value of `dim` zeros. The caller has checked dim.
template <class V>
V* new_dense(int dim) {
  const size_t size = dense_size<V>(dim);
  V* vector = static_cast<V*>(palloc0(size));
  SET_VARSIZE(vector, size);
  vector->dim = static_cast<int16>(dim);
  return vector;
}

[[noreturn]] void report_different_dims(const char* type, int a, int b);
[[noreturn]] void report_unexpected_dims(int expected, int actual);

// "different vector dimensions": the two sides of an operator.
template <class V>
inline void check_dims(const V* a, const V* b) {
  if (unlikely(a->dim != b->dim)) report_different_dims(kTypeName<V>, a->dim, b->dim);
}

// "expected %d dimensions, not %d": a value for a column of vector(typmod); -1 admits all.
inline void check_expected_dims(int32 typmod, int dim) {
  if (unlikely(typmod != -1 && typmod != dim)) report_unexpected_dims(typmod, dim);
}

// Whether a value of the type can have this many dimensions at all.
void check_dim(const char* type, int64 dim, int64 most);
template <class V>
inline void check_dim(int64 dim) {
  check_dim(kTypeName<V>, dim, V::kMaxDims);
}

// type(n). Errors: not one modifier, not of 1 .. most.
int32 read_typmod(ArrayType* modifiers, const char* type, int most);

// Neither NaN nor infinite.
void check_element(const char* type, float value);
inline void check_elements(const Vector* vector) {
  for (int i = 0; i < vector->dim; ++i) check_element(kTypeName<Vector>, vector->x[i]);
}
void check_elements(const HalfVector* vector);

inline bool is_infinite(float value) { return std::isinf(value); }
inline bool is_infinite(Half value) { return (value.bits & 0x7fff) == 0x7c00; }
inline bool is_zero(float value) { return value == 0; }
inline bool is_zero(Half value) { return (value.bits & 0x7fff) == 0; }

// --- elements as floats -------------------------------------------------------------------------

// For reading: a vector's own memory, of a halfvec a palloc'ed copy, to be given back.
inline const float* floats_of(const Vector* vector) { return vector->x; }
const float* floats_of(const HalfVector* vector);
inline void free_floats(const Vector*, const float*) {}
inline void free_floats(const HalfVector*, const float* floats) {
  pfree(const_cast<float*>(floats));
}

// For writing: what has been put there becomes the elements at store_floats, rounded to the nearest
// half, beyond its range to infinity.
inline float* floats_to_fill(Vector* vector) { return vector->x; }
float* floats_to_fill(HalfVector* vector);
inline void store_floats(Vector*, const float*) {}
void store_floats(HalfVector* vector, float* floats);

// store_floats for values from elsewhere. Errors: NaN, infinity, "out of range for type halfvec".
void store_checked(Vector* vector, float* floats);
void store_checked(HalfVector* vector, float* floats);

// The least float beyond the type's range: what rounds to infinity.
template <class V>
inline constexpr float kOutOfRange = HUGE_VALF;
template <>
inline constexpr float kOutOfRange<HalfVector> = 65520;

}  // namespace avq
