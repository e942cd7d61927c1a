#pragma once
#include <cstdint>

namespace avq {

struct CodedRow;

inline constexpr uint32_t kMostSorted = 512;

// Sorts rows[0, count), count <= kMostSorted, so that the best one (frontier.h) comes last.
void sort_best_last(CodedRow* rows, uint32_t count) noexcept;

}  // namespace avq
