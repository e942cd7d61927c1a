// From codes to truth: copies first, the heap for what is about to be returned.
#include "index/search.h"

namespace avq {

void begin_heap_reader(HeapReader* reader, IndexScanDesc scan) {
  memset(reader, 0, sizeof(*reader));
  reader->scan = scan;
  reader->context = CurrentMemoryContext;
  Relation table = scan->heapRelation;
  reader->heap = table != nullptr && table->rd_tableam == GetHeapamTableAmRoutine();
}

void end_heap_reader(HeapReader* reader) {
  if (reader->slot != nullptr) ExecDropSingleTupleTableSlot(reader->slot);
  if (reader->estate != nullptr) FreeExecutorState(reader->estate);
  reader->slot = nullptr;
  reader->estate = nullptr;
}

namespace {

// Most scans of few rows never get here: what it takes is made when first needed.
void prepare_reader(HeapReader* reader) {
  if (reader->slot != nullptr) return;
  MemoryContext caller = MemoryContextSwitchTo(reader->context);
  Relation index = reader->scan->indexRelation;
  reader->attribute = index->rd_index->indkey.values[0];
  if (reader->attribute == 0) {
    reader->info = BuildIndexInfo(index);
    reader->estate = CreateExecutorState();
  }
  reader->slot = table_slot_create(reader->scan->heapRelation, nullptr);
  MemoryContextSwitchTo(caller);
}

// The indexed value of the visible row version at `tid`. False if there is none.
bool read_indexed_value(HeapReader* reader, ItemPointer tid, Datum* value) {
  prepare_reader(reader);
  IndexScanDesc scan = reader->scan;
  bool call_again = false, all_dead = false;
  last_scan.heap_fetches++;
  if (!table_index_fetch_tuple(scan->xs_heapfetch, tid, scan->xs_snapshot, reader->slot,
                               &call_again, &all_dead)) {
    return false;
  }
  bool null;
  if (reader->attribute != 0) {
    *value = slot_getattr(reader->slot, reader->attribute, &null);
    return !null;
  }
  GetPerTupleExprContext(reader->estate)->ecxt_scantuple = reader->slot;
  Datum values[INDEX_MAX_KEYS];
  bool nulls[INDEX_MAX_KEYS];
  FormIndexDatum(reader->info, reader->slot, reader->estate, values, nulls);
  *value = values[0];
  return !nulls[0];
}

// Remembers a TID; false if it was known.
bool first_seen(Search* search, uint64 tid) {
  if (search->seen_count * 2 >= search->seen_room) {
    const uint32 room = Max(search->seen_room * 2, 1024u);
    uint64* table = static_cast<uint64*>(allocate(&search->memory, sizeof(uint64) * room));
    memset(table, 0, sizeof(uint64) * room);
    uint64* old = search->seen;
    const uint32 old_room = search->seen_room;
    search->seen = table;
    search->seen_room = room;
    search->seen_count = 0;
    for (uint32 i = 0; i < old_room; i++) {
      if (old[i] != 0) first_seen(search, old[i]);
    }
    if (old != nullptr) release(&search->memory, old);
  }
  // Fibonacci hashing; 0 is no TID, since offsets begin at 1.
  uint32 at =
      static_cast<uint32>((tid * UINT64CONST(0x9E3779B97F4A7C15)) >> 32) & (search->seen_room - 1);
  while (search->seen[at] != 0) {
    if (search->seen[at] == tid) return false;
    at = (at + 1) & (search->seen_room - 1);
  }
  search->seen[at] = tid;
  search->seen_count++;
  return true;
}

// Bounds of the true distance from a copy.
void bound_by_copy(Search* search, const char* record, ReadyRow* row) {
  const MetaPage& meta = search->cached->meta;
  const uint32 dims = meta.shape.dims;
  const double slack =
      copy_slack(meta.rerank, search->query_norm, record, dims, search->target_recall >= 1);
  double distance;
  if (search->metric == Metric::l2) {
    read_copy_floats(meta.rerank, record, dims, search->decoded);
    distance = std::sqrt(l2_squared(search->comparable, search->decoded, dims));
    CopyHeader header;
    memcpy(&header, record, sizeof(header));
    // The triangle inequality, plus rounding.
    const double error = header.error + distance * 1e-5 + search->rounding;
    row->key = Max(distance - error, 0.0);
    row->high = distance + error;
    return;
  }
  const double product = copy_dot(meta.rerank, search->comparable, record, dims);
  distance = search->metric == Metric::cosine ? 1 - product : -product;
  // The normalised query of a cosine scan has its own rounding.
  const double error = search->metric == Metric::cosine ? slack + 1e-6 : slack;
  row->key = distance - error;
  row->high = distance + error;
}

}  // namespace

void check_tid(const HeapReader* reader, CachedIndex* cached, uint64 tid) {
  if (!reader->heap) return;
  ItemPointerData pointer;
  unpack_tid(tid, &pointer);
  if (!ItemPointerIsValid(&pointer)) {
    report_damage(reader->scan->indexRelation, kMetaBlock, kSlotWithoutRow);
  }
  const BlockNumber block = ItemPointerGetBlockNumberNoCheck(&pointer);
  BlockNumber* blocks = &cached->table_blocks;
  if (block < *blocks) return;
  *blocks = RelationGetNumberOfBlocks(reader->scan->heapRelation);
  if (block < *blocks) return;
  ereport(ERROR, (errcode(ERRCODE_INDEX_CORRUPTED),
                  errmsg("index \"%s\" is damaged: it points to block %u of a table of %u blocks",
                         RelationGetRelationName(reader->scan->indexRelation), block, *blocks),
                  errhint("Rebuild it with REINDEX INDEX, and find out what damaged the file.")));
}

bool make_exact(Search* search, ReadyRow* row) {
  ItemPointerData tid;
  unpack_tid(row->tid, &tid);
  Datum value;
  HeapReader* reader = search->reader;
  bool found = read_indexed_value(reader, &tid, &value);
  if (found) {
    MemoryContext caller = MemoryContextSwitchTo(search->memory.context);
    const Vector* vector = column_vector(search->cached->element, value);
    found = vector->dim == static_cast<int>(search->cached->meta.shape.dims);
    if (found) {
      const double distance =
          exact_distance(search->metric, search->query, vector->x, vector->dim) * search->unit;
      // A distance that is not a number sorts after all others, infinity too, as in an ORDER BY.
      row->key = std::isnan(distance) ? std::numeric_limits<double>::infinity()
                                      : std::min(distance, std::numeric_limits<double>::max());
      row->high = row->key;
      row->exact = true;
    }
    if (PointerGetDatum(vector) != value) pfree(const_cast<Vector*>(vector));
    MemoryContextSwitchTo(caller);
  }
  ExecClearTuple(reader->slot);
  if (reader->estate != nullptr) ResetPerTupleExprContext(reader->estate);
  return found;
}

void expect(Search* search, const CodedRow& row) {
  if (row.copy == 0) return;
  expect_copy(search->file, search->cached->geometry.copies, row.copy);
}

void expect_leaving(Search* search) {
  constexpr uint32 kRowsAhead = 3;  // the first of the heap and those that may follow it
  constexpr int32 kDone = -1;
  if (!search->reader->heap || effective_io_concurrency == 0) return;
  for (uint32 i = 0; i < Min(kRowsAhead, search->ready_count); i++) {
    ReadyRow* row = &search->ready[i];
    ItemPointerData tid;
    unpack_tid(row->tid, &tid);
    const OffsetNumber offset = ItemPointerGetOffsetNumber(&tid);
    if (row->hint == 0) {
      row->hint = kDone;
      const Buffer buffer =
          PrefetchBuffer(search->scan->heapRelation, MAIN_FORKNUM, ItemPointerGetBlockNumber(&tid))
              .recent_buffer;
      // To be read, of a temporary table, or of a damaged index.
      if (buffer <= 0 || offset > MaxHeapTuplesPerPage) continue;
      row->hint = buffer;
      prefetch_descriptor(buffer);
      __builtin_prefetch(BufferGetPage(buffer));
      __builtin_prefetch(PageGetItemId(BufferGetPage(buffer), offset));
    } else if (i == 0 && row->hint > 0) {
      // Neither pinned nor locked: whatever is read there is a place on the page.
      Page page = BufferGetPage(row->hint);
      const ItemId line = PageGetItemId(page, offset);
      __builtin_prefetch(page + ItemIdGetOffset(line) % BLCKSZ);
      row->hint = kDone;
    }
  }
}

void rescore(Search* search, const CodedRow& coded) {
  search->converted++;
  if (search->cached->meta.shape.soar_lambda > 0 && !first_seen(search, coded.tid())) return;
  check_tid(search->reader, search->cached, coded.tid());
  last_scan.rows_reranked++;
  ReadyRow row = {};
  row.tid = coded.tid();
  if (coded.copy == 0) {
    if (make_exact(search, &row)) push_ready(search, row);
    return;
  }
  last_scan.copy_pages++;
  read_copy(search->file, search->cached->geometry.copies, coded.copy, search->record,
            [&](const char* record) { bound_by_copy(search, record, &row); });
  push_ready(search, row);
}

}  // namespace avq
