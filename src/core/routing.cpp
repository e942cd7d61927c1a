#include "core/routing.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/codec.h"

namespace avq {
namespace {

constexpr float kLargestByte = 127;

float largest_of(const float* values, size_t count) noexcept {
  float largest = 0;
  for (size_t i = 0; i < count; ++i) largest = std::max(largest, std::fabs(values[i]));
  return largest;
}

// `in` in units of the result, rounded; the numbers behind it up to `stride` are zero.
template <class Number>
float quantise(const float* in, size_t count, float most, size_t stride, Number* out) noexcept {
  const float largest = largest_of(in, count);
  const float units = largest > 0 ? most / largest : 0;
  // A subnormal `largest` has no finite reciprocal: such a vector is as good as zero.
  const float factor = std::isfinite(units) ? units : 0;
  for (size_t i = 0; i < count; ++i) out[i] = static_cast<Number>(std::lrintf(in[i] * factor));
  std::fill(out + count, out + stride, Number{0});
  return factor > 0 ? largest / most : 0;
}

// Puts the lists of the query's direction before all others, the best of them first.
class Alike {
 public:
  void offer(float cosine, uint32_t list) noexcept {
    if (cosine <= best_[kCount - 1]) return;
    uint32_t at = kCount - 1;
    for (; at > 0 && cosine > best_[at - 1]; --at) {
      best_[at] = best_[at - 1];
      lists_[at] = lists_[at - 1];
    }
    best_[at] = cosine;
    lists_[at] = list;
  }
  void raise(float largest, uint32_t lists, float* routes) const noexcept {
    for (uint32_t i = std::min(kCount, lists); i > 0; --i) {
      largest = std::nextafter(largest, std::numeric_limits<float>::max());
      routes[lists_[i - 1]] = largest;
    }
  }

 private:
  static constexpr uint32_t kCount = 3;
  static constexpr float kNone = -std::numeric_limits<float>::infinity();
  uint32_t lists_[kCount] = {};
  float best_[kCount] = {kNone, kNone, kNone};
};

}  // namespace

uint32_t routing_stride(const ModelShape& shape) noexcept {
  constexpr uint32_t kUnit = static_cast<uint32_t>(kRoutingStride);
  return (shape.padded_dims() + kUnit - 1) / kUnit * kUnit;
}

size_t routing_table_bytes(const ModelShape& shape) noexcept {
  return static_cast<size_t>(shape.lists) * (2 * sizeof(float) + routing_stride(shape));
}

RoutingTable make_routing_table(const Model& model, void* memory) noexcept {
  const ModelShape& shape = model.shape;
  const size_t padded = shape.padded_dims();
  float* steps = static_cast<float*>(memory);
  float* relatives = steps + shape.lists;
  int8_t* codes = reinterpret_cast<int8_t*>(relatives + shape.lists);
  const uint32_t stride = routing_stride(shape);
  for (uint32_t l = 0; l < shape.lists; ++l) {
    steps[l] = quantise(model.centroids + l * padded, padded, kLargestByte, stride,
                        codes + static_cast<size_t>(l) * stride);
    const float sigma = model.list_sigma[l];
    const float square = 2 * model.assign_bias[l] + static_cast<float>(shape.dims) * sigma * sigma;
    relatives[l] = shape.metric != Metric::inner_product ? 1
                   : square > 0                          ? 1 / std::sqrt(square)
                                                         : 0;
  }
  return {steps, relatives, codes, stride};
}

void route(const Model& model, const RoutingTable& table, const float* prepared, int16_t* scratch,
           float* routes) noexcept {
  const ModelShape& shape = model.shape;
  const size_t padded = shape.padded_dims();
  // As fine as 32-bit sums allow.
  const auto most = static_cast<float>(
      std::min<size_t>(std::numeric_limits<int16_t>::max(),
                       std::numeric_limits<int32_t>::max() / (size_t{127} * table.stride)));
  const float query_step = quantise(prepared, padded, most, table.stride, scratch);
  dot_rows_int8(scratch, table.codes, shape.lists, table.stride, routes);

  const float optimism = static_cast<float>(shape.route_sigma * exact_norm(prepared, padded));
  const float bias = shape.metric == Metric::l2 ? 1.0f : 0.0f;
  const bool directions = shape.metric == Metric::inner_product;
  Alike alike;
  float largest = -std::numeric_limits<float>::infinity();
  for (uint32_t l = 0; l < shape.lists; ++l) {
    const float product = query_step * table.steps[l] * routes[l];
    routes[l] = product - bias * model.assign_bias[l] + optimism * model.list_sigma[l];
    largest = std::max(largest, routes[l]);
    if (directions) alike.offer(product * table.relatives[l], l);
  }
  if (directions) alike.raise(largest, shape.lists, routes);
}

}  // namespace avq
