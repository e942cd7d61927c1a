// avq_recall: what share of the exact answers index scans return, and how long they take, with the
// session's settings. Reads only; works on a standby.
//
// A scan is what the executor runs: index_getnext_slot under the statement's snapshot, so that rows
// that the scan returns are visible. Its time is that of the index and the heap, without planning
// and the executor's own work.
#include <algorithm>
#include <cmath>

#include "index/am.h"
#include "index/exact.h"
#include "index/options.h"
#include "index/owner_rights.h"
#include "index/result_row.h"

extern "C" {
#include "portability/instr_time.h"
}

using namespace avq;

extern "C" {
PG_FUNCTION_INFO_V1(avq_recall);
}

namespace {

constexpr int32 kMostRows = 10000;

// Index scans, and the indexed values of the rows that they return.
struct Scanner {
  Relation heap;
  Snapshot snapshot;
  IndexScanDesc scan;
  ScanKeyData key;
  TupleTableSlot* slot;
  IndexInfo* info;
  EState* estate;
  Element element;
  const float* query;  // dims
  uint32 dims;
  uint32 wanted;
  uint32 returned;
  ItemPointerData* tids;
};

struct Totals {
  double recall, recall_squares;
  uint32 measured;  // queries that have answers
  double lists, blocks, reranked;
  double* milliseconds;
};

Scanner begin_scanner(Relation heap, Relation index, Snapshot snapshot, uint32 dims, uint32 k) {
  Scanner scanner = {};
  scanner.heap = heap;
  scanner.snapshot = snapshot;
  scanner.element = index_element(index);
  scanner.dims = dims;
  scanner.wanted = k;
  scanner.tids = static_cast<ItemPointerData*>(palloc(sizeof(ItemPointerData) * k));
  scanner.slot = table_slot_create(heap, nullptr);
  scanner.info = BuildIndexInfo(index);
  scanner.estate = CreateExecutorState();
  scanner.scan = begin_ordered_scan(heap, index, snapshot);
  const Oid type = index->rd_opcintype[0];
  const Oid distance = get_opfamily_member(index->rd_opfamily[0], type, type, kDistanceStrategy);
  if (!OidIsValid(distance)) {
    elog(ERROR, "operator family %u has no distance operator", index->rd_opfamily[0]);
  }
  ScanKeyEntryInitialize(&scanner.key, SK_ORDER_BY, 1, kDistanceStrategy, type, InvalidOid,
                         get_opcode(distance), static_cast<Datum>(0));
  return scanner;
}

void end_scanner(Scanner* scanner) {
  index_endscan(scanner->scan);
  ExecDropSingleTupleTableSlot(scanner->slot);
  FreeExecutorState(scanner->estate);
}

// Scans for the best rows; returns milliseconds.
double scan_for(Scanner* scanner, const float* query) {
  scanner->query = query;
  scanner->key.sk_argument = column_value(scanner->element, query, static_cast<int>(scanner->dims));
  scanner->returned = 0;
  instr_time start, elapsed;
  INSTR_TIME_SET_CURRENT(start);
  index_rescan(scanner->scan, nullptr, 0, &scanner->key, 1);
  while (scanner->returned < scanner->wanted &&
         index_getnext_slot(scanner->scan, ForwardScanDirection, scanner->slot)) {
    scanner->tids[scanner->returned++] = scanner->slot->tts_tid;
  }
  INSTR_TIME_SET_CURRENT(elapsed);
  INSTR_TIME_SUBTRACT(elapsed, start);
  ExecClearTuple(scanner->slot);
  pfree(DatumGetPointer(scanner->key.sk_argument));
  return INSTR_TIME_GET_MILLISEC(elapsed);
}

// The operator's value for a row that the scan returned.
double distance_of(Scanner* scanner, ItemPointer tid, Metric metric) {
  if (!table_tuple_fetch_row_version(scanner->heap, tid, scanner->snapshot, scanner->slot)) {
    elog(ERROR, "a row that a scan returned is gone");
  }
  ResetPerTupleExprContext(scanner->estate);
  MemoryContext caller = MemoryContextSwitchTo(GetPerTupleMemoryContext(scanner->estate));
  GetPerTupleExprContext(scanner->estate)->ecxt_scantuple = scanner->slot;
  Datum values[INDEX_MAX_KEYS];
  bool nulls[INDEX_MAX_KEYS];
  FormIndexDatum(scanner->info, scanner->slot, scanner->estate, values, nulls);
  double distance = get_float8_nan();
  if (!nulls[0]) {
    const Vector* vector = column_vector(scanner->element, values[0]);
    distance = exact_distance(metric, scanner->query, vector->x, scanner->dims);
  }
  MemoryContextSwitchTo(caller);
  return distance;
}

Totals measure(Scanner* scanner, const UserQueries& queries, const ExactAnswers& exact,
               Metric metric) {
  Totals totals = {};
  totals.milliseconds = static_cast<double*>(
      MemoryContextAllocHuge(CurrentMemoryContext, sizeof(double) * queries.count));
  for (uint32 query = 0; query < queries.count; query++) {
    CHECK_FOR_INTERRUPTS();
    totals.milliseconds[query] = scan_for(scanner, queries.vectors + Size{query} * queries.dims);
    totals.lists += static_cast<double>(last_scan.lists_probed);
    totals.blocks += static_cast<double>(last_scan.blocks_scored);
    totals.reranked += static_cast<double>(last_scan.rows_reranked);
    const uint32 found = exact.found[query];
    if (found == 0) continue;
    // Rows that tie with the last answer are as right as it is.
    const double last = exact.answers[Size{query} * exact.depth + found - 1].distance;
    uint32 right = 0;
    for (uint32 i = 0; i < scanner->returned; i++) {
      if (distance_of(scanner, &scanner->tids[i], metric) <= last) right++;
    }
    const double recall = double(Min(right, found)) / found;
    totals.recall += recall;
    totals.recall_squares += recall * recall;
    totals.measured++;
  }
  return totals;
}

// Of sorted values: the least that `share` of them do not exceed.
double percentile(const double* sorted, uint32 count, double share) {
  return sorted[static_cast<uint32>(std::ceil(share * count)) - 1];
}

Datum totals_row(FunctionCallInfo fcinfo, Totals* totals, uint32 queries) {
  double sum = 0;
  for (uint32 query = 0; query < queries; query++) sum += totals->milliseconds[query];
  std::sort(totals->milliseconds, totals->milliseconds + queries);
  RowBuilder row;
  begin_row(&row, fcinfo);
  row.int4(queries);
  if (totals->measured > 0) {
    row.real(totals->recall / totals->measured);
  } else {
    row.null();
  }
  row.real(sum / queries);
  row.real(percentile(totals->milliseconds, queries, 0.5));
  row.real(percentile(totals->milliseconds, queries, 0.99));
  row.real(totals->lists / queries);
  row.real(totals->blocks / queries);
  row.real(totals->reranked / queries);
  return finish_row(&row);
}

// Whether scans do what the target asks for, and not what other settings do.
bool follows_target() {
  return settings.probes == 0 && settings.rerank_depth == 0 && settings.max_probes == 0;
}

// Three standard errors, and a hundredth that calibration is given, count as chance.
void tell_missed_target(const Totals& totals, Relation index, const RecallModel& model) {
  if (totals.measured == 0 || !follows_target()) return;
  const double recall = totals.recall / totals.measured, target = scan_target_recall(index);
  const double variance = Max(totals.recall_squares / totals.measured - recall * recall, 0.0);
  if (recall >= target - 0.01 - 3 * std::sqrt(variance / totals.measured)) return;
  ereport(NOTICE,
          (errmsg("recall is %.3f, below the target of %.3f", recall, target),
           model.source == FittedOn::queries
               ? errhint("Calibrate the index again, with queries like these: avq_calibrate().")
               : errhint("Calibrate the index with queries like these: avq_calibrate().")));
}

}  // namespace

