#pragma once
// The order in which a scan looks at rows.
//
// *Pending* rows are known by their code only, by the best score that they may still turn out to
// have. *Ready* rows have been rescored, from their copy (then the true distance lies in an
// interval) or exactly.
//
// Collecting: a pass over lists keeps the best rows only. What a list has not given yet is known by
// its floor, the place in the total order (key, tid) down to which it has been collected; a later
// pass goes on from there. So every row of an opened list is pending, ready, gone, or not before
// its list's floor, and none is ever seen twice.
//
// Plain data and algorithms over memory of the caller; noexcept, no allocation.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "core/row_sort.h"

namespace avq {

// A row known by its code, as compact as can be: a scan handles thousands.
struct CodedRow {
  float score;     // bound from its code, in score order (larger is better)
  uint32_t copy;   // address of the rerank copy, or 0
  uint64_t place;  // TID (block << 16 | offset) << 16 | number of the opened list
  uint64_t tid() const noexcept { return place >> 16; }
  uint32_t list() const noexcept { return place & 0xffff; }
};
static_assert(sizeof(CodedRow) == 16);

// The order of codes within an index: better score first, then lower place. Total.
struct Place {
  float score;
  uint64_t place;
};
inline bool before(const Place& a, const Place& b) noexcept {
  // Without branches: which of two rows is better is anybody's guess.
  return static_cast<bool>(
      static_cast<int>(a.score > b.score) |
      (static_cast<int>(a.score == b.score) & static_cast<int>(a.place < b.place)));
}
inline Place place_of(const CodedRow& row) noexcept { return {row.score, row.place}; }
inline Place just_after(const CodedRow& row) noexcept { return {row.score, row.place + 1}; }
inline constexpr Place kFirstPlace = {std::numeric_limits<float>::infinity(), 0};
inline constexpr Place kLastPlace = {-std::numeric_limits<float>::infinity(),
                                     std::numeric_limits<uint64_t>::max()};

inline bool better(const CodedRow& a, const CodedRow& b) noexcept {
  return before(place_of(a), place_of(b));
}
// The place behind the row that is number `rank` (from 0) of kSample rows spread over `count`.
template <uint32_t kSample>
Place split_place(const CodedRow* rows, uint32_t count, uint32_t rank) noexcept {
  CodedRow sample[kSample];
  for (uint32_t i = 0; i < kSample; i++) sample[i] = rows[uint64_t{i} * count / kSample];
  std::nth_element(sample, sample + rank, sample + kSample, better);
  return just_after(sample[rank]);
}

// Coded rows by falling bound. A scan of few rows takes a fraction of them: only the best few
// hundred are sorted, the others lie behind them as they come, until these are used up. All zero:
// empty.
struct Pending {
  CodedRow* rows;  // [0, front) rows before `end`, the best one last; [front, count) the others
  uint32_t count, front;
  Place end;

  // After rows were changed by the caller: any of them may be the best now.
  void disturb() noexcept {
    front = 0;
    if (count > 0) advance();
  }
  // Adds rows, for which there must be room.
  void add(const CodedRow* more, uint32_t added) noexcept {
    const uint32_t sorted = front;
    std::copy(more, more + added, rows + count);
    for (uint32_t i = 0; i < added; i++, count++) {
      if (!before(place_of(rows[count]), end)) continue;
      std::swap(rows[count], rows[front++]);
    }
    if (sorted == 0 || front > kMostSorted) {
      disturb();
    } else if (front > sorted) {
      sort_best_last(rows, front);
    }
  }
  const CodedRow& best() const noexcept { return rows[front - 1]; }
  // The row that leaves after `others` more, or null where that is not known yet.
  const CodedRow* upcoming(uint32_t others) const noexcept {
    return others < front ? &rows[front - 1 - others] : nullptr;
  }
  CodedRow pop() noexcept {
    const CodedRow row = rows[--front];
    rows[front] = rows[--count];
    if (front == 0 && count > 0) advance();
    return row;
  }

