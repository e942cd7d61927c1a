// amcostestimate.
//
// Start-up: routing, the codes and pages of the lists probed at first, and the rerank; per further
// row the marginal cost of widening. Filters are applied above the index: with selectivity f a
// LIMIT of k takes k / f rows from it, so more lists are probed before it is satisfied.
#include <cmath>

#include "core/recall_model.h"
#include "index/am.h"
#include "index/options.h"
#include "storage/lists.h"
#include "storage/meta.h"

namespace avq {

namespace {

// In units of cpu_operator_cost, which stands for about 0.1 us here: measured in
// docs/performance.md.
constexpr double kRouteCostPerDim = 0.0005;  // per cell and dimension
constexpr double kRouteCostPerList = 0.02;
constexpr double kScanCostPerSubspace = 0.0002;  // per row and subspace
constexpr double kRescoreCost = 3;               // per candidate
constexpr double kRescoreCostPerDim = 0.005;     // and dimension

struct IndexFacts {
  double lists, cells, dims, subspaces, code_pages, copy_pages, rows, target_recall;
  RecallModel recall;
};

IndexFacts read_facts(Oid oid, double rows) {
  Relation index = index_open(oid, NoLock);
  IndexFile file = open_file(index);
  MetaPage meta;
  read_meta(file, &meta);
  IndexFacts facts;
  facts.lists = meta.shape.lists;
  facts.cells = meta.shape.cells;
  facts.dims = meta.shape.dims;
  facts.subspaces = meta.shape.subspaces;
  facts.rows = rows;
  facts.recall = meta.recall;
  facts.target_recall = index_options(index).target_recall;
  facts.copy_pages = double(copy_bytes(meta.rerank, meta.shape.dims)) / kPayload;
  const double block_bytes = coded_block_layout(meta).bytes;
  facts.code_pages = facts.lists * 0.5 + rows / kBlockRows * block_bytes / kPayload;
  index_close(index, NoLock);
  return facts;
}

}  // namespace

void avq_cost_estimate(PlannerInfo* root, IndexPath* path, double loop_count, Cost* startup_cost,
                       Cost* total_cost, Selectivity* selectivity, double* correlation,
                       double* pages) {
  const IndexOptInfo* info = path->indexinfo;
  *correlation = 0;
  *pages = info->pages;
  *selectivity = 1;
  if (path->indexorderbys == NIL) {  // such a scan errs: never choose it
    *startup_cost = *total_cost = get_float8_infinity();
    *selectivity = 0;
    discourage_path(path);
    return;
  }
  IndexFacts facts = {1, 1, 100, 50, info->pages * 0.2, 0.1, Max(info->tuples, 1.0), 0.95, {}};
  if (!info->hypothetical) facts = read_facts(info->indexoid, Max(info->tuples, 1.0));

  const double kept = info->rel->tuples > 0 ? Max(info->rel->rows / info->rel->tuples, 1e-6) : 1.0;
  const double limit = root->limit_tuples > 0 ? root->limit_tuples : 10;
  const double rows_taken = Min(limit / kept, facts.rows);
  const double target = settings.target_recall >= 0 ? settings.target_recall : facts.target_recall;
  const double probes = settings.probes > 0
                            ? Min(double(settings.probes), facts.lists)
                            : probes_for(facts.recall, target, static_cast<uint32>(facts.lists),
                                         facts.rows, static_cast<uint64>(Max(rows_taken, 1.0)));
  const double share = probes / facts.lists;

  const double route =
      (facts.cells * facts.dims * kRouteCostPerDim + facts.lists * kRouteCostPerList) *
      cpu_operator_cost;
  const double per_code = facts.subspaces * kScanCostPerSubspace * cpu_operator_cost;
  const double all_codes = facts.rows * per_code + facts.code_pages * seq_page_cost;
  // A rescored row is a page of copies, often one of its list's, so near another one's; a copy that
  // is longer than that is read in one piece.
  const double per_row = (kRescoreCost + facts.dims * kRescoreCostPerDim) * cpu_operator_cost +
                         0.25 * random_page_cost + facts.copy_pages * seq_page_cost;
  const double rescored_first = target >= 1 ? facts.rows : Min(30.0, facts.rows);

  *startup_cost = route + share * all_codes + rescored_first * per_row;
  *total_cost = *startup_cost + (1 - share) * all_codes + facts.rows * per_row;
}

}  // namespace avq
