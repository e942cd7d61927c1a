#pragma once
// Fits the recall model of an index (recall_model.h) to queries whose exact answers are known.
//
// Errors: Error(canceled), std::bad_alloc.
#include <cstddef>
#include <cstdint>

#include "core/error.h"
#include "core/model.h"
#include "core/recall_model.h"

namespace avq {

// Queries and their exact answers, before preparation (codec.h).
struct Answers {
  const float* queries;  // count x dims
  size_t count;
  size_t depth;          // answers of each query; may be less than the deepest of kFitDepths
  const uint32_t* rows;  // count x depth: numbers in `vectors`, best first
  const float* vectors;  // dims floats each
  double pool;           // rows that the answers are the best of
};

// Routes every query, encodes every answer, and reads off how far down the routes and below its
// score an answer lies. Aims at each loss less one standard error of it over the queries. Memory:
// about 40 bytes an answer, and the prepared queries.
RecallModel fit_recall(const Model& model, const Answers& answers, FittedOn source, StopFlag stop);

}  // namespace avq
