// The nearest centre of each row: a product of two matrices whose result is only compared.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/kernels_nearest.cpp"
#include "hwy/foreach_target.h"
//
#include <limits>

#include "core/kernels.h"
#include "core/kernels_inl.h"

HWY_BEFORE_NAMESPACE();
namespace avq::HWY_NAMESPACE {

void nearest_centres(const float* rows, size_t count, const float* centres, size_t centres_count,
                     size_t dims, const float* bias, uint32_t* best_index, float* best_score) {
  for (size_t r = 0; r < count; ++r) {
    best_index[r] = 0;
    best_score[r] = -std::numeric_limits<float>::infinity();
    for (size_t c = 0; c < centres_count; ++c) {
      const float score = sum_over<Product>(rows + r * dims, centres + c * dims, dims) - bias[c];
      if (score > best_score[r]) {
        best_score[r] = score;
        best_index[r] = static_cast<uint32_t>(c);
      }
    }
  }
}

}  // namespace avq::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace avq {

HWY_EXPORT(nearest_centres);

void nearest_centres(const float* rows, size_t count, const float* centres, size_t centres_count,
                     size_t dims, const float* bias, uint32_t* best_index,
                     float* best_score) noexcept {
  HWY_DYNAMIC_DISPATCH(nearest_centres)
  (rows, count, centres, centres_count, dims, bias, best_index, best_score);
}

}  // namespace avq
#endif
