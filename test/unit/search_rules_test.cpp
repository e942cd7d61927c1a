// The rules from target recall to work: more recall never means less work, and the ends mean what
// they say.
#include "core/search_rules.h"

#include <gtest/gtest.h>

namespace avq {
namespace {

constexpr double kTargets[] = {0.5, 0.6, 0.8, 0.9, 0.95, 0.97, 0.98, 0.99, 0.995, 0.999, 1.0};

TEST(SearchRules, InterpolatesBetweenPointsAndClampsOutside) {
  static constexpr double kTable[][2] = {{1, 10}, {2, 20}, {4, 0}};
  EXPECT_DOUBLE_EQ(interpolate(kTable, 0), 10);
  EXPECT_DOUBLE_EQ(interpolate(kTable, 1), 10);
  EXPECT_DOUBLE_EQ(interpolate(kTable, 1.5), 15);
  EXPECT_DOUBLE_EQ(interpolate(kTable, 2), 20);
  EXPECT_DOUBLE_EQ(interpolate(kTable, 3), 10);
  EXPECT_DOUBLE_EQ(interpolate(kTable, 4), 0);
  EXPECT_DOUBLE_EQ(interpolate(kTable, 9), 0);
}

TEST(SearchRules, BoundsWidenWithTheTarget) {
  float last = 0;
  for (const double target : kTargets) {
    EXPECT_GT(bound_width(target), last) << target;
    last = bound_width(target);
  }
  EXPECT_EQ(bound_width(0), bound_width(0.5));
}

TEST(SearchRules, ProbesStayBetweenOneAndAllLists) {
  for (const uint32_t lists : {1u, 2u, 5u, 6u, 7u, 100u, 5000u, 65536u}) {
    for (const double target : kTargets) {
      for (const uint64_t row : {1ul, 10ul, 11ul, 1000ul, 1000000000ul}) {
        const uint32_t probes = probes_for(target, lists, 1e5, row).lists;
        EXPECT_GE(probes, 1u);
        EXPECT_LE(probes, lists);
      }
    }
  }
}

TEST(SearchRules, ProbesGrowWithTargetListsAndDepth) {
  for (const uint64_t row : {1ul, 10ul, 100ul, 10000ul}) {
    uint32_t last = 0;
    for (const double target : kTargets) {
      const uint32_t probes = probes_for(target, 1000, 1e5, row).lists;
      EXPECT_GE(probes, last) << target << " " << row;
      EXPECT_LE(probes, probes_for(target, 2000, 1e5, row).lists) << target << " " << row;
      EXPECT_LE(probes, probes_for(target, 1000, 1e5, row * 10).lists) << target << " " << row;
      last = probes;
    }
  }
}

TEST(SearchRules, FewRowsOfOneScanChangeProbesInFewSteps) {
  uint32_t changes = 0, last = probes_for(0.9, 10000, 1e5, 1).lists;
  for (uint64_t row = 2; row <= 1000; row++) {
    const uint32_t probes = probes_for(0.9, 10000, 1e5, row).lists;
    changes += probes != last;
    last = probes;
  }
  EXPECT_LE(changes, 7u);  // a pass each: log2(1000 / 10)
}

TEST(SearchRules, TargetOfOneMeansEverything) {
  for (const uint32_t lists : {1u, 7u, 65536u})
    EXPECT_EQ(probes_for(1, lists, 1e5, 1).lists, lists);
  EXPECT_EQ(rescore_budget(1, 1), UINT64_MAX);
}

TEST(SearchRules, BudgetsGrowWithTargetAndDepth) {
  for (const uint64_t row : {1ul, 10ul, 1000ul}) {
    uint64_t last = 0;
    for (const double target : kTargets) {
      const uint64_t budget = rescore_budget(target, row);
      EXPECT_GE(budget, last) << target;
      EXPECT_GE(budget, row) << target;
      EXPECT_GE(rescore_budget(target, row * 2), budget) << target;
      last = budget;
    }
  }
}

// Where the best lists hold a few rows each, a share of the lists is not enough.
TEST(SearchRules, AsksForRowsAsWellAsLists) {
  EXPECT_EQ(probes_for(0.95, 100, 1000, 1).rows, 1000);  // a small table: all of it
  EXPECT_GE(probes_for(0.95, 100, 20000, 1).rows, 4000);
  EXPECT_GT(probes_for(0.95, 100, 20000, 100).rows, probes_for(0.95, 100, 20000, 10).rows);
  EXPECT_GT(probes_for(0.95, 1000, 1e6, 1).rows, 1e4);
  EXPECT_LT(probes_for(0.95, 1000, 1e6, 1).rows, 1e5);
  EXPECT_EQ(probes_for(1, 1000, 1e6, 1).rows, 1e6);
}

}  // namespace
}  // namespace avq
