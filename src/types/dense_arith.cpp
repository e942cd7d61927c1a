// Arithmetic of vector and halfvec, element by element, and the functions that make one of another.
// Halves are computed as floats and rounded once more, which gives what rounding the exact result
// once would: a float has more than twice the digits of a half.
#include <algorithm>
#include <cmath>

#include "types/dense.h"
#include "types/entry.h"

extern "C" {
#include "utils/varbit.h"
}

namespace avq {
namespace {

template <class V>
void check_overflow(const V* result) {
  for (int i = 0; i < result->dim; ++i) {
    if (unlikely(is_infinite(result->x[i]))) float_overflow_error();
  }
}

template <class V, class Operation>
void combine(const V* a, const V* b, V* result, Operation operation) {
  const float *left = floats_of(a), *right = floats_of(b);
  float* out = floats_to_fill(result);
  for (int i = 0; i < result->dim; ++i) out[i] = operation(left[i], right[i]);
  free_floats(a, left);
  free_floats(b, right);
  store_floats(result, out);
}

// An aggregate's state, which nobody else sees, is written to in place.
template <class V>
Datum add(FunctionCallInfo fcinfo) {
  V* a = datum_get<V>(PG_GETARG_DATUM(0));
  const V* b = datum_get<V>(PG_GETARG_DATUM(1));
  check_dims(a, b);
  V* result = AggCheckCallContext(fcinfo, nullptr) ? a : new_dense<V>(a->dim);
  combine(a, b, result, [](float x, float y) { return x + y; });
  check_overflow(result);
  PG_RETURN_POINTER(result);
}

template <class V>
Datum sub(FunctionCallInfo fcinfo) {
  const V* a = datum_get<V>(PG_GETARG_DATUM(0));
  const V* b = datum_get<V>(PG_GETARG_DATUM(1));
  check_dims(a, b);
  V* result = new_dense<V>(a->dim);
  combine(a, b, result, [](float x, float y) { return x - y; });
  check_overflow(result);
  PG_RETURN_POINTER(result);
}

template <class V>
Datum mul(FunctionCallInfo fcinfo) {
  const V* a = datum_get<V>(PG_GETARG_DATUM(0));
  const V* b = datum_get<V>(PG_GETARG_DATUM(1));
  check_dims(a, b);
  V* result = new_dense<V>(a->dim);
  combine(a, b, result, [](float x, float y) { return x * y; });
  // Element by element, so that the first bad one decides which error it is.
  for (int i = 0; i < result->dim; ++i) {
    if (unlikely(is_infinite(result->x[i]))) float_overflow_error();
    if (unlikely(is_zero(result->x[i]) && !is_zero(a->x[i]) && !is_zero(b->x[i]))) {
      float_underflow_error();
    }
  }
  PG_RETURN_POINTER(result);
}

template <class V>
Datum concat(FunctionCallInfo fcinfo) {
  const V* a = datum_get<V>(PG_GETARG_DATUM(0));
  const V* b = datum_get<V>(PG_GETARG_DATUM(1));
  const int dim = a->dim + b->dim;
  check_dim<V>(dim);
  V* result = new_dense<V>(dim);
  std::copy_n(a->x, a->dim, result->x);
  std::copy_n(b->x, b->dim, result->x + a->dim);
  PG_RETURN_POINTER(result);
}

template <class V>
Datum dims(FunctionCallInfo fcinfo) {
  struct varlena* head = reinterpret_cast<struct varlena*>(PG_GETARG_POINTER(0));
  // Of a toasted value the first chunk suffices.
  if (VARATT_IS_EXTERNAL(head) || VARATT_IS_COMPRESSED(head)) {
    head = PG_DETOAST_DATUM_SLICE(PG_GETARG_DATUM(0), 0, sizeof(int16));
  }
  int16 dim;
  memcpy(&dim, VARDATA_ANY(head), sizeof(dim));
  PG_RETURN_INT32(dim);
}

template <class V>
Datum norm(FunctionCallInfo fcinfo) {
  const V* vector = datum_get<V>(PG_GETARG_DATUM(0));
  PG_RETURN_FLOAT8(l2_norm(floats_of(vector), vector->dim));
}

// A zero vector stays what it is.
template <class V>
Datum l2_normalize(FunctionCallInfo fcinfo) {
  const V* vector = datum_get<V>(PG_GETARG_DATUM(0));
  V* result = new_dense<V>(vector->dim);
  const float* floats = floats_of(vector);
  const double length = l2_norm(floats, vector->dim);
  if (length > 0) {
    float* out = floats_to_fill(result);
    for (int i = 0; i < vector->dim; ++i) out[i] = static_cast<float>(floats[i] / length);
    store_floats(result, out);
    check_overflow(result);
  }
  PG_RETURN_POINTER(result);
}

// One bit per element, set where it is positive; the first element is the first bit.
template <class V>
Datum binary_quantize(FunctionCallInfo fcinfo) {
  const V* vector = datum_get<V>(PG_GETARG_DATUM(0));
  const int size = VARBITTOTALLEN(vector->dim);
  VarBit* bits = static_cast<VarBit*>(palloc0(size));
  SET_VARSIZE(bits, size);
  VARBITLEN(bits) = vector->dim;
  bits8* bytes = VARBITS(bits);
  const float* floats = floats_of(vector);
  for (int i = 0; i < vector->dim; ++i) {
    bytes[i / BITS_PER_BYTE] |=
        static_cast<bits8>((floats[i] > 0) << (BITS_PER_BYTE - 1 - i % BITS_PER_BYTE));
  }
  PG_RETURN_VARBIT_P(bits);
}

// Elements start .. start + count - 1, counted from 1; what lies outside is left out, as with
// substring.
template <class V>
Datum subvector(FunctionCallInfo fcinfo) {
  const V* vector = datum_get<V>(PG_GETARG_DATUM(0));
  int64 start = PG_GETARG_INT32(1);
  int64 stop = start + PG_GETARG_INT32(2);
  start = std::max<int64>(start, 1);
  stop = std::min<int64>(stop, vector->dim + 1);
  check_dim<V>(stop - start);
  V* result = new_dense<V>(static_cast<int>(stop - start));
  std::copy_n(vector->x + (start - 1), result->dim, result->x);
  PG_RETURN_POINTER(result);
}

}  // namespace

AVQ_DENSE_FUNCTION(add, add)
AVQ_DENSE_FUNCTION(sub, sub)
AVQ_DENSE_FUNCTION(mul, mul)
AVQ_DENSE_FUNCTION(concat, concat)
AVQ_DENSE_FUNCTION(dims, dims)
AVQ_DENSE_FUNCTION(norm, norm)
AVQ_DENSE_FUNCTION(l2_normalize, l2_normalize)
AVQ_DENSE_FUNCTION(binary_quantize, binary_quantize)
AVQ_DENSE_FUNCTION(subvector, subvector)

}  // namespace avq
