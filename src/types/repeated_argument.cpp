#include "types/repeated_argument.h"

extern "C" {
#include "access/detoast.h"
}

namespace avq {
namespace {

struct Seen {
  varatt_external pointer;
  Vector* vector;  // null until the pointer has come a second time
};

}  // namespace

const Vector* toasted_argument(FunctionCallInfo fcinfo, int number) {
  const Datum datum = PG_GETARG_DATUM(number);
  FmgrInfo* function = fcinfo->flinfo;
  if (function == nullptr || function->fn_mcxt == nullptr) return datum_get_vector(datum);
  if (function->fn_extra == nullptr) {
    function->fn_extra = MemoryContextAllocZero(function->fn_mcxt, 2 * sizeof(Seen));
  }
  Seen* seen = static_cast<Seen*>(function->fn_extra) + number;
  varatt_external pointer;
  VARATT_EXTERNAL_GET_POINTER(pointer, reinterpret_cast<const varattrib_1b_e*>(datum));
  if (memcmp(&pointer, &seen->pointer, sizeof(pointer)) != 0) {
    Vector* outdated = seen->vector;
    seen->vector = nullptr;
    seen->pointer = pointer;
    if (outdated != nullptr) pfree(outdated);
    return datum_get_vector(datum);
  }
  if (seen->vector == nullptr) {
    MemoryContext caller = MemoryContextSwitchTo(function->fn_mcxt);
    seen->vector = datum_get_vector(datum);
    MemoryContextSwitchTo(caller);
  }
  return seen->vector;
}

}  // namespace avq
