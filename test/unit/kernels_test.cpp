// Every kernel against a plain loop in double precision, for every instruction set that was
// compiled and runs here, over odd sizes, pointers off the vectors' alignment, and buffers that end
// where the data end (canaries in an ordinary build, AddressSanitizer with SANITIZE=address).
#include "core/kernels.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "core/bfloat16.h"
#include "core/kernels_dispatch.h"
#include "hwy/highway.h"

namespace avq {
namespace {

std::vector<int64_t> targets_here() {
  std::vector<int64_t> targets;
  const int64_t attainable = hwy::SupportedTargets() & HWY_TARGETS;
  for (int64_t bit = 1; bit > 0 && bit <= attainable; bit <<= 1) {
    if (attainable & bit) targets.push_back(bit);
  }
  return targets;
}

// Runs each test once per target.
class Kernels : public testing::TestWithParam<int64_t> {
 protected:
  void SetUp() override {
    hwy::SetSupportedTargetsForTest(GetParam());
    kernels::choose();
    ASSERT_STREQ(kernel_target(), hwy::TargetName(GetParam()));
  }
  void TearDown() override {
    hwy::SetSupportedTargetsForTest(0);
    kernels::choose();
  }

  std::mt19937 generator_{12345};

  float normal() { return std::normal_distribution<float>()(generator_); }
  uint32_t below(uint32_t bound) {
    return std::uniform_int_distribution<uint32_t>(0, bound - 1)(generator_);
  }
};

INSTANTIATE_TEST_SUITE_P(Targets, Kernels, testing::ValuesIn(targets_here()),
                         [](const auto& info) { return std::string(hwy::TargetName(info.param)); });

// 0 .. 3N + 1 for the widest vectors (16 floats), then the dimensions of real embeddings.
std::vector<size_t> sizes() {
  std::vector<size_t> all;
  for (size_t n = 0; n <= 3 * 16 + 1; ++n) all.push_back(n);
  for (const size_t n : {63, 64, 65, 100, 127, 129, 384, 1536, 16000}) all.push_back(n);
  return all;
}

constexpr uint8_t kCanary = 0xA5;

// An array of T in the middle of a heap block of its own: `misalignment` bytes (rounded down to
// what T needs) before it and, for outputs, canaries behind it. Without canaries the block ends
// with the array.
template <class T>
class Placed {
 public:
  Placed(size_t count, size_t misalignment, size_t canaries = 0)
      : count_(count),
        misalignment_(misalignment / alignof(T) * alignof(T)),
        size_(misalignment_ + count * sizeof(T) + canaries),
        bytes_(new uint8_t[std::max<size_t>(size_, 1)]) {
    std::memset(bytes_.get(), kCanary, size_);
  }
  Placed(const std::vector<T>& values, size_t misalignment) : Placed(values.size(), misalignment) {
    if (count_ > 0) std::memcpy(bytes_.get() + misalignment_, values.data(), count_ * sizeof(T));
  }
  T* data() { return reinterpret_cast<T*>(bytes_.get() + misalignment_); }
  std::vector<T> values() const {
    std::vector<T> copy(count_);
    if (count_ > 0) std::memcpy(copy.data(), bytes_.get() + misalignment_, count_ * sizeof(T));
    return copy;
  }
  bool canaries_intact() const {
    for (size_t i = 0; i < misalignment_; ++i) {
      if (bytes_[i] != kCanary) return false;
    }
    for (size_t i = misalignment_ + count_ * sizeof(T); i < size_; ++i) {
      if (bytes_[i] != kCanary) return false;
    }
    return true;
  }

