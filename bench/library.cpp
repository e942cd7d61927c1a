// Our own core as a library on a benchmark set: what a query costs without a server.
//
//   build/library DATA_DIR SET:ip|cos [--queries N] [--skip N] [--lists N] [--soar L] [--json]
//
// Sweeps probes, rows rescored and the width of the bound; the points that no other beats are timed
// again, the median of several passes over all queries counts. --skip leaves out the first queries,
// which a calibration has seen.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "core/kernels.h"
#include "core/stopwatch.h"
#include "library_index.h"
#include "npy.h"

namespace avq::bench {
namespace {

constexpr uint32_t kLimit = 10;
constexpr int kPasses = 5;

struct Options {
  std::string directory, set;
  Metric metric = Metric::inner_product;
  size_t queries = SIZE_MAX, skip = 0;
  uint32_t lists = 0;
  float soar = -1;
  bool json = false;
};

struct Point {
  Effort effort;
  double recall, us;
};

struct Queries {
  const float* vectors;
  size_t count;
  std::vector<double> bars;  // the exact score of the last of the best: rows that tie are as good
};

double exact_score(const Options& options, const float* query, const float* row, size_t dims) {
  double product = 0, square = 0;
  for (size_t i = 0; i < dims; ++i) {
    product += double{query[i]} * row[i];
    square += double{row[i]} * row[i];
  }
  return options.metric == Metric::cosine ? product / std::sqrt(square) : product;
}

// Mean microseconds of one pass over all queries.
double time_pass(LibraryIndex& index, const Queries& queries, size_t dims, const Effort& effort) {
  std::vector<uint32_t> answer;
  Stopwatch watch;
  for (size_t q = 0; q < queries.count; ++q) {
    index.search(queries.vectors + q * dims, kLimit, effort, answer);
  }
  return watch.lap() / static_cast<double>(queries.count) * 1e6;
}

double recall_of(LibraryIndex& index, const Options& options, const Queries& queries,
                 const Matrix<float>& base, const Effort& effort) {
  constexpr double kTie = 1e-9;
  size_t hits = 0;
  std::vector<uint32_t> answer;
  for (size_t q = 0; q < queries.count; ++q) {
    const float* query = queries.vectors + q * base.columns;
    index.search(query, kLimit, effort, answer);
    for (const uint32_t row : answer) {
      const double score = exact_score(options, query, base.at(row), base.columns);
      hits += score >= queries.bars[q] - kTie * std::fabs(queries.bars[q]);
    }
  }
  return static_cast<double>(hits) / static_cast<double>(queries.count * kLimit);
}

std::vector<Effort> efforts(uint32_t lists) {
  std::vector<Effort> all;
  for (double share = 2; share < 2.0 * lists; share *= std::sqrt(2.0)) {
    const auto probes = static_cast<uint32_t>(share);
    if (probes > lists) break;
    for (const uint32_t depth : {10, 14, 20, 28, 40, 56, 80, 112, 160, 320}) {
      for (const float width : {0.0f, 1.0f}) all.push_back({probes, depth, width});
    }
  }
  return all;
}

// The points that no other beats in both, by ascending recall.
std::vector<Point> frontier(std::vector<Point> points) {
  std::sort(points.begin(), points.end(), [](const Point& a, const Point& b) {
    return a.recall != b.recall ? a.recall > b.recall : a.us < b.us;
  });
  std::vector<Point> kept;
  for (const Point& point : points) {
    if (kept.empty() || point.us < kept.back().us) kept.push_back(point);
  }
  std::reverse(kept.begin(), kept.end());
  return kept;
}

std::vector<Point> sweep(LibraryIndex& index, const Options& options, const Queries& queries,
                         const Matrix<float>& base) {
  constexpr double kLeastRecall = 0.8, kMostRecall = 0.998;
  std::vector<Point> points;
  bool enough = false;
  for (const Effort& effort : efforts(index.lists())) {
    // More probes do not help once these reach all there is to reach.
    if (enough && effort.probes != points.back().effort.probes) break;
    const double recall = recall_of(index, options, queries, base, effort);
    points.push_back({effort, recall, time_pass(index, queries, base.columns, effort)});
    enough |= recall >= kMostRecall;
  }
  std::erase_if(points, [](const Point& point) { return point.recall < kLeastRecall; });
  points = frontier(points);
  for (Point& point : points) {
    std::vector<double> passes;
    for (int i = 0; i < kPasses; ++i) {
      passes.push_back(time_pass(index, queries, base.columns, point.effort));
    }
    std::nth_element(passes.begin(), passes.begin() + kPasses / 2, passes.end());
    point.us = passes[kPasses / 2];
  }
  return points;
}

// Where the time of the first point at this recall goes, in microseconds a query.
struct Breakdown {
  Parts parts;
  Effort effort{};
};
Breakdown breakdown(LibraryIndex& index, const Queries& queries, size_t dims,
                    const std::vector<Point>& points, double recall) {
  const auto at = std::find_if(points.begin(), points.end(),
                               [=](const Point& point) { return point.recall >= recall; });
  Breakdown result;
  if (at == points.end()) return result;
  result.effort = at->effort;
  index.parts = {};
  for (int i = 0; i < kPasses; ++i) time_pass(index, queries, dims, at->effort);
  result.parts = index.parts;
  const double each = 1e6 / (kPasses * static_cast<double>(queries.count));
  for (double* part : {&result.parts.routing, &result.parts.tables, &result.parts.scan,
                       &result.parts.selection, &result.parts.rescoring}) {
    *part *= each;
  }
  result.parts.blocks /= kPasses * queries.count;
  return result;
}

void print_json(const Options& options, const LibraryIndex& index, const Queries& queries,
                const std::vector<Point>& points, const Breakdown& at95) {
  std::printf(
      "{\"set\": \"%s\", \"limit\": %u, \"queries\": %zu, \"lists\": %u, \"soar\": %s, "
      "\"train_seconds\": %.3f, \"encode_seconds\": %.3f, \"bytes\": %zu,\n",
      options.set.c_str(), kLimit, queries.count, index.lists(), index.spilled() ? "true" : "false",
      index.train_seconds, index.encode_seconds, index.bytes());
  std::printf(
      "\"us_at_95\": {\"routing\": %.2f, \"tables\": %.2f, \"scan\": %.2f, \"selection\": %.2f, "
      "\"rescoring\": %.2f, \"blocks\": %zu, \"probes\": %u, \"depth\": %u},\n\"points\": [",
      at95.parts.routing, at95.parts.tables, at95.parts.scan, at95.parts.selection,
      at95.parts.rescoring, static_cast<size_t>(at95.parts.blocks), at95.effort.probes,
      at95.effort.depth);
  const char* separator = "\n";
  for (const Point& point : points) {
    std::printf("%s{\"recall\": %.4f, \"us\": %.2f, \"probes\": %u, \"depth\": %u, \"width\": %g}",
                separator, point.recall, point.us, point.effort.probes, point.effort.depth,
                double{point.effort.width});
    separator = ",\n";
  }
  std::printf("]}\n");
}

void print_text(const LibraryIndex& index, const std::vector<Point>& points,
                const Breakdown& at95) {
  std::printf("%u lists%s, %.1f MB; trained in %.1f s, encoded in %.1f s\n", index.lists(),
              index.spilled() ? " with second codes" : "", static_cast<double>(index.bytes()) / 1e6,
              index.train_seconds, index.encode_seconds);
  std::printf("%8s %8s %8s %6s %8s\n", "recall", "us", "probes", "depth", "width");
  for (const Point& point : points) {
    std::printf("%8.4f %8.1f %8u %6u %8g\n", point.recall, point.us, point.effort.probes,
                point.effort.depth, double{point.effort.width});
  }
  std::printf(
      "at 0.95, us: routing %.1f, tables %.1f, scan of %zu blocks %.1f, selection %.1f, rescoring "
      "%.1f\n",
      at95.parts.routing, at95.parts.tables, static_cast<size_t>(at95.parts.blocks),
      at95.parts.scan, at95.parts.selection, at95.parts.rescoring);
}

// As the server's build chooses: about 2 sqrt(n) lists, 128 rows of the sample for each.
void run(const Options& options) {
  const std::string path = options.directory + "/" + options.set;
  const Matrix<float> base = read_vectors(path + ".base.npy");
  const Matrix<float> vectors = read_vectors(path + ".query.npy");
  const auto answers =
      read_answers(path + (options.metric == Metric::cosine ? ".gt_cos.npy" : ".gt_ip.npy"));
  TrainingOptions training;
  training.metric = options.metric;
  training.dims = static_cast<uint32_t>(base.columns);
  training.lists = options.lists != 0
                       ? options.lists
                       : static_cast<uint32_t>(2 * std::sqrt(static_cast<double>(base.rows)));
  training.soar_lambda = options.soar;
  training.seed = 1;
  LibraryIndex index(training, base.values.data(), base.rows,
                     std::max<size_t>(size_t{128} * training.lists, 32768));

  const size_t first = std::min(options.skip, vectors.rows);
  Queries queries{vectors.at(first), std::min(vectors.rows - first, options.queries), {}};
  for (size_t q = 0; q < queries.count; ++q) {
    const float* query = queries.vectors + q * base.columns;
    double bar = INFINITY;
    for (uint32_t k = 0; k < kLimit; ++k) {
      const auto row = static_cast<size_t>(answers.at(first + q)[k]);
      bar = std::min(bar, exact_score(options, query, base.at(row), base.columns));
    }
    queries.bars.push_back(bar);
  }
  const std::vector<Point> points = sweep(index, options, queries, base);
  const Breakdown at95 = breakdown(index, queries, base.columns, points, 0.95);
  if (options.json) {
    print_json(options, index, queries, points, at95);
  } else {
    print_text(index, points, at95);
  }
}

int usage() {
  std::fprintf(stderr,
               "usage: library DATA_DIR SET:ip|cos [--queries N] [--skip N] [--lists N]"
               " [--soar L] [--json]\n");
  return 2;
}

int main_with(int count, char** arguments) {
  if (count < 3) return usage();
  Options options;
  options.directory = arguments[1];
  const std::string set = arguments[2];
  options.set = set.substr(0, set.find(':'));
  if (set.ends_with(":cos")) options.metric = Metric::cosine;
  for (int i = 3; i < count; ++i) {
    const std::string name = arguments[i];
    if (name == "--json") {
      options.json = true;
      continue;
    }
    if (i + 1 == count) return usage();
    const char* value = arguments[++i];
    if (name == "--queries") {
      options.queries = std::strtoul(value, nullptr, 10);
    } else if (name == "--skip") {
      options.skip = std::strtoul(value, nullptr, 10);
    } else if (name == "--lists") {
      options.lists = static_cast<uint32_t>(std::strtoul(value, nullptr, 10));
    } else if (name == "--soar") {
      options.soar = std::strtof(value, nullptr);
    } else {
      return usage();
    }
  }
  run(options);
  return 0;
}

}  // namespace
}  // namespace avq::bench

int main(int count, char** arguments) {
  try {
    return avq::bench::main_with(count, arguments);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "library: %s\n", error.what());
    return 1;
  }
}
