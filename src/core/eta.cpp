#include <algorithm>
#include <cmath>

#include "core/trainer.h"

namespace avq {

// With J = integral_0^a (sin x / sin a)^d dx the definition becomes 1 + cot(a) / J, in which
// nothing underflows. The integrand falls to e^-40 of its peak at sin x = sin a e^(-40/d); between
// there and a it is smooth, and Simpson's rule over 2,000 steps is exact to 1e-9.
float eta_from_threshold(float relative_threshold, uint32_t dims) noexcept {
  constexpr double kLargest = 50;
  constexpr int kSteps = 2000;
  const double t = relative_threshold;
  if (!(t > 0)) return 1;
  if (t >= 1) return static_cast<float>(kLargest);
  const double d = dims;
  const double angle = std::acos(t);
  const double sine = std::sqrt((1 - t) * (1 + t));
  const double start = std::asin(sine * std::exp(-40 / d));
  const double width = (angle - start) / kSteps;
  double sum = 0;
  for (int i = 0; i <= kSteps; ++i) {
    const double weight = i == 0 || i == kSteps ? 1 : (i % 2 == 1 ? 4 : 2);
    sum += weight * std::exp(d * std::log(std::sin(start + i * width) / sine));
  }
  const double integral = sum * width / 3;
  const double eta = 1 + t / (sine * integral);
  return static_cast<float>(std::clamp(eta, 1.0, kLargest));
}

}  // namespace avq
