// The order in which a query wants to see the lists.
#include "core/routing.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/codec.h"
#include "core/router.h"
#include "core/trainer.h"
#include "synthetic.h"

namespace avq {
namespace {

constexpr size_t kDims = 33;  // odd, so that the last subspace is padded
constexpr Metric kMetrics[] = {Metric::inner_product, Metric::cosine, Metric::l2};

TrainedModel trained(Metric metric, const std::vector<float>& rows, float sigma) {
  TrainingOptions options;
  options.metric = metric;
  options.dims = kDims;
  options.lists = 16;
  options.seed = 5;
  TrainedModel model = train(options, rows.data(), rows.size() / kDims, nullptr);
  model.shape.route_sigma = sigma;
  return model;
}

std::vector<float> test_rows(size_t count) {
  return clustered_rows(count, kDims, 40, 0.6f, 0.4f, 1);
}

double product(const float* a, const float* b, size_t count) {
  double sum = 0;
  for (size_t i = 0; i < count; ++i) sum += static_cast<double>(a[i]) * b[i];
  return sum;
}

// What rounding to bytes may change a product by.
double rounding(const float* query, const float* centroid, size_t count) {
  double largest = 0, sum = 0;
  for (size_t i = 0; i < count; ++i) {
    largest = std::max(largest, std::fabs(static_cast<double>(centroid[i])));
    sum += std::fabs(static_cast<double>(query[i]));
  }
  return 1.01 * sum * largest / 254 + 1e-5;
}

// What rounding the query to 16 bits may.
double query_rounding(const std::vector<float>& query, const float* centroid) {
  double largest = 0, sum = 0;
  for (size_t i = 0; i < query.size(); ++i) {
    largest = std::max(largest, std::fabs(static_cast<double>(query[i])));
    sum += std::fabs(static_cast<double>(centroid[i]));
  }
  return 1.01 * sum * largest / 65534 + 1e-5;
}

TEST(Route, ScoresOfListsAreExactWhetherOrNotBytesHoldTheCentroid) {
  TrainedModel index = trained(Metric::inner_product, test_rows(1000), 1);
  const size_t padded = index.shape.padded_dims();
  const auto query = gaussian_rows(1, padded, 3);
  float* first = index.floats.data();
  for (size_t i = 0; i < padded; ++i) first[i] = 1 + 0.001f * static_cast<float>(i);
  const Model model = index.view();
  std::vector<uint64_t> memory(routing_table_bytes(model.shape) / 8 + 1);
  const RoutingTable table = make_routing_table(model, memory.data());
  EXPECT_FALSE(table.exact[0]);
  for (uint32_t l = 1; l < model.shape.lists; ++l) EXPECT_TRUE(table.exact[l]) << l;
  Router router(model);
  std::vector<float> routes(model.shape.lists);
  router.route(query.data(), routes.data());
  for (uint32_t l = 0; l < model.shape.lists; ++l) {
    const float* centroid = model.centroids + l * padded;
    EXPECT_NEAR(router.list_score(query.data(), l), product(query.data(), centroid, padded),
                l == 0 ? 1e-5 : query_rounding(query, centroid));
  }
}

TEST(Route, CentroidsMoveNoFartherThanAllowed) {
  for (const size_t count : {1, 2, 33, 500}) {
    const auto centroid = gaussian_rows(1, count, 9);
    double largest = 0;
    for (const float value : centroid) largest = std::max(largest, std::fabs(double{value}));
    for (const double most : {0.0, 1e-9, 1e9}) {
      std::vector<float> moved = centroid;
      round_centroid(moved.data(), count, most);
      double square = 0, farthest = 0;
      for (size_t i = 0; i < count; ++i) {
        const double change = double{moved[i]} - centroid[i];
        square += change * change;
        farthest = std::max(farthest, std::fabs(change));
      }
      EXPECT_LE(square, most);
      EXPECT_LE(farthest, 1.1 * largest / 254);
      EXPECT_NEAR(exact_norm(moved.data(), count), exact_norm(centroid.data(), count), 1e-5);
    }
  }
  float extreme[] = {NAN, INFINITY, 1e-45f, 0};
  round_centroid(extreme, 4, 1e9);
  EXPECT_TRUE(std::isnan(extreme[0]));
}

TEST(Route, AddsOptimismAndTheBiasOfL2) {
  for (const Metric metric : kMetrics) {
    const TrainedModel index = trained(metric, test_rows(1000), 1.5f);
    const Model model = index.view();
    const size_t padded = model.shape.padded_dims();
    const auto query = gaussian_rows(1, padded, 3);
    std::vector<float> routes(model.shape.lists);
    Router router(model);
    router.route(query.data(), routes.data());
    const double norm = exact_norm(query.data(), padded);
    size_t raised = 0;
    for (uint32_t l = 0; l < model.shape.lists; ++l) {
      const float* centroid = model.centroids + l * padded;
      const double score = product(query.data(), centroid, padded);
      EXPECT_NEAR(router.list_score(query.data(), l), score, query_rounding(query, centroid));
      const double bias = metric == Metric::l2 ? product(centroid, centroid, padded) / 2 : 0;
      const double expected = score - bias + 1.5 * model.list_sigma[l] * norm;
      const double error = rounding(query.data(), centroid, padded) + 1e-3;
      if (metric == Metric::inner_product && routes[l] > expected + error) {
        ++raised;  // one of the lists of the query's direction
        continue;
      }
      EXPECT_NEAR(routes[l], expected, error);
    }
    EXPECT_LE(raised, 3u);
  }
}

// By inner product the list of a row much like the query is probed at once, wherever the optimism
// about lists of long rows would put it.
TEST(Route, OpensTheListsOfTheQuerysDirectionFirst) {
  const auto rows = test_rows(2000);
  const TrainedModel index = trained(Metric::inner_product, rows, 4);
  const Model model = index.view();
  const size_t padded = model.shape.padded_dims();
  std::vector<float> routes(model.shape.lists), query(padded);
  Router router(model);
  for (size_t i = 0; i < 200; ++i) {
    prepare(model.shape, &rows[i * kDims], query.data());
    router.route(query.data(), routes.data());
    // The list, among those whose rounding leaves it open.
    double best = -INFINITY, best_error = 0;
    std::vector<double> cosines;
    for (uint32_t l = 0; l < model.shape.lists; ++l) {
      const double sigma = model.list_sigma[l];
      const double norm = std::sqrt(2 * model.assign_bias[l] + model.shape.dims * sigma * sigma);
      const float* centroid = model.centroids + l * padded;
      cosines.push_back(product(query.data(), centroid, padded) / norm);
      if (cosines.back() <= best) continue;
      best = cosines.back();
      best_error = 2 * rounding(query.data(), centroid, padded) / norm;
    }
    const auto first = std::max_element(routes.begin(), routes.end()) - routes.begin();
    EXPECT_GE(cosines[static_cast<size_t>(first)], best - best_error) << i;
  }
}

TEST(Route, TakesZeroAndExtremeVectors) {
  const auto rows = test_rows(500);
  const TrainedModel index = trained(Metric::l2, rows, 1);
  const Model model = index.view();
  std::vector<float> query(model.shape.padded_dims()), routes(model.shape.lists);
  Router router(model);
  for (const float value : {0.0f, 1e-45f, 1e-38f, 1e15f}) {
    std::fill(query.begin(), query.end(), value);
    router.route(query.data(), routes.data());
    for (uint32_t l = 0; l < model.shape.lists; ++l) {
      const float* centroid = model.centroids + l * query.size();
      const double expected = product(query.data(), centroid, query.size()) - model.assign_bias[l] +
                              model.list_sigma[l] * exact_norm(query.data(), query.size());
      const double error = rounding(query.data(), centroid, query.size());
      EXPECT_NEAR(routes[l], expected, error + 1e-4 * std::fabs(expected)) << value;
    }
  }
}

}  // namespace
}  // namespace avq
