#include "types/number_array.h"

extern "C" {
#include "utils/numeric.h"
}

namespace avq {
namespace {

// Elements of a pass-by-value type lie one after another in an array without nulls.
template <class From>
const float* convert(const ArrayType* array, int count) {
  const From* from = reinterpret_cast<const From*>(ARR_DATA_PTR(array));
  float* values = static_cast<float*>(palloc(sizeof(float) * Max(count, 1)));
  for (int i = 0; i < count; ++i) values[i] = static_cast<float>(from[i]);
  return values;
}

const float* convert_numerics(ArrayType* array, int count) {
  Datum* elements;
  deconstruct_array(array, NUMERICOID, -1, false, TYPALIGN_INT, &elements, nullptr, &count);
  float* values = static_cast<float*>(palloc(sizeof(float) * Max(count, 1)));
  for (int i = 0; i < count; ++i) {
    values[i] = DatumGetFloat4(DirectFunctionCall1(numeric_float4, elements[i]));
  }
  pfree(elements);
  return values;
}

}  // namespace

void refuse_matrix_and_nulls(const ArrayType* array) {
  if (ARR_NDIM(array) > 1) {
    ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION), errmsg("array must be 1-D")));
  }
  if (array_contains_nulls(const_cast<ArrayType*>(array))) {
    ereport(ERROR,
            (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("array must not contain nulls")));
  }
}

const float* read_numbers(ArrayType* array) {
  const int count = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
  switch (ARR_ELEMTYPE(array)) {
    case INT4OID:
      return convert<int32>(array, count);
    case FLOAT4OID:
      return reinterpret_cast<const float*>(ARR_DATA_PTR(array));
    case FLOAT8OID:
      return convert<float8>(array, count);
    case NUMERICOID:
      return convert_numerics(array, count);
    default:
      ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION), errmsg("unsupported array type")));
  }
  pg_unreachable();
}

ArrayType* new_float4_array(int count, float** elements) {
  const size_t size = ARR_OVERHEAD_NONULLS(1) + sizeof(float4) * count;
  ArrayType* array = static_cast<ArrayType*>(palloc0(size));
  SET_VARSIZE(array, size);
  array->ndim = 1;
  array->dataoffset = 0;
  array->elemtype = FLOAT4OID;
  ARR_DIMS(array)[0] = count;
  ARR_LBOUND(array)[0] = 1;
  *elements = reinterpret_cast<float*>(ARR_DATA_PTR(array));
  return array;
}

}  // namespace avq
