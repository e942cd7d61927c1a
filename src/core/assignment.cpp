#include "core/assignment.h"

#include <algorithm>

#include "core/kernels.h"
#include "core/team.h"

namespace avq {

std::vector<float> centre_bias(Metric metric, const float* centres, size_t count, size_t dims) {
  std::vector<float> bias(count);
  if (metric == Metric::cosine) return bias;
  for (size_t c = 0; c < count; ++c) bias[c] = norm_squared(centres + c * dims, dims) / 2;
  return bias;
}

void Centres::nearest(const float* rows, size_t rows_count, size_t dims, uint32_t* index,
                      float* score) const noexcept {
  if (groups.count == 0) {
    nearest_centres(rows, rows_count, values, count, dims, bias, index, score);
  } else {
    nearest_in_groups(rows, rows_count, values, dims, bias, groups, index, score);
  }
}

size_t assignment_batch(const Centres& centres, size_t dims) noexcept {
  return std::clamp<size_t>(200'000'000 / std::max<size_t>(1, centres.met() * dims), 8, 256);
}

void assign_nearest(const Sample& sample, const uint32_t* rows, size_t count,
                    const Centres& centres, uint32_t* nearest, float* scores) {
  if (sample.team != nullptr) {
    sample.team->assign(sample, rows, count, centres, nearest, scores);
    return;
  }
  const size_t batch = assignment_batch(centres, sample.dims);
  std::vector<float> gathered(rows != nullptr ? batch * sample.dims : 0);
  for (size_t first = 0; first < count; first += batch) {
    check_stop(sample.stop);
    const size_t part = std::min(batch, count - first);
    const float* data = sample.at(first);
    if (rows != nullptr) {
      for (size_t i = 0; i < part; ++i) {
        std::copy_n(sample.at(rows[first + i]), sample.dims, &gathered[i * sample.dims]);
      }
      data = gathered.data();
    }
    centres.nearest(data, part, sample.dims, nearest + first, scores + first);
    sample.count_work(static_cast<double>(part * centres.met() * sample.dims));
  }
}

}  // namespace avq
