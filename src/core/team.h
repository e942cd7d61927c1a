#pragma once
// Processes (or threads) that assign rows to centres together, through memory that all of them see.
// One of them leads: it trains, and whenever it has rows to assign, they are claimed in batches by
// whoever is free, the leader itself included.
//
// Invariants: everything lies in the one piece of memory that `create` was given, at offsets, so
// that each process may see it at another address. A claimed batch is always finished, for nothing
// in it can fail: the leader waits for no more than a batch. Results do not depend on who computes.
// Errors: assign throws Error(canceled), when the sample's stop flag or a helper that has failed
// says so, with batches of others perhaps still under way; the memory must outlive them. It may
// throw std::bad_alloc. The rest is noexcept and does not allocate.
#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "core/assignment.h"

namespace avq {

class Team {
 public:
  // Room for a sample of `rows` x `dims` floats and `centres` centres.
  static size_t bytes(size_t rows, size_t dims, size_t centres) noexcept;

  // memory: aligned to 64 bytes, as large as bytes() says. The members must be there before any
  // helper looks.
  static Team* create(void* memory, size_t rows, size_t dims, size_t centres) noexcept;

  // Where the leader puts the sample before its first assignment.
  float* sample() noexcept { return at<float>(sample_); }

  // --- leader -----------------------------------------------------------------------------------

  // assign_nearest of rows of the sample.
  void assign(const Sample& sample, const uint32_t* rows, size_t count, const Centres& centres,
              uint32_t* nearest, float* scores);

  // There will be no more work.
  void dismiss() noexcept { next_.store(kDismissed); }

  // --- helpers ----------------------------------------------------------------------------------

  enum class Help { done, nothing_to_do, dismissed };

  // Computes one batch, if there is one to be had. scratch: scratch_floats() floats.
  Help help(float* scratch) noexcept;
  size_t scratch_floats() const noexcept { return most_batch() * dims_; }

  // Somebody who helped has failed: the leader's next poll of its stop flag ends the training.
  void fail() noexcept { failed_.store(true); }

 private:
  // next_ has the number of the task in its upper half and the next unclaimed row in its lower one.
  static constexpr uint64_t kNoRow = 0xffffffff;  // no row of this task is to be had
  static constexpr uint64_t kDismissed = ~uint64_t{0};

  template <class T>
  T* at(size_t offset) noexcept {
    return reinterpret_cast<T*>(reinterpret_cast<char*>(this) + offset);
  }
  // Rows that fit the first-level caches and a scratch of a megabyte.
  size_t most_batch() const noexcept {
    return std::clamp<size_t>((size_t{1} << 18) / dims_, 8, 256);
  }
  void assign_some(const Sample& sample, const uint32_t* rows, size_t count, uint32_t* nearest,
                   float* scores, float* scratch);
  void compute(size_t first, size_t count, float* scratch) noexcept;
  Centres centres() noexcept;  // of the current task

  std::atomic<uint64_t> next_;
  std::atomic<uint64_t> finished_;  // rows of the current task
  std::atomic<bool> failed_;
  // The current task. They change only while no row can be claimed and all claimed ones are done.
  std::atomic<uint32_t> count_, centres_count_, groups_count_, batch_;
  std::atomic<bool> listed_;  // rows_ says which; else 0 .. count - 1
  size_t capacity_;           // rows
  size_t dims_;
  size_t sample_, rows_, centres_, bias_, nearest_, scores_;  // offsets
  size_t group_centres_, group_bias_, group_ends_;            // likewise
};

}  // namespace avq