 private:
  size_t count_, misalignment_, size_;
  std::unique_ptr<uint8_t[]> bytes_;
};

// Stands beside the data where a kernel must not mix it in.
constexpr float kPoison = 1e30f;

// What a float sum of these terms may be off by: one rounding per addition in the longest chain.
double tolerance(double sum_of_magnitudes, size_t terms) {
  return 1e-7 * sum_of_magnitudes * (2.0 + static_cast<double>(terms) / 4) + 1e-30;
}

template <class Check>
void over_sizes_and_alignments(Check check) {
  for (const size_t n : sizes()) {
    if (n <= 129) {
      for (size_t offset = 0; offset < 32; offset += (n % 7 == 0 ? 1 : 5)) check(n, offset);
    } else {
      for (const size_t offset : {0, 4, 13}) check(n, offset);
    }
  }
}

// --- dense vectors ------------------------------------------------------------------------------

TEST_P(Kernels, ProductsAndDistancesEqualPlainLoops) {
  over_sizes_and_alignments([&](size_t n, size_t offset) {
    std::vector<float> a(n), b(n);
    for (size_t i = 0; i < n; ++i) a[i] = normal(), b[i] = normal();
    double product = 0, products = 0, l2 = 0, manhattan = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < n; ++i) {
      const double x = a[i], y = b[i];
      product += x * y;
      products += std::abs(x * y);
      l2 += (x - y) * (x - y);
      manhattan += std::abs(x - y);
      aa += x * x;
      bb += y * y;
    }
    Placed<float> left(a, offset), right(b, (offset * 3) % 32);
    SCOPED_TRACE(testing::Message() << "dims " << n << " offset " << offset);
    ASSERT_NEAR(dot(left.data(), right.data(), n), product, tolerance(products, n));
    ASSERT_NEAR(l2_squared(left.data(), right.data(), n), l2, tolerance(l2, n));
    ASSERT_NEAR(l1(left.data(), right.data(), n), manhattan, tolerance(manhattan, n));
    ASSERT_NEAR(norm_squared(left.data(), n), aa, tolerance(aa, n));
    const CosineParts parts = cosine_parts(left.data(), right.data(), n);
    ASSERT_NEAR(parts.dot, product, tolerance(products, n));
    ASSERT_NEAR(parts.norm_a, aa, tolerance(aa, n));
    ASSERT_NEAR(parts.norm_b, bb, tolerance(bb, n));
  });
}

// A value outside the given range would make the sum infinite; each position must count once.
TEST_P(Kernels, EveryElementCountsOnceAndNoOther) {
  for (const size_t n : sizes()) {
    if (n > 200) continue;
    std::vector<float> a(n + 80, kPoison), b(n + 80, kPoison);
    std::fill_n(a.begin() + 40, n, 0.0f);
    std::fill_n(b.begin() + 40, n, 1.0f);
    std::vector<uint16_t> half(n + 80, 0x7bff);
    std::fill_n(half.begin() + 40, n, 0x3c00);
    std::vector<int8_t> bytes(n + 80, 127);
    std::fill_n(bytes.begin() + 40, n, 1);
    for (size_t i = 0; i < n; ++i) {
      a[40 + i] = 3;
      SCOPED_TRACE(testing::Message() << "dims " << n << " position " << i);
      ASSERT_EQ(dot(&a[40], &b[40], n), 3);
      ASSERT_EQ(l2_squared(&a[40], &b[40], n), 3 + static_cast<float>(n));  // 4 + (n - 1)
      ASSERT_EQ(l1(&a[40], &b[40], n), 1 + static_cast<float>(n));          // 2 + (n - 1)
      ASSERT_EQ(dot_half(&a[40], &half[40], n), 3);
      ASSERT_EQ(dot_int8(&a[40], &bytes[40], n), 3);
      const CosineParts parts = cosine_parts(&a[40], &b[40], n);
      ASSERT_EQ(parts.dot, 3);
      ASSERT_EQ(parts.norm_a, 9);
      ASSERT_EQ(parts.norm_b, static_cast<float>(n));
      a[40 + i] = 0;
    }
  }
}

TEST_P(Kernels, AxpyAddsInPlaceAndNowhereElse) {
  over_sizes_and_alignments([&](size_t n, size_t offset) {
    std::vector<float> x(n), y(n);
    for (size_t i = 0; i < n; ++i) x[i] = normal(), y[i] = normal();
    Placed<float> from(x, (offset + 7) % 32);
    Placed<float> to(n, offset, 64);
    if (n > 0) std::memcpy(to.data(), y.data(), n * sizeof(float));
    axpy(-1.75f, from.data(), to.data(), n);
    ASSERT_TRUE(to.canaries_intact()) << "dims " << n << " offset " << offset;
    const std::vector<float> result = to.values();
    for (size_t i = 0; i < n; ++i) {
      const double exact = y[i] - 1.75 * x[i];
      ASSERT_NEAR(result[i], exact, 3e-7 * (std::abs(y[i]) + 2 * std::abs(x[i])))
          << "dims " << n << " at " << i;
    }
  });
}

TEST_P(Kernels, DotRowsGivesEachRowItsProductWhateverStandsBesideIt) {
  for (const size_t dims : {1, 2, 7, 8, 15, 16, 17, 33, 100, 384}) {
    for (const size_t count : {0, 1, 2, 3, 4, 5, 7, 8, 9, 31}) {
      std::vector<float> query(dims), rows(count * dims);
      for (float& value : query) value = normal();
      for (float& value : rows) value = normal();
      Placed<float> q(query, 5), r(rows, 9), out(count, 3, 32);
      dot_rows(q.data(), r.data(), count, dims, out.data());
      ASSERT_TRUE(out.canaries_intact());
      const std::vector<float> result = out.values();
      for (size_t i = 0; i < count; ++i) {
        double exact = 0, magnitude = 0;
        for (size_t k = 0; k < dims; ++k) {
          exact += static_cast<double>(query[k]) * rows[i * dims + k];
          magnitude += std::abs(static_cast<double>(query[k]) * rows[i * dims + k]);
        }
        ASSERT_NEAR(result[i], exact, tolerance(magnitude, dims)) << dims << " x " << count;
        float alone = 0;
        dot_rows(query.data(), &rows[i * dims], 1, dims, &alone);
        ASSERT_EQ(std::bit_cast<uint32_t>(alone), std::bit_cast<uint32_t>(result[i]));
      }
    }
  }
}

TEST_P(Kernels, DotRowsInt8IsExact) {
  for (const size_t stride : {32, 64, 96, 128, 416}) {
    for (const size_t count : {0, 1, 2, 3, 7}) {
      std::vector<int16_t> query(stride);
      std::vector<int8_t> rows(count * stride);
      for (size_t i = 0; i < stride; ++i)
        query[i] = static_cast<int16_t>(i % 3 == 0 ? -32767 : 32767);
      for (auto& value : rows)
        value = static_cast<int8_t>(std::clamp(60 * normal(), -127.0f, 127.0f));
      if (count > 2) std::fill_n(rows.begin(), stride, int8_t{127});
      Placed<int16_t> q(query, 5);
      Placed<int8_t> r(rows, 9);
      Placed<float> out(count, 3, 32);
      dot_rows_int8(q.data(), r.data(), count, stride, out.data());
      ASSERT_TRUE(out.canaries_intact());
      const std::vector<float> result = out.values();
      for (size_t i = 0; i < count; ++i) {
        int32_t exact = 0;
        for (size_t k = 0; k < stride; ++k) exact += query[k] * rows[i * stride + k];
        ASSERT_EQ(result[i], static_cast<float>(exact)) << stride << " x " << count;
      }
    }
  }
}

// --- nearest centre -----------------------------------------------------------------------------

struct Nearest {
  std::vector<uint32_t> index;
  std::vector<float> score;
};

Nearest nearest(const std::vector<float>& rows, size_t count, const std::vector<float>& centres,
                size_t centres_count, size_t dims, const std::vector<float>& bias, size_t offset) {
  Placed<float> r(rows, offset), c(centres, (offset + 3) % 32), b(bias, (offset + 6) % 32);
  Placed<uint32_t> index(count, (offset + 1) % 32, 64);
  Placed<float> score(count, (offset + 2) % 32, 64);
  nearest_centres(r.data(), count, c.data(), centres_count, dims, b.data(), index.data(),
                  score.data());
  EXPECT_TRUE(index.canaries_intact());
  EXPECT_TRUE(score.canaries_intact());
  return {index.values(), score.values()};
}

TEST_P(Kernels, NearestCentreIsTheBestOfAll) {
  for (const size_t dims : {1, 2, 3, 5, 8, 13, 16, 17, 31, 32, 49, 100, 384}) {
    for (const size_t centres_count : {1, 2, 3, 4, 5, 6, 16, 67, 130}) {
      for (const size_t count : {1, 2, 3, 4, 5, 9, 66, 131}) {
        if (dims * centres_count * count > 1500000) continue;
        std::vector<float> rows(count * dims), centres(centres_count * dims), bias(centres_count);
        for (float& value : rows) value = normal();
        for (float& value : centres) value = normal();
        for (float& value : bias) value = normal();
        const Nearest found = nearest(rows, count, centres, centres_count, dims, bias, dims % 32);
        for (size_t r = 0; r < count; ++r) {
          SCOPED_TRACE(testing::Message() << "dims " << dims << " centres " << centres_count
                                          << " rows " << count << " row " << r);
          double best = -std::numeric_limits<double>::infinity(), slack = 0, chosen = 0;
          ASSERT_LT(found.index[r], centres_count);
          for (size_t c = 0; c < centres_count; ++c) {
            double score = -static_cast<double>(bias[c]), magnitude = std::abs(score);
            for (size_t i = 0; i < dims; ++i) {
              const double term = static_cast<double>(rows[r * dims + i]) * centres[c * dims + i];
              score += term;
              magnitude += std::abs(term);
            }
            best = std::max(best, score);
            slack = std::max(slack, tolerance(magnitude, dims));
            if (c == found.index[r]) chosen = score;
          }
          ASSERT_NEAR(found.score[r], best, slack);
          ASSERT_NEAR(chosen, best, 2 * slack);
        }
      }
    }
  }
}

// Small integers: all sums are exact, so that ties are ties in any order of summation.
TEST_P(Kernels, NearestCentreTiesGoToTheLowerNumber) {
  for (const size_t dims : {1, 4, 8, 16, 19, 40}) {
    for (const size_t centres_count : {2, 3, 7, 12, 50}) {
      const size_t count = 75;
      std::vector<float> rows(count * dims), centres(centres_count * dims), bias(centres_count);
      for (float& value : rows) value = static_cast<float>(below(3)) - 1;
      for (float& value : centres) value = static_cast<float>(below(2));
      for (float& value : bias) value = static_cast<float>(below(2));
      const Nearest found = nearest(rows, count, centres, centres_count, dims, bias, 0);
      for (size_t r = 0; r < count; ++r) {
        uint32_t best_index = 0;
        float best = -std::numeric_limits<float>::infinity();
        for (size_t c = 0; c < centres_count; ++c) {
          float score = -bias[c];
          for (size_t i = 0; i < dims; ++i) score += rows[r * dims + i] * centres[c * dims + i];
          if (score > best) best = score, best_index = static_cast<uint32_t>(c);
        }
        ASSERT_EQ(found.index[r], best_index) << dims << " x " << centres_count << " row " << r;
        ASSERT_EQ(found.score[r], best);
      }
    }
  }
}

TEST_P(Kernels, NearestCentreOfARowDoesNotDependOnTheRowsBesideIt) {
  for (const size_t dims : {3, 16, 37, 100}) {
    const size_t count = 71, centres_count = 41;
    std::vector<float> rows(count * dims), centres(centres_count * dims), bias(centres_count, 0.5f);
    for (float& value : rows) value = normal();
    for (float& value : centres) value = normal();
    const Nearest all = nearest(rows, count, centres, centres_count, dims, bias, 0);
    for (size_t r = 0; r < count; ++r) {
      const std::vector<float> row(rows.begin() + r * dims, rows.begin() + (r + 1) * dims);
      const Nearest one = nearest(row, 1, centres, centres_count, dims, bias, 4);
      ASSERT_EQ(one.index[0], all.index[r]);
      ASSERT_EQ(std::bit_cast<uint32_t>(one.score[0]), std::bit_cast<uint32_t>(all.score[r]));
    }
  }
}

// In pieces, and by the rows' numbers, as groups of lists are looked into.
TEST_P(Kernels, NearerCentresImproveOnWhatWasFound) {
  for (const size_t dims : {3, 16, 37, 100}) {
    const size_t count = 71, centres_count = 41, first = 17;
    std::vector<float> rows(count * dims), centres(centres_count * dims), bias(centres_count, 0.5f);
    for (float& value : rows) value = normal();
    for (float& value : centres) value = normal();
    const Nearest all = nearest(rows, count, centres, centres_count, dims, bias, 0);
    const Nearest some = nearest(rows, count, centres, first, dims, bias, 0);
    for (const size_t listed : {0, 1, 2, 3, 4, 5, 9, 30}) {
      std::vector<uint32_t> numbers(listed);
      for (size_t i = 0; i < listed; ++i) numbers[i] = static_cast<uint32_t>((5 + 7 * i) % count);
      std::vector<uint32_t> index = some.index;
      std::vector<float> score = some.score, products(listed * centres_count + 1, -7);
      nearer_centres(rows.data(), numbers.data(), listed, &centres[first * dims],
                     centres_count - first, dims, &bias[first], first, index.data(), score.data());
      dot_matrix_of(rows.data(), numbers.data(), listed, centres.data(), centres_count, dims,
                    products.data());
      EXPECT_EQ(products.back(), -7);
      for (size_t r = 0; r < count; ++r) {
        const auto at = std::find(numbers.begin(), numbers.end(), r);
        const bool looked_at = at != numbers.end();
        ASSERT_EQ(index[r], (looked_at ? all : some).index[r]) << dims << " dims, row " << r;
        ASSERT_EQ(score[r], (looked_at ? all : some).score[r]);
        if (!looked_at) continue;
        const float* own = &products[static_cast<size_t>(at - numbers.begin()) * centres_count];
        ASSERT_EQ(own[all.index[r]] - 0.5f, all.score[r]);
      }
    }
  }
}

TEST_P(Kernels, NearestCentreWithoutRowsOrCentres) {
  nearest({}, 0, {1, 2}, 1, 2, {0}, 0);
  for (const size_t count : {1, 6}) {
    const Nearest found = nearest(std::vector<float>(count * 20, 1.0f), count, {}, 0, 20, {}, 0);
    for (size_t r = 0; r < count; ++r) {
      EXPECT_EQ(found.index[r], 0u);
      EXPECT_EQ(found.score[r], -std::numeric_limits<float>::infinity());
    }
  }
}

// --- rerank copies ------------------------------------------------------------------------------

double half_value(uint16_t half) {
  const int exponent = (half >> 10) & 31, mantissa = half & 1023;
  const double magnitude =
      exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25);
  return half & 0x8000 ? -magnitude : magnitude;
}

