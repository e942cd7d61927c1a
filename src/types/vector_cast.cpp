// Casts of vector: to its own type with dimensions, from arrays of numbers, to real[].
#include "types/entry.h"
#include "types/vector.h"

extern "C" {
#include "utils/numeric.h"
}

namespace avq {
namespace {

// Elements of a pass-by-value type lie one after another in an array without nulls.
template <class From>
void convert_elements(const ArrayType* array, Vector* vector) {
  const From* from = reinterpret_cast<const From*>(ARR_DATA_PTR(array));
  for (int i = 0; i < vector->dim; ++i) vector->x[i] = static_cast<float>(from[i]);
}

void convert_numerics(ArrayType* array, Vector* vector) {
  Datum* elements;
  int count;
  deconstruct_array(array, NUMERICOID, -1, false, TYPALIGN_INT, &elements, nullptr, &count);
  for (int i = 0; i < count; ++i) {
    vector->x[i] = DatumGetFloat4(DirectFunctionCall1(numeric_float4, elements[i]));
  }
  pfree(elements);
}

}  // namespace

// vector to vector(n): only a check.
AVQ_FUNCTION(avq_vector) {
  Vector* vector = datum_get_vector(PG_GETARG_DATUM(0));
  check_expected_dims(PG_GETARG_INT32(1), vector->dim);
  PG_RETURN_POINTER(vector);
}

AVQ_FUNCTION(avq_array_to_vector) {
  ArrayType* array = PG_GETARG_ARRAYTYPE_P(0);
  int32 typmod = PG_GETARG_INT32(1);

  if (ARR_NDIM(array) > 1) {
    ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION), errmsg("array must be 1-D")));
  }
  if (array_contains_nulls(array)) {
    ereport(ERROR,
            (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("array must not contain nulls")));
  }
  int count = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
  check_dim(count);
  check_expected_dims(typmod, count);

  Vector* vector = new_vector(count);
  switch (ARR_ELEMTYPE(array)) {
    case INT4OID:
      convert_elements<int32>(array, vector);
      break;
    case FLOAT4OID:
      convert_elements<float4>(array, vector);
      break;
    case FLOAT8OID:
      convert_elements<float8>(array, vector);
      break;
    case NUMERICOID:
      convert_numerics(array, vector);
      break;
    default:
      ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION), errmsg("unsupported array type")));
  }
  for (int i = 0; i < count; ++i) check_element(vector->x[i]);
  PG_RETURN_POINTER(vector);
}

AVQ_FUNCTION(avq_vector_to_float4) {
  Vector* vector = datum_get_vector(PG_GETARG_DATUM(0));
  size_t data_bytes = sizeof(float4) * vector->dim;
  size_t size = ARR_OVERHEAD_NONULLS(1) + data_bytes;

  ArrayType* array = static_cast<ArrayType*>(palloc0(size));
  SET_VARSIZE(array, size);
  array->ndim = 1;
  array->dataoffset = 0;
  array->elemtype = FLOAT4OID;
  ARR_DIMS(array)[0] = vector->dim;
  ARR_LBOUND(array)[0] = 1;
  memcpy(ARR_DATA_PTR(array), vector->x, data_bytes);

  PG_FREE_IF_COPY(vector, 0);
  PG_RETURN_ARRAYTYPE_P(array);
}

}  // namespace avq
