// Compares codes and routing rules on real embeddings, without a server: what
// docs/codec_study.md quotes.
//
//   build/codec_study DATA_DIR [--queries N] [--codes] [--routing] [SET:ip|cos|l2 ...]
//
// DATA_DIR holds SET.base.npy, SET.query.npy and the exact answers SET.gt_ip.npy, SET.gt_cos.npy
// (for L2 they are computed).
// Codes are judged over all rows, with float tables; lists, sample and bytes are the same for all
// rows of a table.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "core/calibration.h"
#include "core/codec.h"
#include "core/fit.h"
#include "core/kernels.h"
#include "core/kmeans.h"
#include "core/lists.h"
#include "core/stopwatch.h"
#include "npy.h"

namespace avq::bench {
namespace {

struct TestSet {
  std::string name;
  Metric metric;
  Matrix<float> base, queries;
  ExactTop top;  // depth 100
};

TestSet load(const std::string& directory, const std::string& name, Metric metric, size_t queries) {
  TestSet set{name,
              metric,
              read_vectors(directory + "/" + name + ".base.npy"),
              read_vectors(directory + "/" + name + ".query.npy"),
              {}};
  set.queries.rows = std::min(set.queries.rows, queries);
  if (metric == Metric::l2) {
    const Sample rows(metric, set.base.values.data(), set.base.rows, set.base.columns, nullptr);
    set.top = exact_top(rows, rows.rows, set.queries.values.data(), set.queries.rows, nullptr, 100);
    return set;
  }
  const auto answers = read_answers(directory + "/" + name +
                                    (metric == Metric::cosine ? ".gt_cos.npy" : ".gt_ip.npy"));
  set.top.queries = set.queries.rows;
  set.top.depth = answers.columns;
  set.top.rows.assign(answers.values.begin(),
                      answers.values.begin() + static_cast<long>(set.top.queries * set.top.depth));
  return set;
}

const char* metric_name(Metric metric) {
  return metric == Metric::cosine ? "cosine" : metric == Metric::l2 ? "L2" : "inner product";
}

// --- codes --------------------------------------------------------------------------------------

struct CodeQuality {
  double recall;              // 10 in the first 10 by estimate
  size_t rerank95, rerank99;  // rows to rerank for that share of the best 10
  double encode_us;
};

CodeQuality judge_codes(const TestSet& set, const TrainedModel& trained, const ListSet& lists) {
  const Model model = trained.view();
  const ModelShape& shape = model.shape;
  const size_t padded = shape.padded_dims();
  std::vector<float> rebuilt(set.base.rows * padded), offsets(set.base.rows), row(padded);
  std::vector<float> scratch(encode_scratch_floats(shape));
  std::vector<uint8_t> codes(shape.subspaces);
  double encoding = 0;
  for (size_t i = 0; i < set.base.rows; ++i) {
    prepare(shape, set.base.at(i), row.data());
    Stopwatch watch;
    const EncodedRow encoded =
        encode(model, row.data(), lists.list_of[i], codes.data(), scratch.data());
    encoding += watch.lap();
    decode(model, codes.data(), row.data());
    const float* centroid = model.centroids + lists.list_of[i] * padded;
    for (size_t j = 0; j < padded; ++j) {
      rebuilt[i * padded + j] = centroid[j] + encoded.scale * row[j];
    }
    offsets[i] = encoded.offset;
  }
  constexpr size_t kDepth = 10;
  std::vector<size_t> ranks;
  std::vector<float> estimates(set.base.rows);
  for (size_t q = 0; q < set.queries.rows; ++q) {
    prepare(shape, set.queries.at(q), row.data());
    dot_rows(row.data(), rebuilt.data(), set.base.rows, padded, estimates.data());
    for (size_t i = 0; i < set.base.rows; ++i) estimates[i] -= offsets[i];
    for (size_t k = 0; k < kDepth; ++k) {
      const float own = estimates[set.top.rows[q * set.top.depth + k]];
      size_t rank = 0;
      for (const float estimate : estimates) rank += estimate > own;
      ranks.push_back(rank);
    }
  }
  std::sort(ranks.begin(), ranks.end());
  const auto within = std::lower_bound(ranks.begin(), ranks.end(), kDepth) - ranks.begin();
  const auto depth_for = [&](double recall) {
    const auto at = static_cast<size_t>(std::ceil(recall * static_cast<double>(ranks.size()))) - 1;
    return std::max(kDepth, ranks[at] + 1);
  };
  return {static_cast<double>(within) / static_cast<double>(ranks.size()), depth_for(.95),
          depth_for(.99), encoding / static_cast<double>(set.base.rows) * 1e6};
}

struct CodeVariant {
  const char* name;
  bool row_scale;
  float eta;  // 0: from T
  int joint;
};

void study_codes(const TestSet& set, const ListSet& lists, const SampleQueries& queries,
                 const Sample& sample, const std::vector<uint32_t>& widths) {
  const CodeVariant variants[] = {
      {"plain PQ", false, 1, 0},
      {"anisotropic assignment, T = .2", false, 0, 0},
      {"anisotropic, joint, T = .2 (the paper)", false, 0, 1},
      {"anisotropic, joint, eta 4", false, 4, 1},
      {"scale, plain", true, 1, 0},
      {"scale, eta 1.5", true, 1.5f, 0},
      {"scale, eta 2", true, 2, 0},
      {"scale, eta 4", true, 4, 0},
      {"scale, eta 2, joint", true, 2, 1},
      {"scale, joint, T = .2", true, 0, 1},
  };
  for (const uint32_t width : widths) {
    std::printf(
        "\n**%s, %s, %u dims a code** (%zu rows, %zu queries, %zu lists; rotation gain"
        " %.2f)\n\n",
        set.name.c_str(), metric_name(set.metric), width, set.base.rows, set.queries.rows,
        lists.count, rotation_gain(sample, lists));
    std::printf(
        "| codes | recall 10@10 | rerank .95 | rerank .99 | rotated: 10@10 | .95 | .99 |"
        " kappa | encode us |\n|---|---|---|---|---|---|---|---|---|\n");
    for (const CodeVariant& variant : variants) {
      std::printf("| %s |", variant.name);
      float kappa = 0;
      double encode_us = 0;
      for (const int rotate : {0, 1}) {
        TrainingOptions options;
        options.metric = set.metric;
        options.dims = static_cast<uint32_t>(set.base.columns);
        options.dims_per_subspace = width;
        options.row_scale = variant.row_scale;
        options.eta = variant.eta;
        options.anisotropic_threshold = variant.eta == 0 ? 0.2f : 0;
        options.joint = variant.joint;
        options.rotate = rotate;
        const TrainedModel model = fit_model(options, sample, lists, queries);
        const CodeQuality quality = judge_codes(set, model, lists);
        std::printf(" %.3f | %zu | %zu |", quality.recall, quality.rerank95, quality.rerank99);
        std::fflush(stdout);
        kappa = model.shape.error_scale;
        encode_us = quality.encode_us;
      }
      std::printf(" %.3f | %.1f |\n", kappa, encode_us);
      std::fflush(stdout);
    }
  }
}

// --- routing ------------------------------------------------------------------------------------

void print_costs(const std::vector<RoutingCost>& costs) {
  for (const RoutingCost& cost : costs) std::printf(" %.2f |", 100 * cost.rows);
}

void study_variant(const char* name, const TestSet& set, const Sample& sample, const ListSet& lists,
                   const SampleQueries& rows_as_queries, bool soar) {
  const std::vector<double> targets = {.90, .95, .99};
  RoutingLists view = lists.view(sample);
  std::vector<uint32_t> sizes = lists.sizes, second;
  if (soar) {
    second = lists.list_of;
    spill_rows(sample, lists, 1.0f, nullptr, sample.rows, second);
    for (size_t row = 0; row < sample.rows; ++row) sizes[second[row]] += 1;
    view.spill_of = second.data();
    view.sizes = sizes.data();
  }
  for (const float sigma : {0.0f, 0.5f, 1.0f, 2.0f}) {
    std::printf("| %s%s | %.1f |", name, soar ? " + SOAR" : "", sigma);
    print_costs(
        routing_cost(view, sigma, set.queries.values.data(), set.top, 10, targets, nullptr));
    print_costs(routing_cost(view, sigma, rows_as_queries.vectors.data(), rows_as_queries.top, 10,
                             targets, nullptr));
    std::printf("\n");
  }
}

// Spherical cells for inner product: k-means of directions, centroids the means of the cells.
std::vector<float> spherical_means(const TestSet& set) {
  const size_t dims = set.base.columns;
  const Sample directions(Metric::cosine, set.base.values.data(), set.base.rows, dims, nullptr);
  const auto wanted = static_cast<uint32_t>(2 * std::sqrt(static_cast<double>(set.base.rows)));
  const ListSet cells = settle_lists(directions, train_centres(directions, wanted, 1));
  std::vector<float> means(cells.count * dims);
  for (size_t i = 0; i < set.base.rows; ++i) {
    axpy(1.0f / static_cast<float>(cells.sizes[cells.list_of[i]]), set.base.at(i),
         &means[cells.list_of[i] * dims], dims);
  }
  return means;
}

void study_routing(const TestSet& set, const Sample& sample, const ListSet& plain,
                   const SampleQueries& queries) {
  std::printf("\n**%s, %s: %% of codes scanned for list recall@10** (%zu lists)\n\n",
              set.name.c_str(), metric_name(set.metric), plain.count);
  std::printf(
      "| centroids | route_sigma | .90 | .95 | .99 | rows as queries: .90 | .95 | .99 |\n"
      "|---|---|---|---|---|---|---|---|\n");
  const char* own = set.metric == Metric::cosine ? "spherical" : "L2";
  study_variant(own, set, sample, plain, queries, false);
  study_variant(own, set, sample, plain, queries, true);
  if (set.metric == Metric::inner_product) {
    const ListSet spherical = settle_lists(sample, spherical_means(set));
    study_variant("spherical cells, means", set, sample, spherical, queries, false);
    const ListSet anisotropic = settle_lists(sample, anisotropic_centres(sample, plain));
    study_variant("anisotropic", set, sample, anisotropic, queries, false);
    study_variant("anisotropic", set, sample, anisotropic, queries, true);
  }
}

void print_chosen(const TestSet& set, const Sample& sample, const ListSet& chosen) {
  std::printf(
      "\n**%s, %s: the default model** (%zu lists, the largest of %u rows, route_sigma %.1f,"
      " SOAR would be %s; without it, %% of lists / %% of rows)\n\n| list recall | .90 | .95 | .99 "
      "|\n|---|---|---|---|\n",
      set.name.c_str(), metric_name(set.metric), chosen.count,
      *std::max_element(chosen.sizes.begin(), chosen.sizes.end()), chosen.route_sigma,
      chosen.soar_lambda > 0 ? "on" : "off");
  for (const size_t depth : {1, 10, 100}) {
    std::printf("| @%zu |", depth);
    for (const RoutingCost& cost :
         routing_cost(chosen.view(sample), chosen.route_sigma, set.queries.values.data(), set.top,
                      depth, {.90, .95, .99}, nullptr)) {
      std::printf(" %.2f / %.2f |", 100 * cost.lists, 100 * cost.rows);
    }
    std::printf("\n");
  }
  std::fflush(stdout);
}

void study(const TestSet& set, bool codes, bool routing) {
  const Sample sample(set.metric, set.base.values.data(), set.base.rows, set.base.columns, nullptr);
  const SampleQueries queries = sample_queries(sample);
  const auto wanted = static_cast<uint32_t>(2 * std::sqrt(static_cast<double>(set.base.rows)));
  if (routing) {
    study_routing(set, sample, settle_lists(sample, train_centres(sample, wanted, 1)), queries);
  }
  TrainingOptions options;
  options.metric = set.metric;
  options.dims = static_cast<uint32_t>(set.base.columns);
  options.lists = wanted;
  options.soar_lambda = -1;
  options.seed = 1;
  const ListSet chosen = train_lists(options, sample, queries);
  if (routing) print_chosen(set, sample, chosen);
  if (codes) {
    study_codes(set, chosen, queries, sample,
                set.base.columns > 300 ? std::vector<uint32_t>{2, 4} : std::vector<uint32_t>{2});
  }
}

int run(int count, char** arguments) {
  if (count < 2) {
    std::fprintf(stderr,
                 "usage: codec_study DATA_DIR [--queries N] [--codes] [--routing] [SET:METRIC]\n");
    return 2;
  }
  bool codes = false, routing = false;
  size_t queries = 500;
  std::vector<std::string> sets;
  for (int i = 2; i < count; ++i) {
    if (std::strcmp(arguments[i], "--codes") == 0) {
      codes = true;
    } else if (std::strcmp(arguments[i], "--routing") == 0) {
      routing = true;
    } else if (std::strcmp(arguments[i], "--queries") == 0 && i + 1 < count) {
      queries = std::strtoul(arguments[++i], nullptr, 10);
    } else {
      sets.emplace_back(arguments[i]);
    }
  }
  if (!codes && !routing) codes = routing = true;
  if (sets.empty()) sets = {"wordctx-100:ip", "docs-384:ip", "docs-384:cos", "calls-96:ip"};
  for (const std::string& argument : sets) {
    const size_t colon = argument.find(':');
    const std::string metric = colon == std::string::npos ? "ip" : argument.substr(colon + 1);
    study(load(arguments[1], argument.substr(0, colon),
               metric == "cos"  ? Metric::cosine
               : metric == "l2" ? Metric::l2
                                : Metric::inner_product,
               queries),
          codes, routing);
  }
  return 0;
}

}  // namespace
}  // namespace avq::bench

int main(int count, char** arguments) {
  try {
    return avq::bench::run(count, arguments);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "codec_study: %s\n", error.what());
    return 1;
  }
}
