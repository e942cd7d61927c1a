// Order, equality and hash of vector and halfvec: the btree and hash operator classes.
//
// Sorting calls these with a long-lived memory context, hence the copies are freed.
#include <algorithm>

#include "types/dense.h"
#include "types/entry.h"

extern "C" {
#include "common/hashfn.h"
}

namespace avq {
namespace {

// Elements from the first on, then the number of dimensions, as arrays compare: -1, 0 or 1.
template <class V>
int compare_arguments(FunctionCallInfo fcinfo) {
  V* a = datum_get<V>(PG_GETARG_DATUM(0));
  V* b = datum_get<V>(PG_GETARG_DATUM(1));
  const float *left = floats_of(a), *right = floats_of(b);
  const int common = std::min(a->dim, b->dim);
  int i = 0;
  while (i < common && left[i] == right[i]) ++i;
  const int order = i == common          ? (a->dim > b->dim) - (a->dim < b->dim)
                    : left[i] < right[i] ? -1
                                         : 1;
  free_floats(a, left);
  free_floats(b, right);
  PG_FREE_IF_COPY(a, 0);
  PG_FREE_IF_COPY(b, 1);
  return order;
}

template <class V>
Datum lt(FunctionCallInfo fcinfo) {
  PG_RETURN_BOOL(compare_arguments<V>(fcinfo) < 0);
}
template <class V>
Datum le(FunctionCallInfo fcinfo) {
  PG_RETURN_BOOL(compare_arguments<V>(fcinfo) <= 0);
}
template <class V>
Datum eq(FunctionCallInfo fcinfo) {
  PG_RETURN_BOOL(compare_arguments<V>(fcinfo) == 0);
}
template <class V>
Datum ne(FunctionCallInfo fcinfo) {
  PG_RETURN_BOOL(compare_arguments<V>(fcinfo) != 0);
}
template <class V>
Datum ge(FunctionCallInfo fcinfo) {
  PG_RETURN_BOOL(compare_arguments<V>(fcinfo) >= 0);
}
template <class V>
Datum gt(FunctionCallInfo fcinfo) {
  PG_RETURN_BOOL(compare_arguments<V>(fcinfo) > 0);
}
template <class V>
Datum cmp(FunctionCallInfo fcinfo) {
  PG_RETURN_INT32(compare_arguments<V>(fcinfo));
}

// The argument's elements as bytes that are equal when the vectors are: -0 equals 0, so it is
// hashed as 0. The number of dimensions counts through the length.
template <class V>
unsigned char* hashable_bytes(FunctionCallInfo fcinfo, int* length) {
  V* vector = datum_get<V>(PG_GETARG_DATUM(0));
  const float* from = floats_of(vector);
  *length = static_cast<int>(sizeof(float)) * vector->dim;
  float* elements = static_cast<float*>(palloc(*length));
  for (int i = 0; i < vector->dim; ++i) elements[i] = from[i] + 0.0f;
  free_floats(vector, from);
  PG_FREE_IF_COPY(vector, 0);
  return reinterpret_cast<unsigned char*>(elements);
}

template <class V>
Datum hash(FunctionCallInfo fcinfo) {
  int length;
  unsigned char* bytes = hashable_bytes<V>(fcinfo, &length);
  const Datum value = hash_any(bytes, length);
  pfree(bytes);
  return value;
}

template <class V>
Datum hash_extended(FunctionCallInfo fcinfo) {
  int length;
  unsigned char* bytes = hashable_bytes<V>(fcinfo, &length);
  const Datum value = hash_any_extended(bytes, length, static_cast<uint64>(PG_GETARG_INT64(1)));
  pfree(bytes);
  return value;
}

}  // namespace

AVQ_DENSE_FUNCTION(lt, lt)
AVQ_DENSE_FUNCTION(le, le)
AVQ_DENSE_FUNCTION(eq, eq)
AVQ_DENSE_FUNCTION(ne, ne)
AVQ_DENSE_FUNCTION(ge, ge)
AVQ_DENSE_FUNCTION(gt, gt)
AVQ_DENSE_FUNCTION(cmp, cmp)
AVQ_DENSE_FUNCTION(hash, hash)
AVQ_DENSE_FUNCTION(hash_extended, hash_extended)

}  // namespace avq
