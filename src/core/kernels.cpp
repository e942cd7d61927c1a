#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/kernels.cpp"
#include "hwy/foreach_target.h"
//
#include "hwy/highway.h"

#include "core/kernels.h"

HWY_BEFORE_NAMESPACE();
namespace avq::HWY_NAMESPACE {

const char* target_name() { return hwy::TargetName(HWY_TARGET); }

}  // namespace avq::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace avq {

HWY_EXPORT(target_name);

const char* kernel_target() noexcept { return HWY_DYNAMIC_DISPATCH(target_name)(); }

}  // namespace avq
#endif
