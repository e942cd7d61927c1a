// Lists in groups: what rows and queries find by way of a few groups is what they would have found
// among all lists, or nearly so, and every list can be reached.
#include "core/groups.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <numeric>
#include <thread>
#include <vector>

#include "core/codec.h"
#include "core/frontier.h"
#include "core/grouping.h"
#include "core/kernels.h"
#include "core/kmeans.h"
#include "core/lists.h"
#include "core/router.h"
#include "core/team.h"
#include "core/trainer.h"
#include "synthetic.h"

namespace avq {
namespace {

constexpr size_t kDims = 20;
constexpr Metric kMetrics[] = {Metric::inner_product, Metric::cosine, Metric::l2};

std::vector<float> test_rows(size_t count, uint64_t seed = 1) {
  return clustered_rows(count, kDims, 200, 0.7f, 0.4f, seed);
}

TrainingOptions options_for(Metric metric, uint32_t lists, bool grouped) {
  TrainingOptions options;
  options.metric = metric;
  options.dims = kDims;
  options.lists = lists;
  options.seed = 5;
  if (grouped) options.grouped_lists = 1;
  return options;
}

std::vector<float> test_centres(Metric metric, uint32_t count) {
  const auto rows = test_rows(6000, 9);
  return train_centres(Sample(metric, rows.data(), 6000, kDims, nullptr), count, 9);
}

struct Grouped {
  std::vector<float> centres, bias;
  Grouping groups;
  Grouped(Metric metric, uint32_t lists, uint32_t wanted) : centres(test_centres(metric, lists)) {
    groups = group_lists(metric, centres, kDims, wanted, 3, nullptr);
    bias.resize(lists);
    for (size_t l = 0; l < lists && metric != Metric::cosine; ++l) {
      bias[l] = norm_squared(&centres[l * kDims], kDims) / 2;
    }
  }
};

TEST(GroupLists, PutsEachListInOneGroup) {
  for (const Metric metric : kMetrics) {
    for (const uint32_t wanted : {1u, 7u, 40u}) {
      const Grouped made(metric, 300, wanted);
      const Groups groups = made.groups.view();
      EXPECT_LE(groups.count, wanted);
      EXPECT_GE(groups.count, wanted * 3 / 4);
      uint32_t next = 0;
      for (uint32_t g = 0; g < groups.count; ++g) {
        EXPECT_EQ(groups.begin(g), next);
        EXPECT_GT(groups.end(g), next);
        next = groups.end(g);
      }
      EXPECT_EQ(next, 300u);
      const auto rows_of = [](const std::vector<float>& values) {
        std::vector<std::vector<float>> rows;
        for (size_t i = 0; i < values.size(); i += kDims) {
          rows.emplace_back(values.begin() + static_cast<long>(i),
                            values.begin() + static_cast<long>(i + kDims));
        }
        std::sort(rows.begin(), rows.end());
        return rows;
      };
      EXPECT_EQ(rows_of(made.centres), rows_of(test_centres(metric, 300)));
    }
  }
}

TEST(GroupLists, LosesListsAndGroupsWithoutRows) {
  Grouping groups;
  groups.count = 4;
  groups.centres = {0, 1, 2, 3};
  groups.bias = {0, 10, 20, 30};
  groups.ends = {2, 3, 5, 6};
  const uint32_t sizes[] = {1, 0, 0, 4, 4, 2};
  drop_lists(groups, 1, sizes);
  EXPECT_EQ(groups.count, 3u);
  EXPECT_EQ(groups.centres, (std::vector<float>{0, 2, 3}));
  EXPECT_EQ(groups.bias, (std::vector<float>{0, 20, 30}));
  EXPECT_EQ(groups.ends, (std::vector<float>{1, 3, 4}));
}

// With so few groups each row meets all of them.
TEST(NearestInGroups, IsTheNearestOfAllWhereAllGroupsAreMet) {
  const auto rows = test_rows(700);
  for (const Metric metric : kMetrics) {
    const Grouped made(metric, 150, kGroupsPerRow);
    std::vector<uint32_t> expected(700), found(700);
    std::vector<float> expected_scores(700), scores(700);
    nearest_centres(rows.data(), 700, made.centres.data(), 150, kDims, made.bias.data(),
                    expected.data(), expected_scores.data());
    nearest_in_groups(rows.data(), 700, made.centres.data(), kDims, made.bias.data(),
                      made.groups.view(), found.data(), scores.data());
    EXPECT_EQ(found, expected);
    EXPECT_EQ(scores, expected_scores);
  }
}

TEST(NearestInGroups, MostlyIsTheNearestOfAllAndDoesNotDependOnOtherRows) {
  const auto rows = test_rows(2000);
  for (const Metric metric : kMetrics) {
    const Grouped made(metric, 600, groups_for(600));
    ASSERT_GT(made.groups.count, 3 * kGroupsPerRow);
    const Groups groups = made.groups.view();
    std::vector<uint32_t> nearest(2000), found(2000);
    std::vector<float> scores(2000);
    nearest_centres(rows.data(), 2000, made.centres.data(), 600, kDims, made.bias.data(),
                    nearest.data(), scores.data());
    nearest_in_groups(rows.data(), 2000, made.centres.data(), kDims, made.bias.data(), groups,
                      found.data(), scores.data());
    size_t same = 0;
    for (size_t i = 0; i < 2000; ++i) same += nearest[i] == found[i];
    EXPECT_GT(same, 1700u);  // real rows: 97 to 99 %
    for (size_t i = 0; i < 2000; i += 37) {
      uint32_t alone;
      float score;
      nearest_in_groups(&rows[i * kDims], 1, made.centres.data(), kDims, made.bias.data(), groups,
                        &alone, &score);
      EXPECT_EQ(alone, found[i]);
      EXPECT_EQ(score, scores[i]);
    }
  }
}

TEST(GroupedTraining, MakesListsAsGoodAsThoseOfAllComparisons) {
  const auto rows = test_rows(20000);
  for (const Metric metric : kMetrics) {
    const Sample sample(metric, rows.data(), 20000, kDims, nullptr);
    const auto quality = [&](uint32_t groups) {
      const ListSet lists = settle_lists(sample, train_centres(sample, 400, 1, groups), groups, 1);
      EXPECT_GE(lists.count, 390u);
      double squares = 0;
      for (const uint32_t size : lists.sizes) {
        EXPECT_GT(size, 0u);
        squares += static_cast<double>(size) * size / 20000 / 20000 * lists.count;
      }
      const double error = std::accumulate(lists.squares.begin(), lists.squares.end(), 0.0) / 20000;
      return std::pair(error, squares);
    };
    const auto [flat_error, flat_imbalance] = quality(0);
    const auto [error, imbalance] = quality(groups_for(400));
    EXPECT_LT(error, flat_error * 1.03);
    EXPECT_LT(imbalance, flat_imbalance * 1.15);
  }
}

TEST(GroupedTraining, TakesDegenerateSamples) {
  for (const Metric metric : kMetrics) {
    const TrainingOptions options = options_for(metric, 50, true);
    for (const auto& rows : {gaussian_rows(1, kDims, 1), std::vector<float>(300 * kDims, 0.5f),
                             std::vector<float>(300 * kDims), gaussian_rows(60, kDims, 2)}) {
      if (metric == Metric::cosine && rows[0] == 0) continue;
      const size_t count = rows.size() / kDims;
      const TrainedModel model = train(options, rows.data(), count, nullptr);
      EXPECT_EQ(model.floats.size(), Model::float_count(model.shape));
      ASSERT_GE(model.shape.groups, 1u);
      EXPECT_EQ(model.view().groups.end(model.shape.groups - 1), model.shape.lists);
      for (const float value : model.floats) ASSERT_TRUE(std::isfinite(value));
    }
  }
}

TEST(GroupedTraining, IsTheSameWhoeverHelps) {
  const auto rows = test_rows(6000);
  const TrainingOptions options = options_for(Metric::inner_product, 300, true);
  const TrainedModel alone = train(options, rows.data(), 6000, nullptr);
  EXPECT_GT(alone.shape.groups, kGroupsPerRow);
  for (const size_t helpers : {0, 2}) {
    const std::unique_ptr<char[]> memory(new char[Team::bytes(6000, kDims, 300) + 64]);
    void* place = memory.get();
    size_t room = Team::bytes(6000, kDims, 300) + 64;
    Team* team = Team::create(std::align(64, 64, place, room), 6000, kDims, 300);
    std::copy(rows.begin(), rows.end(), team->sample());
    std::vector<std::thread> threads;
    for (size_t i = 0; i < helpers; ++i) {
      threads.emplace_back([team] {
        std::vector<float> scratch(team->scratch_floats());
        while (team->help(scratch.data()) != Team::Help::dismissed) std::this_thread::yield();
      });
    }
    const TrainedModel together = train(options, team->sample(), 6000, nullptr, team);
    team->dismiss();
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(together.floats, alone.floats) << helpers;
  }
}

// A trained model with groups, and the same lists without.
struct Index {
  std::vector<float> rows;
  TrainedModel trained;
  Model grouped, flat;
  std::vector<float> prepared;
  size_t padded;