TEST_P(Kernels, EveryFiniteHalfBecomesItsFloatAndBack) {
  std::vector<uint16_t> halves;
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    if ((bits & 0x7c00) != 0x7c00) halves.push_back(static_cast<uint16_t>(bits));
  }
  std::vector<float> floats(halves.size());
  half_to_float(halves.data(), floats.data(), halves.size());
  std::vector<uint16_t> back(halves.size());
  float_to_half(floats.data(), back.data(), floats.size());
  for (size_t i = 0; i < halves.size(); ++i) {
    ASSERT_EQ(floats[i], half_value(halves[i])) << halves[i];
    ASSERT_EQ(std::signbit(floats[i]), (halves[i] & 0x8000) != 0) << halves[i];
    ASSERT_EQ(back[i], halves[i]);
  }
}

// The two halves around every midpoint, and the midpoint itself, which goes to the even one.
TEST_P(Kernels, FloatsRoundToTheNearestHalfAndTiesToEven) {
  std::vector<float> inputs;
  std::vector<uint16_t> expected;
  for (uint32_t bits = 0; bits < 0x7bff; ++bits) {
    const uint16_t lower = static_cast<uint16_t>(bits), upper = static_cast<uint16_t>(bits + 1);
    const float middle = static_cast<float>((half_value(lower) + half_value(upper)) / 2);
    for (const float sign : {1.0f, -1.0f}) {
      const uint16_t sign_bit = sign < 0 ? 0x8000 : 0;
      inputs.push_back(sign * middle);
      expected.push_back(sign_bit | (lower % 2 == 0 ? lower : upper));
      inputs.push_back(sign * std::nextafter(middle, 0.0f));
      expected.push_back(sign_bit | lower);
      inputs.push_back(sign * std::nextafter(middle, 1e9f));
      expected.push_back(sign_bit | upper);
    }
  }
  inputs.push_back(65519.996f);  // just below what would become infinity
  expected.push_back(0x7bff);
  std::vector<uint16_t> halves(inputs.size());
  float_to_half(inputs.data(), halves.data(), inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) ASSERT_EQ(halves[i], expected[i]) << inputs[i];
}

