#include "types/repeated_argument.h"

extern "C" {
#include "access/detoast.h"
}

namespace avq {
namespace {

struct Seen {
  varatt_external pointer;
  varlena* value;  // null until the pointer has come a second time
};

}  // namespace

const varlena* toasted_argument(FunctionCallInfo fcinfo, int number) {
  const Datum datum = PG_GETARG_DATUM(number);
  FmgrInfo* function = fcinfo->flinfo;
  if (function == nullptr || function->fn_mcxt == nullptr) return PG_DETOAST_DATUM(datum);
  if (function->fn_extra == nullptr) {
    function->fn_extra = MemoryContextAllocZero(function->fn_mcxt, 2 * sizeof(Seen));
  }
  Seen* seen = static_cast<Seen*>(function->fn_extra) + number;
  varatt_external pointer;
  VARATT_EXTERNAL_GET_POINTER(pointer, reinterpret_cast<const varattrib_1b_e*>(datum));
  if (memcmp(&pointer, &seen->pointer, sizeof(pointer)) != 0) {
    varlena* outdated = seen->value;
    seen->value = nullptr;
    seen->pointer = pointer;
    if (outdated != nullptr) pfree(outdated);
    return PG_DETOAST_DATUM(datum);
  }
  if (seen->value == nullptr) {
    MemoryContext caller = MemoryContextSwitchTo(function->fn_mcxt);
    seen->value = PG_DETOAST_DATUM(datum);
    MemoryContextSwitchTo(caller);
  }
  return seen->value;
}

}  // namespace avq