Datum avq_recall(PG_FUNCTION_ARGS) {
  refuse_nulls(fcinfo);
  const Oid oid = PG_GETARG_OID(0);
  ArrayType* array = PG_GETARG_ARRAYTYPE_P(1);
  const int32 k = PG_GETARG_INT32(2);
  if (k < 1 || k > kMostRows) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("k must be between 1 and %d, not %d", kMostRows, k)));
  }
  const Oid table = table_of_index(oid);
  Relation heap = table_open(table, AccessShareLock);
  Relation index = open_avq_index(oid, AccessShareLock);
  refuse_row_security(table);
  const OwnerRights rights = take_owner_rights(heap);

  IndexFile file = open_file(index);
  CachedIndex* cached = acquire_cached(file);
  CachedReference* reference = refer_to_cached(cached, CurrentMemoryContext);
  const Metric metric = cached->model.shape.metric;
  const UserQueries queries = read_queries(array, index, cached, 1);
  check_query_memory(
      exact_memory(queries.count, queries.dims, static_cast<uint32>(k), ExactRows::all));
  Snapshot snapshot = RegisterSnapshot(GetActiveSnapshot());
  const ExactAnswers exact =
      find_exact(heap, index, cached, snapshot, queries, static_cast<uint32>(k), ExactRows::all);
  Scanner scanner = begin_scanner(heap, index, snapshot, queries.dims, static_cast<uint32>(k));
  Totals totals = measure(&scanner, queries, exact, metric);
  end_scanner(&scanner);
  UnregisterSnapshot(snapshot);
  const Datum result = totals_row(fcinfo, &totals, queries.count);
  tell_missed_target(totals, index, cached->meta.recall);
  release_cached(reference);
  return_owner_rights(rights);
  index_close(index, AccessShareLock);
  table_close(heap, AccessShareLock);
  return result;
}