TEST_P(Kernels, ConversionsWriteTheirRangeOnly) {
  for (const size_t n : sizes()) {
    if (n > 129) continue;
    for (const size_t offset : {0, 1, 2, 7, 30}) {
      std::vector<float> values(n);
      for (float& value : values) value = static_cast<float>(below(2048)) - 1024;  // exact in half
      Placed<float> in(values, offset), back(n, offset, 64);
      Placed<uint16_t> half(n, (offset + 5) % 32, 64);
      float_to_half(in.data(), half.data(), n);
      half_to_float(half.data(), back.data(), n);
      ASSERT_TRUE(half.canaries_intact()) << n;
      ASSERT_TRUE(back.canaries_intact()) << n;
      ASSERT_EQ(back.values(), values) << n;
    }
  }
}

TEST_P(Kernels, ProductsWithCopiesEqualPlainLoops) {
  over_sizes_and_alignments([&](size_t n, size_t offset) {
    std::vector<float> query(n);
    std::vector<uint16_t> half(n);
    std::vector<int8_t> bytes(n);
    double with_half = 0, halves = 0, with_bytes = 0, all_bytes = 0;
    for (size_t i = 0; i < n; ++i) {
      query[i] = normal();
      half[i] = static_cast<uint16_t>(below(0x4400) | (below(2) << 15));  // |value| < 4
      bytes[i] = static_cast<int8_t>(static_cast<int>(below(256)) - 128);
      with_half += query[i] * half_value(half[i]);
      halves += std::abs(query[i] * half_value(half[i]));
      with_bytes += static_cast<double>(query[i]) * bytes[i];
      all_bytes += std::abs(static_cast<double>(query[i]) * bytes[i]);
    }
    Placed<float> q(query, offset);
    Placed<uint16_t> h(half, (offset + 9) % 32);
    Placed<int8_t> b(bytes, (offset + 17) % 32);
    SCOPED_TRACE(testing::Message() << "dims " << n << " offset " << offset);
    ASSERT_NEAR(dot_half(q.data(), h.data(), n), with_half, tolerance(halves, n));
    ASSERT_NEAR(dot_int8(q.data(), b.data(), n), with_bytes, tolerance(all_bytes, n));
  });
}

