// Rerank copies: what they keep exactly, and that the bound which they promise holds.
#include "core/rerank_copy.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "synthetic.h"

namespace avq {
namespace {

constexpr Rerank kKinds[] = {Rerank::half, Rerank::int8, Rerank::float4};

std::vector<char> copy_of(Rerank rerank, const std::vector<float>& vector) {
  std::vector<char> record(copy_bytes(rerank, static_cast<uint32_t>(vector.size())));
  make_copy(rerank, vector.data(), static_cast<uint32_t>(vector.size()), record.data());
  return record;
}

std::vector<float> floats_of(Rerank rerank, const std::vector<char>& record, size_t dims) {
  std::vector<float> floats(dims);
  read_copy_floats(rerank, record.data(), static_cast<uint32_t>(dims), floats.data());
  return floats;
}

CopyHeader header_of(const std::vector<char>& record) {
  CopyHeader header;
  std::memcpy(&header, record.data(), sizeof(header));
  return header;
}

double product(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += static_cast<double>(a[i]) * b[i];
  return sum;
}

double distance(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double difference = static_cast<double>(a[i]) - b[i];
    sum += difference * difference;
  }
  return std::sqrt(sum);
}

TEST(RerankCopy, Sizes) {
  EXPECT_EQ(copy_bytes(Rerank::heap, 100), 0u);
  EXPECT_EQ(copy_bytes(Rerank::half, 100), 208u);
  EXPECT_EQ(copy_bytes(Rerank::int8, 100), 108u);
  EXPECT_EQ(copy_bytes(Rerank::float4, 100), 408u);
  EXPECT_EQ(copy_bytes(Rerank::half, 1), 12u);
  EXPECT_EQ(copy_bytes(Rerank::int8, 5), 16u);
  EXPECT_EQ(copy_bytes(Rerank::float4, 16000), 64008u);
}

class RerankCopyOf : public testing::TestWithParam<std::tuple<Rerank, uint32_t, float>> {
 protected:
  Rerank rerank() const { return std::get<0>(GetParam()); }
  uint32_t dims() const { return std::get<1>(GetParam()); }
  std::vector<float> row(uint64_t seed) const {
    std::vector<float> values = gaussian_rows(1, dims(), seed);
    for (float& value : values) value *= std::get<2>(GetParam());
    return values;
  }
};

TEST_P(RerankCopyOf, StaysWithinItsError) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const std::vector<float> original = row(seed);
    const std::vector<char> record = copy_of(rerank(), original);
    const std::vector<float> back = floats_of(rerank(), record, dims());
    const CopyHeader header = header_of(record);
    EXPECT_LE(distance(original, back), header.error);
    // And the error is worth something: relative to the row, by kind.
    const double norm = std::sqrt(product(original, original));
    const double allowed = rerank() == Rerank::half   ? 0x1p-11
                           : rerank() == Rerank::int8 ? std::sqrt(dims()) / 127
                                                      : 0;
    EXPECT_LE(header.error, norm * (allowed + std::sqrt(dims()) * 0x1p-21));
  }
}

// The slack is of random errors, but for floats: one in a hundred exceeds it, none does twice.
TEST_P(RerankCopyOf, ScoresStayWithinTheSlack) {
  int beyond = 0;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const std::vector<float> original = row(seed), query = gaussian_rows(1, dims(), 1000 + seed);
    const std::vector<char> record = copy_of(rerank(), original);
    const float norm = static_cast<float>(std::sqrt(product(query, query)));
    const double error = std::abs(copy_dot(rerank(), query.data(), record.data(), dims()) -
                                  product(query, original));
    const double slack = copy_slack(rerank(), norm, record.data(), dims());
    beyond += error > slack;
    EXPECT_LE(error, rerank() == Rerank::float4 ? slack : 2 * slack);
  }
  EXPECT_LE(beyond, rerank() == Rerank::float4 ? 0 : 2);
}

