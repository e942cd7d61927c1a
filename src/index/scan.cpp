// ambeginscan, amrescan, amgettuple, amendscan: the phases of a scan round the ordered search.
//
//   ordered    rows with a distance, nearest first (search.cpp)
//   undefined  rows whose distance is NaN
//   null       rows whose vector is NULL
// A query that has no distance to anything (NULL; zero under cosine) takes all lists as they lie.
#include "index/am.h"
#include "index/search.h"
#include "index/usage.h"

namespace avq {

ScanCounters last_scan;

namespace {

enum class Phase : uint8 { start, ordered, unordered, done };

// Walks TIDs of lists first .. end - 1 in physical order, some blocks at a time.
struct TidWalk {
  uint32 list, end;
  uint32 skip;         // a list to pass over; 0 = none
  BlockNumber extent;  // of the list; invalid: take the list's head
  uint32 block;        // in the extent
  ChainCount chain;    // of the list
  uint32 count, at;
  uint64 tids[16 * kBlockRows];
};

struct ScanState {
  MemoryContext context;        // of the scan
  MemoryContext query_context;  // of one rescan
  HeapReader reader;
  CachedReference* reference;
  CachedIndex* cached;
  IndexFile file;
  Phase phase;
  bool counted;
  ScanCounters counters;  // of this query; in last_scan while a row is fetched
  ScanCounters before;    // of the queries before, in all
  Search search;
  TidWalk walk;
};

ScanState* state_of(IndexScanDesc scan) { return static_cast<ScanState*>(scan->opaque); }

void start_walk(ScanState* state, uint32 first) {
  memset(&state->walk, 0, offsetof(TidWalk, tids));
  state->walk.list = first;
  state->walk.end = total_lists(state->cached->meta);
  state->walk.extent = InvalidBlockNumber;
  state->phase = Phase::unordered;
}

// Reads the next blocks of the walk's list; false when there are no more lists.
bool refill_walk(ScanState* state) {
  TidWalk* walk = &state->walk;
  CachedIndex* cached = state->cached;
  walk->count = walk->at = 0;
  while (walk->list < walk->end && walk->count == 0) {
    CHECK_FOR_INTERRUPTS();
    if (walk->skip != 0 && walk->list == walk->skip) {
      walk->list++;
      continue;
    }
    const BlockLayout& layout = layout_of(cached->geometry, cached->meta, walk->list);
    if (walk->extent == InvalidBlockNumber) {
      walk->extent = cached->heads[walk->list];
      walk->block = 0;
      walk->chain = {};
    }
    if (walk->block == 0) walk->chain.step(state->file, walk->extent);
    Buffer first = read_page(state->file, walk->extent, PageKind::codes, BUFFER_LOCK_SHARE);
    const PageInfo* info = check_list_page(state->file, first, walk->list, 0);
    const uint32 blocks = extent_blocks(info->extent_pages, layout);
    const BlockNumber next = info->next;
    UnlockReleaseBuffer(first);
    last_scan.code_pages++;

    const uint32 end = Min(blocks, walk->block + 16);
    for (; walk->block < end; walk->block++) {
      const uint64 start = uint64{walk->block} * layout.bytes;
      BlockHeader header;
      ItemPointerData tids[kBlockRows];
      read_extent_bytes(state->file, walk->extent, PageKind::codes, start, sizeof(header),
                        reinterpret_cast<char*>(&header));
      uint32 wanted = header.used & ~header.spilled;
      if (wanted == 0) continue;
      // Under the locks of all their pages: no TID is half of one row and half of another.
      read_extent_bytes(state->file, walk->extent, PageKind::codes, start + layout.tids,
                        sizeof(tids), reinterpret_cast<char*>(tids));
      for (; wanted != 0; wanted &= wanted - 1) {
        walk->tids[walk->count++] = pack_tid(tids[__builtin_ctz(wanted)]);
      }
    }
    if (walk->block >= blocks) {
      walk->block = 0;
      walk->extent = next;
      if (next == InvalidBlockNumber) walk->list++;
    }
  }
  return walk->count > 0;
}

bool next_unordered(ScanState* state, ItemPointer tid) {
  TidWalk* walk = &state->walk;
  if (walk->at == walk->count && !refill_walk(state)) return false;
  const uint64 packed = walk->tids[walk->at++];
  check_tid(&state->reader, state->cached, packed);
  unpack_tid(packed, tid);
  return true;
}

void start(IndexScanDesc scan) {
  ScanState* state = state_of(scan);
  if (scan->numberOfOrderBys == 0 || scan->orderByData == nullptr) {
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                    errmsg("an avq index cannot be scanned without ORDER BY a distance"),
                    errhint("This plan was forced; check enable_seqscan.")));
  }
  // Slots and copies of dead rows are reused: only such snapshots see the right rows without pins.
  if (!IsMVCCSnapshot(scan->xs_snapshot)) {
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                    errmsg("an avq index can only be scanned with an MVCC snapshot")));
  }
  if (!state->counted) {
    pgstat_count_index_scan(scan->indexRelation);
    count_index_search(scan);
    state->counted = true;
  }
  memset(&last_scan, 0, sizeof(last_scan));

  MemoryContext caller = MemoryContextSwitchTo(state->context);
  state->file = open_file(scan->indexRelation);
  state->file.snapshot = scan->xs_snapshot;
  CachedIndex* cached = acquire_cached(state->file);
  if (cached != state->cached) {
    if (state->reference != nullptr) release_cached(state->reference);
    state->reference = refer_to_cached(cached, state->context);
    state->cached = cached;
  }
  state->file.recent = cached->recent;
  if (state->reader.scan == nullptr) begin_heap_reader(&state->reader, scan);

  MemoryContextSwitchTo(state->query_context);
  const ScanKey key = scan->orderByData;
  const Vector* query =
      (key->sk_flags & SK_ISNULL) != 0 ? nullptr : column_vector(cached->element, key->sk_argument);
  if (query != nullptr && query->dim != static_cast<int>(cached->model.shape.dims)) {
    report_different_dims(type_name(cached->element), static_cast<int>(cached->model.shape.dims),
                          query->dim);
  }
  if (query == nullptr || !orders_rows(cached->model.shape.metric, query)) {
    start_walk(state, 0);
  } else {
    begin_search(&state->search, scan, state->file, &state->reader, cached, query,
                 state->query_context);
    state->phase = Phase::ordered;
  }
  MemoryContextSwitchTo(caller);
}

}  // namespace

