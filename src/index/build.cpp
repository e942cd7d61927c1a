// ambuild and ambuildempty.
#include "index/build.h"

#include "core/team.h"
#include "index/am.h"
#include "storage/spare_copies.h"

namespace avq {

namespace {

// The mean of the sampled rows, zeros without any; the rows become differences from it.
float* center_sample(Build* build) {
  const uint32 dims = build->column.dims;
  double* sums = static_cast<double*>(palloc0(sizeof(double) * dims));
  float* mean = static_cast<float*>(palloc0(sizeof(float) * dims));
  for (Size row = 0; row < build->sampled; row++) {
    for (uint32 i = 0; i < dims; i++) sums[i] += build->sample[row * dims + i];
  }
  for (uint32 i = 0; i < dims && build->sampled > 0; i++) {
    mean[i] = static_cast<float>(sums[i] / static_cast<double>(build->sampled));
  }
  for (Size row = 0; row < build->sampled; row++) {
    for (uint32 i = 0; i < dims; i++) build->sample[row * dims + i] -= mean[i];
  }
  pfree(sums);
  return mean;
}

constexpr int64 kTrainingSteps = 1000;  // of what its progress is shown in

void report_training(double share) noexcept {
  report_rows(static_cast<int64>(share * kTrainingSteps));
}

// Trains on the sample, or takes the data-independent model where there is too little to train on.
void make_model(Build* build, Team* team) {
  TrainingOptions training = planned_training(build->options, build->column, build->plan);
  float* mean = training.metric == Metric::l2 ? center_sample(build) : nullptr;
  MetaPage* meta = &build->meta;
  memset(meta, 0, sizeof(*meta));
  PhaseSeconds seconds = {};
  float* floats = make_model_floats(training, build->sample, build->sampled, mean, team,
                                    report_training, meta, &seconds);
  build->times.lists = seconds.lists;
  build->times.codebooks = seconds.codebooks;
  build->times.calibration = seconds.calibration;

  meta->generation = 1;
  meta->rerank = rerank_of(build->options, build->column.dims);
  meta->element = 1;
  use_model(build, floats);
}

int64 spilled_rows(const Build* build) {
  int64 rows = 0;
  for (uint32 list = 0; list < total_lists(build->meta); list++) rows += build->spill_counts[list];
  return rows;
}

// Encodes and sorts all rows: build->rows is ready to be read.
void sort_rows(Build* build, instr_time* clock) {
  enter_phase(kPhaseEncoding, static_cast<int64>(build->estimated_rows));
  const int sort_kb = sort_budget_kb(build, 1);
  const int rows_kb = build->spilling ? sort_kb * 3 / 4 : sort_kb;
  if (build->parallel != nullptr) {
    encode_together(build);
    build->rows = begin_merge(build, rows_kb);
  } else {
    pg_atomic_uint64 encoded;
    pg_atomic_init_u64(&encoded, 0);
    build->rows = begin_row_sort(row_descriptor(), rows_kb, nullptr);
    encode_rows(build, build->rows, nullptr, &encoded, true);
  }
  build->times.encoding = lap(clock);

  enter_phase(kPhaseSorting, static_cast<int64>(build->index_rows));
  tuplesort_performsort(build->rows);
  report_rows(static_cast<int64>(build->index_rows));
  if (build->spilling) {
    build->spills = begin_row_sort(row_descriptor(), sort_kb - rows_kb, nullptr);
  }
  build->times.sorting = lap(clock);
}

}  // namespace

void start_build(Build* build, Relation heap, Relation index, IndexInfo* info) {
  memset(build, 0, sizeof(*build));
  build->heap = heap;
  build->index = index;
  build->info = info;
  build->options = index_options(index);
  build->column = index_column(index);
}

void place_model(Build* build, float* floats) {
  const ModelShape& shape = build->meta.shape;
  build->model = Model::over(shape, floats);
  build->mean = shape.metric == Metric::l2 ? floats + Model::float_count(shape) : nullptr;
}

void use_model(Build* build, float* floats) {
  place_model(build, floats);
  const ModelShape& shape = build->meta.shape;
  build->geometry = list_geometry(build->meta);
  build->spilling = shape.soar_lambda > 0 && shape.lists > 1;
  const Size lists = total_lists(build->meta);
  build->counts = static_cast<uint32*>(palloc0(sizeof(uint32) * lists));
  build->spill_counts = static_cast<uint32*>(palloc0(sizeof(uint32) * lists));
}

int sort_budget_kb(const Build* build, int participants) {
  constexpr Size kWorkerBytes = Size{4} << 20;  // code's and catalogue's, before any row
  const Size used = stored_floats(build->meta.shape) * sizeof(float) +
                    participants * encoder_bytes(build) + (participants - 1) * kWorkerBytes;
  const int64 left = maintenance_work_mem - static_cast<int64>(used / 1024);
  // A worker merges its runs before all are done, in new memory: of the runs' own, malloc has up to
  // a quarter still.
  const int64 share = participants > 1 ? left / participants * 4 / 5 : left;
  return static_cast<int>(Max(int64{256}, share));
}

void enter_phase(BuildPhase phase, int64 rows) {
  const int columns[] = {PROGRESS_CREATEIDX_SUBPHASE, PROGRESS_CREATEIDX_TUPLES_TOTAL,
                         PROGRESS_CREATEIDX_TUPLES_DONE};
  const int64 values[] = {phase, rows, 0};
  pgstat_progress_update_multi_param(lengthof(columns), columns, values);
}

void report_rows(int64 rows) { pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, rows); }

