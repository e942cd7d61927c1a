// Casts of vector and halfvec: to their own type with dimensions, from arrays of numbers, to
// real[], and to each other.
#include "types/dense.h"
#include "types/entry.h"
#include "types/number_array.h"

namespace avq {
namespace {

// To type(n): only a check.
template <class V>
Datum check_typmod(FunctionCallInfo fcinfo) {
  V* vector = datum_get<V>(PG_GETARG_DATUM(0));
  check_expected_dims(PG_GETARG_INT32(1), vector->dim);
  PG_RETURN_POINTER(vector);
}

template <class V>
V* from_floats(const float* values, int count) {
  V* vector = new_dense<V>(count);
  float* floats = floats_to_fill(vector);
  memcpy(floats, values, sizeof(float) * count);
  store_checked(vector, floats);
  return vector;
}

template <class V>
Datum from_array(FunctionCallInfo fcinfo) {
  ArrayType* array = PG_GETARG_ARRAYTYPE_P(0);
  refuse_matrix_and_nulls(array);
  const int count = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
  check_dim<V>(count);
  check_expected_dims(PG_GETARG_INT32(1), count);
  PG_RETURN_POINTER(from_floats<V>(read_numbers(array), count));
}

template <class V>
Datum to_float4(FunctionCallInfo fcinfo) {
  V* vector = datum_get<V>(PG_GETARG_DATUM(0));
  float* elements;
  ArrayType* array = new_float4_array(vector->dim, &elements);
  const float* floats = floats_of(vector);
  memcpy(elements, floats, sizeof(float) * vector->dim);
  free_floats(vector, floats);
  PG_FREE_IF_COPY(vector, 0);
  PG_RETURN_ARRAYTYPE_P(array);
}

template <class From, class To>
Datum convert(FunctionCallInfo fcinfo) {
  const From* from = datum_get<From>(PG_GETARG_DATUM(0));
  check_expected_dims(PG_GETARG_INT32(1), from->dim);
  PG_RETURN_POINTER(from_floats<To>(floats_of(from), from->dim));
}

}  // namespace

AVQ_DENSE_FUNCTION(check, check_typmod)
AVQ_DENSE_FUNCTION(from_array, from_array)
AVQ_DENSE_FUNCTION(to_float4, to_float4)
AVQ_FUNCTION(avq_vector_to_halfvec) { return convert<Vector, HalfVector>(fcinfo); }
AVQ_FUNCTION(avq_halfvec_to_vector) { return convert<HalfVector, Vector>(fcinfo); }

}  // namespace avq
