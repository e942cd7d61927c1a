// The sample that training sees: visibility-aware, by blocks, within maintenance_work_mem.
#include "index/build.h"
#include "index/row_sample.h"

namespace avq {

namespace {

constexpr BlockNumber kPilotBlocks = 64;

struct Sampler {
  Build* build;
  RowSample rows;
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
  if (alive) ++*static_cast<double*>(state);
}

// Live rows of the table, from evenly spaced blocks.
double estimate_rows(Build* build, BlockNumber blocks) {
  double live = 0;
  const BlockNumber pilots = Min(blocks, kPilotBlocks);
  for (BlockNumber i = 0; i < pilots; i++) {
    CHECK_FOR_INTERRUPTS();
    scan_blocks(build, static_cast<BlockNumber>(uint64{i} * blocks / pilots), 1, count_row, &live);
  }
  return pilots == 0 ? 0 : live * blocks / pilots;
}

void sample_row(Relation, ItemPointer tid, Datum* values, bool* nulls, bool alive, void* state) {
  Sampler* sampler = static_cast<Sampler*>(state);
  Build* build = sampler->build;
  const uint64 number = static_cast<uint64>(tid_to_int64(tid));
  if (!alive || nulls[0] || !wants_row(&sampler->rows, number)) return;
  // Only rows that are kept are detoasted.
  const Vector* vector = column_vector(build->column.element, values[0]);
  check_expected_dims(static_cast<int32>(build->column.dims), vector->dim);
  if (classify(build->column.metric, vector) == RowClass::coded) {
    const Size place = take_row(&sampler->rows, number);
    memcpy(build->sample + place * build->column.dims, vector->x,
           sizeof(float) * build->column.dims);
  }
  if (reinterpret_cast<Pointer>(const_cast<Vector*>(vector)) != DatumGetPointer(values[0])) {
    pfree(const_cast<Vector*>(vector));
  }
}

// Moves the sample's rows to the order of `rows`, cycle by cycle.
void place_rows(Build* build, SampledRow* rows) {
  const Size dims = build->column.dims, bytes = sizeof(float) * dims;
  float* first = static_cast<float*>(palloc(bytes));
  for (Size start = 0; start < build->sampled; start++) {
    if (rows[start].place == start) continue;
    memcpy(first, build->sample + start * dims, bytes);
    Size to = start;
    while (rows[to].place != start) {
      const Size from = rows[to].place;
      memcpy(build->sample + to * dims, build->sample + from * dims, bytes);
      rows[to].place = to;
      to = from;
    }
    memcpy(build->sample + to * dims, first, bytes);
    rows[to].place = to;
  }
  pfree(first);
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
  TrainingPlan* plan = &build->plan;
  if (!plan_training(build->options, build->column, build->estimated_rows, budget_bytes(), plan)) {
    report_too_little_memory(build, plan->bytes);
  }
}

void draw_sample(Build* build) {
  const BlockNumber blocks = RelationGetNumberOfBlocks(build->heap);
  Sampler sampler = {build, {}};
  begin_row_sample(&sampler.rows, static_cast<uint64>(settings.seed), build->plan.sample_rows,
                   blocks);
  pgstat_progress_update_param(PROGRESS_SCAN_BLOCKS_TOTAL,
                               static_cast<int64>(Min(Size{blocks}, build->plan.sample_rows)));
  int64 done = 0;
  for (BlockNumber block = 0; block < blocks; block++) {
    if (!wants_page(&sampler.rows, block)) continue;
    CHECK_FOR_INTERRUPTS();
    scan_blocks(build, block, 1, sample_row, &sampler);
    pgstat_progress_update_param(PROGRESS_SCAN_BLOCKS_DONE, ++done);
  }
  build->sampled = sampler.rows.count;
  order_row_sample(&sampler.rows);
  place_rows(build, sampler.rows.rows);
  end_row_sample(&sampler.rows);
}

}  // namespace avq
