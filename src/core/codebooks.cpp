#include "core/codebooks.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/anisotropic.h"
#include "core/codec.h"
#include "core/kmeans.h"
#include "core/random.h"

namespace avq {
namespace {

constexpr size_t kRows = 15000;
constexpr size_t kLeastRows = 256;  // 16 for each codeword
constexpr size_t kBytes = size_t{64} << 20;

struct Residuals {
  size_t rows = 0;
  std::vector<float> targets;     // rows x padded dims
  std::vector<float> directions;  // rows x padded dims, for the joint update only
  std::vector<float> weights;     // rows, for the joint update only
};

Residuals gather(const Model& model, const Sample& sample, const uint32_t* list_of, bool joint) {
  const ModelShape& shape = model.shape;
  const size_t padded = shape.padded_dims();
  const size_t wanted = codebook_rows(sample.rows, joint ? 2 * padded : padded);
  Residuals out;
  out.targets.resize(wanted * padded);
  if (joint) out.directions.resize(wanted * padded);
  if (joint) out.weights.resize(wanted);
  std::vector<float> row(padded);
  for (size_t i = 0; i < wanted; ++i) {
    if (i % 256 == 0) check_stop(sample.stop);
    const size_t number = sample.spread(i, wanted);
    if (shape.metric == Metric::cosine && !(sample.norms[number] > 0)) continue;
    prepare(shape, sample.at(number), row.data());
    const float* centroid = model.centroids + list_of[number] * padded;
    float* target = &out.targets[out.rows * padded];
    for (size_t j = 0; j < padded; ++j) target[j] = row[j] - centroid[j];
    const double length = exact_norm(target, padded);
    if (!(length > 1e-6 * sample.norms[number]) || !std::isfinite(length)) continue;
    const double factor = shape.row_scale != 0 ? 1 / length : 1;
    for (size_t j = 0; j < padded; ++j) target[j] = static_cast<float>(target[j] * factor);
    if (joint) {
      const float* along = shape.metric == Metric::l2 ? target : row.data();
      const double along_norm = exact_norm(along, padded);
      for (size_t j = 0; j < padded; ++j) {
        out.directions[out.rows * padded + j] =
            along_norm > 0 ? static_cast<float>(along[j] / along_norm) : 0;
      }
      // Long rows are the answers of an inner product search: their errors count for more.
      const double relative = static_cast<double>(sample.norms[number]) / sample.largest_norm;
      out.weights[out.rows] = shape.metric == Metric::inner_product && shape.row_scale == 0
                                  ? static_cast<float>(relative * relative)
                                  : 1.0f;
    }
    ++out.rows;
  }
  return out;
}

}  // namespace

size_t codebook_rows(size_t sample_rows, size_t padded_dims) noexcept {
  const size_t fitting = kBytes / (sizeof(float) * std::max<size_t>(1, padded_dims));
  return std::min(sample_rows, std::clamp(fitting, kLeastRows, kRows));
}

bool train_codebooks(const Model& model, const Sample& sample, const uint32_t* list_of, bool joint,
                     float* codebooks) {
  const ModelShape& shape = model.shape;
  joint = joint && shape.eta > 1;
  const Residuals residuals = gather(model, sample, list_of, joint);
  if (residuals.rows < kLeastRows) return false;
  const size_t width = shape.dims_per_subspace;
  const size_t padded = shape.padded_dims();
  std::vector<float> points(residuals.rows * width);
  for (size_t m = 0; m < shape.subspaces; ++m) {
    for (size_t i = 0; i < residuals.rows; ++i) {
      std::copy_n(&residuals.targets[i * padded + m * width], width, &points[i * width]);
    }
    train_codewords(points.data(), residuals.rows, width, mix64(shape.seed + m),
                    codebooks + m * width * kCodewords, sample.stop);
    sample.count_work(codewords_work(residuals.rows, width));
  }
  if (joint) {
    constexpr int kAlternations = 4;
    const CodebookSample rows = {residuals.targets.data(), residuals.directions.data(),
                                 residuals.weights.data(), residuals.rows,
                                 shape.subspaces,          width};
    train_joint(rows, shape.eta, kAlternations, codebooks, sample.stop);
  }
  return true;
}

void gaussian_codebooks(const ModelShape& shape, double length, float* codebooks, StopFlag stop) {
  constexpr size_t kPoints = 20000;
  const size_t width = shape.dims_per_subspace;
  const size_t points = std::clamp(size_t{1000000} / width, kLeastRows, kPoints);
  Random random(shape.seed, RandomUse::gaussian);
  // Components of a random vector of norm `length` have variance length^2 / dims.
  const double deviation = length / std::sqrt(static_cast<double>(shape.dims));
  std::vector<float> drawn(points * width);
  for (float& value : drawn) value = static_cast<float>(random.normal() * deviation);
  const size_t book = width * kCodewords;
  train_codewords(drawn.data(), points, width, shape.seed, codebooks, stop);
  for (size_t m = 1; m < shape.subspaces; ++m) {
    std::copy_n(codebooks, book, codebooks + m * book);
  }
  // Padding is zero in every row and query.
  for (size_t i = shape.dims; i < shape.padded_dims(); ++i) {
    std::fill_n(codebooks + i * kCodewords, kCodewords, 0.0f);
  }
}

}  // namespace avq
