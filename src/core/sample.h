#pragma once
// The rows that training sees: the caller's raw sample, never copied as a whole. Rotation keeps
// inner products, so lists are trained on the raw rows and only their centroids are rotated.
//
// Errors: the constructor throws std::bad_alloc; the rest is noexcept.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/codec.h"
#include "core/error.h"
#include "core/metric.h"

namespace avq {

struct Sample {
  Metric metric;
  const float* data;  // rows x dims
  size_t rows;
  size_t dims;
  std::vector<float> norms;
  float largest_norm = 0;
  StopFlag stop;

  Sample(Metric metric_, const float* data_, size_t rows_, size_t dims_, StopFlag stop_)
      : metric(metric_), data(data_), rows(rows_), dims(dims_), norms(rows_), stop(stop_) {
    for (size_t row = 0; row < rows; ++row) {
      norms[row] = static_cast<float>(exact_norm(at(row), dims));
      largest_norm = std::max(largest_norm, norms[row]);
    }
  }

  const float* at(size_t row) const noexcept { return data + row * dims; }

  // What a row counts for in a mean: cosine looks at directions only.
  float weight(size_t row) const noexcept {
    if (metric != Metric::cosine) return 1;
    return norms[row] > 0 ? 1 / norms[row] : 0;
  }

  // How much a row's place among the lists matters. Long rows are the answers of inner product
  // search, so cells are made finer where they are: on real sets this scans up to ten times fewer
  // rows than equal weights and never more (docs/codec_study.md). Bounded below so that one
  // absurdly long row does not make the others weightless.
  double importance(size_t row) const noexcept {
    if (metric != Metric::inner_product || !(largest_norm > 0)) return 1;
    const double relative = std::max(1e-4, static_cast<double>(norms[row]) / largest_norm);
    return relative * relative;
  }

  // The i-th of `count` rows spread evenly over the sample.
  size_t spread(size_t i, size_t count) const noexcept {
    return static_cast<size_t>(static_cast<double>(i) * static_cast<double>(rows) /
                               static_cast<double>(count));
  }
};

}  // namespace avq
