#pragma once
// From a target recall to the work of a scan: how many lists, how wide an error bound. Fixed rules
// for now, drawn from the measurements in docs/design.md; a fitted model is to replace them.
#include <algorithm>
#include <cmath>
#include <cstdint>

namespace avq {

// Linear interpolation in a table of (x, y) with ascending x, clamped at its ends.
template <size_t kSize>
double interpolate(const double (&table)[kSize][2], double x) noexcept {
  if (x <= table[0][0]) return table[0][1];
  for (size_t i = 1; i < kSize; i++) {
    if (x > table[i][0]) continue;
    const double part = (x - table[i - 1][0]) / (table[i][0] - table[i - 1][0]);
    return table[i - 1][1] + part * (table[i][1] - table[i - 1][1]);
  }
  return table[kSize - 1][1];
}

// z: width of the bound on a code's error, in standard deviations.
inline float bound_width(double target_recall) noexcept {
  // Wider than queries distributed like the rows would need (docs/design.md, "Error bound").
  static constexpr double kTable[][2] = {{0.5, 1.0},  {0.8, 1.5},  {0.9, 2.0},  {0.95, 2.6},
                                         {0.98, 3.2}, {0.99, 3.6}, {0.999, 4.5}};
  // Asked for everything, nothing is left to the law of errors: every row is rescored.
  if (target_recall >= 1) return 1e6f;
  return static_cast<float>(interpolate(kTable, target_recall));
}

struct Probes {
  uint32_t lists;
  double rows;  // in these lists: more are opened until there are so many
};

// What to have opened before the `row`-th row (from 1) is returned. A share of the lists alone
// would not do: where rows differ in length, the lists with the best routes may hold a few rows
// each.
inline Probes probes_for(double target_recall, uint32_t lists, double rows, uint64_t row) noexcept {
  static constexpr double kShare[][2] = {{0.5, 0.005}, {0.8, 0.025}, {0.9, 0.05},
                                         {0.95, 0.12}, {0.98, 0.2},  {0.99, 0.3},
                                         {0.995, 0.4}, {0.999, 0.7}, {1.0, 1.0}};
  constexpr double kRowsPerShare = 0.35;
  constexpr double kLeastRows = 4096;  // cheap, whatever the share
  // An index that has grown since its build has coarse lists: a larger share of them, and far more
  // of the rows, are needed than of the lists that a fresh build would make.
  const double coarseness = std::max(2 * std::sqrt(rows) / lists, 1.0);
  if (target_recall >= 1) return {lists, rows};
  // Deeper rows lie in more lists; steps of doubling, so that lists are opened in few passes.
  double steps = 10;
  while (steps < static_cast<double>(row)) steps *= 2;
  const double depth = std::pow(steps / 10, 0.25);
  const double share = interpolate(kShare, target_recall) * depth * std::pow(coarseness, 0.1);
  const double count = std::ceil(std::max(share * lists, 6.0));
  return {static_cast<uint32_t>(std::min<double>(count, lists)),
          std::min(rows, std::max(kRowsPerShare * std::pow(coarseness, 0.4) * share * rows,
                                  kLeastRows * depth))};
}

// Candidates that may be rescored before the `row`-th row is returned, however many still overlap
// its distance (thousands of equal rows all do).
inline uint64_t rescore_budget(double target_recall, uint64_t row) noexcept {
  if (target_recall >= 1) return UINT64_MAX;
  const double factor = target_recall > 0.99 ? 8 : target_recall > 0.95 ? 2 : 1;
  return static_cast<uint64_t>(factor * (1000 + 30.0 * static_cast<double>(row)));
}

}  // namespace avq
