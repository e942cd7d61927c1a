// Cells that are split into lists by the length of residuals.
#include "core/split.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "core/codec.h"
#include "core/kernels.h"
#include "core/router.h"
#include "synthetic.h"

namespace avq {
namespace {

constexpr size_t kDims = 24, kRows = 6000;
constexpr uint32_t kCells = 20;

// Directions around 40 centres, lengths that differ much: the long ones answer inner products.
std::vector<float> long_and_short(size_t count, uint64_t seed) {
  return clustered_rows(count, kDims, 40, 0.8f, 0.5f, seed);
}

TrainingOptions split_options(uint32_t list_rows, Metric metric = Metric::inner_product) {
  TrainingOptions options;
  options.metric = metric;
  options.dims = kDims;
  options.lists = kCells;
  options.list_rows = list_rows;
  options.rows = kRows;
  options.seed = 7;
  return options;
}

TrainedModel train_split(uint32_t list_rows, const std::vector<float>& rows,
                         Metric metric = Metric::inner_product) {
  return train(split_options(list_rows, metric), rows.data(), rows.size() / kDims, nullptr);
}

std::vector<float> prepare_all(const Model& model, const std::vector<float>& rows) {
  const size_t count = rows.size() / kDims, padded = model.shape.padded_dims();
  std::vector<float> prepared(count * padded);
  for (size_t i = 0; i < count; ++i) {
    prepare(model.shape, &rows[i * kDims], &prepared[i * padded]);
  }
  return prepared;
}

double square_to(const Model& model, const float* row, uint32_t list) {
  return l2_squared(row, model.centroid(list), model.shape.padded_dims());
}

TEST(Split, ListsOfACellFollowOneAnotherByFallingLength) {
  const auto rows = long_and_short(kRows, 1);
  const TrainedModel index = train_split(50, rows);
  const Model model = index.view();
  const uint32_t lists = model.shape.lists;
  ASSERT_EQ(index.floats.size(), Model::float_count(model.shape));
  ASSERT_GT(lists, 2 * model.shape.cells);
  EXPECT_LE(lists, kMostListsOfCell * model.shape.cells);
  uint32_t cell = 0;
  for (uint32_t l = 0; l < lists; ++l) {
    const bool first = l == 0 || model.cell(l) != model.cell(l - 1);
    if (first && l > 0) {
      EXPECT_EQ(model.cell(l), ++cell);
    }
    if (!first) {
      EXPECT_LT(model.list_least[l], model.list_least[l - 1]);
      EXPECT_LE(model.list_sigma[l], model.list_sigma[l - 1]);
    }
    const bool last = l + 1 == lists || model.cell(l + 1) != model.cell(l);
    EXPECT_EQ(model.list_least[l] == 0, last) << l;
  }
  EXPECT_EQ(cell + 1, model.shape.cells);
}

TEST(Split, RowsLieInTheListOfTheirLengthInTheNearestCell) {
  const auto rows = long_and_short(kRows, 1);
  const TrainedModel index = train_split(50, rows);
  const Model model = index.view();
  const size_t padded = model.shape.padded_dims();
  const auto prepared = prepare_all(model, rows);
  std::vector<uint32_t> lists(kRows), sizes(model.shape.lists);
  assign_lists(model, prepared.data(), kRows, lists.data());
  for (size_t i = 0; i < kRows; ++i) {
    const float* row = &prepared[i * padded];
    const auto score = [&](uint32_t cell) {
      return dot(row, model.centroids + cell * padded, padded) - model.assign_bias[cell];
    };
    const uint32_t list = lists[i], cell = model.cell(list);
    for (uint32_t c = 0; c < model.shape.cells; ++c) EXPECT_LE(score(c), score(cell) + 1e-4);
    const double square = square_to(model, row, list);
    EXPECT_GE(square, model.list_least[list] * (1 - 1e-6));
    if (list > 0 && model.cell(list - 1) == cell) {
      EXPECT_LT(square, model.list_least[list - 1] * (1 + 1e-6));
    }
    uint32_t alone;
    assign_lists(model, row, 1, &alone);
    EXPECT_EQ(alone, list) << "whatever the rows beside it";
    ++sizes[list];
  }
  // About as many rows each as asked for.
  const double mean = static_cast<double>(kRows) / model.shape.lists;
  EXPECT_GT(mean, 20);
  EXPECT_LT(mean, 70);  // a cell has 16 lists at most
  EXPECT_LT(*std::max_element(sizes.begin(), sizes.end()), 200u);
}

TEST(Split, SecondListsAreOfOtherCellsAndByLengthToo) {
  const auto rows = long_and_short(kRows, 1);
  TrainingOptions options = split_options(50);
  options.soar_lambda = 1;
  const TrainedModel index = train(options, rows.data(), kRows, nullptr);
  const Model model = index.view();
  ASSERT_GT(model.shape.lists, model.shape.cells);
  const size_t padded = model.shape.padded_dims();
  const auto prepared = prepare_all(model, rows);
  std::vector<uint32_t> first(kRows), second(kRows);
  std::vector<float> scratch(kSpillScratchFloats);
  assign_lists(model, prepared.data(), kRows, first.data());
  spill_lists(model, prepared.data(), kRows, first.data(), second.data(), scratch.data());
  for (size_t i = 0; i < kRows; ++i) {
    ASSERT_LT(second[i], model.shape.lists);
    ASSERT_NE(model.cell(second[i]), model.cell(first[i]));
    const double square = square_to(model, &prepared[i * padded], second[i]);
    EXPECT_GE(square, model.list_least[second[i]] * (1 - 1e-6));
  }
}

TEST(Split, RoutesAreThoseOfTheCellWithTheListsOwnSpread) {
  const auto rows = long_and_short(kRows, 1);
  const TrainedModel index = train_split(50, rows);
  const Model model = index.view();
  const size_t padded = model.shape.padded_dims();
  const auto prepared = prepare_all(model, long_and_short(20, 2));
  Router router(model);
  std::vector<float> routes(model.shape.lists);
  for (size_t q = 0; q < 20; ++q) {
    const float* query = &prepared[q * padded];
    router.route(query, routes.data());
    const double norm = exact_norm(query, padded);
    double largest = 0;
    size_t raised = 0;
    for (uint32_t l = 0; l < model.shape.lists; ++l) {
      const double product = dot(query, model.centroid(l), padded);
      const double expected = product + model.shape.route_sigma * norm * model.list_sigma[l];
      // A byte holds a 254th of the range of the centroid's numbers.
      if (std::fabs(routes[l] - expected) > 0.01 * norm) ++raised;
      EXPECT_NEAR(router.list_score(query, l), product, 0.001 * norm);
      largest = std::max(largest, expected);
    }
    // Of the three cells nearest in direction one or two lists come first.
    EXPECT_LE(raised, 6u);
    std::vector<uint32_t> order(model.shape.lists);
    std::iota(order.begin(), order.end(), 0u);
    std::sort(order.begin(), order.end(),
              [&](uint32_t a, uint32_t b) { return routes[a] > routes[b]; });
    for (size_t i = 0; i < 3; ++i) EXPECT_GE(routes[order[i]], largest - 0.02 * norm);
  }
}

// Codes that a scan of the best lists sees until so many of the answers lie in a scanned list.
double codes_for(const Model& model, const std::vector<float>& rows,
                 const std::vector<float>& queries, double share) {
  const size_t padded = model.shape.padded_dims(), lists = model.shape.lists;
  const auto prepared = prepare_all(model, rows), asked = prepare_all(model, queries);
  const size_t count = rows.size() / kDims, query_count = queries.size() / kDims;
  std::vector<uint32_t> list_of(count), sizes(lists);
  assign_lists(model, prepared.data(), count, list_of.data());
  for (const uint32_t list : list_of) ++sizes[list];
  Router router(model);
  std::vector<float> routes(lists), scores(count);
  std::vector<uint32_t> order(lists), rank(lists), best(count);
  std::vector<uint32_t> ranks;
  std::vector<double> scanned(lists);
  for (size_t q = 0; q < query_count; ++q) {
    const float* query = &asked[q * padded];
    router.route(query, routes.data());
    std::iota(order.begin(), order.end(), 0u);
    std::sort(order.begin(), order.end(),
              [&](uint32_t a, uint32_t b) { return routes[a] > routes[b]; });
    double sum = 0;
    for (uint32_t i = 0; i < lists; ++i) {
      rank[order[i]] = i;
      scanned[i] += sum += sizes[order[i]];
    }
    dot_rows(query, prepared.data(), count, padded, scores.data());
    std::iota(best.begin(), best.end(), 0u);
    std::partial_sort(best.begin(), best.begin() + 10, best.end(),
                      [&](uint32_t a, uint32_t b) { return scores[a] > scores[b]; });
    for (size_t i = 0; i < 10; ++i) ranks.push_back(rank[list_of[best[i]]]);
  }
  std::sort(ranks.begin(), ranks.end());
  return scanned[ranks[static_cast<size_t>(share * static_cast<double>(ranks.size() - 1))]] /
         static_cast<double>(query_count);
}

TEST(Split, FewerCodesAreScannedForTheSameAnswers) {
  const auto rows = long_and_short(kRows, 1), queries = long_and_short(200, 3);
  const TrainedModel split = train_split(50, rows), whole = train_split(0, rows);
  ASSERT_GT(split.shape.lists, split.shape.cells);
  EXPECT_EQ(whole.shape.lists, whole.shape.cells);
  EXPECT_LT(codes_for(split.view(), rows, queries, 0.95),
            0.8 * codes_for(whole.view(), rows, queries, 0.95));
}

TEST(Split, OnlyWhereItPays) {
  // By other metrics, where cells are small, or where lengths say nothing.
  const auto rows = long_and_short(kRows, 1);
  for (const Metric metric : {Metric::cosine, Metric::l2}) {
    const ModelShape shape = train_split(50, rows, metric).shape;
    EXPECT_EQ(shape.lists, shape.cells);
  }
  const ModelShape large = train_split(kRows, rows).shape;
  EXPECT_EQ(large.lists, large.cells);
  const std::vector<float> same(kRows * kDims, 0.25f);
  const ModelShape one = train_split(50, same).shape;
  EXPECT_EQ(one.lists, 1u);
}

TEST(Split, RowsOfAbsurdLengthLeaveEverythingFinite) {
  auto rows = long_and_short(kRows, 1);
  for (size_t i = 0; i < 50; ++i) {
    for (size_t j = 0; j < kDims; ++j) rows[i * 97 * kDims + j] *= 1e18f;
  }
  const TrainedModel index = train_split(50, rows);
  for (const float value : index.floats) ASSERT_TRUE(std::isfinite(value));
  const Model model = index.view();
  const auto prepared = prepare_all(model, rows);
  std::vector<uint32_t> lists(kRows);
  assign_lists(model, prepared.data(), kRows, lists.data());
  for (const uint32_t list : lists) ASSERT_LT(list, model.shape.lists);
}

}  // namespace
}  // namespace avq
