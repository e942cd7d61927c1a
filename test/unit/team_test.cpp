// Teams: whoever helps, and however often, rows get the centres that one thread alone gives them.
#include "core/team.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <numeric>
#include <thread>

#include "core/trainer.h"
#include "synthetic.h"

namespace avq {
namespace {

// A team over a copy of the rows, and helpers that are threads.
struct Crew {
  std::unique_ptr<char[]> memory;
  Team* team;
  std::vector<std::thread> threads;
  std::atomic<size_t> batches = 0;  // that helpers computed

  Crew(const std::vector<float>& rows, size_t dims, size_t centres, size_t helpers)
      : memory(new char[Team::bytes(rows.size() / dims, dims, centres) + 64]) {
    void* place = memory.get();
    size_t room = Team::bytes(rows.size() / dims, dims, centres) + 64;
    std::align(64, 64, place, room);
    team = Team::create(place, rows.size() / dims, dims, centres);
    std::copy(rows.begin(), rows.end(), team->sample());
    for (size_t i = 0; i < helpers; ++i) {
      threads.emplace_back([this] {
        std::vector<float> scratch(team->scratch_floats());
        for (;;) {
          const Team::Help help = team->help(scratch.data());
          if (help == Team::Help::dismissed) return;
          if (help == Team::Help::done) ++batches;
          if (help == Team::Help::nothing_to_do) std::this_thread::yield();
        }
      });
    }
  }
  ~Crew() {
    team->dismiss();
    for (std::thread& thread : threads) thread.join();
  }
};

TEST(Team, AssignsAsOneThreadDoes) {
  constexpr size_t kDims = 24, kCentres = 50;
  const auto rows = clustered_rows(3000, kDims, 60, 0.5f, 0.3f, 3);
  const Sample alone(Metric::l2, rows.data(), 3000, kDims, nullptr);
  for (const size_t helpers : {0, 1, 3}) {
    Crew crew(rows, kDims, kCentres, helpers);
    Sample sample(Metric::l2, crew.team->sample(), 3000, kDims, nullptr);
    sample.team = crew.team;
    for (uint32_t round = 0; round < 30; ++round) {
      // Other centres and rows each time: results of an earlier task would be seen.
      const float* centres = rows.data() + round * 40 * kDims;
      const size_t count = kCentres - round;
      const auto bias = centre_bias(Metric::l2, centres, count, kDims);
      std::vector<uint32_t> numbers;
      // More numbers than rows in some rounds.
      const size_t wanted = 1 + round * 211;
      for (uint32_t i = 0; i < wanted; ++i) numbers.push_back((i * 7 + round) % 3000);
      std::vector<uint32_t> expected(wanted), nearest(wanted);
      std::vector<float> expected_scores(wanted), scores(wanted);
      assign_nearest(alone, numbers.data(), wanted, {centres, count, bias.data()}, expected.data(),
                     expected_scores.data());
      assign_nearest(sample, numbers.data(), wanted, {centres, count, bias.data()}, nearest.data(),
                     scores.data());
      ASSERT_EQ(expected, nearest) << "round " << round << ", helpers " << helpers;
      ASSERT_EQ(expected_scores, scores);
    }
    std::vector<uint32_t> expected(3000), nearest(3000);
    std::vector<float> scores(3000);
    const auto bias = centre_bias(Metric::l2, rows.data(), kCentres, kDims);
    assign_nearest(alone, nullptr, 3000, {rows.data(), kCentres, bias.data()}, expected.data(),
                   scores.data());
    assign_nearest(sample, nullptr, 3000, {rows.data(), kCentres, bias.data()}, nearest.data(),
                   scores.data());
    EXPECT_EQ(expected, nearest);
  }
}

TEST(Team, HelpersDoSomeOfTheWork) {
  constexpr size_t kDims = 64, kCentres = 300;
  const auto rows = clustered_rows(20000, kDims, 60, 0.5f, 0.3f, 3);
  Crew crew(rows, kDims, kCentres, 1);
  Sample sample(Metric::l2, crew.team->sample(), 20000, kDims, nullptr);
  sample.team = crew.team;
  const auto bias = centre_bias(Metric::l2, rows.data(), kCentres, kDims);
  std::vector<uint32_t> nearest(20000);
  std::vector<float> scores(20000);
  // On a busy machine the helper may not get a turn at once.
  for (int round = 0; round < 1000 && crew.batches == 0; ++round) {
    assign_nearest(sample, nullptr, 20000, {rows.data(), kCentres, bias.data()}, nearest.data(),
                   scores.data());
  }
  EXPECT_GT(crew.batches, 0u);
}

// Something to train.
struct Task {
  std::vector<float> rows = clustered_rows(4000, 16, 30, 0.5f, 0.3f, 3);
  TrainingOptions options;
  Task() {
    options.dims = 16;
    options.lists = 40;
  }
};

TEST(Team, TrainsTheSameModel) {
  const auto [rows, options] = Task();
  const TrainedModel alone = train(options, rows.data(), 4000, nullptr);
  Crew crew(rows, 16, 40, 2);
  static double reported;
  reported = -1;
  const TrainedModel together =
      train(options, crew.team->sample(), 4000, nullptr, crew.team, [](double share) noexcept {
        EXPECT_GE(share, reported);
        EXPECT_LE(share, 1);
        reported = share;
      });
  EXPECT_EQ(alone.floats, together.floats);
  EXPECT_EQ(reported, 1);
}

TEST(Team, StopsWhenAsked) {
  const auto [rows, options] = Task();
  Crew crew(rows, 16, 40, 2);
  EXPECT_THROW(train(
                   options, crew.team->sample(), 4000, []() noexcept { return true; }, crew.team),
               Error);
}

TEST(Team, EndsWhenAHelperFails) {
  const auto [rows, options] = Task();
  Crew crew(rows, 16, 40, 2);
  crew.team->fail();
  try {
    train(options, crew.team->sample(), 4000, nullptr, crew.team);
    FAIL() << "trained with a helper that has failed";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::canceled);
  }
}

}  // namespace
}  // namespace avq
