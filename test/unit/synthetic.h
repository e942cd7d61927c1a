#pragma once
// Synthetic rows for the tests of the mathematics: Gaussian clusters, and norms that vary.
#include <cmath>
#include <cstddef>
#include <vector>

#include "core/random.h"

namespace avq {

// count x dims: `clusters` random centres of norm about 1, rows around them at distance about
// `spread`, each then stretched by exp(norm_spread * normal).
inline std::vector<float> clustered_rows(size_t count, size_t dims, size_t clusters, float spread,
                                         float norm_spread, uint64_t seed) {
  Random random(seed, RandomUse::gaussian);
  const float unit = 1 / std::sqrt(static_cast<float>(dims));
  std::vector<float> centres(clusters * dims), rows(count * dims);
  for (float& value : centres) value = random.normal() * unit;
  for (size_t i = 0; i < count; ++i) {
    const size_t cluster = random.below(clusters);
    const float stretch = std::exp(norm_spread * random.normal());
    for (size_t j = 0; j < dims; ++j) {
      rows[i * dims + j] =
          stretch * (centres[cluster * dims + j] + spread * unit * random.normal());
    }
  }
  return rows;
}

inline std::vector<float> gaussian_rows(size_t count, size_t dims, uint64_t seed) {
  Random random(seed, RandomUse::gaussian);
  std::vector<float> rows(count * dims);
  for (float& value : rows) value = random.normal();
  return rows;
}

}  // namespace avq
