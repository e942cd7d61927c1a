#pragma once
// How the kernel files choose among the versions of a kernel that Highway compiled. Highway's own
// HWY_DYNAMIC_DISPATCH asks its library for the target at every call, which costs as much as the
// product of two short vectors; here the choice is made when the library is loaded and kept in a
// pointer per kernel.
#include "hwy/highway.h"

// After the per-target part of a file, in namespace avq.
#define AVQ_KERNEL(name) \
  HWY_EXPORT(name);      \
  static decltype(&HWY_STATIC_DISPATCH(name)) chosen_##name = &HWY_STATIC_DISPATCH(name)

#ifdef HWY_DYNAMIC_POINTER  // Highway 1.1 and later
#define AVQ_CHOOSE(name) chosen_##name = HWY_DYNAMIC_POINTER(name)
#else
#define AVQ_CHOOSE(name) chosen_##name = &HWY_DYNAMIC_DISPATCH(name)
#endif

namespace avq::kernels {

// Points every kernel at its best version among hwy::SupportedTargets(). Runs by itself at load;
// tests run it again after hwy::SetSupportedTargetsForTest. Not to be called beside a kernel.
void choose() noexcept;

// The parts of it, one a file.
void choose_dense() noexcept;
void choose_copy() noexcept;
void choose_nearest() noexcept;
void choose_routing() noexcept;
void choose_scan() noexcept;
void choose_bits() noexcept;

}  // namespace avq::kernels
