#pragma once
// Making groups of lists (groups.h), while training.
//
// Errors: Error(canceled), std::bad_alloc.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/error.h"
#include "core/groups.h"
#include "core/metric.h"

namespace avq {

// Groups with memory of their own.
struct Grouping {
  size_t count = 0;
  std::vector<float> centres, bias, ends;
  Groups view() const noexcept {
    return {static_cast<uint32_t>(count), centres.data(), bias.data(), ends.data()};
  }
};

// At most `groups` groups of the centres (lists x dims), which are put into their order: k-means of
// the centres. 0 groups: none, and the centres stay.
Grouping group_lists(Metric metric, std::vector<float>& centres, size_t dims, uint32_t groups,
                     uint64_t seed, StopFlag stop);

// Takes lists without rows out of the groups, and groups without lists.
void drop_lists(Grouping& groups, size_t dims, const uint32_t* sizes);

}  // namespace avq
