// Times of the kernels on this machine, for a person to read: `make -C test/unit bench-kernels`.
// Every figure is the best of many runs, data in cache unless it says otherwise.
#include "core/kernels.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

volatile float sink;

// Nanoseconds of one call of `work`, best of many short runs: others may be using the machine.
template <class Work>
double nanoseconds(Work work) {
  double best = std::numeric_limits<double>::infinity();
  size_t calls = 1;
  for (int run = 0; run < 60;) {
    const auto start = Clock::now();
    for (size_t i = 0; i < calls; ++i) work();
    const double elapsed = std::chrono::duration<double, std::nano>(Clock::now() - start).count();
    if (elapsed < 3e5) {
      calls *= 2;
      continue;
    }
    best = std::min(best, elapsed / static_cast<double>(calls));
    ++run;
  }
  return best;
}

std::vector<float> random_floats(size_t count) {
  static std::mt19937 generator(7);
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float& value : values) value = normal(generator);
  return values;
}

std::vector<uint8_t> random_bytes(size_t count) {
  static std::mt19937 generator(8);
  std::vector<uint8_t> values(count);
  for (uint8_t& value : values) value = static_cast<uint8_t>(generator());
  return values;
}

void time_products() {
  std::printf("%6s %8s %8s %8s %8s %8s %8s %8s  ns a pair\n", "dims", "dot", "l2", "l1", "cosine",
              "half", "int8", "axpy");
  for (const size_t dims : {3, 10, 96, 100, 384, 768, 1536}) {
    const auto a = random_floats(dims), b = random_floats(dims);
    auto y = random_floats(dims);
    std::vector<uint16_t> half(dims);
    avq::float_to_half(b.data(), half.data(), dims);
    const std::vector<int8_t> bytes(dims, 3);
    std::printf("%6zu", dims);
    std::printf(" %8.1f", nanoseconds([&] { sink = avq::dot(a.data(), b.data(), dims); }));
    std::printf(" %8.1f", nanoseconds([&] { sink = avq::l2_squared(a.data(), b.data(), dims); }));
    std::printf(" %8.1f", nanoseconds([&] { sink = avq::l1(a.data(), b.data(), dims); }));
    std::printf(" %8.1f",
                nanoseconds([&] { sink = avq::cosine_parts(a.data(), b.data(), dims).dot; }));
    std::printf(" %8.1f", nanoseconds([&] { sink = avq::dot_half(a.data(), half.data(), dims); }));
    std::printf(" %8.1f", nanoseconds([&] { sink = avq::dot_int8(a.data(), bytes.data(), dims); }));
    std::printf(" %8.1f\n", nanoseconds([&] { avq::axpy(1e-9f, a.data(), y.data(), dims); }));
  }
}

void time_conversions() {
  const size_t count = 4096;
  const auto floats = random_floats(count);
  std::vector<uint16_t> half(count);
  std::vector<float> back(count);
  const double there = nanoseconds([&] { avq::float_to_half(floats.data(), half.data(), count); });
  const double again = nanoseconds([&] { avq::half_to_float(half.data(), back.data(), count); });
  std::printf("\nfloat to half %.3f ns a value, half to float %.3f\n\n", there / count,
              again / count);
}

// `blocks` blocks, each codes then scales, scanned one after the other: few of them stay in the
// first-level cache, many come from memory.
void time_scan(size_t subspaces, size_t blocks, float threshold, uint8_t max_entry = 255) {
  const size_t codes_size = subspaces * avq::kCodeRowBytes;
  const size_t stride = codes_size + avq::kBlockRows * sizeof(uint16_t);
  auto data = random_bytes(blocks * stride);
  for (size_t b = 0; b < blocks; ++b) {
    for (size_t j = 0; j < avq::kBlockRows; ++j) {
      const uint16_t one = 0x3f80;
      std::memcpy(&data[b * stride + codes_size + j * 2], &one, 2);
    }
  }
  auto lut = random_bytes(codes_size);
  for (uint8_t& entry : lut) entry = std::min(entry, max_entry);
  const avq::ScanParams params{lut.data(), 0.01f, -1.0f, 0.5f, threshold, max_entry};
  float keys[avq::kBlockRows];
  const double block = nanoseconds([&] {
    uint32_t found = 0;
    for (size_t b = 0; b < blocks; ++b) {
      const uint8_t* codes = data.data() + b * stride;
      found |=
          avq::score_block(codes, subspaces, reinterpret_cast<const uint16_t*>(codes + codes_size),
                           nullptr, params, keys);
    }
    sink = static_cast<float>(found);
  });
  std::printf(" %8.3f", block / static_cast<double>(blocks * avq::kBlockRows));
}

void time_scans() {
  std::printf("%9s %8s %8s %8s %8s %8s %8s  ns a row\n", "subspaces", "L1/L2", "all pass", "L3",
              "memory", "6b L3", "6b mem.");
  const float none = std::numeric_limits<float>::infinity();
  for (const size_t subspaces : {8, 25, 48, 50, 96, 192, 384, 768}) {
    const size_t bytes = subspaces * avq::kCodeRowBytes;
    std::printf("%9zu", subspaces);
    time_scan(subspaces, std::max<size_t>(1, 24000 / bytes), none);
    time_scan(subspaces, std::max<size_t>(1, 24000 / bytes), -none);
    time_scan(subspaces, 4000000 / bytes, none);
    time_scan(subspaces, 120000000 / bytes, none);
    time_scan(subspaces, 4000000 / bytes, none, avq::kSmallEntry);
    time_scan(subspaces, 120000000 / bytes, none, avq::kSmallEntry);
    std::printf("\n");
  }
}

void time_nearest(size_t dims, size_t centres_count, size_t count) {
  const auto rows = random_floats(count * dims), centres = random_floats(centres_count * dims);
  const auto bias = random_floats(centres_count);
  std::vector<uint32_t> best(count);
  std::vector<float> score(count), scores(centres_count);
  const double flops = 2.0 * static_cast<double>(dims * centres_count * count);
  const double plain = nanoseconds([&] {
    avq::nearest_centres(rows.data(), count, centres.data(), centres_count, dims, bias.data(),
                         best.data(), score.data());
  });
  const double routing = nanoseconds(
      [&] { avq::dot_rows(rows.data(), centres.data(), centres_count, dims, scores.data()); });
  std::printf("%6zu %8zu %6zu %10.1f %10.1f\n", dims, centres_count, count, flops / plain,
              flops / static_cast<double>(count) / routing);
}

}  // namespace

int main() {
  std::printf("kernels for %s\n\n", avq::kernel_target());
  time_products();
  time_conversions();
  time_scans();
  std::printf("\n%6s %8s %6s %10s %10s  GFLOP/s\n", "dims", "centres", "rows", "nearest",
              "dot_rows");
  for (const size_t dims : {2, 4, 100, 384, 1536}) {
    for (const size_t centres : {16, 200, 2000}) time_nearest(dims, centres, 64);
  }
  time_nearest(100, 500, 1);
  time_nearest(100, 500, 1000);
  return 0;
}
