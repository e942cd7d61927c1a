// Arithmetic of vector, element by element, and the functions that make one vector of another.
#include <algorithm>
#include <cmath>

#include "types/entry.h"
#include "types/vector.h"

extern "C" {
#include "utils/varbit.h"
}

namespace avq {
namespace {

// The vector to write a op b to: a itself when the caller is an aggregate, whose state nobody
// else sees, otherwise a new one.
Vector* result_vector(FunctionCallInfo fcinfo, Vector* a) {
  return AggCheckCallContext(fcinfo, nullptr) ? a : new_vector(a->dim);
}

void check_overflow(const Vector* result) {
  for (int i = 0; i < result->dim; ++i) {
    if (unlikely(std::isinf(result->x[i]))) float_overflow_error();
  }
}

double norm(const Vector* vector) {
  // In double: squares of large elements overflow a float.
  double sum = 0;
  for (int i = 0; i < vector->dim; ++i) {
    double element = vector->x[i];
    sum += element * element;
  }
  return std::sqrt(sum);
}

}  // namespace

AVQ_FUNCTION(avq_vector_add) {
  Vector* a = datum_get_vector(PG_GETARG_DATUM(0));
  const Vector* b = datum_get_vector(PG_GETARG_DATUM(1));
  check_dims(a, b);
  Vector* result = result_vector(fcinfo, a);
  for (int i = 0; i < result->dim; ++i) result->x[i] = a->x[i] + b->x[i];
  check_overflow(result);
  PG_RETURN_POINTER(result);
}

AVQ_FUNCTION(avq_vector_sub) {
  const Vector* a = datum_get_vector(PG_GETARG_DATUM(0));
  const Vector* b = datum_get_vector(PG_GETARG_DATUM(1));
  check_dims(a, b);
  Vector* result = new_vector(a->dim);
  for (int i = 0; i < result->dim; ++i) result->x[i] = a->x[i] - b->x[i];
  check_overflow(result);
  PG_RETURN_POINTER(result);
}

AVQ_FUNCTION(avq_vector_mul) {
  const Vector* a = datum_get_vector(PG_GETARG_DATUM(0));
  const Vector* b = datum_get_vector(PG_GETARG_DATUM(1));
  check_dims(a, b);
  Vector* result = new_vector(a->dim);
  for (int i = 0; i < result->dim; ++i) result->x[i] = a->x[i] * b->x[i];
  // Element by element, so that the first bad one decides which error it is.
  for (int i = 0; i < result->dim; ++i) {
    if (unlikely(std::isinf(result->x[i]))) float_overflow_error();
    if (unlikely(result->x[i] == 0 && a->x[i] != 0 && b->x[i] != 0)) float_underflow_error();
  }
  PG_RETURN_POINTER(result);
}

AVQ_FUNCTION(avq_vector_concat) {
  const Vector* a = datum_get_vector(PG_GETARG_DATUM(0));
  const Vector* b = datum_get_vector(PG_GETARG_DATUM(1));
  int dim = a->dim + b->dim;
  check_dim(dim);
  Vector* result = new_vector(dim);
  std::copy_n(a->x, a->dim, result->x);
  std::copy_n(b->x, b->dim, result->x + a->dim);
  PG_RETURN_POINTER(result);
}

AVQ_FUNCTION(avq_vector_dims) {
  struct varlena* head = reinterpret_cast<struct varlena*>(PG_GETARG_POINTER(0));
  // Of a toasted value the first chunk suffices.
  if (VARATT_IS_EXTERNAL(head) || VARATT_IS_COMPRESSED(head)) {
    head = PG_DETOAST_DATUM_SLICE(PG_GETARG_DATUM(0), 0, sizeof(int16));
  }
  int16 dim;
  memcpy(&dim, VARDATA_ANY(head), sizeof(dim));
  PG_RETURN_INT32(dim);
}

AVQ_FUNCTION(avq_vector_norm) { PG_RETURN_FLOAT8(norm(datum_get_vector(PG_GETARG_DATUM(0)))); }

// A zero vector stays what it is.
AVQ_FUNCTION(avq_vector_l2_normalize) {
  const Vector* vector = datum_get_vector(PG_GETARG_DATUM(0));
  Vector* result = new_vector(vector->dim);
  double length = norm(vector);
  if (length > 0) {
    for (int i = 0; i < vector->dim; ++i) {
      result->x[i] = static_cast<float>(vector->x[i] / length);
    }
    check_overflow(result);
  }
  PG_RETURN_POINTER(result);
}

// One bit per element, set where it is positive; the first element is the first bit.
AVQ_FUNCTION(avq_vector_binary_quantize) {
  const Vector* vector = datum_get_vector(PG_GETARG_DATUM(0));
  int size = VARBITTOTALLEN(vector->dim);
  VarBit* bits = static_cast<VarBit*>(palloc0(size));
  SET_VARSIZE(bits, size);
  VARBITLEN(bits) = vector->dim;
  bits8* bytes = VARBITS(bits);
  for (int i = 0; i < vector->dim; ++i) {
    bytes[i / BITS_PER_BYTE] |=
        static_cast<bits8>((vector->x[i] > 0) << (BITS_PER_BYTE - 1 - i % BITS_PER_BYTE));
  }
  PG_RETURN_VARBIT_P(bits);
}

// Elements start .. start + count - 1, counted from 1; what lies outside is left out, as with
// substring.
AVQ_FUNCTION(avq_vector_subvector) {
  const Vector* vector = datum_get_vector(PG_GETARG_DATUM(0));
  int64 start = PG_GETARG_INT32(1);
  int64 stop = start + PG_GETARG_INT32(2);
  start = std::max<int64>(start, 1);
  stop = std::min<int64>(stop, vector->dim + 1);
  check_dim(stop - start);
  Vector* result = new_vector(static_cast<int>(stop - start));
  std::copy_n(vector->x + (start - 1), result->dim, result->x);
  PG_RETURN_POINTER(result);
}

}  // namespace avq
