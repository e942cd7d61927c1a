#include "core/lists.h"

#include <algorithm>
#include <cmath>

#include "core/anisotropic.h"
#include "core/assignment.h"
#include "core/kernels.h"
#include "core/kmeans.h"

namespace avq {
namespace {

constexpr float kCentroidEta = 2.5f;  // best of 1, 2.5 and 5 on real sets

// Row numbers grouped by list: members of list l are at [starts[l], starts[l + 1]).
struct Members {
  std::vector<size_t> starts;
  std::vector<uint32_t> rows;
};

Members group_members(const ListSet& lists) {
  Members members;
  members.starts.assign(lists.count + 1, 0);
  for (size_t l = 0; l < lists.count; ++l) {
    members.starts[l + 1] = members.starts[l] + lists.sizes[l];
  }
  members.rows.resize(lists.list_of.size());
  std::vector<size_t> next(members.starts.begin(), members.starts.end() - 1);
  for (size_t row = 0; row < lists.list_of.size(); ++row) {
    members.rows[next[lists.list_of[row]]++] = static_cast<uint32_t>(row);
  }
  return members;
}

void drop_empty(ListSet& lists, size_t dims) {
  drop_lists(lists.groups, dims, lists.sizes.data());
  std::vector<uint32_t> renumbered(lists.count);
  size_t kept = 0;
  for (size_t l = 0; l < lists.count; ++l) {
    if (lists.sizes[l] == 0) continue;
    renumbered[l] = static_cast<uint32_t>(kept);
    std::copy_n(&lists.centres[l * dims], dims, &lists.centres[kept * dims]);
    lists.bias[kept] = lists.bias[l];
    lists.sizes[kept] = lists.sizes[l];
    ++kept;
  }
  if (kept == lists.count) return;
  lists.count = kept;
  lists.centres.resize(kept * dims);
  lists.bias.resize(kept);
  lists.sizes.resize(kept);
  for (uint32_t& list : lists.list_of) list = renumbered[list];
}

// rows null: rows 0 .. count - 1. Lists without a row among them get the mean.
void measure_sigma(const Sample& sample, const uint32_t* rows, size_t count,
                   const uint32_t* nearest, const float* scores, ListSet& lists) {
  std::vector<double> squares(lists.count);
  lists.squares.resize(sample.rows);
  double total = 0;
  for (size_t i = 0; i < count; ++i) {
    const double norm = sample.norms[rows != nullptr ? rows[i] : i];
    // |x - c|^2 from the score <x, c> - bias; for cosine both are of norm 1.
    const double square = sample.metric == Metric::cosine
                              ? (norm > 0 ? 2 - 2 * scores[i] / norm : 0)
                              : norm * norm - 2.0 * scores[i];
    if (!(square > 0) || !std::isfinite(square)) continue;
    lists.squares[rows != nullptr ? rows[i] : i] = static_cast<float>(square);
    squares[nearest[i]] += square;
    total += square;
  }
  lists.sigma.resize(lists.count);
  for (size_t l = 0; l < lists.count; ++l) {
    const double mean =
        lists.sizes[l] != 0 ? squares[l] / lists.sizes[l] : total / static_cast<double>(count);
    lists.sigma[l] = static_cast<float>(std::sqrt(mean / static_cast<double>(sample.dims)));
  }
}

// The rows by which candidates are compared, since a full assignment is what training spends its
// time on: about kPanelRows rows of each list for the sizes, and all answers of the queries.
constexpr size_t kPanelRows = 32;

// Lists of these centres, in groups.
ListSet grouped_lists(const Sample& sample, std::vector<float> centres, uint32_t groups,
                      uint64_t seed) {
  ListSet lists;
  lists.groups = group_lists(sample.metric, centres, sample.dims, groups, seed, sample.stop);
  lists.count = centres.size() / sample.dims;
  lists.centres = std::move(centres);
  lists.bias = centre_bias(sample.metric, lists.centres.data(), lists.count, sample.dims);
  return lists;
}

ListSet settle_panel(const Sample& sample, std::vector<float> centres, uint32_t groups,
                     uint64_t seed, const SampleQueries& queries) {
  ListSet lists = grouped_lists(sample, std::move(centres), groups, seed);
  const size_t panel = std::min(sample.rows, lists.count * kPanelRows);
  std::vector<uint32_t> rows(panel);
  for (size_t i = 0; i < panel; ++i) rows[i] = static_cast<uint32_t>(sample.spread(i, panel));
  rows.insert(rows.end(), queries.top.rows.begin(), queries.top.rows.end());
  std::vector<uint32_t> nearest(rows.size());
  std::vector<float> scores(rows.size());
  assign_nearest(sample, rows.data(), rows.size(), lists.assignment(), nearest.data(),
                 scores.data());
  lists.list_of.resize(sample.rows);
  lists.sizes.resize(lists.count);
  for (size_t i = 0; i < rows.size(); ++i) {
    lists.list_of[rows[i]] = nearest[i];
    if (i < panel) ++lists.sizes[nearest[i]];
  }
  measure_sigma(sample, rows.data(), panel, nearest.data(), scores.data(), lists);
  return lists;
}

constexpr size_t kDepth = 10;         // the answers that routing is judged by
constexpr size_t kSomeQueries = 200;  // and the queries

// The usual optimism, unless another is clearly better: rows are not queries, and what they
// prefer by a little says nothing. Returns the loss.
double choose_route_sigma(ListSet& lists, const Sample& sample, const SampleQueries& queries) {
  constexpr double kClearly = 0.15;
  lists.route_sigma = sample.metric == Metric::inner_product ? 2 : 0;
  double best = routing_loss(lists.view(sample), lists.route_sigma, queries, sample.stop);
  if (sample.metric != Metric::inner_product) return best;
  for (const float route_sigma : {1.0f, 0.5f}) {
    const double loss = routing_loss(lists.view(sample), route_sigma, queries, sample.stop);
    if (loss < best - kClearly) {
      best = loss;
      lists.route_sigma = route_sigma;
    }
  }
  return best;
}

// The square that a share of the sample's rows reaches.
float spill_bound(const ListSet& lists, double share) {
  std::vector<float> squares = lists.squares;
  const auto at = squares.begin() + static_cast<long>((1 - share) * double(squares.size() - 1));
  std::nth_element(squares.begin(), at, squares.end());
  return *at;
}

// Whether second codes pay, and for which rows. Where a row lies far from its centroid the list
// says little about its scores: such rows profit most, and by inner product they are the long ones,
// that is the answers. Spilling the rest too only makes lists longer (docs/design.md, "SOAR").
void choose_soar(ListSet& lists, const Sample& sample, const SampleQueries& queries) {
  constexpr float kLambda = 1;
  constexpr double kShares[] = {0.3, 0.5, 1};
  constexpr double kWorthwhile = 0.95;  // of the codes scanned without
  if (lists.count < 2 || queries.top.depth == 0) return;
  const std::vector<uint32_t> answers = first_answers(queries);
  std::vector<uint32_t> second = lists.list_of;
  spill_rows(sample, lists, kLambda, answers.data(), answers.size(), second);
  RoutingLists view = lists.view(sample);
  double best = routing_loss(view, lists.route_sigma, queries, sample.stop) + std::log(kWorthwhile);
  std::vector<uint32_t> spilled;
  for (const double share : kShares) {
    const float bound = share < 1 ? spill_bound(lists, share) : 0;
    if (share < 1 && !(bound > 0)) continue;
    spilled = lists.list_of;
    for (const uint32_t row : answers) {
      if (lists.squares[row] >= bound) spilled[row] = second[row];
    }
    view.spill_of = spilled.data();
    const double loss =
        routing_loss(view, lists.route_sigma, queries, sample.stop) + std::log(1 + share);
    if (loss >= best) continue;
    best = loss;
    lists.soar_lambda = kLambda;
    lists.spill_square = bound;
  }
}

}  // namespace

double routing_loss(const RoutingLists& lists, float route_sigma, const SampleQueries& queries,
                    StopFlag stop) {
  double loss = 0;
  for (const RoutingCost& cost : routing_cost(lists, route_sigma, queries.vectors.data(),
                                              queries.top, kDepth, {0.95, 0.99}, stop)) {
    loss += std::log(cost.rows) / 2;
  }
  return loss;
}

std::vector<uint32_t> first_answers(const SampleQueries& queries) {
  std::vector<uint32_t> answers;
  for (size_t q = 0; q < queries.top.queries; ++q) {
    const auto first = queries.top.rows.begin() + static_cast<long>(q * queries.top.depth);
    answers.insert(answers.end(), first, first + std::min(kDepth, queries.top.depth));
  }
  return answers;
}

ListSet settle_lists(const Sample& sample, std::vector<float> centres, uint32_t groups,
                     uint64_t seed) {
  ListSet lists = grouped_lists(sample, std::move(centres), groups, seed);
  lists.list_of.resize(sample.rows);
  lists.sizes.resize(lists.count);
  std::vector<float> scores(sample.rows);
  assign_nearest(sample, nullptr, sample.rows, lists.assignment(), lists.list_of.data(),
                 scores.data());
  for (const uint32_t list : lists.list_of) ++lists.sizes[list];
  drop_empty(lists, sample.dims);
  measure_sigma(sample, nullptr, sample.rows, lists.list_of.data(), scores.data(), lists);
  return lists;
}

std::vector<float> anisotropic_centres(const Sample& sample, const ListSet& lists) {
  const size_t dims = sample.dims;
  const Members members = group_members(lists);
  std::vector<float> centres = lists.centres;
  std::vector<float> scratch(4 * dims), sum(dims);
  double along = 0, squares = 0;
  for (size_t l = 0; l < lists.count; ++l) {
    check_stop(sample.stop);
    float* centre = &centres[l * dims];
    const uint32_t* rows = &members.rows[members.starts[l]];
    anisotropic_centroid(sample.data, dims, rows, lists.sizes[l], sample.norms.data(),
                         sample.largest_norm, kCentroidEta, centre, scratch.data());
    std::fill(sum.begin(), sum.end(), 0.0f);
    for (size_t i = 0; i < lists.sizes[l]; ++i) axpy(1, sample.at(rows[i]), sum.data(), dims);
    along += dot(centre, sum.data(), dims);
    squares += static_cast<double>(lists.sizes[l]) * norm_squared(centre, dims);
  }
  const double factor = squares > 0 && along > 0 ? along / squares : 1;
  if (std::isfinite(factor)) {
    for (float& value : centres) value = static_cast<float>(value * factor);
  }
  return centres;
}

SampleQueries SampleQueries::some() const {
  SampleQueries part = *this;
  part.top.queries = std::min(top.queries, kSomeQueries);
  part.top.rows.resize(part.top.queries * top.depth);
  part.top.scores.resize(part.top.rows.size());
  return part;
}

SampleQueries sample_queries(const Sample& sample) {
  // Many queries among fewer rows: what one query tells of the share that is missed varies much
  // more between queries than with the depth of its answers.
  constexpr size_t kRounds = 3, kQueries = kRounds * kSomeQueries, kDepth = 100, kPool = 33334;
  SampleQueries queries;
  const size_t count = std::min(kQueries, sample.rows);
  const size_t pool = std::min(kPool, sample.rows);
  queries.pool = pool;
  for (size_t i = 0; i < count; ++i) {
    // In rounds, each all over the sample. Half a step on, so that the pool's own spacing does not
    // meet the queries' at every row.
    const size_t place = count == kQueries ? i % kSomeQueries * kRounds + i / kSomeQueries : i;
    const size_t row = std::min(sample.spread(2 * place + 1, 2 * count), sample.rows - 1);
    queries.rows.push_back(static_cast<uint32_t>(row));
    queries.vectors.insert(queries.vectors.end(), sample.at(row), sample.at(row) + sample.dims);
  }
  queries.top = exact_top(sample, pool, queries.vectors.data(), count, queries.rows.data(), kDepth);
  return queries;
}

void spill_rows(const Sample& sample, const ListSet& lists, float lambda, const uint32_t* rows,
                size_t count, std::vector<uint32_t>& second) {
  Model model = {};
  model.shape.dims = static_cast<uint32_t>(sample.dims);
  model.shape.subspaces = model.shape.dims;
  model.shape.dims_per_subspace = 1;
  model.shape.lists = model.shape.cells = static_cast<uint32_t>(lists.count);
  model.shape.metric = sample.metric;
  model.shape.soar_lambda = lambda;
  model.centroids = lists.centres.data();
  model.assign_bias = lists.bias.data();
  model.groups = lists.groups.view();
  constexpr size_t kBatch = 128;
  std::vector<float> prepared(kBatch * sample.dims), scratch(kSpillScratchFloats);
  uint32_t first[kBatch], chosen[kBatch];
  for (size_t begin = 0; begin < count; begin += kBatch) {
    check_stop(sample.stop);
    const size_t part = std::min(kBatch, count - begin);
    const auto number = [&](size_t i) { return rows != nullptr ? rows[begin + i] : begin + i; };
    for (size_t i = 0; i < part; ++i) {
      prepare(model.shape, sample.at(number(i)), &prepared[i * sample.dims]);
      first[i] = lists.list_of[number(i)];
    }
    spill_lists(model, prepared.data(), part, first, chosen, scratch.data());
    for (size_t i = 0; i < part; ++i) second[number(i)] = chosen[i];
  }
}

ListSet train_lists(const TrainingOptions& options, const Sample& sample,
                    const SampleQueries& all_queries) {
  const SampleQueries queries = all_queries.some();
  const uint32_t groups = options.groups(sample.rows);
  const uint64_t seed = options.seed;
  ListSet lists =
      settle_lists(sample, train_centres(sample, options.lists, seed, groups), groups, seed);
  if (lists.count > 1 && queries.top.depth > 0) {
    const double loss = choose_route_sigma(lists, sample, queries);
    if (sample.metric == Metric::inner_product) {
      // On queries unlike the rows anisotropic centroids can lose what they win on the rows.
      constexpr double kClearly = 0.25;
      ListSet panel =
          settle_panel(sample, anisotropic_centres(sample, lists), groups, seed, queries);
      if (choose_route_sigma(panel, sample, queries) < loss - kClearly) {
        const float route_sigma = panel.route_sigma;
        lists = settle_lists(sample, std::move(panel.centres), groups, seed);
        lists.route_sigma = route_sigma;
      }
    }
  }
  lists.soar_lambda = std::max(0.0f, options.soar_lambda);
  if (options.soar_lambda < 0) choose_soar(lists, sample, queries);
  return lists;
}

}  // namespace avq
