#pragma once
// Every PG_VERSION_NUM conditional of the project. Supported: PostgreSQL 15 to 18.
#include "pg.h"

#if PG_VERSION_NUM < 150000
#error "avq needs PostgreSQL 15 or later"
#endif

// Named shared memory without preloading; extra lines in EXPLAIN.
#define AVQ_DSM_REGISTRY (PG_VERSION_NUM >= 170000)
#define AVQ_EXPLAIN_HOOK (PG_VERSION_NUM >= 180000)

extern "C" {
#include "access/nbtxlog.h"
#include "access/rmgr.h"
#include "access/transam.h"
#include "access/xlog.h"
#include "postmaster/autovacuum.h"
#include "catalog/pg_class.h"
#include "storage/buf_internals.h"
#include "utils/acl.h"
#if AVQ_DSM_REGISTRY
#include "storage/dsm_registry.h"
#endif
#if AVQ_EXPLAIN_HOOK
#include "commands/explain.h"
#include "commands/explain_format.h"
#include "commands/explain_state.h"
#endif
#if PG_VERSION_NUM >= 160000
#include "storage/relfilelocator.h"
#else
#include "storage/relfilenode.h"
#endif
}

namespace avq {

// Adds one zeroed page to a fork and returns its buffer, exclusively locked. The relation extension
// lock is held by the caller where others may extend at the same time (15 only: 16 takes its own).
inline Buffer extend_fork(Relation relation, ForkNumber fork) {
#if PG_VERSION_NUM >= 160000
  return ExtendBufferedRel(BMR_REL(relation), fork, nullptr,
                           EB_LOCK_FIRST | EB_SKIP_EXTENSION_LOCK);
#else
  Buffer buffer = ReadBufferExtended(relation, fork, P_NEW, RBM_NORMAL, nullptr);
  LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
  return buffer;
#endif
}

// Pins `buffer` if it still holds the block.
inline bool read_recent_buffer(Relation relation, BlockNumber block, Buffer buffer) {
#if PG_VERSION_NUM >= 160000
  return ReadRecentBuffer(relation->rd_locator, MAIN_FORKNUM, block, buffer);
#else
  return ReadRecentBuffer(relation->rd_node, MAIN_FORKNUM, block, buffer);
#endif
}

// Hints that the (shared) buffer will be pinned and locked soon, which changes its descriptor.
inline void prefetch_descriptor(Buffer buffer) {
  __builtin_prefetch(GetBufferDescriptor(static_cast<uint32>(buffer - 1)), 1, 3);
}

// Error 72000 if the snapshot may miss rows that VACUUM has removed by old_snapshot_threshold (gone
// in 17).
inline void check_snapshot_age(Snapshot snapshot, Relation relation, Page page) {
#if PG_VERSION_NUM < 170000
  TestForOldSnapshot(snapshot, relation, page);
#endif
}

// For code of others that runs with its owner's rights (17: as in REINDEX and the like).
inline void restrict_search_path() {
#if PG_VERSION_NUM >= 170000
  RestrictSearchPath();
#endif
}

// Raised by transaction_timeout, which does not raise QueryCancelPending.
inline bool transaction_timeout_pending() {
#if PG_VERSION_NUM >= 170000
  return TransactionTimeoutPending;
#else
  return false;
#endif
}

inline void vacuum_delay(bool analyzing) {
#if PG_VERSION_NUM >= 180000
  vacuum_delay_point(analyzing);
#else
  (void)analyzing;
  vacuum_delay_point();
#endif
}

// What a VACUUM may use, in KB.
inline int vacuum_work_mem() {
#if PG_VERSION_NUM >= 170000
  const bool automatic = AmAutoVacuumWorkerProcess();
#else
  const bool automatic = IsAutoVacuumWorkerProcess();
#endif
  return automatic && autovacuum_work_mem != -1 ? autovacuum_work_mem : maintenance_work_mem;
}

// Whether no snapshot sees transactions up to `horizon` as running, in this database and, by
// hot_standby_feedback, on standbys.
inline bool beyond_all_snapshots(const IndexVacuumInfo* info, uint64 horizon) {
#if PG_VERSION_NUM >= 160000
  Relation table = info->heaprel;
#else
  Relation table = nullptr;  // of any database
#endif
  return GlobalVisCheckRemovableFullXid(table, FullTransactionIdFromU64(horizon));
}

// Logs that pages of the index are to be reused which snapshots up to `horizon` may need: standbys
// cancel scans that have such. The record is that of btrees: it names a relation, holds no change
// and is replayed as the conflict alone.
inline void log_page_reuse(Relation index, BlockNumber block, uint64 horizon) {
  if (!RelationNeedsWAL(index) || !XLogStandbyInfoActive()) return;
  xl_btree_reuse_page record = {};
#if PG_VERSION_NUM >= 160000
  record.locator = index->rd_locator;
  record.snapshotConflictHorizon = FullTransactionIdFromU64(horizon);
  record.isCatalogRel = false;
#else
  record.node = index->rd_node;
  record.latestRemovedFullXid = FullTransactionIdFromU64(horizon);
#endif
  record.block = block;
  XLogBeginInsert();
  XLogRegisterData(reinterpret_cast<char*>(&record), SizeOfBtreeReusePage);
  XLogInsert(RM_BTREE_ID, XLOG_BTREE_REUSE_PAGE);
}

inline Oid relation_file_number(Relation relation) {
#if PG_VERSION_NUM >= 160000
  return relation->rd_locator.relNumber;
#else
  return relation->rd_node.relNode;
#endif
}

// A scan by one ORDER BY key.
inline IndexScanDesc begin_ordered_scan(Relation heap, Relation index, Snapshot snapshot) {
#if PG_VERSION_NUM >= 180000
  return index_beginscan(heap, index, snapshot, nullptr, 0, 1);
#else
  return index_beginscan(heap, index, snapshot, 0, 1);
#endif
}

inline bool owns_table(Oid table, Oid role) {
#if PG_VERSION_NUM >= 160000
  return object_ownercheck(RelationRelationId, table, role);
#else
  return pg_class_ownercheck(table, role);
#endif
}

inline void count_index_search(IndexScanDesc scan) {
#if PG_VERSION_NUM >= 180000
  if (scan->instrument != nullptr) scan->instrument->nsearches++;
#else
  (void)scan;
#endif
}

// The access method builds in parallel; 17 chooses the number of workers before it calls ambuild.
inline void allow_parallel_build(IndexAmRoutine* am) {
#if PG_VERSION_NUM >= 170000
  am->amcanbuildparallel = true;
#else
  (void)am;
#endif
}

// How many workers the planner grants to a build; none for temporary tables and where expressions
// or predicate of the index are not parallel safe. 15 and 16 ask it for btree only.
inline int workers_for_build(Relation heap, Relation index, const IndexInfo* info) {
#if PG_VERSION_NUM >= 170000
  return info->ii_ParallelWorkers;
#else
  (void)info;
  if (!IsUnderPostmaster) return 0;
  return plan_create_index_workers(RelationGetRelid(heap), RelationGetRelid(index));
#endif
}

// Makes a path that the planner takes only when it has no other.
inline void discourage_path(IndexPath* path) {
#if PG_VERSION_NUM >= 180000
  path->path.disabled_nodes = 2;
#else
  (void)path;
#endif
}

}  // namespace avq