double lap(instr_time* start) {
  instr_time now;
  INSTR_TIME_SET_CURRENT(now);
  instr_time elapsed = now;
  INSTR_TIME_SUBTRACT(elapsed, *start);
  *start = now;
  return INSTR_TIME_GET_DOUBLE(elapsed);
}

// Whoever asks for lists and gets none may wonder.
static void tell_untrained(const Build* build) {
  if (build->meta.shape.trained != 0 || build->options.lists == 0) return;
  ereport(NOTICE,
          (errmsg("index \"%s\" has one list instead of %d", RelationGetRelationName(build->index),
                  build->options.lists),
           errdetail("Fewer than %zu rows with a distance are too few to learn lists from.",
                     kLeastTrainingRows),
           errhint("Create the index when the rows are there; VACUUM trains it when it has more "
                   "than %d.",
                   static_cast<int>(kMostUnlistedRows))));
}

IndexBuildResult* avq_build(Relation heap, Relation index, IndexInfo* info) {
  if (RelationGetNumberOfBlocks(index) != 0) {
    elog(ERROR, "index \"%s\" already contains data", RelationGetRelationName(index));
  }
  forget_spare_copies();
  MemoryContext context =
      AllocSetContextCreate(CurrentMemoryContext, "avq build", ALLOCSET_DEFAULT_SIZES);
  MemoryContext caller = MemoryContextSwitchTo(context);
  instr_time clock;
  INSTR_TIME_SET_CURRENT(clock);

  Build build;
  start_build(&build, heap, index, info);
  enter_phase(kPhaseSampling, 0);
  plan_sample(&build);
  begin_parallel(&build);
  Team* team = training_team(&build);
  build.sample = team != nullptr
                     ? team->sample()
                     : static_cast<float*>(MemoryContextAllocHuge(
                           context, build.plan.sample_rows * build.column.dims * sizeof(float)));
  draw_sample(&build);
  AVQ_STOP_POINT("build_sampled");
  build.times.sampling = lap(&clock);

  enter_phase(kPhaseTraining, kTrainingSteps);
  make_model(&build, team);
  if (team == nullptr) pfree(build.sample);
  end_training(&build);
  AVQ_STOP_POINT("build_trained");
  lap(&clock);

  sort_rows(&build, &clock);
  AVQ_STOP_POINT("build_sorted");

  enter_phase(kPhaseWriting, static_cast<int64>(build.index_rows) + spilled_rows(&build));
  write_index(&build, MAIN_FORKNUM);
  tuplesort_end(build.rows);
  if (build.spills != nullptr) tuplesort_end(build.spills);
  const int workers = end_parallel(&build);
  build.times.writing = lap(&clock);

  ereport(
      DEBUG1,
      (errmsg_internal(
          "avq build of \"%s\": %.0f rows, %u lists, %d workers; seconds: "
          "sampling %.2f, lists %.2f, codebooks %.2f, calibration %.2f, encoding %.2f, sorting "
          "%.2f, writing %.2f",
          RelationGetRelationName(index), build.index_rows, build.meta.shape.lists, workers,
          build.times.sampling, build.times.lists, build.times.codebooks, build.times.calibration,
          build.times.encoding, build.times.sorting, build.times.writing)));

  tell_untrained(&build);
  IndexBuildResult* result =
      static_cast<IndexBuildResult*>(MemoryContextAlloc(caller, sizeof(IndexBuildResult)));
  result->heap_tuples = build.heap_rows;
  result->index_tuples = build.index_rows;
  MemoryContextSwitchTo(caller);
  MemoryContextDelete(context);
  return result;
}

void avq_build_empty(Relation index) {
  MemoryContext context =
      AllocSetContextCreate(CurrentMemoryContext, "avq build", ALLOCSET_DEFAULT_SIZES);
  MemoryContext caller = MemoryContextSwitchTo(context);
  Build build;
  start_build(&build, nullptr, index, nullptr);
  build.plan.lists = 1;
  make_model(&build, nullptr);
  write_index(&build, INIT_FORKNUM);
  MemoryContextSwitchTo(caller);
  MemoryContextDelete(context);
}

}  // namespace avq