  explicit Index(Metric metric, size_t count = 12000) : rows(test_rows(count)) {
    TrainingOptions options = options_for(metric, 500, true);
    options.soar_lambda = 1;
    trained = train(options, rows.data(), count, nullptr);
    grouped = flat = trained.view();
    flat.shape.groups = flat.groups.count = 0;
    padded = grouped.shape.padded_dims();
    prepared.resize(count * padded);
    for (size_t i = 0; i < count; ++i) {
      prepare(grouped.shape, &rows[i * kDims], &prepared[i * padded]);
    }
  }
};

TEST(GroupedSpill, FindsNearlyTheListsThatAllComparisonsFind) {
  for (const Metric metric : kMetrics) {
    const Index index(metric);
    constexpr size_t kRows = 1000;
    std::vector<uint32_t> lists(kRows), expected(kRows), found(kRows);
    std::vector<float> scratch(kSpillScratchFloats);
    assign_lists(index.grouped, index.prepared.data(), kRows, lists.data());
    spill_lists(index.flat, index.prepared.data(), kRows, lists.data(), expected.data(),
                scratch.data());
    spill_lists(index.grouped, index.prepared.data(), kRows, lists.data(), found.data(),
                scratch.data());
    size_t same = 0;
    for (size_t i = 0; i < kRows; ++i) {
      EXPECT_LT(found[i], index.grouped.shape.lists);
      EXPECT_NE(found[i], lists[i]);
      same += found[i] == expected[i];
    }
    EXPECT_GT(same, kRows * 9 / 10);
  }
}

TEST(GroupedRoutes, KnowEveryListOnceAndScoreItAsEver) {
  for (const Metric metric : kMetrics) {
    const Index index(metric);
    const uint32_t count = index.grouped.shape.lists;
    Router router(index.grouped), flat(index.flat);
    std::vector<float> expected(count);
    for (size_t q = 0; q < 20; ++q) {
      const float* query = &index.prepared[q * index.padded];
      flat.route(query, expected.data());
      const Routes* routes = &router.begin(query);
      EXPECT_LT(routes->known, count / 2);
      std::vector<uint32_t> before;
      for (uint32_t wanted = 1; wanted <= count; wanted += wanted) {
        routes = &router.widen(wanted);
        ASSERT_GE(routes->known, wanted);
        // What was known stays where it is.
        ASSERT_TRUE(std::equal(before.begin(), before.end(), routes->order));
        before.assign(routes->order, routes->order + routes->known);
      }
      routes = &router.widen(count);
      ASSERT_EQ(routes->known, count);
      std::vector<uint32_t> all(routes->order, routes->order + count);
      std::sort(all.begin(), all.end());
      size_t raised = 0;
      for (uint32_t l = 0; l < count; ++l) {
        ASSERT_EQ(all[l], l);
        raised += routes->scores[l] != expected[l];
      }
      // The three of the query's direction, of those known first and of all.
      EXPECT_LE(raised, metric == Metric::inner_product ? 6u : 0u);
    }
  }
}

// The ranks by which recall is fitted against the lists that a scan opens.
TEST(GroupedRoutes, RanksAreThoseOfScans) {
  const Index index(Metric::inner_product);
  const uint32_t count = index.grouped.shape.lists;
  Router router(index.grouped), scan(index.grouped);
  std::vector<float> scores(count);
  std::vector<uint32_t> order(count), rank(count), scratch(count);
  size_t delayed = 0;
  for (size_t q = 0; q < 20; ++q) {
    const float* query = &index.prepared[q * index.padded];
    router.route(query, scores.data());
    std::iota(order.begin(), order.end(), 0u);
    std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
      return scores[a] > scores[b] || (scores[a] == scores[b] && a < b);
    });
    for (uint32_t i = 0; i < count; ++i) rank[order[i]] = i;
    const std::vector<uint32_t> undelayed = rank;
    router.delay(rank.data());
    delayed += rank != undelayed;
    for (const uint32_t wanted : {1u, 2u, 5u, 10u, 17u, count}) {
      scan.begin(query);
      const Routes& routes = scan.widen(wanted);
      select_best(routes.scores, routes.order, routes.known, wanted, scratch.data());
      std::vector<bool> open(count);
      for (uint32_t i = 0; i < wanted; ++i) open[routes.order[i]] = true;
      for (uint32_t l = 0; l < count; ++l) {
        ASSERT_TRUE(open[l] || rank[l] >= wanted) << "list " << l << " of " << wanted;
      }
    }
  }
  EXPECT_GT(delayed, 0u);
}

