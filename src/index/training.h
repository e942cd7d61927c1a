#pragma once
// What CREATE INDEX and VACUUM's re-listing share: how many lists, how large a sample, and the
// model made of it.
#include "index/column.h"
#include "index/options.h"
#include "storage/format.h"

namespace avq {

// Below this many sampled rows nothing is trained: one list, data-independent codebooks.
inline constexpr Size kLeastTrainingRows = 256;
// VACUUM trains an index without lists that has more rows: up to so many, a scan of one with lists
// would look at them all as well (core/recall_model.h).
inline constexpr double kMostUnlistedRows = 4096;

struct TrainingPlan {
  uint32 lists;      // cells of k-means
  uint32 list_rows;  // of each list into which they are split
  double rows;
  Size sample_rows;  // wanted; all that fit into the memory
  Size bytes;        // that the least sample needs
};

// The options of training by a plan.
TrainingOptions planned_training(const IndexOptions& options, const Column& column,
                                 const TrainingPlan& plan);

// Lists and sample for a table of about `rows` rows within `budget` bytes. False if the least
// sample worth having does not fit.
bool plan_training(const IndexOptions& options, const Column& column, double rows, Size budget,
                   TrainingPlan* plan);

// Trains on the sample (sampled x dims; under l2 differences from `mean`), or takes the
// data-independent model where it is too small. Sets shape and recall of `meta`; returns the
// model's floats as they are stored, in the current memory context. team, progress: of train(), or
// null.
float* make_model_floats(TrainingOptions training, const float* sample, Size sampled,
                         const float* mean, Team* team, ProgressReport progress, MetaPage* meta,
                         PhaseSeconds* seconds);

// The shape of the largest model that training may return.
ModelShape largest_model(const TrainingOptions& training);

}  // namespace avq
