// Distances of PostgreSQL's own type bit.
#include "core/kernels.h"
#include "types/entry.h"

extern "C" {
#include "utils/varbit.h"
}

namespace avq {
namespace {

BitCounts counts_of(FunctionCallInfo fcinfo) {
  const VarBit* a = PG_GETARG_VARBIT_P(0);
  const VarBit* b = PG_GETARG_VARBIT_P(1);
  if (VARBITLEN(a) != VARBITLEN(b)) {
    ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
                    errmsg("different bit lengths %u and %u", static_cast<uint32>(VARBITLEN(a)),
                           static_cast<uint32>(VARBITLEN(b)))));
  }
  return count_bits(VARBITS(a), VARBITS(b), VARBITBYTES(a));
}

}  // namespace

// Bits that differ.
AVQ_FUNCTION(avq_hamming_distance) {
  const BitCounts counts = counts_of(fcinfo);
  PG_RETURN_FLOAT8(static_cast<double>(counts.a + counts.b - 2 * counts.both));
}

// 1 - the share that is set in both of what is set in either; 1 where none is set in both.
AVQ_FUNCTION(avq_jaccard_distance) {
  const BitCounts counts = counts_of(fcinfo);
  if (counts.both == 0) PG_RETURN_FLOAT8(1);
  const auto both = static_cast<double>(counts.both);
  PG_RETURN_FLOAT8(1 - both / static_cast<double>(counts.a + counts.b - counts.both));
}

}  // namespace avq
