#pragma once
// CREATE INDEX in steps, one file each: sample -> train -> encode and sort, where it pays by
// several processes -> write.
#include "index/am.h"
#include "index/column.h"
#include "index/model_cache.h"
#include "index/training.h"

extern "C" {
#include "port/atomics.h"
#include "portability/instr_time.h"
#include "utils/tuplesort.h"
}

namespace avq {

struct PhaseTimes {  // seconds
  double sampling, lists, codebooks, calibration, encoding, sorting, writing;
};

struct ParallelBuild;  // build_parallel.cpp

// One build, or a worker's part in one; lives in the build's memory context. Trivially
// destructible.
struct Build {
  Relation heap;
  Relation index;
  IndexInfo* info;
  IndexOptions options;
  Column column;
  PhaseTimes times;

  // sample.cpp
  double estimated_rows;  // codable or not
  TrainingPlan plan;
  float* sample;  // sampled x dims
  Size sampled;

  // model
  MetaPage meta;
  ListGeometry geometry;
  Model model;
  float* mean;  // l2; else null

  // encoded rows on their way to the pages
  Tuplesortstate* rows;    // (list, tid, payload)
  Tuplesortstate* spills;  // the same for second codes; filled while the first ones are written
  bool spilling;           // SOAR
  uint32* counts;          // per list: rows
  uint32* spill_counts;    // per list: spilled codes
  double heap_rows;
  double index_rows;
  ParallelBuild* parallel;  // null: this process builds alone
};

// --- build.cpp ----------------------------------------------------------------------------------

void start_build(Build* build, Relation heap, Relation index, IndexInfo* info);

// Sets what follows from build->meta and the model's floats, which stay where they are.
void use_model(Build* build, float* floats);

// The same model's floats have moved.
void place_model(Build* build, float* floats);

// What maintenance_work_mem leaves to each participant's sort beside the model, of which there is
// one, the batches of rows that each of them encodes, and what a worker takes by being there.
int sort_budget_kb(const Build* build, int participants);

// Phase, rows to do and rows done of pg_stat_progress_create_index.
void enter_phase(BuildPhase phase, int64 rows);
void report_rows(int64 rows);

// Seconds since *start, which moves to now.
double lap(instr_time* start);

// --- build_sample.cpp ---------------------------------------------------------------------------

// Estimates the number of rows and chooses the number of lists and of rows to sample, all within
// maintenance_work_mem. Errors: ERRCODE_PROGRAM_LIMIT_EXCEEDED when that is too small.
void plan_sample(Build* build);

// Draws a block sample of codable rows into build->sample.
void draw_sample(Build* build);

// --- build_encode.cpp ---------------------------------------------------------------------------

// Memory that encode_rows takes.
Size encoder_bytes(const Build* build);

// Encodes the rows of a scan (null: of the whole table, else this process's share of it) into a
// sort, and sets the build's counts. `encoded` counts rows; it is shown as the progress if
// `reports`.
void encode_rows(Build* build, Tuplesortstate* sort, TableScanDesc scan, pg_atomic_uint64* encoded,
                 bool reports);

// --- build_parallel.cpp -------------------------------------------------------------------------

// Starts workers, if the planner grants any and any can be had: then build->parallel is set and the
// process is in parallel mode until end_parallel. They wait for a sample to be drawn, and help to
// train on it.
void begin_parallel(Build* build);

// Where the workers see the sample, and the team that they are; null where they do not help.
Team* training_team(Build* build);

// The model is made: it moves to where the workers see it, and they leave the training.
void end_training(Build* build);

// Scans and encodes with the workers; afterwards the build's counts are those of all.
void encode_together(Build* build);

// The sort that merges what the participants have sorted.
Tuplesortstate* begin_merge(Build* build, int memory_kb);

// Lets go of workers and shared memory, the model included. Returns how many workers there were.
int end_parallel(Build* build);

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
Tuplesortstate* begin_row_sort(TupleDesc descriptor, int memory_kb, SortCoordinate coordinate);
void put_row(Tuplesortstate* sort, TupleTableSlot* slot, uint32 list, int64 tid, bytea* payload);

// Lays the index out in `fork` and writes everything; WAL-logs it where needed.
void write_index(Build* build, ForkNumber fork);

}  // namespace avq
