// avq_calibrate: refits the recall model of an index to the user's own queries.
//
// ShareUpdateExclusiveLock on the table, then the index: no VACUUM, no REINDEX and no other
// calibration changes the model meanwhile; reads and inserts go on. The change is made at once, as
// by VACUUM: a rollback does not take it back.
#include "bridge.h"
#include "core/recall_fit.h"
#include "index/am.h"
#include "index/exact.h"
#include "index/options.h"
#include "index/owner_rights.h"
#include "index/result_row.h"
#include "storage/meta.h"

extern "C" {
#include "utils/acl.h"
}

using namespace avq;

extern "C" {
PG_FUNCTION_INFO_V1(avq_calibrate);
}

namespace {

constexpr uint32 kMostDepth = kFitDepths[kDepths - 1];
constexpr uint32 kLeastDepth = 10;

void check_owner(Oid table) {
  if (owns_table(table, GetUserId())) return;
  aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_TABLE, get_rel_name(table));
}

// How many answers of each query maintenance_work_mem has room for.
uint32 affordable_depth(const ModelShape& shape, uint32 queries) {
  const Size budget = static_cast<Size>(maintenance_work_mem) * 1024;
  const auto needed = [&](uint32 depth) {
    return exact_memory(queries, shape.dims, depth, ExactRows::coded) +
           fit_recall_memory(shape, queries, depth);
  };
  uint32 depth = kMostDepth;
  while (depth > kLeastDepth && needed(depth) > budget) depth--;
  check_query_memory(needed(depth));
  if (depth < kMostDepth) {
    ereport(NOTICE,
            (errmsg("fitting to the best %u rows of each query instead of %u", depth, kMostDepth),
             errdetail("maintenance_work_mem has no room for more."),
             errhint("Increase it, or give fewer queries, if you ask for that many rows.")));
  }
  return depth;
}

RecallModel fit(const Model& model, const UserQueries& queries, const ExactAnswers& exact) {
  // All rows with a code are at a distance from every query: as many answers for each.
  const uint32 depth = exact.found[0];
  uint32* rows = static_cast<uint32*>(
      MemoryContextAllocHuge(CurrentMemoryContext, sizeof(uint32) * Size{queries.count} * depth));
  for (uint32 query = 0; query < queries.count; query++) {
    const uint32 first = query * exact.depth;
    for (uint32 i = 0; i < depth; i++) {
      rows[query * depth + i] = first + exact.answers[first + i].place;
    }
  }
  const Answers answers = {queries.comparable,
                           queries.count,
                           depth,
                           rows,
                           exact.vectors,
                           static_cast<double>(exact.rows)};
  RecallModel fitted = {};
  AVQ_CORE({ fitted = fit_recall(model, answers, FittedOn::queries, bridge::interrupt_pending); });
  return fitted;
}

}  // namespace

Datum avq_calibrate(PG_FUNCTION_ARGS) {
  refuse_nulls(fcinfo);
  const Oid oid = PG_GETARG_OID(0);
  ArrayType* array = PG_GETARG_ARRAYTYPE_P(1);
  PreventCommandDuringRecovery("avq_calibrate()");
  const Oid table = table_of_index(oid);
  check_owner(table);
  refuse_row_security(table);
  Relation heap = table_open(table, ShareUpdateExclusiveLock);
  Relation index = open_avq_index(oid, ShareUpdateExclusiveLock);
  const OwnerRights rights = take_owner_rights(heap);

  IndexFile file = open_file(index);
  CachedIndex* cached = acquire_cached(file);
  CachedReference* reference = refer_to_cached(cached, CurrentMemoryContext);
  const UserQueries queries = read_queries(array, index, cached, kLeastQueries);
  const uint32 depth = affordable_depth(cached->model.shape, queries.count);
  Snapshot snapshot = RegisterSnapshot(GetActiveSnapshot());
  const ExactAnswers exact =
      find_exact(heap, index, cached, snapshot, queries, depth, ExactRows::coded);
  UnregisterSnapshot(snapshot);
  if (exact.rows == 0) {
    ereport(ERROR,
            (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
             errmsg("index \"%s\" has no rows to calibrate on", RelationGetRelationName(index))));
  }
  const RecallModel fitted = fit(cached->model, queries, exact);
  write_recall(file, fitted);

  const double target = scan_target_recall(index);
  RowBuilder row;
  begin_row(&row, fcinfo);
  row.int4(queries.count);
  row.int8(exact.rows);
  row.real(target);
  row.int4(probes_for(fitted, target, cached->model.shape.lists, fitted.rows, kLeastDepth));
  row.real(bound_width(fitted, target));
  const Datum result = finish_row(&row);
  release_cached(reference);
  return_owner_rights(rights);
  index_close(index, ShareUpdateExclusiveLock);
  table_close(heap, ShareUpdateExclusiveLock);
  return result;
}
