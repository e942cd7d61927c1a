#include "core/row_sort.h"

#include <hwy/contrib/sort/vqsort.h>

#include <algorithm>
#include <bit>

#include "core/frontier.h"

namespace avq {

namespace {

// An integer that grows with the score.
uint32_t rank_of(float score) noexcept {
  constexpr uint32_t kSign = 0x80000000;
  const uint32_t bits = std::bit_cast<uint32_t>(score);
  return (bits & kSign) != 0 ? ~bits : bits | kSign;
}

}  // namespace

void sort_best_last(CodedRow* rows, uint32_t count) noexcept {
  // Keeps a buffer where there are no registers to spare; never fails.
  static const hwy::Sorter sorter;
  uint64_t keys[kMostSorted];
  for (uint32_t i = 0; i < count; i++) keys[i] = uint64_t{rank_of(rows[i].score)} << 32 | i;
  sorter(keys, count, hwy::SortAscending());
  CodedRow sorted[kMostSorted];
  for (uint32_t i = 0; i < count; i++) sorted[i] = rows[static_cast<uint32_t>(keys[i])];
  std::copy(sorted, sorted + count, rows);

  for (uint32_t first = 0; first < count;) {
    uint32_t end = first + 1;
    while (end < count && rows[end].score == rows[first].score) end++;
    if (end > first + 1) {
      std::sort(rows + first, rows + end,
                [](const CodedRow& a, const CodedRow& b) { return a.place > b.place; });
    }
    first = end;
  }
}

}  // namespace avq
