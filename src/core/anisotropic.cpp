#include "core/anisotropic.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/kernels.h"
#include "core/lanes.h"
#include "core/model.h"

namespace avq {

void fill_code_tables(const float* codebooks, size_t subspaces, size_t dims_per_subspace,
                      const float* target, const float* direction, float* squared,
                      float* parallel) noexcept {
  const float* codewords = codebooks;
  for (size_t m = 0; m < subspaces; ++m) {
    Floats4 square[4] = {}, along[4] = {};
    for (size_t j = 0; j < dims_per_subspace; ++j, codewords += kCodewords) {
      const size_t i = m * dims_per_subspace + j;
      const Floats4 value = fill4(target[i]);
      const Floats4 unit = fill4(parallel != nullptr ? direction[i] : 0);
      for (size_t part = 0; part < 4; ++part) {
        const Floats4 error = value - load4(codewords + 4 * part);
        square[part] += error * error;
        along[part] += error * unit;
      }
    }
    for (size_t part = 0; part < 4; ++part) {
      store4(squared + m * kCodewords + 4 * part, square[part]);
      if (parallel != nullptr) store4(parallel + m * kCodewords + 4 * part, along[part]);
    }
  }
}

void assign_plain(const float* squared, size_t subspaces, uint8_t* codes) noexcept {
  for (size_t m = 0; m < subspaces; ++m) {
    Floats4 values[4];
    for (size_t part = 0; part < 4; ++part) {
      values[part] = load4(squared + m * kCodewords + 4 * part);
    }
    codes[m] = static_cast<uint8_t>(argmin16(values));
  }
}

void descend(const float* squared, const float* parallel, size_t subspaces, float eta, int rounds,
             uint8_t* codes) noexcept {
  if (!(eta > 1)) return;
  float sum = 0;  // <e, u>
  for (size_t m = 0; m < subspaces; ++m) sum += parallel[m * kCodewords + codes[m]];
  const Floats4 extra = fill4(eta - 1);
  for (int round = 0; round < rounds; ++round) {
    bool changed = false;
    for (size_t m = 0; m < subspaces; ++m) {
      const float* along = parallel + m * kCodewords;
      const float* square = squared + m * kCodewords;
      const float others = sum - along[codes[m]];
      Floats4 costs[4];
      for (size_t part = 0; part < 4; ++part) {
        const Floats4 total = load4(along + 4 * part) + fill4(others);
        costs[part] = load4(square + 4 * part) + extra * total * total;
      }
      const uint32_t best = argmin16(costs);
      if (best == codes[m]) continue;
      const float gain = costs[codes[m] / 4][codes[m] % 4] - costs[best / 4][best % 4];
      if (!(gain > 0)) continue;
      codes[m] = static_cast<uint8_t>(best);
      sum = others + along[best];
      changed = true;
    }
    if (!changed) break;
  }
}

float best_scale(const ScaleTerms& terms, float eta) noexcept {
  if (!(terms.target_decoded > 0) || !(terms.decoded_decoded > 0)) return 0;
  const double plain = terms.target_decoded / terms.decoded_decoded;
  const double extra = static_cast<double>(eta) - 1;
  const double scale =
      (terms.target_decoded + extra * terms.target_direction * terms.decoded_direction) /
      (terms.decoded_decoded + extra * terms.decoded_direction * terms.decoded_direction);
  return static_cast<float>(std::clamp(scale, plain / 3, plain * 3));
}

namespace {

// Solves a x = b in place of b for a symmetric positive definite a (size x size, destroyed).
void solve_positive_definite(double* a, double* b, size_t size) noexcept {
  for (size_t i = 0; i < size; ++i) {
    for (size_t j = i + 1; j < size; ++j) {
      const double factor = a[j * size + i] / a[i * size + i];
      for (size_t k = i; k < size; ++k) a[j * size + k] -= factor * a[i * size + k];
      b[j] -= factor * b[i];
    }
  }
  for (size_t i = size; i-- > 0;) {
    for (size_t k = i + 1; k < size; ++k) b[i] -= a[i * size + k] * b[k];
    b[i] /= a[i * size + i];
  }
}

class JointTrainer {
 public:
  JointTrainer(const CodebookSample& sample, float eta, float* codebooks, StopFlag stop)
      : sample_(sample),
        dims_(sample.dims_per_subspace),
        eta_(eta),
        codebooks_(codebooks),
        stop_(stop),
        codes_(sample.rows * sample.subspaces),
        parallel_error_(sample.rows),
        matrices_(kCodewords * dims_ * dims_),
        sides_(kCodewords * dims_),
        counts_(kCodewords),
        moved_(dims_ * kCodewords) {}

