#pragma once
// Which lists a query wants to see, best first. Routing looks at every centroid, so what it reads
// is most of what a narrow scan reads at all: it works on a copy of the centroids in bytes, a
// quarter of them. Training makes centroids that bytes can hold wherever that does not matter, so
// that the copy serves for the scores of rows too.
#include <cstddef>
#include <cstdint>

#include "core/kernels.h"
#include "core/model.h"

namespace avq {

// Plain data over the caller's memory; made from the model, never stored. Of cells, then of groups.
struct RoutingTable {
  const float* steps;      // c ~ steps * codes
  const float* relatives;  // 1 / rms norm of the rows (inner product; else 1)
  const int8_t* codes;     // (cells + groups) x stride, zeros behind padded_dims
  uint32_t stride;         // a multiple of kRoutingStride
  const uint8_t* exact;    // cells: 1 if c = steps * codes
};

uint32_t routing_stride(const ModelShape& shape) noexcept;

// Memory that a table takes; it needs the alignment of float.
size_t routing_table_bytes(const ModelShape& shape) noexcept;
RoutingTable make_routing_table(const Model& model, void* memory) noexcept;

// One query's view of the lists: plain data over the caller's memory. Where lists are in groups,
// only those of open groups are known; the more lists are wanted, the more groups are opened.
struct Routes {
  int16_t* query;   // routing_stride numbers
  float* scores;    // lists + groups: <q, c> (- |c|^2/2 for l2) + route_sigma * sigma * |q| by the
                    // table's products, of lists that are known; for inner product one each of the
                    // three cells nearest in direction among those known first have the best
  float* products;  // cells + groups: <q, c> by the table, of those that are known
  uint32_t* order;  // lists + groups: the known lists, which the caller may put into another order
  uint32_t known;
  uint32_t groups_open;
  float query_step, optimism;
};

// Numbers of lists and groups for Routes::scores, products and order.
inline size_t routed_numbers(const ModelShape& shape) noexcept {
  return static_cast<size_t>(shape.lists) + shape.groups;
}

// The caller has set the pointers of `routes`. prepared: padded_dims floats.
void begin_routes(const Model& model, const RoutingTable& table, const float* prepared,
                  Routes* routes) noexcept;

// Has as many lists known as choosing the best `count` wants. True if there are new ones.
bool widen_routes(const Model& model, const RoutingTable& table, uint32_t count,
                  Routes* routes) noexcept;

// How many lists must be wanted for so many to be known first.
uint32_t wanted_for(const ModelShape& shape, uint32_t known) noexcept;

// <q, c> of one list, which the scores of its rows contain: exact but for the rounding of the query
// to 16 bits, or of floats. routes: of the same query.
float list_score(const Model& model, const RoutingTable& table, const Routes& routes,
                 const float* prepared, uint32_t list) noexcept;

// Moves a centroid (count numbers) to one of its length that bytes can hold, unless that is farther
// than `most` (squared). Throws std::bad_alloc.
void round_centroid(float* centroid, size_t count, double most);

}  // namespace avq