// --- the scan of codes --------------------------------------------------------------------------

struct Block {
  std::vector<uint8_t> codes, lut;
  std::vector<uint16_t> scales;
  std::vector<float> offsets;
  float step = 0.0125f, base = -1.5f, list_score = 0.75f;
  uint8_t max_entry = 255;

  uint32_t sum(size_t row) const {
    uint32_t total = 0;
    for (size_t m = 0; m < codes.size() / kCodeRowBytes; ++m) {
      const uint8_t pair = codes[m * kCodeRowBytes + row % 16];
      total += lut[m * kCodeRowBytes + (row < 16 ? pair & 15 : pair >> 4)];
    }
    return total;
  }
  double key(size_t row, bool with_offsets) const {
    const double scale = bfloat16_to_float(scales[row]);
    return list_score + scale * (static_cast<double>(step) * sum(row) + base) -
           (with_offsets ? offsets[row] : 0.0f);
  }
  // Rounding of the float expression, not of the integer sum, which is exact.
  double slack(size_t row) const {
    return 4e-7 * (std::abs(list_score) + std::abs(offsets[row]) +
                   bfloat16_to_float(scales[row]) * (step * sum(row) + std::abs(base)));
  }
};

Block random_block(size_t subspaces, std::mt19937& generator, bool saturated,
                   uint8_t max_entry = 255) {
  Block block;
  block.codes.resize(subspaces * kCodeRowBytes);
  block.lut.resize(subspaces * kCodeRowBytes);
  for (uint8_t& value : block.codes) value = static_cast<uint8_t>(generator());
  block.max_entry = max_entry;
  for (uint8_t& value : block.lut) {
    value = saturated ? max_entry : static_cast<uint8_t>(generator() % (max_entry + 1));
  }
  std::uniform_real_distribution<float> uniform(0.1f, 3.0f);
  for (size_t j = 0; j < kBlockRows; ++j) {
    block.scales.push_back(float_to_bfloat16(uniform(generator)));
    block.offsets.push_back(uniform(generator));
  }
  return block;
}

