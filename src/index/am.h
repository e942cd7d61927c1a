#pragma once
// The access method's callbacks, one file each, and what they share.
#include "compat.h"

namespace avq {

IndexBuildResult* avq_build(Relation heap, Relation index, IndexInfo* info);
void avq_build_empty(Relation index);
bool avq_insert(Relation index, Datum* values, bool* nulls, ItemPointer tid, Relation heap,
                IndexUniqueCheck unique, bool unchanged, IndexInfo* info);
IndexBulkDeleteResult* avq_bulk_delete(IndexVacuumInfo* info, IndexBulkDeleteResult* stats,
                                       IndexBulkDeleteCallback callback, void* state);
IndexBulkDeleteResult* avq_vacuum_cleanup(IndexVacuumInfo* info, IndexBulkDeleteResult* stats);
void avq_cost_estimate(PlannerInfo* root, IndexPath* path, double loop_count, Cost* startup_cost,
                       Cost* total_cost, Selectivity* selectivity, double* correlation,
                       double* pages);
bool avq_validate(Oid opclass);
IndexScanDesc avq_begin_scan(Relation index, int keys, int order_bys);
void avq_rescan(IndexScanDesc scan, ScanKey keys, int key_count, ScanKey order_bys,
                int order_by_count);
bool avq_get_tuple(IndexScanDesc scan, ScanDirection direction);
void avq_end_scan(IndexScanDesc scan);

// CREATE INDEX phases of pg_stat_progress_create_index (1 is PostgreSQL's "initializing").
enum BuildPhase : int64 {
  kPhaseSampling = 2,
  kPhaseTraining = 3,
  kPhaseEncoding = 4,
  kPhaseSorting = 5,
  kPhaseWriting = 6,
};
const char* build_phase_name(int64 phase);

// Opens an index by OID and checks that it is an avq index that is ready to be read. Null, where
// that is allowed, if there is no such relation (any more).
Relation open_avq_index(Oid oid, LOCKMODE lock, bool missing_ok = false);
// For SQL functions whose arguments are (index, nowait): null if there is no such relation and,
// with nowait, without waiting, unless the index can be read now.
Relation open_index_to_tell(FunctionCallInfo fcinfo);

// The table of an index, or ERRCODE_WRONG_OBJECT_TYPE: to lock it first.
Oid table_of_index(Oid index);

// Counters of the last scan of this backend, for avq_last_scan().
struct ScanCounters {
  int64 lists_probed;
  int64 blocks_scored;  // blocks of 32 slots with a live row
  int64 rows_reranked;
  int64 heap_fetches;
  int64 code_pages;
  int64 copy_pages;
  int64 passes;
};
extern ScanCounters last_scan;

// Of a scan that has begun, all its rescans included.
ScanCounters scan_totals(IndexScanDesc scan);

}  // namespace avq
