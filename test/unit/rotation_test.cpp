// The rotation is orthogonal, depends on the seed alone, and mixes every coordinate into all.
#include "core/rotation.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "synthetic.h"

namespace avq {
namespace {

double product(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += static_cast<double>(a[i]) * b[i];
  return sum;
}

class RotationOfDims : public testing::TestWithParam<size_t> {};

TEST_P(RotationOfDims, KeepsInnerProducts) {
  const size_t dims = GetParam();
  std::vector<float> a = gaussian_rows(1, dims, 1), b = gaussian_rows(1, dims, 2);
  const double aa = product(a, a), bb = product(b, b), ab = product(a, b);
  rotate(7, a.data(), dims);
  rotate(7, b.data(), dims);
  const double tolerance = 1e-5 * std::sqrt(aa * bb);
  EXPECT_NEAR(product(a, a), aa, 1e-5 * aa);
  EXPECT_NEAR(product(b, b), bb, 1e-5 * bb);
  EXPECT_NEAR(product(a, b), ab, tolerance);
}

TEST_P(RotationOfDims, StaysWithinTheVector) {
  const size_t dims = GetParam();
  std::vector<float> padded = gaussian_rows(1, dims + 2, 3);
  padded.front() = padded.back() = 42;
  rotate(7, padded.data() + 1, dims);
  EXPECT_EQ(padded.front(), 42);
  EXPECT_EQ(padded.back(), 42);
}

INSTANTIATE_TEST_SUITE_P(Dims, RotationOfDims,
                         testing::Values(1, 2, 3, 4, 5, 7, 8, 31, 96, 100, 127, 128, 129, 384, 1000,
                                         1536, 16000));

TEST(Rotation, TheSeedDecides) {
  const std::vector<float> original = gaussian_rows(1, 100, 1);
  std::vector<float> first = original, again = original, other = original;
  rotate(7, first.data(), 100);
  rotate(7, again.data(), 100);
  rotate(8, other.data(), 100);
  EXPECT_EQ(first, again);
  EXPECT_NE(first, other);
  EXPECT_LT(std::abs(product(first, other)), 0.6 * product(original, original));
}

// Codes on disk were made with this very rotation: a change of it is a change of format. The
// transforms only add and multiply, so that every machine gets the same bits.
TEST(Rotation, NeverChanges) {
  std::vector<float> ones(6, 1.0f);
  rotate(1, ones.data(), ones.size());
  const std::vector<float> known = {-0.75f, 2.25f, 0.25f, -0.5f, -0.25f, 0.0f};
  for (size_t i = 0; i < known.size(); ++i) EXPECT_FLOAT_EQ(ones[i], known[i]) << i;
}

// No coordinate of a unit vector stays prominent, wherever it was.
TEST(Rotation, SpreadsSingleCoordinates) {
  for (const size_t dims : {96, 100, 384}) {
    for (size_t at = 0; at < dims; ++at) {
      std::vector<float> unit(dims);
      unit[at] = 1;
      rotate(11, unit.data(), dims);
      float largest = 0;
      for (const float value : unit) largest = std::max(largest, std::abs(value));
      EXPECT_LT(largest, 6 / std::sqrt(static_cast<float>(dims))) << dims << " " << at;
    }
  }
}

// What it is for: rows whose variance lies in few dimensions get it in all.
TEST(Rotation, EvensOutVariances) {
  const size_t dims = 100, count = 500;
  std::vector<float> rows = gaussian_rows(count, dims, 5);
  std::vector<double> variance(dims);
  for (size_t i = 0; i < count; ++i) {
    for (size_t j = 10; j < dims; ++j) rows[i * dims + j] = 0;
    rotate(3, &rows[i * dims], dims);
    for (size_t j = 0; j < dims; ++j) {
      variance[j] += static_cast<double>(rows[i * dims + j]) * rows[i * dims + j];
    }
  }
  for (const double value : variance) {
    EXPECT_GT(value / count, 0.1 * 0.1);
    EXPECT_LT(value / count, 0.1 * 5);
  }
}

}  // namespace
}  // namespace avq