struct Scored {
  uint32_t mask;
  std::vector<float> keys;
};

Scored score(const Block& block, bool with_offsets, float threshold, size_t misalignment) {
  Placed<uint8_t> codes(block.codes, misalignment), lut(block.lut, (misalignment * 5 + 1) % 32);
  Placed<uint16_t> scales(block.scales, (misalignment + 2) % 32);
  Placed<float> offsets(block.offsets, (misalignment + 4) % 32);
  Placed<float> keys(kBlockRows, (misalignment + 8) % 32, 64);
  const ScanParams params{lut.data(),       block.step, block.base,
                          block.list_score, threshold,  block.max_entry};
  const uint32_t mask = score_block(codes.data(), block.codes.size() / kCodeRowBytes, scales.data(),
                                    with_offsets ? offsets.data() : nullptr, params, keys.data());
  EXPECT_TRUE(keys.canaries_intact());
  return {mask, keys.values()};
}

// The same block, shown in two pieces.
Scored score_cut(const Block& block, bool with_offsets, float threshold, size_t cut) {
  const ScanParams params{block.lut.data(), block.step, block.base,
                          block.list_score, threshold,  block.max_entry};
  const size_t subspaces = block.codes.size() / kCodeRowBytes;
  Placed<uint8_t> head({block.codes.begin(), block.codes.begin() + long(cut * kCodeRowBytes)}, 3);
  Placed<uint8_t> tail({block.codes.begin() + long(cut * kCodeRowBytes), block.codes.end()}, 7);
  int32_t sums[kBlockRows] = {0};
  add_code_sums(head.data(), 0, cut, params, sums);
  add_code_sums(tail.data(), cut, subspaces - cut, params, sums);
  Placed<float> keys(kBlockRows, 8, 64);
  const uint32_t mask =
      score_sums(sums, block.scales.data(), with_offsets ? block.offsets.data() : nullptr, params,
                 keys.data());
  EXPECT_TRUE(keys.canaries_intact());
  return {mask, keys.values()};
}

