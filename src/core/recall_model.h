#pragma once
// From a target recall to the work of a scan: how many lists, how wide an error bound.
//
// A row of the exact answer is missed either because its list is not probed or because its code
// makes it look so bad that it is not rescored. Both are fitted on queries with exact answers: the
// build takes rows of its sample for queries, avq_calibrate the user's own.
//
// Invariants: plain data, stored in the meta page, never reordered within a format version. Probes
// and widths do not decrease with the target or with the depth.
#include <algorithm>
#include <cmath>
#include <cstdint>

namespace avq {

inline constexpr uint32_t kFitDepths[] = {1, 10, 100};  // answers: the best so many rows
inline constexpr uint32_t kDepths = 3;
// The shares of the answers that may be missed.
inline constexpr double kFitLosses[] = {0.5,  0.3,  0.2,  0.1,   0.07,  0.05,
                                        0.03, 0.02, 0.01, 0.005, 0.002, 0.001};
inline constexpr uint32_t kLosses = 12;

enum class FittedOn : uint32_t { nothing = 0, sample = 1, queries = 2 };

struct RecallModel {
  float rows;        // coded rows among which the answers were sought
  uint32_t queries;  // whose answers these were
  FittedOn source;
  uint32_t unused;
  float probes[kDepths][kLosses];  // lists to probe so that no more is missed
  float widths[kLosses];           // z of the error bound, likewise
};
static_assert(sizeof(RecallModel) == 208);

// Of what may be missed, the part that is left to the codes: rescoring more is cheaper than probing
// more, so they get little.
inline constexpr double kCodeShare = 0.2;

// Interpolates in the logarithm of the loss; beyond the least one goes on as before it.
inline double at_loss(const float* values, double loss) noexcept {
  uint32_t i = 1;
  while (i + 1 < kLosses && kFitLosses[i] > loss) ++i;
  const double part =
      std::log(loss / kFitLosses[i - 1]) / std::log(kFitLosses[i] / kFitLosses[i - 1]);
  return values[i - 1] + std::max(part, 0.0) * (values[i] - values[i - 1]);
}

// z: width of the bound on a code's error, in standard deviations.
inline float bound_width(const RecallModel& model, double target_recall) noexcept {
  // Asked for everything, nothing is left to the law of errors: every row is rescored.
  if (target_recall >= 1) return 1e6f;
  return static_cast<float>(at_loss(model.widths, (1 - target_recall) * kCodeShare));
}

// How many of `lists` lists to have opened before the `row`-th row (from 1) is returned, in an
// index that holds `rows` coded rows by now: the best of ten times as many rows are a deeper cut of
// them.
inline uint32_t probes_for(const RecallModel& model, double target_recall, uint32_t lists,
                           double rows, uint64_t row) noexcept {
  if (target_recall >= 1 || model.source == FittedOn::nothing) return lists;
  // Before the first row leaves, those who know the queries open what one row takes; the others
  // what ten take, since one answer is easily one of a kind that rows do not have. Beyond the first
  // ten in steps of 20, 50, 100, 200, so that lists are opened in few passes.
  double depth = row == 1 && model.source == FittedOn::queries ? 1 : 10;
  for (int step = 0; depth < static_cast<double>(row); ++step) depth *= step % 3 == 1 ? 2.5 : 2;
  // A few rows that are long are the best answer of many others: where queries are unknown the
  // first ten in the sample say more of lists than the first alone.
  const double least = model.source == FittedOn::sample ? 10 : 1;
  depth = std::max(least, rows > 0 ? depth * model.rows / rows : depth);
  const double loss = (1 - target_recall) * (1 - kCodeShare);
  const uint32_t upper = depth <= 10 ? 1 : 2;
  // Codes do not lose the very first row, whose estimate need only come near its own score. Ten
  // rows take no fewer lists than it does.
  const double one = std::max(at_loss(model.probes[0], 1 - target_recall), 1.0);
  const double low = upper == 1 ? one : std::max(at_loss(model.probes[1], loss), one);
  const double high = std::max(at_loss(model.probes[upper], loss), low);
  // Linear in the logarithms of both, and on beyond the deepest.
  const double part = std::log10(depth / kFitDepths[upper - 1]);
  double count = std::ceil(low * std::pow(high / low, part) - 1e-6);
  // Rows know little of queries from elsewhere, and so many rows cost next to nothing.
  constexpr double kLeastRows = 4096;
  if (model.source == FittedOn::sample && rows > 0) {
    count = std::max(count, std::ceil(lists * std::min(kLeastRows / rows, 1.0)));
  }
  return static_cast<uint32_t>(std::clamp<double>(count, 1, lists));
}

// Candidates that may be rescored before the `row`-th row is returned, however many still overlap
// its distance (thousands of equal rows all do).
inline uint64_t rescore_budget(double target_recall, uint64_t row) noexcept {
  if (target_recall >= 1) return UINT64_MAX;
  const double factor = target_recall > 0.99 ? 8 : target_recall > 0.95 ? 2 : 1;
  return static_cast<uint64_t>(factor * (1000 + 30.0 * static_cast<double>(row)));
}

// For a model with too few queries to fit anything: all lists, and the usual widths.
RecallModel rule_of_thumb(uint32_t lists, double rows) noexcept;

}  // namespace avq
