#include "core/trainer.h"

#include <algorithm>

#include "core/codebooks.h"
#include "core/fit.h"
#include "core/kmeans.h"
#include "core/lists.h"
#include "core/sample.h"
#include "core/stopwatch.h"

namespace avq {

uint32_t auto_dims_per_subspace(uint32_t dims) noexcept {
  if (dims <= 192) return 2;
  if (dims <= 1280) return 4;
  if (dims <= 2048) return 6;
  return 8;
}

// Multiplications that training costs, of those that Sample::count_work is told of.
static double training_work(const TrainingOptions& options, size_t rows) {
  const ModelShape shape = make_shape(options);
  const size_t lists = std::min<size_t>(std::max(options.lists, 1u), rows);
  const size_t groups = options.groups(rows);
  const double pass =
      static_cast<double>(rows) * static_cast<double>(centres_met(lists, groups) * options.dims);
  // Settling them; and, for inner product, the other centroids too.
  const double passes = options.metric == Metric::inner_product ? 2.25 : 1;
  return centres_work(options.metric, rows, options.dims, lists, groups) + passes * pass +
         shape.subspaces *
             codewords_work(codebook_rows(rows, shape.padded_dims()), shape.dims_per_subspace);
}

size_t training_memory(const TrainingOptions& options, size_t sample_rows) noexcept {
  const ModelShape shape = [&] {
    ModelShape made = {};
    made.dims = std::clamp(options.dims, 1u, kMaxDims);
    made.dims_per_subspace = options.dims_per_subspace != 0
                                 ? std::min(options.dims_per_subspace, made.dims)
                                 : auto_dims_per_subspace(made.dims);
    made.subspaces = (made.dims + made.dims_per_subspace - 1) / made.dims_per_subspace;
    made.cells = static_cast<uint32_t>(std::min<size_t>(std::max(options.lists, 1u), sample_rows));
    made.lists = options.most_lists(made.cells);
    made.groups = options.groups(sample_rows);
    return made;
  }();
  const size_t padded = shape.padded_dims();
  // Norms, orders, assignments of two candidates, a team's, scores and chances: 4 or 8 bytes a row
  // each.
  const size_t per_row = 80 * sample_rows;
  // Centres, their sums, the anisotropic ones, a team's, and vectors that grow by copying; with
  // groups, the centres in the order of these.
  const size_t copies = shape.groups == 0 ? 6 : 7;
  const size_t per_list =
      (shape.cells + 3 * shape.groups) * (copies * sizeof(float) * padded + 128);
  const bool joint = !options.row_scale;
  const size_t book_rows = codebook_rows(sample_rows, joint ? 2 * padded : padded);
  const size_t codebooks =
      book_rows * (padded * sizeof(float) * (joint ? 2 : 1) +
                   shape.dims_per_subspace * sizeof(float) + shape.subspaces + 16);
  // 200 queries with 100 candidates each, and the ranks of their lists.
  const size_t queries = 200 * (sizeof(float) * padded + 100 * 32);
  constexpr size_t kSmallBuffers = size_t{2} << 20;
  return per_row + per_list + codebooks + queries + Model::float_count(shape) * sizeof(float) +
         kSmallBuffers;
}

TrainedModel train(const TrainingOptions& options, const float* sample, size_t rows, StopFlag stop,
                   Team* team, ProgressReport progress) {
  if (rows == 0) throw Error(ErrorCode::invalid_argument, "training needs a row");
  make_shape(options);  // throws on what no sample can mend
  if (progress != nullptr) progress(0);
  Stopwatch watch;
  Sample data(options.metric, sample, rows, options.dims, stop);
  data.team = team;
  Progress meter(progress, training_work(options, rows));
  data.progress = &meter;
  const SampleQueries queries = sample_queries(data);
  const double queries_seconds = watch.lap();
  const ListSet lists = train_lists(options, data, queries);
  const double lists_seconds = watch.lap();
  TrainedModel model = fit_model(options, data, lists, queries);
  model.seconds.lists = lists_seconds;
  model.seconds.calibration += queries_seconds;
  if (progress != nullptr) progress(1);
  return model;
}

}  // namespace avq
