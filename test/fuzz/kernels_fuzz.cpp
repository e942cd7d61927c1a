// Every kernel against a plain loop, on any bytes, for every instruction set that runs here.
// Buffers have no slack, so that the address sanitizer sees every overrun. Integer kernels must
// agree to the bit, float ones within the rounding of their sums.
#include "core/kernels.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "core/bfloat16.h"
#include "core/kernels_dispatch.h"
#include "hwy/highway.h"

namespace {

using avq::kBlockRows;
using avq::kCodeRowBytes;

void require(bool condition, const char* what) {
  if (!condition) {
    std::fprintf(stderr, "violated with %s: %s\n", avq::kernel_target(), what);
    std::abort();
  }
}

// The fuzzer's bytes, handed out as what is asked for; zeros behind their end.
class Source {
 public:
  Source(const uint8_t* data, size_t size) : data_(data), size_(size) {}

  uint8_t byte() { return at_ < size_ ? data_[at_++] : 0; }
  uint32_t below(uint32_t bound) { return (byte() | static_cast<uint32_t>(byte()) << 8) % bound; }
  template <class T>
  std::vector<T> many(size_t count) {
    std::vector<T> values(count);
    uint8_t* to = reinterpret_cast<uint8_t*>(values.data());
    for (size_t i = 0; i < count * sizeof(T); ++i) to[i] = byte();
    return values;
  }
  // Within +-8, some of them denormal, zero or of a wide range.
  std::vector<float> floats(size_t count) {
    std::vector<float> values(count);
    for (float& value : values) {
      const auto whole = static_cast<int8_t>(byte());
      value = static_cast<float>(whole) / 16;
      if (whole == 77) value = 1e-40f;
      if (whole == -77) value = 3e6f;
    }
    return values;
  }

