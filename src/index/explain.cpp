#include "index/explain.h"

#include "compat.h"
#include "index/am.h"

namespace avq {

#if AVQ_EXPLAIN_HOOK

namespace {

explain_per_node_hook_type next_hook = nullptr;

// Totals of all loops, as the server's own "Index Searches".
void explain_node(PlanState* node, List* ancestors, const char* relationship, const char* name,
                  ExplainState* explain) {
  if (next_hook != nullptr) next_hook(node, ancestors, relationship, name, explain);
  if (!explain->analyze || !IsA(node, IndexScanState)) return;
  const IndexScanDesc scan = castNode(IndexScanState, node)->iss_ScanDesc;
  if (scan == nullptr || scan->indexRelation->rd_indam->ambeginscan != avq_begin_scan) return;
  const ScanCounters totals = scan_totals(scan);
  ExplainPropertyInteger("Lists Probed", nullptr, totals.lists_probed, explain);
  ExplainPropertyInteger("Rows Scored", nullptr, 32 * totals.blocks_scored, explain);
  ExplainPropertyInteger("Rows Reranked", nullptr, totals.rows_reranked, explain);
  ExplainPropertyInteger("Rows Fetched", nullptr, totals.heap_fetches, explain);
}

}  // namespace

void explain_scans() {
  next_hook = explain_per_node_hook;
  explain_per_node_hook = explain_node;
}

#else

void explain_scans() {}

#endif

}  // namespace avq