  // Returns the mean loss. The first call starts from the isotropic codes, later ones from the
  // codes before, so that the loss never rises from one alternation to the next.
  double assign(bool first) {
    const size_t padded = sample_.subspaces * dims_;
    std::vector<float> squared(sample_.subspaces * kCodewords);
    std::vector<float> parallel(sample_.subspaces * kCodewords);
    double loss = 0, weights = 0;
    for (size_t row = 0; row < sample_.rows; ++row) {
      if (row % 64 == 0) check_stop(stop_);
      uint8_t* codes = &codes_[row * sample_.subspaces];
      fill_code_tables(codebooks_, sample_.subspaces, dims_, sample_.targets + row * padded,
                       sample_.directions + row * padded, squared.data(), parallel.data());
      if (first) assign_plain(squared.data(), sample_.subspaces, codes);
      descend(squared.data(), parallel.data(), sample_.subspaces, eta_, 10, codes);
      double square = 0, along = 0;
      for (size_t m = 0; m < sample_.subspaces; ++m) {
        square += squared[m * kCodewords + codes[m]];
        along += parallel[m * kCodewords + codes[m]];
      }
      parallel_error_[row] = static_cast<float>(along);
      loss += sample_.weights[row] * (square + (eta_ - 1) * along * along);
      weights += sample_.weights[row];
    }
    return weights > 0 ? loss / weights : 0;
  }

  void update_subspace(size_t m) {
    check_stop(stop_);
    std::fill(matrices_.begin(), matrices_.end(), 0.0);
    std::fill(sides_.begin(), sides_.end(), 0.0);
    std::fill(counts_.begin(), counts_.end(), 0.0);
    accumulate(m);
    float* codewords = codebooks_ + m * dims_ * kCodewords;
    std::fill(moved_.begin(), moved_.end(), 0.0f);
    for (size_t k = 0; k < kCodewords; ++k) {
      if (!(counts_[k] > 0)) continue;  // no row has this code: it stays
      double* side = &sides_[k * dims_];
      solve_positive_definite(&matrices_[k * dims_ * dims_], side, dims_);
      for (size_t j = 0; j < dims_; ++j) {
        const float value = static_cast<float>(side[j]);
        moved_[j * kCodewords + k] = codewords[j * kCodewords + k] - value;
        codewords[j * kCodewords + k] = value;
      }
    }
    const size_t padded = sample_.subspaces * dims_;
    for (size_t row = 0; row < sample_.rows; ++row) {
      const uint8_t code = codes_[row * sample_.subspaces + m];
      const float* unit = sample_.directions + row * padded + m * dims_;
      for (size_t j = 0; j < dims_; ++j) {
        parallel_error_[row] += moved_[j * kCodewords + code] * unit[j];
      }
    }
  }

