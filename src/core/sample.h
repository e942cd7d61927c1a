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
#include "core/progress.h"

namespace avq {

class Team;

struct Sample {
  Metric metric;
  const float* data;  // rows x dims
  size_t rows;
  size_t dims;
  std::vector<float> norms;
  float largest_norm = 0;
  double mean_square = 0;  // of the norms
  StopFlag stop;
  Team* team = nullptr;          // of which `data` is the sample; null: this thread computes alone
  Progress* progress = nullptr;  // or null; in multiplications of assignments

  Sample(Metric metric_, const float* data_, size_t rows_, size_t dims_, StopFlag stop_)
      : metric(metric_), data(data_), rows(rows_), dims(dims_), norms(rows_), stop(stop_) {
    for (size_t row = 0; row < rows; ++row) {
      norms[row] = static_cast<float>(exact_norm(at(row), dims));
      largest_norm = std::max(largest_norm, norms[row]);
      mean_square += static_cast<double>(norms[row]) * norms[row] / static_cast<double>(rows);
    }
  }

  const float* at(size_t row) const noexcept { return data + row * dims; }

  // What a row counts for in a mean: cosine looks at directions only.
  float weight(size_t row) const noexcept {
    if (metric != Metric::cosine) return 1;
    return norms[row] > 0 ? 1 / norms[row] : 0;
  }

  // How much a row's place among the lists matters. Long rows are the answers of inner product
  // search, so cells are made finer where they are (docs/codec_study.md). The constant part keeps
  // the many short rows of skewed sets out of one giant list, and a row of absurd length from
  // making the others weightless.
  double importance(size_t row) const noexcept {
    if (metric != Metric::inner_product || !(mean_square > 0)) return 1;
    return 0.5 + static_cast<double>(norms[row]) * norms[row] / mean_square;
  }

  void count_work(double multiplications) const noexcept {
    if (progress != nullptr) progress->add(multiplications);
  }

  // The i-th of `count` rows spread evenly over the sample.
  size_t spread(size_t i, size_t count) const noexcept {
    return static_cast<size_t>(static_cast<double>(i) * static_cast<double>(rows) /
                               static_cast<double>(count));
  }
};

}  // namespace avq
