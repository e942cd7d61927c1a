#pragma once
// Arguments that are the same toasted value call after call: the query of a scan, say, when it
// comes from a table. Fetching a vector out of line costs far more than a distance, so a function
// keeps the last such value of each of its first two arguments.
//
// Invariants: a TOAST pointer names one value for as long as anybody may hold it. What is kept
// lives as long as the call site (fn_mcxt). Values that differ from call to call, rows, are not
// kept.
#include "types/dense.h"

namespace avq {

const varlena* toasted_argument(FunctionCallInfo fcinfo, int number);

// The value of argument `number`, 0 or 1: the caller's only until the next call.
template <class V>
inline const V* argument_vector(FunctionCallInfo fcinfo, int number) {
  const Datum datum = PG_GETARG_DATUM(number);
  if (likely(!VARATT_IS_EXTERNAL_ONDISK(DatumGetPointer(datum)))) return datum_get<V>(datum);
  return reinterpret_cast<const V*>(toasted_argument(fcinfo, number));
}

}  // namespace avq
