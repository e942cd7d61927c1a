#pragma once
// What users may set: index options (WITH), session settings (avq.*).
#include "pg.h"

#include "core/trainer.h"
#include "storage/format.h"

namespace avq {

enum class RerankOption : int { automatic = -1, heap = 0, half = 1, int8 = 2, float4 = 3 };
enum class RotateOption : int { automatic = -1, off = 0, on = 1 };

// rd_options of an avq index: the layout that build_reloptions fills.
struct IndexOptions {
  int32 vl_len_;
  int lists;                     // 0 = from the row count
  int dims_per_subspace;         // 0 = auto
  double anisotropy;             // 0 = auto
  double anisotropic_threshold;  // -1 = unset
  bool row_scale;
  int rotate;
  double soar_lambda;
  int rerank;
  double target_recall;
};

enum class OrderOption : int { relaxed = 0, strict = 1 };

// Session settings.
struct Settings {
  double target_recall;  // -1 = the index's option
  int probes;            // 0 = auto
  int rerank_depth;      // 0 = auto
  int max_probes;        // 0 = all lists
  int seed;
  int order;
};
extern Settings settings;

void register_options();
bytea* parse_index_options(Datum reloptions, bool validate);

// The index's options, or the defaults.
IndexOptions index_options(Relation index);

// What scans of the index aim at: the session's setting, or the index's option.
double scan_target_recall(Relation index);

// Training options of an index: metric and dims come from the column.
TrainingOptions training_options(const IndexOptions& options, Metric metric, uint32 dims,
                                 uint32 lists);
Rerank rerank_of(const IndexOptions& options, uint32 dims);

}  // namespace avq