// Ten nearest rows of each query that lie in the lists opened first.
double share_found(const Index& index, Model model, uint32_t wanted) {
  constexpr size_t kQueries = 100, kDepth = 10;
  const size_t count = index.rows.size() / kDims;
  std::vector<uint32_t> lists(count), order(count), scratch(model.shape.lists);
  assign_lists(index.grouped, index.prepared.data(), count, lists.data());
  std::vector<float> scores(count), query(index.padded);
  Router router(model);
  size_t found = 0;
  const auto queries = test_rows(count + kQueries);
  for (size_t q = count; q < count + kQueries; ++q) {
    prepare(model.shape, &queries[q * kDims], query.data());
    dot_rows(query.data(), index.prepared.data(), count, index.padded, scores.data());
    if (model.shape.metric == Metric::l2) {
      for (size_t i = 0; i < count; ++i) {
        scores[i] -= norm_squared(&index.prepared[i * index.padded], index.padded) / 2;
      }
    }
    std::iota(order.begin(), order.end(), 0u);
    std::partial_sort(order.begin(), order.begin() + kDepth, order.end(),
                      [&](uint32_t a, uint32_t b) { return scores[a] > scores[b]; });
    router.begin(query.data());
    const Routes& routes = router.widen(wanted);
    select_best(routes.scores, routes.order, routes.known, wanted, scratch.data());
    for (size_t i = 0; i < kDepth; ++i) {
      found +=
          std::find(routes.order, routes.order + wanted, lists[order[i]]) != routes.order + wanted;
    }
  }
  return static_cast<double>(found) / (kQueries * kDepth);
}

TEST(GroupedRoutes, FindNearlyWhatAllListsWouldFind) {
  for (const Metric metric : kMetrics) {
    const Index index(metric);
    for (const uint32_t wanted : {5u, 10u, 30u}) {
      const double all = share_found(index, index.flat, wanted);
      EXPECT_GT(all, 0.3);
      EXPECT_GT(share_found(index, index.grouped, wanted), all - 0.05) << wanted;
    }
  }
}

}  // namespace
}  // namespace avq
