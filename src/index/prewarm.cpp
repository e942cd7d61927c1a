// avq_prewarm: reads an index into shared buffers, and its model into this backend.
#include "index/am.h"
#include "index/model_cache.h"

using namespace avq;

extern "C" {
PG_FUNCTION_INFO_V1(avq_prewarm);
}

// Returns the number of pages. Those that do not fit push others out, as any reading does.
Datum avq_prewarm(PG_FUNCTION_ARGS) {
  Relation index = open_avq_index(PG_GETARG_OID(0), AccessShareLock);
  IndexFile file = open_file(index);
  for (BlockNumber block = 0; block < file.blocks; block++) {
    CHECK_FOR_INTERRUPTS();
    ReleaseBuffer(ReadBufferExtended(index, MAIN_FORKNUM, block, RBM_NORMAL, nullptr));
  }
  acquire_cached(file);
  index_close(index, AccessShareLock);
  PG_RETURN_INT64(file.blocks);
}
