#include "index/options.h"

#include <cfloat>

namespace avq {

Settings settings;

namespace {

relopt_kind avq_relopt_kind;

constexpr int kMostLists = 65536;

relopt_enum_elt_def rotate_values[] = {{"auto", int(RotateOption::automatic)},
                                       {"off", int(RotateOption::off)},
                                       {"on", int(RotateOption::on)},
                                       {nullptr, 0}};
relopt_enum_elt_def rerank_values[] = {{"auto", int(RerankOption::automatic)},
                                       {"heap", int(RerankOption::heap)},
                                       {"half", int(RerankOption::half)},
                                       {"int8", int(RerankOption::int8)},
                                       {"float", int(RerankOption::float4)},
                                       // how the parser hands on the unquoted word: a type's name
                                       {"pg_catalog.float8", int(RerankOption::float4)},
                                       {nullptr, 0}};
const config_enum_entry order_values[] = {{"relaxed", int(OrderOption::relaxed), false},
                                          {"strict", int(OrderOption::strict), false},
                                          {nullptr, 0, false}};

const relopt_parse_elt option_table[] = {
    {"lists", RELOPT_TYPE_INT, offsetof(IndexOptions, lists)},
    {"dims_per_subspace", RELOPT_TYPE_INT, offsetof(IndexOptions, dims_per_subspace)},
    {"anisotropy", RELOPT_TYPE_REAL, offsetof(IndexOptions, anisotropy)},
    {"anisotropic_threshold", RELOPT_TYPE_REAL, offsetof(IndexOptions, anisotropic_threshold)},
    {"row_scale", RELOPT_TYPE_BOOL, offsetof(IndexOptions, row_scale)},
    {"rotate", RELOPT_TYPE_ENUM, offsetof(IndexOptions, rotate)},
    {"soar_lambda", RELOPT_TYPE_REAL, offsetof(IndexOptions, soar_lambda)},
    {"rerank", RELOPT_TYPE_ENUM, offsetof(IndexOptions, rerank)},
    {"target_recall", RELOPT_TYPE_REAL, offsetof(IndexOptions, target_recall)},
};

const IndexOptions kDefaults = {
    0, 0, 0, 0, -1, true, int(RotateOption::automatic), -1, int(RerankOption::automatic), 0.95};

void register_index_options() {
  avq_relopt_kind = add_reloption_kind();
  const LOCKMODE lock = AccessExclusiveLock;
  add_int_reloption(avq_relopt_kind, "lists", "Number of inverted lists; 0 = from the row count",
                    kDefaults.lists, 0, kMostLists, lock);
  add_int_reloption(avq_relopt_kind, "dims_per_subspace",
                    "Dimensions coded by one 4-bit code; 0 = auto", kDefaults.dims_per_subspace, 0,
                    64, lock);
  add_real_reloption(avq_relopt_kind, "anisotropy",
                     "Ratio of parallel to orthogonal cost of the score-aware loss; 1 = plain "
                     "product quantization, 0 = auto",
                     kDefaults.anisotropy, 0, 50, lock);
  add_real_reloption(avq_relopt_kind, "anisotropic_threshold",
                     "Threshold T of the score-aware loss, relative to the row's norm, instead of "
                     "anisotropy",
                     kDefaults.anisotropic_threshold, -1, 1, lock);
  add_bool_reloption(avq_relopt_kind, "row_scale",
                     "Normalised residuals with a scale per row; off = plain residual codes",
                     kDefaults.row_scale, lock);
  add_enum_reloption(avq_relopt_kind, "rotate", "Random rotation before coding", rotate_values,
                     kDefaults.rotate, "Valid values are \"auto\", \"on\" and \"off\".", lock);
  add_real_reloption(
      avq_relopt_kind, "soar_lambda",
      "Above 0: every row's code is spilled into a second list (SOAR); -1 = those of "
      "the rows that profit, if the build's sample shows that it pays",
      kDefaults.soar_lambda, -1, 10, lock);
  add_enum_reloption(avq_relopt_kind, "rerank", "The copy that candidates are rescored from",
                     rerank_values, kDefaults.rerank,
                     "Valid values are \"auto\", \"half\", \"int8\", \"float\" and \"heap\".",
                     lock);
  add_real_reloption(avq_relopt_kind, "target_recall",
                     "recall@10 aimed at where avq.target_recall is not set",
                     kDefaults.target_recall, 0.5, 1, lock);
}

void register_settings() {
  DefineCustomRealVariable(
      "avq.target_recall",
      "Sets the recall@10 that index scans aim at; -1 uses the index's option.", nullptr,
      &settings.target_recall, -1, -1, 1, PGC_USERSET, 0,
      [](double* value, void**, GucSource) {
        if (*value == -1 || *value >= 0.5) return true;
        GUC_check_errdetail("Valid values are -1 and 0.5 to 1.");
        return false;
      },
      nullptr, nullptr);
  DefineCustomIntVariable("avq.probes",
                          "Sets the number of lists scanned at first; 0 chooses it from the target "
                          "recall.",
                          nullptr, &settings.probes, 0, 0, kMostLists, PGC_USERSET, 0, nullptr,
                          nullptr, nullptr);
  DefineCustomIntVariable("avq.rerank_depth",
                          "Sets the number of candidates rescored before the first row is "
                          "returned; 0 chooses it by an error bound.",
                          nullptr, &settings.rerank_depth, 0, 0, 1000000, PGC_USERSET, 0, nullptr,
                          nullptr, nullptr);
  DefineCustomIntVariable(
      "avq.max_probes", "Sets the most lists that a scan may open; 0 is all of them.", nullptr,
      &settings.max_probes, 0, 0, kMostLists, PGC_USERSET, 0, nullptr, nullptr, nullptr);
  DefineCustomIntVariable("avq.seed", "Sets the seed of the training in CREATE INDEX.", nullptr,
                          &settings.seed, 42, 0, INT_MAX, PGC_USERSET, 0, nullptr, nullptr,
                          nullptr);
  DefineCustomEnumVariable(
      "avq.order",
      "Sets what happens to a row that a list opened later turns up after a worse one was "
      "returned.",
      "relaxed returns it late; strict leaves it out, so that distances never decrease.",
      &settings.order, int(OrderOption::relaxed), order_values, PGC_USERSET, 0, nullptr, nullptr,
      nullptr);
  MarkGUCPrefixReserved("avq");
}

}  // namespace

void register_options() {
  register_index_options();
  register_settings();
}

bytea* parse_index_options(Datum reloptions, bool validate) {
  void* parsed = build_reloptions(reloptions, validate, avq_relopt_kind, sizeof(IndexOptions),
                                  option_table, lengthof(option_table));
  if (validate && parsed != nullptr) {
    const IndexOptions* options = static_cast<IndexOptions*>(parsed);
    if (options->anisotropy != 0 && options->anisotropic_threshold >= 0) {
      ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                      errmsg("anisotropy and anisotropic_threshold cannot both be set"),
                      errhint("The threshold is another way to state the anisotropy.")));
    }
    if (options->anisotropy != 0 && options->anisotropy < 1) {
      ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                      errmsg("anisotropy must be 0 (auto) or at least 1")));
    }
    if (options->soar_lambda < 0 && options->soar_lambda != -1) {
      ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                      errmsg("soar_lambda must be -1 (auto) or between 0 and 10")));
    }
    if (options->anisotropic_threshold < 0 && options->anisotropic_threshold != -1) {
      ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                      errmsg("anisotropic_threshold must be between 0 and 1")));
    }
  }
  return static_cast<bytea*>(parsed);
}

