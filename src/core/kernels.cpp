// The choice of the kernels for the CPU.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/kernels.cpp"
#include "hwy/foreach_target.h"
//
#include "core/kernels.h"
#include "core/kernels_dispatch.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace avq::HWY_NAMESPACE {

const char* kernel_target() { return hwy::TargetName(HWY_TARGET); }

}  // namespace avq::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace avq {

AVQ_KERNEL(kernel_target);

namespace kernels {

void choose() noexcept {
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  AVQ_CHOOSE(kernel_target);
  choose_dense();
  choose_copy();
  choose_nearest();
  choose_routing();
  choose_scan();
  choose_bits();
}

namespace {
[[maybe_unused]] const bool chosen_at_load = (choose(), true);
}  // namespace

}  // namespace kernels

const char* kernel_target() noexcept { return chosen_kernel_target(); }

}  // namespace avq
#endif
