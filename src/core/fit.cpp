#include "core/fit.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/calibration.h"
#include "core/codebooks.h"
#include "core/codec.h"
#include "core/kernels.h"
#include "core/random.h"
#include "core/recall_fit.h"
#include "core/rotation.h"
#include "core/routing.h"
#include "core/split.h"
#include "core/stopwatch.h"

namespace avq {
namespace {

constexpr float kScaleEta = 50;          // of the per-row scale; flat between 20 and 100
constexpr double kWorthwhileGain = 1.1;  // of rotation

// Whether the sample may choose the anisotropy of the codes.
bool eta_is_free(const TrainingOptions& options) noexcept {
  return options.eta <= 0 && options.anisotropic_threshold <= 0 && options.row_scale;
}

// Figures: docs/codec_study.md. With a scale per row the anisotropy is mostly spent; it still
// pays a little where a code covers one or two dimensions.
float usual_eta(const TrainingOptions& options, uint32_t dims_per_subspace) {
  if (options.anisotropic_threshold > 0) {
    return eta_from_threshold(options.anisotropic_threshold, options.dims);
  }
  if (options.eta > 0) return std::max(1.0f, options.eta);
  if (options.metric == Metric::l2) return 1;
  if (!options.row_scale) return 4;
  return dims_per_subspace <= 2 ? 1.5f : 1;
}

// The parts of a model that is being made; Model's own view is read-only.
struct Parts {
  float* centroids;
  float* list_sigma;
  float* assign_bias;
  float* codebooks;
  float* group_centres;
  float* group_sigma;
  float* group_bias;
  float* group_ends;
};

Parts allocate(TrainedModel& model) {
  model.floats.assign(Model::float_count(model.shape), 0.0f);
  const Model view = model.view();
  return {const_cast<float*>(view.centroids),      const_cast<float*>(view.list_sigma),
          const_cast<float*>(view.assign_bias),    const_cast<float*>(view.codebooks),
          const_cast<float*>(view.groups.centres), const_cast<float*>(view.group_sigma),
          const_cast<float*>(view.groups.bias),    const_cast<float*>(view.groups.ends)};
}

// A centre of training in the model's space, where it may move by a square of `slack`.
void place_centre(const ModelShape& shape, const float* centre, double slack, float* out,
                  float* bias) {
  std::copy_n(centre, shape.dims, out);
  if (shape.rotated != 0) rotate(shape.seed, out, shape.dims);
  if (slack > 0) round_centroid(out, shape.padded_dims(), slack);
  if (shape.metric != Metric::cosine) *bias = norm_squared(out, shape.padded_dims()) / 2;
}

// Centres, spread and extent of the groups.
void place_groups(const ModelShape& shape, const ListSet& lists, const Parts& parts) {
  const Groups groups = lists.groups.view();
  const size_t dims = shape.dims;
  for (uint32_t g = 0; g < groups.count; ++g) {
    const float* centre = groups.centres + g * dims;
    place_centre(shape, centre, 0, parts.group_centres + g * shape.padded_dims(),
                 &parts.group_bias[g]);
    parts.group_ends[g] = groups.ends[g];
    double squares = 0, rows = 0;
    for (uint32_t l = groups.begin(g); l < groups.end(g); ++l) {
      const double sigma = lists.sigma[l];
      squares += lists.sizes[l] * (sigma * sigma * static_cast<double>(dims) +
                                   l2_squared(&lists.centres[l * dims], centre, dims));
      rows += lists.sizes[l];
    }
    parts.group_sigma[g] = static_cast<float>(std::sqrt(squares / (rows * dims)));
  }
}

// Overflow in a row of absurd length must not make the others' scores NaN.
void make_finite(std::vector<float>& floats) {
  constexpr float kLargest = std::numeric_limits<float>::max();
  for (float& value : floats) {
    if (std::isnan(value)) value = 0;
    value = std::clamp(value, -kLargest, kLargest);
  }
}

// kappa for residuals and queries that know nothing of each other: the error's norm per unit of
// scale, rms.
float simulate_error_scale(const Model& model) {
  const ModelShape& shape = model.shape;
  const size_t padded = shape.padded_dims();
  const size_t rows = std::clamp<size_t>(400000 / padded, 20, 1000);
  std::vector<float> row(padded), residual(padded), decoded(padded);
  std::vector<float> scratch(encode_scratch_floats(shape));
  std::vector<uint8_t> codes(shape.subspaces);
  Random random(shape.seed + 1, RandomUse::gaussian);
  const double deviation = 1 / std::sqrt(static_cast<double>(shape.dims));
  double squares = 0;
  for (size_t i = 0; i < rows; ++i) {
    for (size_t j = 0; j < shape.dims; ++j) {
      residual[j] = static_cast<float>(random.normal() * deviation);
    }
    for (size_t j = 0; j < padded; ++j) row[j] = model.centroids[j] + residual[j];
    const EncodedRow encoded = encode(model, row.data(), 0, codes.data(), scratch.data());
    if (!(encoded.scale > 0)) continue;
    decode(model, codes.data(), decoded.data());
    double square = 0;
    for (size_t j = 0; j < padded; ++j) {
      const double error = residual[j] / encoded.scale - decoded[j];
      square += error * error;
    }
    squares += square;
  }
  return static_cast<float>(std::sqrt(squares / static_cast<double>(rows)));
}

// Measures kappa and, where the user left it open, takes the anisotropy that makes it least: the
// codebooks are the same for all of them. Returns how much larger the error may be for queries that
// are unlike the rows.
double calibrate_error(const TrainingOptions& options, const Sample& sample, const ListSet& lists,
                       const SampleQueries& queries, TrainedModel& model) {
  constexpr size_t kEnough = 500;  // candidates
  ModelShape& shape = model.shape;
  const auto measure = [&](size_t query_count) {
    ExactTop top = queries.top;
    top.queries = std::min(top.queries, query_count);
    return measure_error(model.view(), sample, queries.vectors.data(), top, lists.list_of.data());
  };
  const bool enough = queries.top.rows.size() >= kEnough;
  if (enough && eta_is_free(options)) {
    constexpr size_t kQueries = 100;
    float best_eta = shape.eta, least = std::numeric_limits<float>::max();
    for (const float eta : {1.0f, 1.5f, 2.0f}) {
      shape.eta = eta;
      const float error = measure(kQueries).along;
      if (!(error < least)) continue;
      least = error;
      best_eta = eta;
    }
    shape.eta = best_eta;
  }
  const CodeError error = measure(queries.top.queries);
  shape.error_scale = error.along;
  if (!enough || !(shape.error_scale > 0)) {
    shape.error_scale = std::max(shape.error_scale, simulate_error_scale(model.view()));
  }
  return shape.error_scale > 0 ? std::max(1.0, double{error.norm} / shape.error_scale) : 1;
}

}  // namespace

ModelShape make_shape(const TrainingOptions& options) {
  if (options.dims < 1 || options.dims > kMaxDims) {
    throw Error(ErrorCode::invalid_argument, "dimensions out of range");
  }
  ModelShape shape = {};
  shape.dims = options.dims;
  shape.lists = shape.cells = 1;
  shape.dims_per_subspace = options.dims_per_subspace != 0
                                ? std::min(options.dims_per_subspace, options.dims)
                                : std::min(auto_dims_per_subspace(options.dims), options.dims);
  shape.subspaces = (options.dims + shape.dims_per_subspace - 1) / shape.dims_per_subspace;
  shape.metric = options.metric;
  shape.row_scale = options.row_scale ? 1 : 0;
  shape.eta = usual_eta(options, shape.dims_per_subspace);
  shape.eta_scale = kScaleEta;
  shape.soar_lambda = std::max(0.0f, options.soar_lambda);
  shape.seed = options.seed;
  return shape;
}

// The gain of rotation in the mean squared error of scores: with residual variances r_i and query
// variances q_i per dimension the error of unrotated codes is in proportion to sum r_i q_i, of
// rotated ones to (sum r_i)(sum q_i) / dims. Rows stand in for queries.
double rotation_gain(const Sample& sample, const ListSet& lists) {
  constexpr size_t kRows = 10000;
  const size_t rows = std::min(kRows, sample.rows);
  std::vector<double> residual(sample.dims), query(sample.dims);
  for (size_t i = 0; i < rows; ++i) {
    if (i % 256 == 0) check_stop(sample.stop);
    const size_t number = sample.spread(i, rows);
    const double weight = sample.weight(number);
    // Residuals count by direction, as codes do.
    const float* row = sample.at(number);
    const float* centre = &lists.centres[lists.list_of[number] * sample.dims];
    double square = 0;
    for (size_t j = 0; j < sample.dims; ++j) {
      const double difference = row[j] * weight - centre[j];
      square += difference * difference;
    }
    if (!(square > 0) || !std::isfinite(square) || !(sample.norms[number] > 0)) continue;
    const double inverse = 1 / (static_cast<double>(sample.norms[number]));
    for (size_t j = 0; j < sample.dims; ++j) {
      const double difference = row[j] * weight - centre[j];
      const double unit = row[j] * inverse;
      residual[j] += difference * difference / square;
      query[j] += unit * unit;
    }
  }
  double both = 0, residuals = 0, queries = 0;
  for (size_t j = 0; j < sample.dims; ++j) {
    both += residual[j] * query[j];
    residuals += residual[j];
    queries += query[j];
  }
  const double product = residuals * queries;
  return product > 0 ? both * static_cast<double>(sample.dims) / product : 1;
}

TrainedModel fit_model(const TrainingOptions& options, const Sample& sample, const ListSet& lists,
                       const SampleQueries& queries) {
  TrainedModel model;
  model.shape = make_shape(options);
  ModelShape& shape = model.shape;
  Stopwatch watch;
  shape.trained = 1;
  shape.lists = shape.cells = static_cast<uint32_t>(lists.count);
  shape.groups = static_cast<uint32_t>(lists.groups.count);
  shape.route_sigma = lists.route_sigma;
  shape.soar_lambda = lists.soar_lambda;
  shape.spill_square = lists.spill_square;
  shape.rotated =
      options.rotate > 0 || (options.rotate < 0 && rotation_gain(sample, lists) > kWorthwhileGain);

  const Parts parts = allocate(model);
  const size_t padded = shape.padded_dims();
  for (size_t l = 0; l < lists.count; ++l) {
    constexpr double kUnnoticed = 1e-3;  // of the mean square of the list's residuals
    const double square = double{lists.sigma[l]} * lists.sigma[l] * double(sample.dims);
    place_centre(shape, &lists.centres[l * sample.dims], kUnnoticed * square,
                 parts.centroids + l * padded, &parts.assign_bias[l]);
    parts.list_sigma[l] = lists.sigma[l];
  }
  place_groups(shape, lists, parts);
  make_finite(model.floats);
  const bool joint = options.joint > 0 || (options.joint < 0 && !options.row_scale);
  if (!train_codebooks(model.view(), sample, lists.list_of.data(), joint, parts.codebooks)) {
    // Codes of what is inserted later will be of residuals that this sample does not have.
    double square = 0;
    for (const float sigma : lists.sigma) {
      square = std::max(square, static_cast<double>(sigma) * sigma * sample.dims);
    }
    const double length = shape.row_scale != 0 || !(square > 0) ? 1 : std::sqrt(square);
    gaussian_codebooks(shape, length, parts.codebooks, sample.stop);
  }
  make_finite(model.floats);
  model.seconds.codebooks = watch.lap();

  const double strangeness = calibrate_error(options, sample, lists, queries.some(), model);
  if (!std::isfinite(shape.error_scale)) shape.error_scale = std::numeric_limits<float>::max();
  split_cells(options, sample, lists, queries.some(), model);
  const Answers answers = {queries.vectors.data(),
                           queries.top.queries,
                           queries.top.depth,
                           queries.top.rows.data(),
                           sample.data,
                           static_cast<double>(queries.pool),
                           strangeness};
  model.recall = fit_recall(model.view(), answers, FittedOn::sample, sample.stop);
  model.seconds.calibration = watch.lap();
  return model;
}

TrainedModel untrained(const TrainingOptions& options) {
  TrainedModel model;
  model.shape = make_shape(options);
  model.shape.rotated = options.rotate != 0;
  const Parts parts = allocate(model);
  gaussian_codebooks(model.shape, 1, parts.codebooks, nullptr);
  model.shape.error_scale = simulate_error_scale(model.view());
  model.recall = rule_of_thumb(1, 0);
  return model;
}

}  // namespace avq
