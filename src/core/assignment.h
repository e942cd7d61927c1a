#pragma once
// Rows to centres, while training: each to the centre of the largest <x, c> - bias.
//
// Invariants: deterministic; a row's result does not depend on the rows beside it, nor on who
// computes it.
// Errors: Error(canceled), std::bad_alloc.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/groups.h"
#include "core/sample.h"

namespace avq {

// Centres as an assignment sees them.
struct Centres {
  const float* values;  // count x dims
  size_t count;
  const float* bias;  // count
  Groups groups = {};

  // The nearest centre of each row.
  void nearest(const float* rows, size_t rows_count, size_t dims, uint32_t* index,
               float* score) const noexcept;
  // Multiplications per dimension that a row costs.
  size_t met() const noexcept { return centres_met(count, groups.count); }
};

// |c|^2 / 2 of each centre, or zeros for cosine: the bias of assignment.
std::vector<float> centre_bias(Metric metric, const float* centres, size_t count, size_t dims);

// Rows that are assigned between two polls of the stop flag: about 20 ms at worst, at 20 GFLOP/s.
size_t assignment_batch(const Centres& centres, size_t dims) noexcept;

// Assigns rows, by the sample's team if it has one. rows null means rows 0 .. count - 1 of the
// sample, else `count` row numbers.
void assign_nearest(const Sample& sample, const uint32_t* rows, size_t count,
                    const Centres& centres, uint32_t* nearest, float* scores);

}  // namespace avq
