#pragma once
// Many lists in groups: an index over their centroids, so that a row or a query is compared with
// the groups, and then with the lists of a few of them.
//
// Invariants: the lists of a group have consecutive numbers; each list is in one group; no group is
// empty. What a row is compared with does not depend on the rows beside it.
// Errors: everything is noexcept and does not allocate.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace avq {

// From so many lists on they are grouped. docs/design.md, "Groups of lists".
inline constexpr uint32_t kGroupedLists = 10000;
inline constexpr uint32_t kGroupsPerRow = 8;  // whose lists a row is compared with
inline constexpr uint32_t kMostGroups = 1024;

// Groups for so many lists, where they are grouped: as many that a row meets as many groups as it
// then meets lists.
inline uint32_t groups_for(size_t lists) noexcept {
  const double balanced = std::sqrt(double(kGroupsPerRow) * static_cast<double>(lists));
  const double most = std::min<double>(kMostGroups, static_cast<double>(lists));
  return static_cast<uint32_t>(std::clamp(balanced, 1.0, std::max(1.0, most)));
}

// Plain data over memory of somebody else; all zero: the lists are not grouped.
struct Groups {
  uint32_t count;
  const float* centres;  // count x dims
  const float* bias;     // count: of assignment, as that of lists
  const float* ends;     // count: the number behind the last list of each

  uint32_t begin(uint32_t group) const noexcept { return group == 0 ? 0 : end(group - 1); }
  uint32_t end(uint32_t group) const noexcept { return static_cast<uint32_t>(ends[group]); }
};

// Multiplications per dimension that a row costs on its way to its list.
inline size_t centres_met(size_t lists, size_t groups) noexcept {
  return groups == 0 ? lists : groups + std::min(lists, lists * kGroupsPerRow / groups);
}

// The groups that rows are nearest to, turned round: which rows look into each group.
class RowsByGroup {
 public:
  static constexpr size_t kMostRows = 256;

  // The rows of these numbers (null: 0 .. count - 1) among `rows`; at most kMostRows.
  RowsByGroup(const float* rows, const uint32_t* numbers, size_t count, size_t dims,
              const Groups& groups) noexcept;
  const uint32_t* of(uint32_t group) const noexcept { return rows_ + starts_[group]; }
  size_t count(uint32_t group) const noexcept { return starts_[group + 1] - starts_[group]; }

 private:
  uint32_t starts_[kMostGroups + 2];
  uint32_t rows_[kMostRows * kGroupsPerRow];
};

// nearest_centres (kernels.h) by way of the groups.
void nearest_in_groups(const float* rows, size_t count, const float* centres, size_t dims,
                       const float* bias, const Groups& groups, uint32_t* best_index,
                       float* best_score) noexcept;

}  // namespace avq