 private:
  // Parts the rows at one of a sample of 32 as long as they are too many to be sorted. One pass
  // without branches.
  void advance() noexcept {
    front = count;
    end = kLastPlace;
    while (front > kMostSorted) {
      const uint32_t all = front;
      end = split_place<32>(rows, all, 16 * kMostSorted / all);
      front = 0;
      for (uint32_t i = 0; i < all; i++) {
        std::swap(rows[i], rows[front]);
        front += before(place_of(rows[front]), end);
      }
    }
    sort_best_last(rows, front);
  }
};

// A row that has been rescored: its distance lies in [key, high].
struct ReadyRow {
  double key;
  double high;
  uint64_t tid;
  bool exact;    // key is the operator's value
  int32_t hint;  // the caller's, 0 at first
};

// Heap order: the front is the row that may be nearest.
struct Farther {
  bool operator()(const ReadyRow& a, const ReadyRow& b) const noexcept {
    if (a.key != b.key) return a.key > b.key;
    return a.tid > b.tid;
  }
};

// One opened list.
struct OpenList {
  uint32_t list;
  float score;   // <q, centroid>
  bool done;     // everything has been collected
  Place floor;   // rows before it have been collected, others not
  Place popped;  // just after the last of its rows that left the pending heap
};

// The best rows of those offered: about `keep` of them, at least, and fewer than twice as many.
class Collector {
 public:
  // room: space for 2 * keep rows, keep >= 64. end: no row that is not before it is wanted.
  Collector(CodedRow* room, uint32_t keep, const Place& end = kLastPlace) noexcept
      : rows_(room), room_(2 * keep), dropped_(before(end, kLastPlace)), worst_(end) {}

  // No row with a lower score is wanted any more.
  float threshold() const noexcept { return worst_.score; }
  bool wants(const Place& place) const noexcept { return before(place, worst_); }

  void add(const CodedRow& row) noexcept {
    rows_[count_++] = row;
    if (count_ == room_) compact();
  }
  uint32_t count() const noexcept { return count_; }
  const CodedRow* rows() const noexcept { return rows_; }
  // Offered rows before it are kept, others are not; complete() if there were no others.
  const Place& worst() const noexcept { return worst_; }
  bool complete() const noexcept { return !dropped_; }

 private:
  // Drops about the worse half: those after the median of a sample, which one pass without branches
  // can do. Exact selection would cost several times as much, and nobody needs it.
  void compact() noexcept {
    worst_ = split_place<31>(rows_, count_, 15);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count_; i++) {
      const CodedRow row = rows_[i];
      rows_[kept] = row;
      kept += before(place_of(row), worst_);
    }
    count_ = kept;
    dropped_ = true;
  }

  CodedRow* rows_;
  uint32_t room_;
  uint32_t count_ = 0;
  bool dropped_;
  Place worst_;
};

// Moves the `count` numbers with the largest scores (ties: the lower number) to the front of
// `numbers`, in no order. numbers: a permutation of any `total` indices into scores, all finite.
// One pass into bins between the extremes leaves one bin to be ordered: several times as fast as a
// selection by comparisons, which the branch predictor cannot follow. scratch: `total` numbers.
inline void select_best(const float* scores, uint32_t* numbers, uint32_t total, uint32_t count,
                        uint32_t* scratch) noexcept {
  constexpr uint32_t kBins = 512;
  if (count == 0 || count >= total) return;
  float least = scores[numbers[0]], most = least;
  for (uint32_t i = 1; i < total; i++) {
    least = std::min(least, scores[numbers[i]]);
    most = std::max(most, scores[numbers[i]]);
  }
  const float width = most > least ? (kBins - 1) / (most - least) : 0;
  const auto bin_of = [&](uint32_t number) {  // better scores in lower bins
    return std::min(static_cast<uint32_t>((most - scores[number]) * width), kBins - 1);
  };
  uint32_t sizes[kBins] = {};
  for (uint32_t i = 0; i < total; i++) sizes[bin_of(numbers[i])]++;
  uint32_t last = 0, before_last = 0;  // the bin in which the count is reached
  while (before_last + sizes[last] < count) before_last += sizes[last++];
  uint32_t front = 0, middle = before_last, back = before_last + sizes[last];
  for (uint32_t i = 0; i < total; i++) {
    const uint32_t bin = bin_of(numbers[i]);
    uint32_t& place = bin < last ? front : bin == last ? middle : back;
    scratch[place++] = numbers[i];
  }
  std::nth_element(scratch + before_last, scratch + count - 1, scratch + before_last + sizes[last],
                   [scores](uint32_t a, uint32_t b) {
                     return scores[a] > scores[b] || (scores[a] == scores[b] && a < b);
                   });
  std::copy(scratch, scratch + total, numbers);
}

}  // namespace avq
