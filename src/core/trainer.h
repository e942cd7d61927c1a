#pragma once
// Training: from a sample of rows to a model. May throw avq::Error and std::bad_alloc.
// Deterministic: the same sample, options and seed give the same model on the same CPU.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/error.h"
#include "core/model.h"
#include "core/progress.h"
#include "core/recall_model.h"

namespace avq {

inline constexpr uint32_t kMostListsOfCell = 16;
inline constexpr uint32_t kMostSplitLists = 65536;

struct TrainingOptions {
  Metric metric = Metric::inner_product;
  uint32_t dims = 0;
  uint32_t lists = 1;      // cells of k-means; fewer when the sample has fewer distinct rows
  uint32_t list_rows = 0;  // of a list when made: cells of more are split; 0 = none is
  double rows = 0;         // of the table, which the sample stands for
  uint32_t dims_per_subspace = 0;   // 0 = auto_dims_per_subspace
  float eta = 0;                    // anisotropy; 0 = auto: with row_scale 1, 1.5 or 2, whichever
                                    // gives the sample's best rows the least error, else 4
  float anisotropic_threshold = 0;  // T relative to unit norm; 0 = unset; overrides eta
  bool row_scale = true;
  int rotate = -1;         // 0 off, 1 on, -1 auto (when dimensions are unequal in variance)
  int joint = -1;          // codebooks by the paper's joint update: 0 off, 1 on, -1 auto
                           // (when row_scale is off); needs an anisotropy above 1
  float soar_lambda = -1;  // < 0: 1, for the rows that profit, if the sample shows that it pays
  uint64_t seed = 0;
  uint32_t grouped_lists = kGroupedLists;  // from so many lists on they are grouped

  // Groups of the lists that so many rows may make; 0: none.
  uint32_t groups(size_t rows) const noexcept {
    const size_t most = std::min<size_t>(lists, rows);
    return most >= grouped_lists ? groups_for(most) : 0;
  }

  // Lists that so many cells may be split into.
  uint32_t most_lists(uint32_t cells) const noexcept {
    const bool splits = list_rows > 0 && metric == Metric::inner_product && cells < grouped_lists;
    return splits ? std::min(kMostSplitLists, cells * kMostListsOfCell) : cells;
  }
};

class Team;  // team.h

struct PhaseSeconds {  // for the build's report of where its time went
  double lists = 0, codebooks = 0, calibration = 0;
};

struct TrainedModel {
  ModelShape shape;
  std::vector<float> floats;  // Model::over(shape, floats.data())
  RecallModel recall;         // from the sample
  PhaseSeconds seconds;
  Model view() const noexcept { return Model::over(shape, floats.data()); }
};

// 2 up to 384 dims, then rising so that codes stay small.
uint32_t auto_dims_per_subspace(uint32_t dims) noexcept;

// Exact eta of the paper's weight w(t) = 1[t >= T] at relative threshold t = T/|x|:
// eta = 1 + cos a sin^{d-1} a / I_d, a = arccos t, I_d = integral_0^a sin^d. Clamped to [1, 50].
float eta_from_threshold(float relative_threshold, uint32_t dims) noexcept;

// Memory that train() takes at its peak beyond the sample itself, in bytes.
size_t training_memory(const TrainingOptions& options, size_t sample_rows) noexcept;

// sample: rows x dims raw vectors with finite norms (for cosine: positive norms), shuffled or not;
// it is prepared in place (normalised/rotated) only through copies. rows >= 1. team: null, or the
// one whose sample this is: its helpers share the work, which changes nothing in the model.
TrainedModel train(const TrainingOptions& options, const float* sample, size_t rows, StopFlag stop,
                   Team* team = nullptr, ProgressReport progress = nullptr);

// The model of an index without rows: one list, centroid 0, codebooks of a Gaussian, rotation on
// (unless options.rotate == 0). Codes of normalised residuals in a randomly rotated space are close
// to Gaussian, so it works, if less well than a trained one.
TrainedModel untrained(const TrainingOptions& options);

}  // namespace avq