IndexOptions index_options(Relation index) {
  if (index->rd_options == nullptr) return kDefaults;
  return *reinterpret_cast<IndexOptions*>(index->rd_options);
}

double scan_target_recall(Relation index) {
  return settings.target_recall >= 0 ? settings.target_recall : index_options(index).target_recall;
}

TrainingOptions training_options(const IndexOptions& options, Metric metric, uint32 dims,
                                 uint32 lists) {
  TrainingOptions training;
  training.metric = metric;
  training.dims = dims;
  training.lists = lists;
  training.dims_per_subspace = Min(static_cast<uint32>(options.dims_per_subspace), dims);
  training.eta = static_cast<float>(options.anisotropy);
  training.anisotropic_threshold = static_cast<float>(Max(options.anisotropic_threshold, 0.0));
  training.row_scale = options.row_scale;
  training.rotate = options.rotate;
  training.soar_lambda = static_cast<float>(options.soar_lambda);
  training.seed = static_cast<uint64>(settings.seed);
  return training;
}

// Copies in bytes from here on: half the index at the same recall, since the heap decides where
// they leave it open, for a few visits to it more (docs/design.md).
static constexpr uint32 kMostHalfDims = 1024;

Rerank rerank_of(const IndexOptions& options, uint32 dims) {
  if (options.rerank == int(RerankOption::automatic)) {
    return dims > kMostHalfDims ? Rerank::int8 : Rerank::half;
  }
  return static_cast<Rerank>(options.rerank);
}

}  // namespace avq
