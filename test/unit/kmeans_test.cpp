// k-means: determinism, quality against known clusters, and the inputs that break naive versions.
#include "core/kmeans.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>

#include "core/kernels.h"
#include "core/lists.h"
#include "core/model.h"
#include "synthetic.h"

namespace avq {
namespace {

Sample sample_of(Metric metric, const std::vector<float>& rows, size_t dims,
                 StopFlag stop = nullptr) {
  return Sample(metric, rows.data(), rows.size() / dims, dims, stop);
}

double mean_error(const Sample& sample, const ListSet& lists) {
  double error = 0;
  for (size_t row = 0; row < sample.rows; ++row) {
    error +=
        l2_squared(sample.at(row), &lists.centres[lists.list_of[row] * sample.dims], sample.dims);
  }
  return error / static_cast<double>(sample.rows);
}

TEST(Kmeans, FindsSeparatedClusters) {
  const auto rows = clustered_rows(4000, 20, 10, 0.05f, 0, 3);
  const Sample sample = sample_of(Metric::l2, rows, 20);
  const ListSet lists = settle_lists(sample, train_centres(sample, 30, 1));
  // Within a cluster the squared distance to its mean is about 0.05^2; cells that mix clusters
  // would have about 1.
  EXPECT_LT(mean_error(sample, lists), 2 * 0.05 * 0.05);
}

TEST(Kmeans, TheSeedDecides) {
  const auto rows = clustered_rows(2000, 16, 50, 0.5f, 0.3f, 3);
  for (const Metric metric : {Metric::inner_product, Metric::cosine, Metric::l2}) {
    const Sample sample = sample_of(metric, rows, 16);
    EXPECT_EQ(train_centres(sample, 20, 5), train_centres(sample, 20, 5));
    EXPECT_NE(train_centres(sample, 20, 5), train_centres(sample, 20, 6));
  }
}

TEST(Kmeans, CosineCentresHaveNormOneAndIgnoreLengths) {
  auto rows = clustered_rows(1000, 16, 10, 0.3f, 0, 3);
  const Sample sample = sample_of(Metric::cosine, rows, 16);
  const std::vector<float> centres = train_centres(sample, 10, 1);
  for (size_t c = 0; c < 10; ++c) EXPECT_NEAR(norm_squared(&centres[c * 16], 16), 1, 1e-5);
  // Powers of two stretch without rounding.
  for (size_t i = 0; i < 1000; ++i) {
    for (size_t j = 0; j < 16; ++j) rows[i * 16 + j] *= i % 2 == 0 ? 4.0f : 0.125f;
  }
  const std::vector<float> stretched = train_centres(sample_of(Metric::cosine, rows, 16), 10, 1);
  for (size_t i = 0; i < centres.size(); ++i) EXPECT_NEAR(centres[i], stretched[i], 1e-5);
}

TEST(Kmeans, MakesNoMoreListsThanDistinctRows) {
  std::vector<float> rows;
  const auto distinct = gaussian_rows(7, 5, 1);
  for (int copy = 0; copy < 100; ++copy) rows.insert(rows.end(), distinct.begin(), distinct.end());
  for (const Metric metric : {Metric::inner_product, Metric::cosine, Metric::l2}) {
    const Sample sample = sample_of(metric, rows, 5);
    const ListSet lists = settle_lists(sample, train_centres(sample, 50, 1));
    EXPECT_LE(lists.count, 7u);
    EXPECT_GE(lists.count, 5u);
    EXPECT_EQ(train_centres(sample, 3, 1).size(), 3u * 5);
  }
}

TEST(Kmeans, OneListIsTheMean) {
  const auto rows = gaussian_rows(500, 3, 9);
  const std::vector<float> centre = train_centres(sample_of(Metric::l2, rows, 3), 1, 1);
  ASSERT_EQ(centre.size(), 3u);
  for (size_t j = 0; j < 3; ++j) {
    double mean = 0;
    for (size_t i = 0; i < 500; ++i) mean += rows[i * 3 + j] / 500.0;
    EXPECT_NEAR(centre[j], mean, 1e-5);
  }
}

TEST(Kmeans, NoListWithoutRowsAndEveryRowInTheNearest) {
  const auto rows = clustered_rows(3000, 10, 300, 0.2f, 1.0f, 3);
  for (const Metric metric : {Metric::inner_product, Metric::cosine, Metric::l2}) {
    const Sample sample = sample_of(metric, rows, 10);
    const ListSet lists = settle_lists(sample, train_centres(sample, 100, 1));
    std::vector<uint32_t> sizes(lists.count);
    for (size_t row = 0; row < sample.rows; ++row) {
      ++sizes[lists.list_of[row]];
      const auto score = [&](size_t l) {
        return dot(sample.at(row), &lists.centres[l * 10], 10) - lists.bias[l];
      };
      const float own = score(lists.list_of[row]);
      for (size_t l = 0; l < lists.count; ++l) {
        EXPECT_LE(score(l), own + 1e-5 * (1 + std::abs(own)));
      }
    }
    EXPECT_EQ(sizes, lists.sizes);
    for (const uint32_t size : sizes) EXPECT_GT(size, 0u);
  }
}

TEST(Kmeans, InnerProductCellsAreFinerWhereRowsAreLong) {
  // Two equal crowds, one ten times longer: most lists should go to it.
  auto rows = gaussian_rows(4000, 8, 2);
  for (size_t i = 0; i < rows.size() / 2; ++i) rows[i] *= 10;
  const Sample sample = sample_of(Metric::inner_product, rows, 8);
  const std::vector<float> centres = train_centres(sample, 40, 1);
  size_t far = 0;
  for (size_t c = 0; c < 40; ++c) far += norm_squared(&centres[c * 8], 8) > 3 * 3;
  EXPECT_GT(far, 30u);
}

TEST(Kmeans, AnOutlierDoesNotSpoilTheRest) {
  auto rows = clustered_rows(2000, 10, 20, 0.1f, 0, 3);
  for (size_t j = 0; j < 10; ++j) rows[70 * 10 + j] *= 20;
  for (const Metric metric : {Metric::inner_product, Metric::l2}) {
    const Sample sample = sample_of(metric, rows, 10);
    const ListSet lists = settle_lists(sample, train_centres(sample, 40, 1));
    double error = 0;
    for (size_t row = 0; row < sample.rows; ++row) {
      if (row == 70) continue;
      error += l2_squared(sample.at(row), &lists.centres[lists.list_of[row] * 10], 10);
    }
    EXPECT_LT(error / 2000, 0.25);
  }
}

TEST(Kmeans, ZeroRowsAndIdenticalRowsGiveOneFiniteList) {
  for (const float value : {0.0f, 1.5f, -3e-20f}) {
    const std::vector<float> rows(400, value);
    for (const Metric metric : {Metric::inner_product, Metric::cosine, Metric::l2}) {
      const Sample sample = sample_of(metric, rows, 4);
      const ListSet lists = settle_lists(sample, train_centres(sample, 10, 1));
      EXPECT_EQ(lists.count, 1u);
      for (const float component : lists.centres) EXPECT_TRUE(std::isfinite(component));
    }
  }
}

TEST(Kmeans, StopsWhenAsked) {
  const auto rows = gaussian_rows(1000, 8, 1);
  const Sample sample = sample_of(Metric::l2, rows, 8, []() noexcept { return true; });
  try {
    train_centres(sample, 20, 1);
    FAIL() << "ran to its end";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::canceled);
  }
}

double codeword_error(const std::vector<float>& points, size_t width,
                      const std::vector<float>& codewords) {
  double total = 0;
  for (size_t i = 0; i < points.size() / width; ++i) {
    double best = std::numeric_limits<double>::max();
    for (size_t k = 0; k < kCodewords; ++k) {
      double square = 0;
      for (size_t j = 0; j < width; ++j) {
        square += std::pow(points[i * width + j] - codewords[j * kCodewords + k], 2);
      }
      best = std::min(best, square);
    }
    total += best;
  }
  return total / static_cast<double>(points.size() / width);
}

TEST(Codewords, OfTheNormalDistributionComeCloseToTheBestKnown) {
  // The best 16 levels of a normal variable (Lloyd and Max) leave an error of 0.01154, the best 4
  // levels 0.1175: 16 codewords over two dimensions must beat 4 x 4 levels.
  const auto line = gaussian_rows(20000, 1, 3), plane = gaussian_rows(20000, 2, 4);
  std::vector<float> words(16), pairs(32);
  train_codewords(line.data(), 20000, 1, 1, words.data(), nullptr);
  train_codewords(plane.data(), 20000, 2, 1, pairs.data(), nullptr);
  EXPECT_LT(codeword_error(line, 1, words), 0.0150);
  EXPECT_GT(codeword_error(line, 1, words), 0.0108);
  EXPECT_LT(codeword_error(plane, 2, pairs), 2 * 0.1175);
}

TEST(Codewords, FewPointsAreKeptExactly) {
  std::vector<float> points;
  for (int copy = 0; copy < 50; ++copy) {
    for (int i = 0; i < 10; ++i) points.push_back(static_cast<float>(i));
  }
  std::vector<float> words(16);
  train_codewords(points.data(), points.size(), 1, 1, words.data(), nullptr);
  EXPECT_NEAR(codeword_error(points, 1, words), 0, 1e-9);
}

}  // namespace
}  // namespace avq