 private:
  // Normal equations of the 16 codewords of subspace m, the others held fixed.
  void accumulate(size_t m) {
    const size_t padded = sample_.subspaces * dims_;
    const float* codewords = codebooks_ + m * dims_ * kCodewords;
    for (size_t row = 0; row < sample_.rows; ++row) {
      const uint8_t code = codes_[row * sample_.subspaces + m];
      const float* target = sample_.targets + row * padded + m * dims_;
      const float* unit = sample_.directions + row * padded + m * dims_;
      const double weight = sample_.weights[row];
      double others = parallel_error_[row];
      for (size_t j = 0; j < dims_; ++j) others += codewords[j * kCodewords + code] * unit[j];
      double* matrix = &matrices_[code * dims_ * dims_];
      double* side = &sides_[code * dims_];
      for (size_t i = 0; i < dims_; ++i) {
        const double along = weight * (eta_ - 1) * unit[i];
        side[i] += weight * target[i] + along * others;
        matrix[i * dims_ + i] += weight;
        for (size_t j = 0; j < dims_; ++j) matrix[i * dims_ + j] += along * unit[j];
      }
      counts_[code] += weight;
    }
  }

  const CodebookSample& sample_;
  size_t dims_;
  double eta_;
  float* codebooks_;
  StopFlag stop_;
  std::vector<uint8_t> codes_;
  std::vector<float> parallel_error_;  // <e, u> of each row
  std::vector<double> matrices_, sides_, counts_;
  std::vector<float> moved_;
};

}  // namespace

double train_joint(const CodebookSample& sample, float eta, int alternations, float* codebooks,
                   StopFlag stop) {
  constexpr int kSweeps = 5;
  JointTrainer trainer(sample, eta, codebooks, stop);
  double loss = trainer.assign(true);
  for (int alternation = 0; alternation < alternations; ++alternation) {
    for (int sweep = 0; sweep < kSweeps; ++sweep) {
      for (size_t m = 0; m < sample.subspaces; ++m) trainer.update_subspace(m);
    }
    loss = trainer.assign(false);
  }
  return loss;
}

void anisotropic_centroid(const float* rows, size_t dims, const uint32_t* members, size_t count,
                          const float* norms, float largest_norm, float eta, float* centroid,
                          float* scratch) noexcept {
  float* side = scratch;  // then the residual of the equations
  float* step = scratch + dims;
  float* image = scratch + 2 * dims;
  float* solution = scratch + 3 * dims;
  const auto weight = [&](uint32_t row) {
    return std::pow(static_cast<double>(norms[row]) / largest_norm, eta - 1.0);
  };
  double total = 0;
  std::fill(side, side + dims, 0.0f);
  for (size_t i = 0; i < count; ++i) {
    const double w = weight(members[i]);
    total += w;
    axpy(static_cast<float>(eta * w), rows + members[i] * dims, side, dims);
  }
  if (!(total > 0)) return;
  // image = (total I + (eta - 1) sum w u u') v
  const auto apply = [&](const float* v) {
    for (size_t j = 0; j < dims; ++j) image[j] = static_cast<float>(total) * v[j];
    for (size_t i = 0; i < count; ++i) {
      const double norm = norms[members[i]];
      if (!(norm > 0)) continue;
      const float* row = rows + members[i] * dims;
      const double along = dot(row, v, dims) / norm;
      axpy(static_cast<float>((eta - 1.0) * weight(members[i]) * along / norm), row, image, dims);
    }
  };
  std::copy(centroid, centroid + dims, solution);
  apply(solution);
  for (size_t j = 0; j < dims; ++j) side[j] -= image[j];
  std::copy(side, side + dims, step);
  double remaining = norm_squared(side, dims);
  const double enough = 1e-10 * remaining;
  for (int iteration = 0; iteration < 12 && remaining > enough; ++iteration) {
    apply(step);
    const double curvature = dot(step, image, dims);
    if (!(curvature > 0)) break;
    const double length = remaining / curvature;
    axpy(static_cast<float>(length), step, solution, dims);
    axpy(static_cast<float>(-length), image, side, dims);
    const double next = norm_squared(side, dims);
    const float ratio = static_cast<float>(next / remaining);
    for (size_t j = 0; j < dims; ++j) step[j] = side[j] + ratio * step[j];
    remaining = next;
  }
  for (size_t j = 0; j < dims; ++j) {
    if (!std::isfinite(solution[j])) return;
  }
  std::copy(solution, solution + dims, centroid);
}

}  // namespace avq
