#include "index/training.h"

#include <algorithm>
#include <cmath>

#include "bridge.h"

namespace avq {

namespace {

// Cells for the root of the rows, and rows of the sample for each. By inner product cells are split
// into lists, and long rows, of which there are few, decide.
struct CellPlan {
  double per_root;
  Size sample_rows;
};

CellPlan cell_plan(Metric metric) {
  return metric == Metric::inner_product ? CellPlan{1.3, 256} : CellPlan{2, 128};
}

constexpr Size kLeastSample = 32768;  // what codebooks want

Size needed_bytes(const IndexOptions& options, const Column& column, uint32 lists, Size rows) {
  if (rows < kLeastTrainingRows) return 0;  // nothing is trained
  const TrainingOptions training = training_options(options, column.metric, column.dims, lists);
  return rows * column.dims * sizeof(float) + training_memory(training, rows);
}

// Five significant bits: a table whose rows are counted gets as many lists as when they are
// estimated, but for the rare one near a step.
uint64 rounded_down(uint64 number) {
  uint64 step = 1;
  while (number / step >= 32) step *= 2;
  return number / step * step;
}

double block_bytes(const IndexOptions& options, const Column& column) {
  MetaPage shape = {};
  shape.shape.metric = column.metric;
  const TrainingOptions training = training_options(options, column.metric, column.dims, 1);
  const uint32 width = training.dims_per_subspace != 0 ? training.dims_per_subspace
                                                       : auto_dims_per_subspace(column.dims);
  shape.shape.subspaces = (column.dims + width - 1) / width;
  return coded_block_layout(shape).bytes;
}

// Rows of a list that fills its pages with whole blocks: one page or the fewest that leave no more
// than a sixth empty; less some room for what samples differ by.
uint32 full_list(double bytes) {
  constexpr double kMostEmpty = 1.0 / 6, kFilled = 0.9;
  for (uint32 pages = 1;; pages++) {
    const double room = double(kPayload) * pages, blocks = std::floor(room / bytes);
    if (blocks * bytes < (1 - kMostEmpty) * room) continue;
    return static_cast<uint32>(Max(blocks * kBlockRows * kFilled, double(kBlockRows)));
  }
}

// Not so many that they leave their pages half empty.
uint32 auto_lists(const IndexOptions& options, const Column& column, double rows) {
  const double page_rows = double(kPayload) / block_bytes(options, column) * kBlockRows;
  const double most = rows / Max(page_rows * 0.75, 32.0);
  const double lists = Min(cell_plan(column.metric).per_root * std::sqrt(rows), most);
  return static_cast<uint32>(rounded_down(static_cast<uint64>(Max(1.0, Min(lists, 65536.0)))));
}

}  // namespace

bool plan_training(const IndexOptions& options, const Column& column, double rows, Size budget,
                   TrainingPlan* plan) {
  const Size count = static_cast<Size>(rows) + 1;
  uint32 lists =
      options.lists > 0 ? static_cast<uint32>(options.lists) : auto_lists(options, column, rows);
  // As many rows as wanted, or as memory allows; never fewer than make a model worth having.
  Size wanted, least;
  for (;;) {
    wanted = Min(count + count / 8 + 100,
                 Max(cell_plan(column.metric).sample_rows * lists, kLeastSample));
    least = Min(count, Max(Size{256}, Size{4} * lists));
    plan->bytes = needed_bytes(options, column, lists, least);
    if (plan->bytes <= budget) break;
    if (options.lists > 0 || lists == 1) return false;
    lists = lists / 2;
  }
  while (wanted > least && needed_bytes(options, column, lists, wanted) > budget) {
    wanted = Max(least, wanted - wanted / 16 - 1);
  }
  plan->lists = lists;
  plan->rows = static_cast<double>(rounded_down(count));
  plan->list_rows = full_list(block_bytes(options, column));
  plan->sample_rows = wanted;
  return true;
}

TrainingOptions planned_training(const IndexOptions& options, const Column& column,
                                 const TrainingPlan& plan) {
  TrainingOptions training = training_options(options, column.metric, column.dims, plan.lists);
  training.list_rows = plan.list_rows;
  training.rows = plan.rows;
  return training;
}

ModelShape largest_model(const TrainingOptions& training) {
  ModelShape room = {};
  room.cells = training.lists;
  room.lists = training.most_lists(training.lists);
  room.groups = training.groups(training.lists);
  room.metric = training.metric;
  room.dims = training.dims;
  room.dims_per_subspace = training.dims_per_subspace != 0 ? training.dims_per_subspace
                                                           : auto_dims_per_subspace(training.dims);
  room.subspaces = (training.dims + room.dims_per_subspace - 1) / room.dims_per_subspace;
  return room;
}

float* make_model_floats(TrainingOptions training, const float* sample, Size sampled,
                         const float* mean, Team* team, ProgressReport progress, MetaPage* meta,
                         PhaseSeconds* seconds) {
  const bool trains = sampled >= kLeastTrainingRows;
  if (!trains) training.lists = 1;

  const ModelShape room = largest_model(training);
  float* floats = static_cast<float*>(
      MemoryContextAllocHuge(CurrentMemoryContext, stored_floats(room) * sizeof(float)));

  ModelShape shape = {};
  RecallModel recall = {};
  AVQ_CORE({
    const TrainedModel trained =
        trains ? train(training, sample, sampled, bridge::interrupt_pending, team, progress)
               : untrained(training);
    shape = trained.shape;
    recall = trained.recall;
    *seconds = trained.seconds;
    std::copy(trained.floats.begin(), trained.floats.end(), floats);
  });
  Assert(Model::float_count(shape) <= Model::float_count(room));
  meta->shape = shape;
  meta->recall = recall;
  if (mean != nullptr) {
    memcpy(floats + Model::float_count(shape), mean, sizeof(float) * shape.dims);
  }
  return floats;
}

}  // namespace avq
