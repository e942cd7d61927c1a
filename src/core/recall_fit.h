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
  size_t depth;            // answers of each query; may be less than the deepest of kFitDepths
  const uint32_t* rows;    // count x depth: numbers in `vectors`, best first
  const float* vectors;    // dims floats each
  double pool;             // rows that the answers are the best of
  double strangeness = 1;  // of a sample: how much larger the errors of codes may be for real
                           // queries, which need not resemble the rows
};

// With fewer queries nothing is fitted.
inline constexpr size_t kLeastQueries = 20;

// Routes every query, encodes every answer, and reads off how far down the routes and below its
// score an answer lies. Aims at each loss less one standard error of it over the queries. Memory:
// fit_recall_memory().
RecallModel fit_recall(const Model& model, const Answers& answers, FittedOn source, StopFlag stop);

// Bytes: of the prepared queries, and of what is known of each answer.
inline size_t fit_recall_memory(const ModelShape& shape, size_t count, size_t depth) noexcept {
  constexpr size_t kAnswerBytes = 64;
  return count * (shape.padded_dims() * sizeof(float) + depth * kAnswerBytes);
}

}  // namespace avq