 private:
  const uint8_t* data_;
  size_t size_, at_ = 0;
};

bool near(double value, double exact, double magnitudes, size_t terms) {
  return std::abs(value - exact) <=
         1e-7 * magnitudes * (2.0 + static_cast<double>(terms) / 4) + 1e-30;
}

void check_products(Source& source) {
  const size_t n = source.below(200), rows = 1 + source.below(6);
  const auto query = source.floats(n), all = source.floats(n * rows);
  std::vector<float> products(rows);
  avq::dot_rows(query.data(), all.data(), rows, n, products.data());
  for (size_t r = 0; r < rows; ++r) {
    const float* row = all.data() + r * n;
    double dot = 0, dots = 0, l2 = 0, l1 = 0, norm = 0;
    for (size_t i = 0; i < n; ++i) {
      const double a = query[i], b = row[i];
      dot += a * b;
      dots += std::abs(a * b);
      l2 += (a - b) * (a - b);
      l1 += std::abs(a - b);
      norm += b * b;
    }
    require(near(products[r], dot, dots, n), "dot_rows");
    require(near(avq::dot(query.data(), row, n), dot, dots, n), "dot");
    require(near(avq::l2_squared(query.data(), row, n), l2, l2, n), "l2_squared");
    require(near(avq::l1(query.data(), row, n), l1, l1, n), "l1");
    require(near(avq::norm_squared(row, n), norm, norm, n), "norm_squared");
    const avq::CosineParts parts = avq::cosine_parts(query.data(), row, n);
    require(near(parts.dot, dot, dots, n) && near(parts.norm_b, norm, norm, n), "cosine_parts");
  }
}

void check_nearest(Source& source) {
  const size_t n = 1 + source.below(70), rows = source.below(20), centres = 1 + source.below(40);
  const auto all = source.floats(n * rows), middle = source.floats(n * centres),
             bias = source.floats(centres);
  std::vector<uint32_t> index(rows);
  std::vector<float> score(rows);
  avq::nearest_centres(all.data(), rows, middle.data(), centres, n, bias.data(), index.data(),
                       score.data());
  for (size_t r = 0; r < rows; ++r) {
    double best = -INFINITY, magnitudes = 0, chosen = 0;
    for (size_t c = 0; c < centres; ++c) {
      double product = -bias[c], sum = std::abs(bias[c]);
      for (size_t i = 0; i < n; ++i) {
        const double term = double{all[r * n + i]} * middle[c * n + i];
        product += term;
        sum += std::abs(term);
      }
      best = std::max(best, product);
      magnitudes = std::max(magnitudes, sum);
      if (c == index[r]) chosen = product;
    }
    require(index[r] < centres, "nearest_centres: a number of a centre");
    require(near(score[r], chosen, magnitudes, n + 1), "nearest_centres: the score");
    require(near(chosen, best, 2 * magnitudes, n + 1), "nearest_centres: the best");
  }
}

void check_routing(Source& source) {
  const size_t stride = avq::kRoutingStride * (1 + source.below(6)), rows = source.below(20);
  const auto all = source.many<int8_t>(rows * stride);
  std::vector<int16_t> query(stride);
  for (int16_t& value : query) value = static_cast<int16_t>(source.below(8192) - 4096);
  std::vector<float> out(rows);
  avq::dot_rows_int8(query.data(), all.data(), rows, stride, out.data());
  for (size_t r = 0; r < rows; ++r) {
    int64_t sum = 0;
    for (size_t i = 0; i < stride; ++i) sum += int64_t{query[i]} * all[r * stride + i];
    require(out[r] == static_cast<float>(sum), "dot_rows_int8");
  }
}

void check_bits(Source& source) {
  const size_t n = source.below(100);
  const auto a = source.many<uint8_t>(n), b = source.many<uint8_t>(n);
  uint64_t both = 0, left = 0, right = 0;
  for (size_t i = 0; i < n * 8; ++i) {
    const int x = a[i / 8] >> (i % 8) & 1, y = b[i / 8] >> (i % 8) & 1;
    both += static_cast<uint64_t>(x & y);
    left += static_cast<uint64_t>(x);
    right += static_cast<uint64_t>(y);
  }
  const avq::BitCounts counts = avq::count_bits(a.data(), b.data(), n);
  require(counts.both == both && counts.a == left && counts.b == right, "count_bits");
}

void check_copies(Source& source) {
  const size_t n = source.below(200);
  auto halves = source.many<uint16_t>(n);
  for (uint16_t& half : halves) {  // finite ones
    if ((half >> 10 & 31) == 31) half &= 0x83ff;
  }
  std::vector<float> values(n);
  avq::half_to_float(halves.data(), values.data(), n);
  for (size_t i = 0; i < n; ++i) {
    const int exponent = halves[i] >> 10 & 31, fraction = halves[i] & 1023;
    double exact =
        exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
    if (halves[i] >> 15) exact = -exact;
    require(values[i] == exact && std::signbit(values[i]) == std::signbit(exact), "half_to_float");
  }
  std::vector<uint16_t> back(n);
  avq::float_to_half(values.data(), back.data(), n);
  require(back == halves, "halves come back as they were");
  const auto query = source.floats(n);
  const auto bytes = source.many<int8_t>(n);
  double dot = 0, dots = 0, int8 = 0, int8s = 0;
  for (size_t i = 0; i < n; ++i) {
    dot += double{query[i]} * values[i];
    dots += std::abs(double{query[i]} * values[i]);
    int8 += double{query[i]} * bytes[i];
    int8s += std::abs(double{query[i]} * bytes[i]);
  }
  require(near(avq::dot_half(query.data(), back.data(), n), dot, dots, n), "dot_half");
  require(near(avq::dot_int8(query.data(), bytes.data(), n), int8, int8s, n), "dot_int8");
}

void check_scan(Source& source) {
  const size_t subspaces = 1 + source.below(source.byte() % 8 == 0 ? 600 : 60);
  const auto codes = source.many<uint8_t>(subspaces * kCodeRowBytes);
  auto lut = source.many<uint8_t>(subspaces * 16);
  const bool small = source.byte() % 2 == 0;
  if (small) {
    for (uint8_t& entry : lut) entry &= avq::kSmallEntry;
  }
  const auto scale_bits = source.many<uint16_t>(kBlockRows);
  std::vector<uint16_t> scales(kBlockRows);
  for (size_t j = 0; j < kBlockRows; ++j) {
    scales[j] = avq::float_to_bfloat16(static_cast<float>(scale_bits[j]) / 1024);
  }
  const auto offsets = source.floats(kBlockRows);
  const bool with_offsets = source.byte() % 2 == 0;
  avq::ScanParams params = {};
  params.lut = lut.data();
  params.max_entry = small ? avq::kSmallEntry : 255;
  params.step = static_cast<float>(source.byte()) / 512;
  params.base = static_cast<float>(static_cast<int8_t>(source.byte())) / 4;
  params.list_score = static_cast<float>(static_cast<int8_t>(source.byte()));
  params.threshold = source.byte() % 3 == 0 ? -1e30f : static_cast<float>(source.below(4000)) - 500;

  int64_t sums[kBlockRows] = {};
  for (size_t m = 0; m < subspaces; ++m) {
    for (size_t j = 0; j < kCodeRowBytes; ++j) {
      const uint8_t pair = codes[m * kCodeRowBytes + j];
      sums[j] += lut[m * 16 + (pair & 15)];
      sums[j + 16] += lut[m * 16 + (pair >> 4)];
    }
  }
  int32_t pieces[kBlockRows] = {};
  const size_t cut = source.below(static_cast<uint32_t>(subspaces) + 1);
  avq::add_code_sums(codes.data(), 0, cut, params, pieces);
  // The second piece lies where nothing follows it.
  const std::vector<uint8_t> rest(codes.begin() + static_cast<long>(cut * kCodeRowBytes),
                                  codes.end());
  avq::add_code_sums(rest.data(), cut, subspaces - cut, params, pieces);
  for (size_t j = 0; j < kBlockRows; ++j) require(pieces[j] == sums[j], "add_code_sums");

  const float* shifts = with_offsets ? offsets.data() : nullptr;
  std::vector<float> keys(kBlockRows), keys_of_sums(kBlockRows);
  const uint32_t mask =
      avq::score_block(codes.data(), subspaces, scales.data(), shifts, params, keys.data());
  const uint32_t mask_of_sums =
      avq::score_sums(pieces, scales.data(), shifts, params, keys_of_sums.data());
  require(mask == mask_of_sums, "score_block and score_sums report the same rows");
  for (size_t j = 0; j < kBlockRows; ++j) {
    const double scale = avq::bfloat16_to_float(scales[j]);
    const double inner = double{params.step} * static_cast<double>(sums[j]) + params.base;
    const double exact =
        params.list_score + scale * inner - (with_offsets ? double{offsets[j]} : 0.0);
    const double slack =
        1e-6 * (std::abs(params.list_score) +
                scale * (params.step * static_cast<double>(sums[j]) + std::abs(params.base)) +
                std::abs(with_offsets ? offsets[j] : 0.0f)) +
        1e-6;
    const bool reported = (mask >> j & 1) != 0;
    if (exact > params.threshold + slack) require(reported, "a row at least as good is reported");
    if (exact < params.threshold - slack) require(!reported, "a worse row is not");
    if (reported) require(std::abs(keys[j] - exact) <= slack, "a reported row's key");
    if (mask != 0) require(keys[j] == keys_of_sums[j], "both ways give the same keys");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Source source(data, size);
  const int64_t attainable = hwy::SupportedTargets() & HWY_TARGETS;
  static std::vector<int64_t> targets = [attainable] {
    std::vector<int64_t> all;
    for (int64_t bit = 1; bit > 0 && bit <= attainable; bit <<= 1) {
      if (attainable & bit) all.push_back(bit);
    }
    return all;
  }();
  const uint8_t first = source.byte();
  hwy::SetSupportedTargetsForTest(targets[first / 8 % targets.size()]);
  avq::kernels::choose();
  switch (first % 8) {
    case 0:
      check_products(source);
      break;
    case 1:
      check_nearest(source);
      break;
    case 2:
      check_routing(source);
      break;
    case 3:
      check_copies(source);
      break;
    case 4:
      check_bits(source);
      break;
    default:
      check_scan(source);
  }
  hwy::SetSupportedTargetsForTest(0);
  return 0;
}
