#include "core/team.h"

#include <algorithm>
#include <new>
#include <thread>
#include <vector>

namespace avq {

static_assert(std::atomic<uint64_t>::is_always_lock_free, "atomics must work between processes");

namespace {

// The next multiple of a cache line, so that processes do not share one for nothing.
size_t line_end(size_t offset) noexcept { return (offset + 63) / 64 * 64; }

}  // namespace

size_t Team::bytes(size_t rows, size_t dims, size_t centres) noexcept {
  const size_t groups = groups_for(centres);
  return line_end(groups * dims * sizeof(float)) + 2 * line_end(groups * sizeof(float)) +
         line_end(sizeof(Team)) + line_end(rows * dims * sizeof(float)) +
         2 * line_end(rows * sizeof(uint32_t)) + line_end(rows * sizeof(float)) +
         line_end(centres * dims * sizeof(float)) + line_end(centres * sizeof(float));
}

Team* Team::create(void* memory, size_t rows, size_t dims, size_t centres) noexcept {
  Team* team = new (memory) Team;
  size_t end = line_end(sizeof(Team));
  const auto place = [&](size_t size) {
    const size_t offset = end;
    end = line_end(end + size);
    return offset;
  };
  team->capacity_ = rows;
  team->dims_ = dims;
  team->sample_ = place(rows * dims * sizeof(float));
  team->rows_ = place(rows * sizeof(uint32_t));
  team->nearest_ = place(rows * sizeof(uint32_t));
  team->scores_ = place(rows * sizeof(float));
  team->centres_ = place(centres * dims * sizeof(float));
  team->bias_ = place(centres * sizeof(float));
  const size_t groups = groups_for(centres);
  team->group_centres_ = place(groups * dims * sizeof(float));
  team->group_bias_ = place(groups * sizeof(float));
  team->group_ends_ = place(groups * sizeof(float));
  team->finished_.store(0);
  team->failed_.store(false);
  team->next_.store(kNoRow);
  return team;
}

Centres Team::centres() noexcept {
  return {at<float>(centres_),
          centres_count_.load(std::memory_order_relaxed),
          at<float>(bias_),
          {groups_count_.load(std::memory_order_relaxed), at<float>(group_centres_),
           at<float>(group_bias_), at<float>(group_ends_)}};
}

void Team::compute(size_t first, size_t count, float* scratch) noexcept {
  const float* data = sample() + first * dims_;
  if (listed_.load(std::memory_order_relaxed)) {
    const uint32_t* rows = at<uint32_t>(rows_) + first;
    for (size_t i = 0; i < count; ++i) {
      std::copy_n(sample() + rows[i] * dims_, dims_, scratch + i * dims_);
    }
    data = scratch;
  }
  centres().nearest(data, count, dims_, at<uint32_t>(nearest_) + first, at<float>(scores_) + first);
  finished_.fetch_add(count, std::memory_order_release);
}

Team::Help Team::help(float* scratch) noexcept {
  uint64_t next = next_.load(std::memory_order_acquire);
  if (next == kDismissed) return Help::dismissed;
  const uint64_t first = next & kNoRow;
  const uint64_t count = count_.load(std::memory_order_relaxed);
  const uint64_t batch = batch_.load(std::memory_order_relaxed);
  if (first >= count) return Help::nothing_to_do;
  // That next_ has not changed proves that count and batch are those of its task.
  if (!next_.compare_exchange_strong(next, next + std::min(batch, count - first),
                                     std::memory_order_acq_rel)) {
    return Help::done;  // by another; look again
  }
  compute(first, std::min(batch, count - first), scratch);
  return Help::done;
}

void Team::assign(const Sample& sample, const uint32_t* rows, size_t count, const Centres& centres,
                  uint32_t* nearest, float* scores) {
  std::vector<float> scratch(scratch_floats());
  const uint64_t task = next_.load() & ~kNoRow;
  next_.store(task | kNoRow);  // whoever still has that task's number claims nothing
  std::copy_n(centres.values, centres.count * dims_, at<float>(centres_));
  std::copy_n(centres.bias, centres.count, at<float>(bias_));
  centres_count_.store(static_cast<uint32_t>(centres.count), std::memory_order_relaxed);
  const Groups& groups = centres.groups;
  std::copy_n(groups.centres, groups.count * dims_, at<float>(group_centres_));
  std::copy_n(groups.bias, groups.count, at<float>(group_bias_));
  std::copy_n(groups.ends, groups.count, at<float>(group_ends_));
  groups_count_.store(groups.count, std::memory_order_relaxed);
  batch_.store(static_cast<uint32_t>(std::min(most_batch(), assignment_batch(centres, dims_))),
               std::memory_order_relaxed);
  // More numbers than rows may be asked for. Without a list there are as many as rows at most.
  for (size_t first = 0; first < count; first += capacity_) {
    assign_some(sample, rows != nullptr ? rows + first : nullptr,
                std::min(capacity_, count - first), nearest + first, scores + first,
                scratch.data());
  }
}

void Team::assign_some(const Sample& sample, const uint32_t* rows, size_t count, uint32_t* nearest,
                       float* scores, float* scratch) {
  const double row_work = static_cast<double>(centres().met() * dims_);
  const uint64_t task = (next_.load() & ~kNoRow) + (kNoRow + 1);
  next_.store(task | kNoRow);
  if (rows != nullptr) std::copy_n(rows, count, at<uint32_t>(rows_));
  count_.store(static_cast<uint32_t>(count), std::memory_order_relaxed);
  listed_.store(rows != nullptr, std::memory_order_relaxed);
  finished_.store(0, std::memory_order_relaxed);
  next_.store(task, std::memory_order_release);
  for (uint64_t counted = 0; counted < count;) {
    check_stop(sample.stop);
    if (failed_.load())
      throw Error(ErrorCode::canceled, "a process that helped to train has failed");
    if (help(scratch) == Help::nothing_to_do) std::this_thread::yield();
    const uint64_t done = finished_.load(std::memory_order_acquire);
    sample.count_work(static_cast<double>(done - counted) * row_work);
    counted = done;
  }
  std::copy_n(at<uint32_t>(nearest_), count, nearest);
  std::copy_n(at<float>(scores_), count, scores);
}

}  // namespace avq
