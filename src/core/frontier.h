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
  return static_cast<bool>(static_cast<int>(a.score > b.score) |
                           (static_cast<int>(a.score == b.score) &
                            static_cast<int>(a.place < b.place)));
}
inline Place place_of(const CodedRow& row) noexcept { return {row.score, row.place}; }
inline Place just_after(const CodedRow& row) noexcept { return {row.score, row.place + 1}; }
inline constexpr Place kFirstPlace = {std::numeric_limits<float>::infinity(), 0};

// Heap order: the front is the row with the best bound.
struct WorseBound {
  bool operator()(const CodedRow& a, const CodedRow& b) const noexcept {
    return before(place_of(b), place_of(a));
  }
};

// A row that has been rescored: its distance lies in [key, high].
struct ReadyRow {
  double key;
  double high;
  uint64_t tid;
  bool exact;  // key is the operator's value
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
  bool done;     // everything has been collected
  Place floor;   // rows before it have been collected, others not
  Place popped;  // just after the last of its rows that left the pending heap
};

// The best rows of those offered: about `keep` of them, at least, and fewer than twice as many.
class Collector {
 public:
  // room: space for 2 * keep rows, keep >= 64.
  Collector(CodedRow* room, uint32_t keep) noexcept : rows_(room), room_(2 * keep) {}

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
    constexpr uint32_t kSample = 31;
    CodedRow sample[kSample];
    for (uint32_t i = 0; i < kSample; i++) sample[i] = rows_[uint64_t{i} * count_ / kSample];
    std::nth_element(
        sample, sample + kSample / 2, sample + kSample,
        [](const CodedRow& a, const CodedRow& b) { return before(place_of(a), place_of(b)); });
    worst_ = just_after(sample[kSample / 2]);
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
  bool dropped_ = false;
  Place worst_ = {-std::numeric_limits<float>::infinity(), std::numeric_limits<uint64_t>::max()};
};

}  // namespace avq