constexpr float kNoThreshold = -std::numeric_limits<float>::infinity();

TEST_P(Kernels, BitsAreCountedOfEveryByteAndNoOther) {
  for (size_t n = 0; n < 40; ++n) {
    std::vector<uint8_t> a(n + 8, 0xff), b(n + 8, 0xff);  // set beyond the end
    BitCounts expected = {0, 0, 0};
    for (size_t i = 0; i < n; ++i) {
      a[i] = static_cast<uint8_t>(i * 37 + n);
      b[i] = static_cast<uint8_t>(i * 91 + 5);
      expected.both += static_cast<uint64_t>(std::popcount<uint8_t>(a[i] & b[i]));
      expected.a += static_cast<uint64_t>(std::popcount(a[i]));
      expected.b += static_cast<uint64_t>(std::popcount(b[i]));
    }
    const BitCounts counts = count_bits(a.data(), b.data(), n);
    EXPECT_EQ(counts.both, expected.both) << n;
    EXPECT_EQ(counts.a, expected.a) << n;
    EXPECT_EQ(counts.b, expected.b) << n;
  }
}

TEST_P(Kernels, BlockKeysEqualPlainSums) {
  std::vector<size_t> counts;
  for (size_t m = 0; m <= 140; ++m) counts.push_back(m);
  for (size_t m = 141; m <= 600; m += (m > 250 && m < 262) || (m > 508 && m < 518) ? 1 : 23) {
    counts.push_back(m);
  }
  for (const size_t m : {600, 4000, 16000}) counts.push_back(m);
  for (const size_t subspaces : counts) {
    for (const bool saturated : {false, true}) {
      for (const bool with_offsets : {false, true}) {
        const uint8_t max_entry = with_offsets ? kSmallEntry : 255;
        const Block block = random_block(subspaces, generator_, saturated, max_entry);
        const Scored scored = score(block, with_offsets, kNoThreshold, subspaces % 32);
        ASSERT_EQ(scored.mask, 0xffffffffu) << subspaces;
        for (size_t j = 0; j < kBlockRows; ++j) {
          ASSERT_NEAR(scored.keys[j], block.key(j, with_offsets), block.slack(j))
              << subspaces << " subspaces, row " << j << (saturated ? ", saturated" : "");
        }
        const Scored cut = score_cut(block, with_offsets, kNoThreshold, subspaces / 3);
        ASSERT_EQ(cut.mask, scored.mask);
        ASSERT_EQ(cut.keys, scored.keys) << subspaces;
      }
    }
  }
}

