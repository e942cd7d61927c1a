#pragma once
// CREATE INDEX in steps, one file each: sample -> train -> encode and sort -> write.
#include "index/column.h"
#include "index/model_cache.h"
#include "index/training.h"

extern "C" {
#include "portability/instr_time.h"
#include "utils/tuplesort.h"
}

namespace avq {

struct PhaseTimes {  // seconds
  double sampling, lists, codebooks, calibration, encoding, sorting, writing;
};

// One build; lives in the build's memory context. Trivially destructible.
struct Build {
  Relation heap;
  Relation index;
  IndexInfo* info;
  IndexOptions options;
  Column column;
  PhaseTimes times;

  // sample.cpp
  double estimated_rows;  // codable or not
  float* sample;          // sampled x dims
  Size sampled;

  // model
  MetaPage meta;
  ListGeometry geometry;
  Model model;
  float* mean;  // l2; else null

  // build.cpp: encoded rows on their way to the pages
  Tuplesortstate* rows;    // (list, tid, payload)
  Tuplesortstate* spills;  // the same for second codes; filled while the first ones are written
  bool spilling;           // SOAR
  uint32* counts;          // per list: rows
  uint32* spill_counts;    // per list: spilled codes
  double heap_rows;
  double index_rows;
};

// --- build_sample.cpp ---------------------------------------------------------------------------

// Estimates the number of rows, chooses the number of lists and draws a block sample of codable
// rows, all within maintenance_work_mem. Errors: ERRCODE_PROGRAM_LIMIT_EXCEEDED when that is too
// small.
void draw_sample(Build* build, uint32* lists);

// --- build_write.cpp ----------------------------------------------------------------------------

// A row between encoding and writing: the payload column of the sort.
struct RowPayload {
  float offset;
  uint16 scale;
  uint16 unused;
  // then codes, one byte a subspace; then for a row's first code its copy record and, with SOAR,
  // the second list (uint32), RowPayload and codes; for a second code the copy address (uint32).
};

// The sort's columns: (list int4, tid int8, payload bytea).
inline int64 tid_to_int64(ItemPointer tid) {
  return (int64{ItemPointerGetBlockNumber(tid)} << 16) | ItemPointerGetOffsetNumber(tid);
}
TupleDesc row_descriptor();
Tuplesortstate* begin_row_sort(TupleDesc descriptor, int memory_kb);
void put_row(Tuplesortstate* sort, TupleTableSlot* slot, uint32 list, int64 tid, bytea* payload);

// Lays the index out in `fork` and writes everything; WAL-logs it where needed.
void write_index(Build* build, ForkNumber fork);

// Seconds since *start, which moves to now.
double lap(instr_time* start);

}  // namespace avq
