#pragma once
// The order in which a scan looks at rows.
//
// Every candidate has a key: the least distance that it may still turn out to have. *Pending*
// candidates are known by their code only; *ready* ones have been rescored, from their copy (then
// the true distance lies in [key, high]) or exactly (key == high).
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

struct Candidate {
  double key;     // least possible distance
  double high;    // ready: greatest possible distance
  uint64_t tid;   // block << 16 | offset
  uint32_t copy;  // address of the rerank copy, or 0
  uint32_t list;  // number of the opened list it came from
  float score;    // pending: the bound from its code, in score order (larger is better)
  bool exact;     // ready: key is the operator's value
};

// A place in the order of codes within an index: better score first, then lower tid.
struct Place {
  float score;
  uint64_t tid;
};
inline bool before(const Place& a, const Place& b) noexcept {
  return a.score > b.score || (a.score == b.score && a.tid < b.tid);
}
inline constexpr Place kFirstPlace = {std::numeric_limits<float>::infinity(), 0};

// One opened list.
struct OpenList {
  uint32_t list;
  bool done;     // everything has been collected
  Place floor;   // rows before it have been collected, others not
  Place popped;  // just after the last of its rows that left the pending heap
};

// Orders a heap so that its front is the candidate to look at next.
struct Later {
  bool operator()(const Candidate& a, const Candidate& b) const noexcept {
    if (a.key != b.key) return a.key > b.key;
    return a.tid > b.tid;
  }
};

// The best `keep` of the rows offered, in unordered batches.
class Collector {
 public:
  // room: space for 2 * keep candidates.
  Collector(Candidate* room, uint32_t keep) noexcept : rows_(room), keep_(keep) {}

  // No row with a lower score is wanted any more.
  float threshold() const noexcept { return worst_.score; }
  bool wants(const Place& place) const noexcept { return before(place, worst_); }

  void add(const Candidate& row) noexcept {
    rows_[count_++] = row;
    if (count_ == 2 * keep_) compact();
  }
  // Cuts to the best `keep`: rows before worst() are kept, others are not; complete() if there were
  // no others.
  void finish() noexcept {
    if (count_ > keep_) compact();
  }
  uint32_t count() const noexcept { return count_; }
  const Candidate* rows() const noexcept { return rows_; }
  const Place& worst() const noexcept { return worst_; }
  bool complete() const noexcept { return !dropped_; }

 private:
  void compact() noexcept {
    std::nth_element(rows_, rows_ + keep_ - 1, rows_ + count_,
                     [](const Candidate& a, const Candidate& b) {
                       return before({a.score, a.tid}, {b.score, b.tid});
                     });
    worst_ = {rows_[keep_ - 1].score, rows_[keep_ - 1].tid + 1};
    count_ = keep_;
    dropped_ = true;
  }

  Candidate* rows_;
  uint32_t keep_;
  uint32_t count_ = 0;
  bool dropped_ = false;
  // Kept rows are before it, dropped ones are not.
  Place worst_ = {-std::numeric_limits<float>::infinity(), std::numeric_limits<uint64_t>::max()};
};

}  // namespace avq
