#include "core/lists.h"

#include <algorithm>
#include <cmath>

#include "core/anisotropic.h"
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

void measure_sigma(const Sample& sample, const std::vector<float>& scores, ListSet& lists) {
  std::vector<double> squares(lists.count);
  for (size_t row = 0; row < sample.rows; ++row) {
    const uint32_t list = lists.list_of[row];
    const double norm = sample.norms[row];
    // |x - c|^2 from the score <x, c> - bias; for cosine both are of norm 1.
    const double square = sample.metric == Metric::cosine
                              ? (norm > 0 ? 2 - 2 * scores[row] / norm : 0)
                              : norm * norm - 2.0 * scores[row];
    if (square > 0 && std::isfinite(square)) squares[list] += square;
  }
  lists.sigma.resize(lists.count);
  for (size_t l = 0; l < lists.count; ++l) {
    lists.sigma[l] = static_cast<float>(
        std::sqrt(squares[l] / (static_cast<double>(lists.sizes[l]) * sample.dims)));
  }
}

// What a probing rule costs at the recalls people ask for, on a scale where halving either share
// counts the same.
double routing_loss(const ListSet& lists, const Sample& sample, float route_sigma,
                    const SampleQueries& queries) {
  constexpr size_t kDepth = 10;
  double loss = 0;
  for (const RoutingCost& cost :
       routing_cost(lists.view(sample), route_sigma, queries.vectors.data(), queries.top, kDepth,
                    {0.95, 0.99}, sample.stop)) {
    loss += std::log(cost.rows);
  }
  return loss;
}

// Best route_sigma of these lists; returns its loss.
double choose_route_sigma(ListSet& lists, const Sample& sample, const SampleQueries& queries) {
  double best = INFINITY;
  for (const float route_sigma : {0.0f, 0.5f, 1.0f, 2.0f}) {
    const double loss = routing_loss(lists, sample, route_sigma, queries);
    if (loss < best) {
      best = loss;
      lists.route_sigma = route_sigma;
    }
  }
  return best;
}

}  // namespace

ListSet settle_lists(const Sample& sample, std::vector<float> centres) {
  ListSet lists;
  lists.count = centres.size() / sample.dims;
  lists.centres = std::move(centres);
  lists.bias = centre_bias(sample.metric, lists.centres.data(), lists.count, sample.dims);
  lists.list_of.resize(sample.rows);
  lists.sizes.resize(lists.count);
  std::vector<float> scores(sample.rows);
  assign_nearest(sample, nullptr, sample.rows, lists.centres.data(), lists.count,
                 lists.bias.data(), lists.list_of.data(), scores.data());
  for (const uint32_t list : lists.list_of) ++lists.sizes[list];
  drop_empty(lists, sample.dims);
  measure_sigma(sample, scores, lists);
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

SampleQueries sample_queries(const Sample& sample) {
  constexpr size_t kQueries = 200, kDepth = 100, kPool = 100000;
  SampleQueries queries;
  const size_t count = std::min(kQueries, sample.rows);
  const size_t pool = std::min(kPool, sample.rows);
  for (size_t i = 0; i < count; ++i) {
    // Half a step on, so that the pool's own spacing does not meet the queries' at every row.
    const size_t row = std::min(sample.spread(2 * i + 1, 2 * count), sample.rows - 1);
    queries.rows.push_back(static_cast<uint32_t>(row));
    queries.vectors.insert(queries.vectors.end(), sample.at(row), sample.at(row) + sample.dims);
  }
  queries.top =
      exact_top(sample, pool, queries.vectors.data(), count, queries.rows.data(), kDepth);
  return queries;
}

ListSet train_lists(const Sample& sample, uint32_t lists, uint64_t seed,
                    const SampleQueries& queries) {
  ListSet plain = settle_lists(sample, train_centres(sample, lists, seed));
  if (plain.count == 1 || sample.metric == Metric::l2) return plain;
  const double plain_loss = choose_route_sigma(plain, sample, queries);
  if (sample.metric != Metric::inner_product) return plain;
  ListSet anisotropic = settle_lists(sample, anisotropic_centres(sample, plain));
  const double loss = choose_route_sigma(anisotropic, sample, queries);
  return loss < plain_loss ? anisotropic : plain;
}

}  // namespace avq