IndexScanDesc avq_begin_scan(Relation index, int keys, int order_bys) {
  attach_usage();
  IndexScanDesc scan = RelationGetIndexScan(index, keys, order_bys);
  MemoryContext context =
      AllocSetContextCreate(CurrentMemoryContext, "avq scan", ALLOCSET_DEFAULT_SIZES);
  ScanState* state = static_cast<ScanState*>(MemoryContextAllocZero(context, sizeof(ScanState)));
  state->context = context;
  state->query_context = AllocSetContextCreate(context, "avq query", ALLOCSET_DEFAULT_SIZES);
  scan->opaque = state;
  return scan;
}

static ScanCounters sum_of(const ScanCounters& a, const ScanCounters& b) {
  return {a.lists_probed + b.lists_probed,
          a.blocks_scored + b.blocks_scored,
          a.rows_reranked + b.rows_reranked,
          a.heap_fetches + b.heap_fetches,
          a.code_pages + b.code_pages,
          a.copy_pages + b.copy_pages,
          a.passes + b.passes};
}

ScanCounters scan_totals(IndexScanDesc scan) {
  const ScanState* state = state_of(scan);
  return sum_of(state->before, state->counters);
}

static void report_usage(IndexScanDesc scan) {
  ScanState* state = state_of(scan);
  if (!state->counted) return;
  if (scan->indexRelation->rd_rel->relpersistence != RELPERSISTENCE_TEMP) {
    count_usage(RelationGetRelid(scan->indexRelation), state->counters);
  }
  state->before = sum_of(state->before, state->counters);
  state->counters = {};
  state->counted = false;
}

void avq_rescan(IndexScanDesc scan, ScanKey keys, int key_count, ScanKey order_bys,
                int order_by_count) {
  ScanState* state = state_of(scan);
  if (state->phase == Phase::ordered) end_search(&state->search);
  state->phase = Phase::start;
  report_usage(scan);
  MemoryContextReset(state->query_context);
  if (keys != nullptr && scan->numberOfKeys > 0) {
    memmove(scan->keyData, keys, scan->numberOfKeys * sizeof(ScanKeyData));
  }
  if (order_bys != nullptr && scan->numberOfOrderBys > 0) {
    memmove(scan->orderByData, order_bys, scan->numberOfOrderBys * sizeof(ScanKeyData));
  }
}

static bool next_tuple(IndexScanDesc scan) {
  ScanState* state = state_of(scan);
  if (state->phase == Phase::start) start(scan);

  scan->xs_recheck = false;
  scan->xs_recheckorderby = false;
  if (state->phase == Phase::ordered) {
    if (next_row(&state->search, &scan->xs_heaptid)) return true;
    // What the search has not looked at: rows with a code if the query is too far from them all.
    const bool searched = state->search.most_lists > 0;
    start_walk(state, searched ? special_list(state->cached->meta, kUndefinedList) : 0);
    if (!searched) state->walk.skip = special_list(state->cached->meta, kUncodableList);
  }
  if (state->phase == Phase::unordered) {
    if (next_unordered(state, &scan->xs_heaptid)) return true;
    state->phase = Phase::done;
  }
  return false;
}

bool avq_get_tuple(IndexScanDesc scan, ScanDirection direction) {
  Assert(ScanDirectionIsForward(direction));
  ScanState* state = state_of(scan);
  last_scan = state->counters;
  const bool found = next_tuple(scan);
  state->counters = last_scan;
  return found;
}

void avq_end_scan(IndexScanDesc scan) {
  ScanState* state = state_of(scan);
  report_usage(scan);
  if (state->phase == Phase::ordered) end_search(&state->search);
  end_heap_reader(&state->reader);
  MemoryContextDelete(state->context);
  scan->opaque = nullptr;
}

}  // namespace avq