// With step 1 and scale 1 the keys are the integer sums: not one unit may be lost anywhere.
TEST_P(Kernels, BlockSumsAreExact) {
  for (const size_t subspaces :
       {1,   2,   3,   5,   7,   8,   9,   15,  16,   17,   50,   192,  255,  256,
        257, 258, 511, 512, 513, 514, 515, 600, 1039, 1040, 1041, 2080, 2081, 4000}) {
    for (const int variant : {0, 1, 2, 3}) {
      Block block = random_block(subspaces, generator_, variant % 2 == 1,
                                 variant < 2    ? 255
                                 : variant == 2 ? 62
                                                : kSmallEntry);
      block.step = 1;
      block.base = 0;
      block.list_score = 0;
      block.scales.assign(kBlockRows, float_to_bfloat16(1));
      const Scored scored = score(block, false, kNoThreshold, 0);
      for (size_t j = 0; j < kBlockRows; ++j) {
        ASSERT_EQ(scored.keys[j], static_cast<float>(block.sum(j))) << subspaces << " row " << j;
      }
    }
  }
}

// One row's code differs from all others in one subspace: the right row, and only it, answers.
TEST_P(Kernels, EachSlotOfABlockIsItsOwnRow) {
  for (const size_t subspaces : {1, 2, 3, 4, 7, 50, 51, 300}) {
    for (size_t row = 0; row < kBlockRows; ++row) {
      Block block;
      block.codes.assign(subspaces * kCodeRowBytes, 0);
      block.lut.assign(subspaces * kCodeRowBytes, 0);
      block.scales.assign(kBlockRows, float_to_bfloat16(1));
      block.offsets.assign(kBlockRows, 0);
      block.step = 1;
      block.base = block.list_score = 0;
      const size_t m = (row * 7) % subspaces;
      const uint8_t code = static_cast<uint8_t>(1 + row % 15);
      block.codes[m * kCodeRowBytes + row % 16] = row < 16 ? code : static_cast<uint8_t>(code << 4);
      block.lut[m * kCodeRowBytes + code] = 200;
      ASSERT_EQ(score(block, false, 200, 1).mask, 1u << row) << subspaces;
      ASSERT_EQ(score(block, false, 200.5f, 1).mask, 0u) << subspaces;
    }
  }
}

// A threshold equal to a key lets that row through; the next float above does not.
TEST_P(Kernels, ThresholdsAtTiesAndInBetween) {
  for (const size_t subspaces : {1, 50, 193, 300}) {
    const Block block = random_block(subspaces, generator_, false);
    for (const bool with_offsets : {false, true}) {
      const std::vector<float> keys = score(block, with_offsets, kNoThreshold, 0).keys;
      for (size_t row = 0; row < kBlockRows; ++row) {
        const float above = std::nextafter(keys[row], std::numeric_limits<float>::infinity());
        for (const float threshold : {keys[row], above}) {
          uint32_t expected = 0;
          for (size_t j = 0; j < kBlockRows; ++j) {
            if (keys[j] >= threshold) expected |= 1u << j;
          }
          const Scored scored = score(block, with_offsets, threshold, 3);
          ASSERT_EQ(scored.mask, expected) << subspaces << " row " << row;
          if (expected != 0) {
            ASSERT_EQ(scored.keys, keys);
          }
        }
      }
    }
    const float none = std::numeric_limits<float>::infinity();
    ASSERT_EQ(score(block, true, none, 0).mask, 0u);
  }
}

// Codes of the rows that a partly filled block does not have, and their scales, may be anything.
TEST_P(Kernels, EmptySlotsDoNotDisturbTheOthers) {
  Block block = random_block(50, generator_, false);
  const std::vector<float> before = score(block, true, kNoThreshold, 0).keys;
  for (size_t j = 20; j < kBlockRows; ++j) {
    block.scales[j] = 0x7fc0;  // NaN
    block.offsets[j] = std::numeric_limits<float>::infinity();
    for (size_t m = 0; m < 50; ++m) block.codes[m * kCodeRowBytes + j - 16] |= 0xf0;
  }
  const Scored after = score(block, true, kNoThreshold, 0);
  ASSERT_EQ(after.mask & 0xfffffu, 0xfffffu);
  ASSERT_EQ(after.mask >> 20, 0u);  // NaN passes no threshold
  for (size_t j = 0; j < 20; ++j) ASSERT_EQ(after.keys[j], before[j]);
}

}  // namespace
}  // namespace avq
