#pragma once
// Which lists a query wants to see, best first. Routing looks at every centroid, so what it reads
// is most of what a narrow scan reads at all: it works on a copy of the centroids in bytes, a
// quarter of them. The error of a product, |q| |c| / 100 sqrt(dims) or so, is small beside what a
// list's rows differ by; scores of rows never contain it.
#include <cstddef>
#include <cstdint>

#include "core/kernels.h"
#include "core/model.h"

namespace avq {

// Plain data over the caller's memory; made from the model, never stored.
struct RoutingTable {
  const float* steps;      // lists: c ~ steps * codes
  const float* relatives;  // lists: 1 / rms norm of the list's rows (inner product; else 1)
  const int8_t* codes;     // lists x stride, zeros behind padded_dims
  uint32_t stride;         // a multiple of kRoutingStride
};

uint32_t routing_stride(const ModelShape& shape) noexcept;

// Memory that a table takes; it needs the alignment of float.
size_t routing_table_bytes(const ModelShape& shape) noexcept;
RoutingTable make_routing_table(const Model& model, void* memory) noexcept;

// routes[l] = <q, c_l> (- |c_l|^2/2 for l2) + route_sigma * sigma_l * |q| of all lists, by the
// table's products; for inner product the three lists nearest in direction come first. prepared:
// padded_dims floats; scratch: routing_stride numbers.
void route(const Model& model, const RoutingTable& table, const float* prepared, int16_t* scratch,
           float* routes) noexcept;

// <q, c> of one list, in float: what the scores of its rows contain.
inline float list_score(const Model& model, const float* prepared, uint32_t list) noexcept {
  const size_t padded = model.shape.padded_dims();
  return dot(prepared, model.centroids + list * padded, padded);
}

}  // namespace avq
