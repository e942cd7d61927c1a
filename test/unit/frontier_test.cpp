// The order of candidates, and the collector: together its passes give every row once.
#include "core/frontier.h"

#include <gtest/gtest.h>

#include <vector>

#include "core/random.h"

namespace avq {
namespace {

std::vector<CodedRow> random_rows(size_t count, size_t distinct_scores, uint64_t seed) {
  Random random(seed, RandomUse::gaussian);
  std::vector<CodedRow> rows;
  for (size_t i = 0; i < count; ++i) {
    rows.push_back({static_cast<float>(random.below(distinct_scores)), 0, (i + 1) << 16 | i % 3});
  }
  // Not in the order of their places.
  for (size_t i = count; i > 1; --i) std::swap(rows[i - 1], rows[random.below(i)]);
  return rows;
}

TEST(Frontier, ARowKnowsItsTidAndList) {
  constexpr uint64_t kTid = 0xfffffffeffff;
  const CodedRow row = {1, 2, kTid << 16 | 65535};
  EXPECT_EQ(row.tid(), kTid);
  EXPECT_EQ(row.list(), 65535u);
}

TEST(Frontier, PlacesAreInOneTotalOrder) {
  const Place places[] = {kFirstPlace, {2, 5}, {2, 6}, {1, 0}, {-1, 0}, {-1, 9}};
  for (size_t i = 0; i < std::size(places); ++i) {
    for (size_t j = 0; j < std::size(places); ++j) {
      EXPECT_EQ(before(places[i], places[j]), i < j) << i << " " << j;
    }
  }
  const CodedRow row = {2, 0, 5};
  EXPECT_TRUE(before(place_of(row), just_after(row)));
  EXPECT_FALSE(before(just_after(row), Place{2, 6}));
}

TEST(Frontier, SortingIsByScoreThenPlaceWhateverTheScores) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const float scores[] = {0.0f,   -0.0f,     1e-45f,     -1e-45f, 3e38f,
                          -3e38f, kInfinity, -kInfinity, 1,       -1};
  Random random(1, RandomUse::gaussian);
  for (uint32_t count : {0u, 1u, 2u, 31u, 64u, 100u, kMostSorted}) {
    std::vector<CodedRow> rows = random_rows(count, 1, 4);
    for (CodedRow& row : rows) row.score = scores[random.below(std::size(scores))];
    std::vector<CodedRow> expected = rows;
    std::sort(expected.rbegin(), expected.rend(), better);
    sort_best_last(rows.data(), count);
    for (uint32_t i = 0; i < count; ++i) EXPECT_EQ(rows[i].place, expected[i].place) << count;
  }
}

TEST(Frontier, PendingRowsLeaveBestFirst) {
  for (uint32_t count : {0u, 1u, 2u, 511u, 512u, 513u, 1100u, 20000u}) {
    std::vector<CodedRow> rows = random_rows(count, 20, 3), expected = rows;
    const auto order = [](const CodedRow& a, const CodedRow& b) {
      return before(place_of(a), place_of(b));
    };
    std::sort(expected.begin(), expected.end(), order);
    Pending pending = {rows.data(), count, 0, {}};
    pending.disturb();
    for (const CodedRow& row : expected) {
      ASSERT_EQ(pending.best().place, row.place) << count;
      EXPECT_EQ(pending.pop().place, row.place) << count;
    }
    EXPECT_EQ(pending.count, 0u);
  }
}

// Whether few come or many, early or when most have left.
TEST(Frontier, RowsThatComeLaterAreAmongThePending) {
  for (const uint32_t first : {0u, 1u, 50u, 200u, 1000u}) {
    for (const uint32_t added : {1u, 10u, 100u, 1000u}) {
      for (const uint32_t popped : {0u, 20u, 190u}) {
        if (popped > first) continue;
        const std::vector<CodedRow> later = random_rows(added, 50, 7);
        std::vector<CodedRow> rows = random_rows(first, 50, 5);
        rows.resize(first + added);
        Pending pending = {rows.data(), first, 0, {}};
        pending.disturb();
        for (uint32_t i = 0; i < popped; ++i) pending.pop();
        pending.add(later.data(), added);
        Place last = kFirstPlace;
        for (uint32_t left = first - popped + added; left > 0; --left) {
          ASSERT_EQ(pending.count, left);
          const Place place = place_of(pending.pop());
          EXPECT_FALSE(before(place, last)) << first << " " << added << " " << popped;
          last = place;
        }
        EXPECT_EQ(pending.count, 0u);
      }
    }
  }
}

TEST(Frontier, ReadyRowsLeaveNearestFirst) {
  std::vector<ReadyRow> heap;
  const double keys[] = {3, 1, 2, 1, 3, -1, 2, std::numeric_limits<double>::infinity()};
  for (size_t i = 0; i < std::size(keys); ++i) {
    heap.push_back({keys[i], keys[i], 100 - i, true, 0});
    std::push_heap(heap.begin(), heap.end(), Farther{});
  }
  std::vector<std::pair<double, uint64_t>> order;
  while (!heap.empty()) {
    order.emplace_back(heap.front().key, heap.front().tid);
    std::pop_heap(heap.begin(), heap.end(), Farther{});
    heap.pop_back();
  }
  EXPECT_EQ(order.size(), std::size(keys));
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TEST(Frontier, ACollectorTakesNothingFromItsEndOn) {
  const std::vector<CodedRow> rows = random_rows(500, 100, 7);
  const Place end = {50, 0};
  std::vector<CodedRow> room(2 * 512);
  Collector collector(room.data(), 512, end);
  EXPECT_EQ(collector.threshold(), 50);
  uint32_t expected = 0;
  for (const CodedRow& row : rows) {
    expected += before(place_of(row), end);
    if (collector.wants(place_of(row))) collector.add(row);
  }
  EXPECT_EQ(collector.count(), expected);
  EXPECT_FALSE(collector.complete());
  EXPECT_EQ(collector.worst().score, end.score);
}

class CollectorOf : public testing::TestWithParam<std::tuple<size_t, uint32_t, size_t>> {};

// Offers the rows as a scan does: by threshold() and wants(), or not at all.
void offer(const std::vector<CodedRow>& rows, const Place& floor, Collector* collector) {
  for (const CodedRow& row : rows) {
    const Place place = place_of(row);
    if (row.score < collector->threshold() || !collector->wants(place)) continue;
    if (before(place, floor)) continue;
    collector->add(row);
  }
}

// Whatever was kept, it is the best of what was offered: all before worst(), and only those.
TEST_P(CollectorOf, KeepsJustWhatLiesBeforeWorst) {
  const auto [count, keep, distinct] = GetParam();
  const std::vector<CodedRow> rows = random_rows(count, distinct, 7);
  std::vector<CodedRow> room(2 * keep);
  Collector collector(room.data(), keep);
  offer(rows, kFirstPlace, &collector);

  std::vector<Place> expected, kept;
  for (const CodedRow& row : rows) {
    if (before(place_of(row), collector.worst())) expected.push_back(place_of(row));
  }
  for (uint32_t i = 0; i < collector.count(); ++i) kept.push_back(place_of(collector.rows()[i]));
  std::sort(expected.begin(), expected.end(), before);
  std::sort(kept.begin(), kept.end(), before);
  ASSERT_EQ(kept.size(), expected.size());
  for (size_t i = 0; i < kept.size(); ++i) EXPECT_EQ(kept[i].place, expected[i].place) << i;
  EXPECT_LT(kept.size(), 2 * keep);
  EXPECT_EQ(collector.complete(), kept.size() == count);
  if (count >= keep) {
    // By the median of a sample: rarely much less than half.
    EXPECT_GE(kept.size(), keep / 4);
  }
}

TEST_P(CollectorOf, PassesFromFloorToFloorGiveEveryRowOnce) {
  const auto [count, keep, distinct] = GetParam();
  const std::vector<CodedRow> rows = random_rows(count, distinct, 8);
  std::vector<CodedRow> room(2 * keep);
  std::vector<int> times(count + 1);
  Place floor = kFirstPlace;
  for (size_t passes = 0;; ++passes) {
    ASSERT_LE(passes, count);
    Collector collector(room.data(), keep);
    offer(rows, floor, &collector);
    for (uint32_t i = 0; i < collector.count(); ++i) {
      EXPECT_FALSE(before(place_of(collector.rows()[i]), floor));
      ++times[collector.rows()[i].tid()];
    }
    if (collector.complete()) break;
    ASSERT_TRUE(before(floor, collector.worst()));
    floor = collector.worst();
  }
  for (const CodedRow& row : rows) EXPECT_EQ(times[row.tid()], 1) << row.tid();
}

// One score for all: the places alone decide.
INSTANTIATE_TEST_SUITE_P(Sizes, CollectorOf,
                         testing::Combine(testing::Values<size_t>(0, 1, 63, 64, 127, 128, 129, 1000,
                                                                  5000),
                                          testing::Values<uint32_t>(64, 100, 512),
                                          testing::Values<size_t>(1, 3, 1000000)));

}  // namespace
}  // namespace avq
