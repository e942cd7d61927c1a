// The sample that training sees: visibility-aware, by blocks, within maintenance_work_mem.
#include "index/am.h"
#include "index/build.h"

extern "C" {
#include "common/pg_prng.h"
#include "utils/sampling.h"
}

namespace avq {

namespace {

constexpr BlockNumber kPilotBlocks = 64;

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

void plan_sample(Build* build) {
  const BlockNumber blocks = RelationGetNumberOfBlocks(build->heap);
  build->estimated_rows = estimate_rows(build, blocks);
  TrainingPlan plan;
  if (!plan_training(build->options, build->column, build->estimated_rows, budget_bytes(), &plan)) {
    report_too_little_memory(build, plan.bytes);
  }
  build->lists = plan.lists;
  build->sample_room = plan.sample_rows;
}

void draw_sample(Build* build) {
  const BlockNumber blocks = RelationGetNumberOfBlocks(build->heap);
  Sampler sampler = {};
  sampler.build = build;
  sampler.capacity = build->sample_room;
  pg_prng_seed(&sampler.random, static_cast<uint64>(settings.seed));

  BlockSamplerData chosen;
  BlockSampler_Init(&chosen, blocks, static_cast<int>(Min(sampler.capacity, Size{INT_MAX})),
                    static_cast<uint32>(settings.seed));
  pgstat_progress_update_param(PROGRESS_SCAN_BLOCKS_TOTAL,
                               static_cast<int64>(Min(Size{blocks}, sampler.capacity)));
  for (int64 done = 1; BlockSampler_HasMore(&chosen); done++) {
    CHECK_FOR_INTERRUPTS();
    scan_blocks(build, BlockSampler_Next(&chosen), 1, sample_row, &sampler);
    pgstat_progress_update_param(PROGRESS_SCAN_BLOCKS_DONE, done);
  }
}

}  // namespace avq
