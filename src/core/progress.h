#pragma once
// How far a long computation is.
#include <algorithm>

namespace avq {

// Told the share that is done, 0 to 1, now and then. Never throws.
using ProgressReport = void (*)(double share) noexcept;

class Progress {
 public:
  // total: in whatever unit the work is added, an estimate.
  Progress(ProgressReport report, double total) noexcept : report_(report), total_(total) {}

  void add(double work) noexcept {
    done_ += work;
    if (report_ == nullptr || !(done_ - reported_ >= total_ / 1000)) return;
    reported_ = done_;
    report_(std::min(done_ / total_, 1.0));
  }

 private:
  ProgressReport report_;
  double total_, done_ = 0, reported_ = 0;
};

}  // namespace avq
