// Order, equality and hash of vector: the btree and hash operator classes.
//
// Sorting calls these with a long-lived memory context, hence the copies are freed.
#include "types/entry.h"
#include "types/vector.h"

extern "C" {
#include "common/hashfn.h"
}

namespace avq {
namespace {

int compare_arguments(FunctionCallInfo fcinfo) {
  Vector* a = datum_get_vector(PG_GETARG_DATUM(0));
  Vector* b = datum_get_vector(PG_GETARG_DATUM(1));
  int order = compare_vectors(a, b);
  PG_FREE_IF_COPY(a, 0);
  PG_FREE_IF_COPY(b, 1);
  return order;
}

// The argument's elements as bytes that are equal when the vectors are: -0 equals 0, so it is
// hashed as 0. The number of dimensions counts through the length.
unsigned char* hashable_bytes(FunctionCallInfo fcinfo, int* length) {
  Vector* vector = datum_get_vector(PG_GETARG_DATUM(0));
  *length = static_cast<int>(sizeof(float)) * vector->dim;
  float* elements = static_cast<float*>(palloc(*length));
  for (int i = 0; i < vector->dim; ++i) elements[i] = vector->x[i] + 0.0f;
  PG_FREE_IF_COPY(vector, 0);
  return reinterpret_cast<unsigned char*>(elements);
}

}  // namespace

AVQ_FUNCTION(avq_vector_lt) { PG_RETURN_BOOL(compare_arguments(fcinfo) < 0); }
AVQ_FUNCTION(avq_vector_le) { PG_RETURN_BOOL(compare_arguments(fcinfo) <= 0); }
AVQ_FUNCTION(avq_vector_eq) { PG_RETURN_BOOL(compare_arguments(fcinfo) == 0); }
AVQ_FUNCTION(avq_vector_ne) { PG_RETURN_BOOL(compare_arguments(fcinfo) != 0); }
AVQ_FUNCTION(avq_vector_ge) { PG_RETURN_BOOL(compare_arguments(fcinfo) >= 0); }
AVQ_FUNCTION(avq_vector_gt) { PG_RETURN_BOOL(compare_arguments(fcinfo) > 0); }
AVQ_FUNCTION(avq_vector_cmp) { PG_RETURN_INT32(compare_arguments(fcinfo)); }

AVQ_FUNCTION(avq_vector_hash) {
  int length;
  unsigned char* bytes = hashable_bytes(fcinfo, &length);
  Datum hash = hash_any(bytes, length);
  pfree(bytes);
  return hash;
}

AVQ_FUNCTION(avq_vector_hash_extended) {
  int length;
  unsigned char* bytes = hashable_bytes(fcinfo, &length);
  Datum hash = hash_any_extended(bytes, length, static_cast<uint64>(PG_GETARG_INT64(1)));
  pfree(bytes);
  return hash;
}

}  // namespace avq
