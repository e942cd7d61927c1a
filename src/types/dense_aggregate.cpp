// avg(vector) and avg(halfvec). Their sum is the operator +.
//
// The state is a double precision[] as pgvector's: the number of vectors, then the sum of each
// element. {0} is the empty state.
#include <cmath>
#include <cstring>

#include "types/dense.h"
#include "types/entry.h"

namespace avq {
namespace {

struct State {
  ArrayType* array;
  float8* values;  // the count, then the sums
  int dims;
};

State read_state(FunctionCallInfo fcinfo, int argument, const char* type, const char* caller) {
  ArrayType* array = PG_GETARG_ARRAYTYPE_P(argument);
  if (ARR_NDIM(array) != 1 || ARR_DIMS(array)[0] < 1 || ARR_HASNULL(array) ||
      ARR_ELEMTYPE(array) != FLOAT8OID) {
    // Not reachable through the aggregate, only by calling the function.
    ereport(ERROR,
            (errcode(ERRCODE_INTERNAL_ERROR), errmsg("%s_%s: expected state array", type, caller)));
  }
  return {array, reinterpret_cast<float8*>(ARR_DATA_PTR(array)), ARR_DIMS(array)[0] - 1};
}

State new_state(int dims) {
  size_t size = ARR_OVERHEAD_NONULLS(1) + sizeof(float8) * (dims + 1);
  ArrayType* array = static_cast<ArrayType*>(palloc0(size));
  SET_VARSIZE(array, size);
  array->ndim = 1;
  array->dataoffset = 0;
  array->elemtype = FLOAT8OID;
  ARR_DIMS(array)[0] = dims + 1;
  ARR_LBOUND(array)[0] = 1;
  return {array, reinterpret_cast<float8*>(ARR_DATA_PTR(array)), dims};
}

// The state to write to: the aggregate's own, which nobody else sees, or a copy when the function
// is called as such.
State writable(FunctionCallInfo fcinfo, State state) {
  if (AggCheckCallContext(fcinfo, nullptr)) return state;
  State copy = new_state(state.dims);
  memcpy(copy.values, state.values, sizeof(float8) * (state.dims + 1));
  return copy;
}

template <class Element>
void add(State state, float8 count, const Element* elements) {
  state.values[0] += count;
  for (int i = 0; i < state.dims; ++i) {
    state.values[i + 1] += static_cast<float8>(elements[i]);
  }
  for (int i = 0; i < state.dims; ++i) {
    if (unlikely(std::isinf(state.values[i + 1]))) float_overflow_error();
  }
}

template <class V>
Datum accum(FunctionCallInfo fcinfo) {
  const State state = read_state(fcinfo, 0, kTypeName<V>, "accum");
  const V* vector = datum_get<V>(PG_GETARG_DATUM(1));
  State result;
  if (state.dims == 0) {
    result = new_state(vector->dim);
    result.values[0] = state.values[0];
  } else {
    check_expected_dims(state.dims, vector->dim);
    result = writable(fcinfo, state);
  }
  const float* floats = floats_of(vector);
  add(result, 1.0, floats);
  free_floats(vector, floats);
  PG_RETURN_ARRAYTYPE_P(result.array);
}

// Either side may be the empty state: a worker that met no rows.
template <class V>
Datum combine(FunctionCallInfo fcinfo) {
  const State a = read_state(fcinfo, 0, kTypeName<V>, "combine");
  const State b = read_state(fcinfo, 1, kTypeName<V>, "combine");
  if (a.dims > 0) check_dim<V>(a.dims);
  if (b.dims > 0) check_dim<V>(b.dims);
  if (a.dims > 0 && b.dims > 0) check_expected_dims(a.dims, b.dims);

  State result;
  if (a.dims == 0) {
    result = new_state(b.dims);
    result.values[0] = a.values[0];
  } else {
    result = writable(fcinfo, a);
  }
  if (b.dims > 0) {
    add(result, b.values[0], b.values + 1);
  } else {
    result.values[0] += b.values[0];
  }
  PG_RETURN_ARRAYTYPE_P(result.array);
}

template <class V>
Datum avg(FunctionCallInfo fcinfo) {
  const State state = read_state(fcinfo, 0, kTypeName<V>, "avg");
  // The average of nothing is NULL.
  if (state.values[0] == 0.0) PG_RETURN_NULL();
  check_dim<V>(state.dims);
  V* result = new_dense<V>(state.dims);
  float* floats = floats_to_fill(result);
  for (int i = 0; i < state.dims; ++i) {
    floats[i] = static_cast<float>(state.values[i + 1] / state.values[0]);
  }
  store_checked(result, floats);
  PG_RETURN_POINTER(result);
}

}  // namespace

AVQ_DENSE_FUNCTION(accum, accum)
AVQ_DENSE_FUNCTION(combine, combine)
AVQ_DENSE_FUNCTION(avg, avg)

}  // namespace avq