// The worst query there is: along the copy's own error.
TEST_P(RerankCopyOf, HoldsForTheWorstQueryToo) {
  const std::vector<float> original = row(3);
  const std::vector<char> record = copy_of(rerank(), original);
  const std::vector<float> back = floats_of(rerank(), record, dims());
  std::vector<float> query(dims());
  const double length = distance(original, back);
  if (length == 0) return;
  for (uint32_t i = 0; i < dims(); ++i) {
    query[i] = static_cast<float>((static_cast<double>(original[i]) - back[i]) / length);
  }
  const double error =
      std::abs(copy_dot(rerank(), query.data(), record.data(), dims()) - product(query, original));
  EXPECT_LE(error, copy_slack(rerank(), 1.000001f, record.data(), dims(), true));
}

TEST_P(RerankCopyOf, NeitherWritesNorReadsBeyondTheRecord) {
  const std::vector<float> original = row(4);
  const uint32_t bytes = copy_bytes(rerank(), dims());
  std::vector<char> room(bytes + 8, 'x');
  make_copy(rerank(), original.data(), dims(), room.data() + 4);
  EXPECT_EQ(std::string(room.data(), 4), "xxxx");
  EXPECT_EQ(std::string(room.data() + 4 + bytes, 4), "xxxx");
  // The same bytes each time, padding included.
  std::vector<char> again(bytes, 'y');
  make_copy(rerank(), original.data(), dims(), again.data());
  EXPECT_EQ(std::memcmp(room.data() + 4, again.data(), bytes), 0);
}

INSTANTIATE_TEST_SUITE_P(All, RerankCopyOf,
                         testing::Combine(testing::ValuesIn(kKinds),
                                          testing::Values(1u, 2u, 3u, 5u, 8u, 31u, 100u, 255u, 256u,
                                                          257u, 1536u, 16000u),
                                          testing::Values(1e-12f, 1.0f, 1e10f)));

TEST(RerankCopy, KeepsSmallIntegersExactly) {
  std::vector<float> row;
  for (int i = -1000; i <= 1000; i += 7) row.push_back(static_cast<float>(i));
  for (const Rerank rerank : {Rerank::half, Rerank::float4}) {
    EXPECT_EQ(floats_of(rerank, copy_of(rerank, row), row.size()), row);
  }
  // One-hot and sign vectors even in a byte each.
  const std::vector<float> signs = {3, -3, 0, 3, 0, 0, -3};
  const std::vector<float> back =
      floats_of(Rerank::int8, copy_of(Rerank::int8, signs), signs.size());
  for (size_t i = 0; i < signs.size(); ++i) EXPECT_NEAR(back[i], signs[i], 1e-6) << i;
}

TEST(RerankCopy, ZeroIsZero) {
  const std::vector<float> zero(10), query(10, 1.0f);
  for (const Rerank rerank : kKinds) {
    const std::vector<char> record = copy_of(rerank, zero);
    EXPECT_EQ(floats_of(rerank, record, 10), zero);
    EXPECT_EQ(copy_dot(rerank, query.data(), record.data(), 10), 0);
    EXPECT_EQ(copy_slack(rerank, 3, record.data(), 10), 0);
  }
}

// The ends of what the index gives a code to: squared norms from 1e-30 to 1e30.
TEST(RerankCopy, ExtremesNeitherOverflowNorVanish) {
  for (const float size : {1e-15f, 1e15f}) {
    const std::vector<float> row = {size, -size / 3, size / 1000, 0};
    for (const Rerank rerank : kKinds) {
      const std::vector<char> record = copy_of(rerank, row);
      const CopyHeader header = header_of(record);
      EXPECT_TRUE(std::isfinite(header.scale) && std::isfinite(header.error));
      const std::vector<float> back = floats_of(rerank, record, row.size());
      EXPECT_LE(distance(row, back), header.error);
      EXPECT_LT(header.error, 0.01 * size);
    }
  }
}

// A long dimension beside short ones costs half copies no more than their 11 bits of each.
TEST(RerankCopy, HalvesKeepTheirBitsBesideALongDimension) {
  std::vector<float> row = gaussian_rows(1, 50, 9);
  row[0] = 1000;
  const std::vector<float> back = floats_of(Rerank::half, copy_of(Rerank::half, row), row.size());
  for (size_t i = 0; i < row.size(); ++i) {
    EXPECT_NEAR(back[i], row[i], std::abs(row[i]) * 0x1p-11 + 1000 * 0x1p-24) << i;
  }
}

}  // namespace
}  // namespace avq
