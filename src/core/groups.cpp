#include "core/groups.h"

#include <limits>

#include "core/kernels.h"

namespace avq {

namespace {

// The groups of the largest scores, ties to the lower number.
struct BestGroups {
  float scores[kGroupsPerRow];
  uint16_t numbers[kGroupsPerRow];
  uint32_t count = 0;

  void offer(float score, uint32_t number) noexcept {
    if (count == kGroupsPerRow && !(score > scores[count - 1])) return;
    uint32_t at = count < kGroupsPerRow ? count++ : count - 1;
    for (; at > 0 && score > scores[at - 1]; --at) {
      scores[at] = scores[at - 1];
      numbers[at] = numbers[at - 1];
    }
    scores[at] = score;
    numbers[at] = static_cast<uint16_t>(number);
  }
};

}  // namespace

RowsByGroup::RowsByGroup(const float* rows, const uint32_t* numbers, size_t count, size_t dims,
                         const Groups& groups) noexcept {
  constexpr size_t kPart = 16;
  float products[kPart * kMostGroups];
  BestGroups best[kMostRows];
  std::fill(starts_, starts_ + groups.count + 2, 0u);
  for (size_t first = 0; first < count; first += kPart) {
    const size_t part = std::min(kPart, count - first);
    if (numbers != nullptr) {
      dot_matrix_of(rows, numbers + first, part, groups.centres, groups.count, dims, products);
    } else {
      dot_matrix(rows + first * dims, part, groups.centres, groups.count, dims, products);
    }
    for (size_t i = 0; i < part; ++i) {
      BestGroups& row = best[first + i];
      for (uint32_t g = 0; g < groups.count; ++g) {
        row.offer(products[i * groups.count + g] - groups.bias[g], g);
      }
      for (uint32_t b = 0; b < row.count; ++b) ++starts_[row.numbers[b] + 2];
    }
  }
  for (uint32_t g = 1; g < groups.count + 2; ++g) starts_[g] += starts_[g - 1];
  for (size_t i = 0; i < count; ++i) {
    for (uint32_t b = 0; b < best[i].count; ++b) {
      rows_[starts_[best[i].numbers[b] + 1]++] =
          numbers != nullptr ? numbers[i] : static_cast<uint32_t>(i);
    }
  }
}

void nearest_in_groups(const float* rows, size_t count, const float* centres, size_t dims,
                       const float* bias, const Groups& groups, uint32_t* best_index,
                       float* best_score) noexcept {
  for (size_t first = 0; first < count; first += RowsByGroup::kMostRows) {
    const size_t part = std::min(RowsByGroup::kMostRows, count - first);
    const RowsByGroup looking(rows + first * dims, nullptr, part, dims, groups);
    std::fill_n(best_index + first, part, 0u);
    std::fill_n(best_score + first, part, -std::numeric_limits<float>::infinity());
    for (uint32_t g = 0; g < groups.count; ++g) {
      const uint32_t begin = groups.begin(g);
      nearer_centres(rows + first * dims, looking.of(g), looking.count(g), centres + begin * dims,
                     groups.end(g) - begin, dims, bias + begin, begin, best_index + first,
                     best_score + first);
    }
  }
}

}  // namespace avq
