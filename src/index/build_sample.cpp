// The sample that training sees: visibility-aware, by blocks, within maintenance_work_mem.
#include <cmath>

#include "index/am.h"
#include "index/build.h"

extern "C" {
#include "common/pg_prng.h"
#include "utils/sampling.h"
}

namespace avq {

namespace {

constexpr BlockNumber kPilotBlocks = 64;
constexpr Size kRowsPerList = 128;
constexpr Size kLeastSample = 32768;  // what codebooks want

struct Sampler {
  Build* build;
  Size capacity;
  double eligible;  // live rows with a value seen so far
  double live;
  pg_prng_state random;
};

void scan_blocks(Build* build, BlockNumber first, BlockNumber count, IndexBuildCallback callback,
                 void* state) {
  // Rows of transactions still running count too, but in CREATE INDEX CONCURRENTLY, whose scans
  // take a snapshot and do not allow it.
  const bool any_visible = !build->info->ii_Concurrent;
  table_index_build_range_scan(build->heap, build->index, build->info, false, any_visible, false,
                               first, count, callback, state, nullptr);
}

void count_row(Relation, ItemPointer, Datum*, bool*, bool alive, void* state) {
  if (alive) static_cast<Sampler*>(state)->live++;
}

// Live rows of the table, from evenly spaced blocks.
double estimate_rows(Build* build, BlockNumber blocks) {
  Sampler pilot = {};
  const BlockNumber pilots = Min(blocks, kPilotBlocks);
  for (BlockNumber i = 0; i < pilots; i++) {
    CHECK_FOR_INTERRUPTS();
    scan_blocks(build, static_cast<BlockNumber>(uint64{i} * blocks / pilots), 1, count_row, &pilot);
  }
  return pilots == 0 ? 0 : pilot.live * blocks / pilots;
}

// Algorithm R over the rows of the sampled blocks (Vitter 1985).
void sample_row(Relation, ItemPointer, Datum* values, bool* nulls, bool alive, void* state) {
  Sampler* sampler = static_cast<Sampler*>(state);
  Build* build = sampler->build;
  if (!alive || nulls[0]) return;
  Size place = build->sampled;
  if (build->sampled == sampler->capacity) {
    const double draw = pg_prng_double(&sampler->random) * (sampler->eligible + 1);
    if (draw >= static_cast<double>(sampler->capacity)) {
      sampler->eligible++;
      return;
    }
    place = static_cast<Size>(draw);
  }
  // Only rows that are kept are detoasted.
  const Vector* vector = datum_get_vector(values[0]);
  check_expected_dims(static_cast<int32>(build->column.dims), vector->dim);
  if (classify(build->column.metric, vector) == RowClass::coded) {
    memcpy(build->sample + place * build->column.dims, vector->x,
           sizeof(float) * build->column.dims);
    if (place == build->sampled) build->sampled++;
    sampler->eligible++;
  }
  if (reinterpret_cast<Pointer>(const_cast<Vector*>(vector)) != DatumGetPointer(values[0])) {
    pfree(const_cast<Vector*>(vector));
  }
}

Size budget_bytes() { return static_cast<Size>(maintenance_work_mem) * 1024; }

Size needed_bytes(const Build* build, uint32 lists, Size rows) {
  if (rows < kLeastTrainingRows) return 0;  // nothing is trained
  const TrainingOptions training =
      training_options(build->options, build->column.metric, build->column.dims, lists);
  return rows * build->column.dims * sizeof(float) + training_memory(training, rows);
}

// About 2 sqrt(n) lists, but not so many that they leave their pages half empty.
uint32 auto_lists(const Build* build, double rows) {
  MetaPage shape = {};
  shape.shape.metric = build->column.metric;
  const TrainingOptions training =
      training_options(build->options, build->column.metric, build->column.dims, 1);
  const uint32 width = training.dims_per_subspace != 0 ? training.dims_per_subspace
                                                       : auto_dims_per_subspace(build->column.dims);
  shape.shape.subspaces = (build->column.dims + width - 1) / width;
  const double page_rows = double(kPayload) / coded_block_layout(shape).bytes * kBlockRows;
  const double most = rows / Max(page_rows * 0.75, 32.0);
  const double lists = Min(2 * std::sqrt(rows), most);
  return static_cast<uint32>(Max(1.0, Min(lists, 65536.0)));
}

[[noreturn]] void report_too_little_memory(const Build* build, Size bytes) {
  constexpr Size kMegabyte = 1024 * 1024;
  ereport(ERROR,
          (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
           errmsg("memory required is %zu MB, maintenance_work_mem is %zu MB",
                  (bytes + kMegabyte - 1) / kMegabyte, budget_bytes() / kMegabyte),
           errdetail("Training needs it for index \"%s\".", RelationGetRelationName(build->index)),
           errhint("Increase maintenance_work_mem, or ask for fewer lists.")));
  pg_unreachable();
}

}  // namespace

void draw_sample(Build* build, uint32* lists) {
  const BlockNumber blocks = RelationGetNumberOfBlocks(build->heap);
  build->estimated_rows = estimate_rows(build, blocks);
  const Size rows = static_cast<Size>(build->estimated_rows) + 1;
  *lists = build->options.lists > 0 ? static_cast<uint32>(build->options.lists)
                                    : auto_lists(build, build->estimated_rows);

  // As many rows as wanted, or as memory allows; never fewer than make a model worth having.
  Size wanted, least;
  for (;;) {
    wanted = Min(rows + rows / 8 + 100, Max(kRowsPerList * *lists, kLeastSample));
    least = Min(rows, Max(Size{256}, Size{4} * *lists));
    if (needed_bytes(build, *lists, least) <= budget_bytes()) break;
    if (build->options.lists > 0 || *lists == 1) {
      report_too_little_memory(build, needed_bytes(build, *lists, least));
    }
    *lists = *lists / 2;
  }
  while (wanted > least && needed_bytes(build, *lists, wanted) > budget_bytes()) {
    wanted = Max(least, wanted - wanted / 16 - 1);
  }

  build->sample = static_cast<float*>(
      MemoryContextAllocHuge(CurrentMemoryContext, wanted * build->column.dims * sizeof(float)));
  Sampler sampler = {};
  sampler.build = build;
  sampler.capacity = wanted;
  pg_prng_seed(&sampler.random, static_cast<uint64>(settings.seed));

  BlockSamplerData chosen;
  BlockSampler_Init(&chosen, blocks, static_cast<int>(Min(wanted, Size{INT_MAX})),
                    static_cast<uint32>(settings.seed));
  pgstat_progress_update_param(PROGRESS_SCAN_BLOCKS_TOTAL,
                               static_cast<int64>(Min(Size{blocks}, wanted)));
  for (int64 done = 1; BlockSampler_HasMore(&chosen); done++) {
    CHECK_FOR_INTERRUPTS();
    scan_blocks(build, BlockSampler_Next(&chosen), 1, sample_row, &sampler);
    pgstat_progress_update_param(PROGRESS_SCAN_BLOCKS_DONE, done);
  }
}

}  // namespace avq
