#pragma once
// What the build's own sample says: which centroids and which routing rule find the best rows in
// the fewest scanned ones, and how wide the error of a code is.
//
// Errors: Error(canceled), std::bad_alloc.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/model.h"
#include "core/sample.h"

namespace avq {

// The exact best rows of some queries among the first `pool` of rows spread over the sample.
struct ExactTop {
  size_t queries = 0;
  size_t depth = 0;            // rows per query
  std::vector<uint32_t> rows;  // queries x depth, best first: row numbers
  std::vector<float> scores;   // queries x depth
};

// queries: count x dims, raw. own_rows: the row that each query is, left out of its own answer, or
// null. depth is reduced to the rows there are.
ExactTop exact_top(const Sample& sample, size_t pool, const float* queries, size_t count,
                   const uint32_t* own_rows, size_t depth);

// Lists as routing sees them, in the raw (unrotated) space.
struct RoutingLists {
  const float* centres;  // cells x dims
  size_t cells;
  const uint32_t* cell_of;  // count: cells of the lists, or null: every cell is a list
  size_t count;
  size_t dims;
  Metric metric;
  const float* sigma;        // count
  const float* bias;         // cells: |c|^2 / 2, used for l2
  const uint32_t* list_of;   // by row number
  const uint32_t* spill_of;  // by row number, or null
  const uint32_t* sizes;     // rows of each list, spilled ones included
};

struct RoutingCost {
  double lists = 1;  // share of the lists that must be probed, the same for all queries
  double rows = 1;   // share of the codes then scanned, mean over queries
};

// For each of the recall targets the least number of probes, the same for every query, at which
// that share of the exact best `depth` rows lies in a probed list.
std::vector<RoutingCost> routing_cost(const RoutingLists& lists, float route_sigma,
                                      const float* queries, const ExactTop& top, size_t depth,
                                      const std::vector<double>& targets, StopFlag stop);

// Of codes, relative to their scale.
struct CodeError {
  float along;  // kappa: the root mean square of (true score - estimate) sqrt(dims) / (s |q|)
  float norm;   // what it would be for queries that know nothing of the rows: |error| / s
};

// Over the given best rows of some queries, each encoded with the model. Rows without residual
// count for nothing; 0 when all are such. list_of: by row number.
CodeError measure_error(const Model& model, const Sample& sample, const float* queries,
                        const ExactTop& top, const uint32_t* list_of);

}  // namespace avq
