// From sorted rows to pages. The sizes of all lists are known, so the whole file is laid out first
// (meta, model, directory, code extents in list order, copy runs), then filled by two cursors, one
// in the code extents and one in the copy runs, then WAL-logged as full pages.
#include "core/codec.h"
#include "index/am.h"
#include "index/build.h"

extern "C" {
#include "catalog/pg_operator_d.h"
#include "port/pg_crc32c.h"
}

namespace avq {

TupleDesc row_descriptor() {
  TupleDesc descriptor = CreateTemplateTupleDesc(3);
  TupleDescInitEntry(descriptor, 1, "list", INT4OID, -1, 0);
  TupleDescInitEntry(descriptor, 2, "tid", INT8OID, -1, 0);
  TupleDescInitEntry(descriptor, 3, "payload", BYTEAOID, -1, 0);
  return descriptor;
}

Tuplesortstate* begin_row_sort(TupleDesc descriptor, int memory_kb, SortCoordinate coordinate) {
  AttrNumber columns[] = {1, 2};
  Oid operators[] = {Int4LessOperator, Int8LessOperator};
  Oid collations[] = {InvalidOid, InvalidOid};
  bool nulls_first[] = {false, false};
  return tuplesort_begin_heap(descriptor, 2, columns, operators, collations, nulls_first, memory_kb,
                              coordinate, TUPLESORT_NONE);
}

void put_row(Tuplesortstate* sort, TupleTableSlot* slot, uint32 list, int64 tid, bytea* payload) {
  ExecClearTuple(slot);
  slot->tts_values[0] = Int32GetDatum(static_cast<int32>(list));
  slot->tts_values[1] = Int64GetDatum(tid);
  slot->tts_values[2] = PointerGetDatum(payload);
  slot->tts_isnull[0] = slot->tts_isnull[1] = slot->tts_isnull[2] = false;
  ExecStoreVirtualTuple(slot);
  tuplesort_puttupleslot(sort, slot);
}

namespace {

constexpr uint32 kMostExtentPages = 32768;

struct Layout {
  BlockNumber model, directory, codes, copies, end;
  uint32 model_pages, directory_pages;
  uint64 copy_rows;  // rows that have a copy
};

// Pages and blocks of one list's extents: full ones, then a last one.
struct ListExtents {
  uint32 full;         // extents of kMostExtentPages pages
  uint32 full_blocks;  // blocks in each of them
  uint32 last_pages;
  uint32 pages() const { return full * kMostExtentPages + last_pages; }
};

ListExtents extents_of(uint64 rows, const BlockLayout& layout) {
  ListExtents extents = {};
  uint64 blocks = (rows + kBlockRows - 1) / kBlockRows;
  extents.full_blocks = extent_blocks(kMostExtentPages, layout);
  // The last extent is never empty, so that every list has a head.
  if (blocks > extents.full_blocks) {
    extents.full = static_cast<uint32>((blocks - 1) / extents.full_blocks);
    blocks -= uint64{extents.full} * extents.full_blocks;
  }
  extents.last_pages =
      static_cast<uint32>((Max(blocks, uint64{1}) * layout.bytes + kPayload - 1) / kPayload);
  return extents;
}

class Writer {
 public:
  Writer(Build* build, ForkNumber fork) : build_(build), fork_(fork) {}

  void lay_out();
  void write_model_and_directory();
  void write_rows();
  void write_spills();
  void write_meta();
  void seal_and_log();

 private:
  uint64 list_rows(uint32 list) const {
    return uint64{build_->counts[list]} + build_->spill_counts[list];
  }
  const BlockLayout& layout_of_list(uint32 list) const {
    return layout_of(build_->geometry, build_->meta, list);
  }
  void add_pages(PageKind kind, uint32 owner, uint32 pages);
  Buffer open(BlockNumber block);
  void write_bytes(BlockNumber first, uint64 start, const void* data, Size length);
  void read_bytes(BlockNumber first, uint64 start, void* data, Size length);
  // Where block `block` of a list lies: the extent's first page and the byte in its payloads.
  void locate(uint32 list, uint64 block, BlockNumber* extent, uint64* start) const;
  Size code_bytes() const { return sizeof(RowPayload) + build_->meta.shape.subspaces; }
  void put_spill(uint32 list, const NewRow& row, const char* stored, uint32 address);
  void flush_block();
  void seek(uint32 list, uint64 row);
  bool next(Tuplesortstate* sort, uint32* list, NewRow* row, const char** tail);
  void count_progress();

  Build* build_;
  ForkNumber fork_;
  Layout at_ = {};
  BlockNumber end_ = 0;  // pages made so far
  BlockNumber* heads_ = nullptr;
  ListEntry* entries_ = nullptr;
  TupleTableSlot* slot_ = nullptr;
  TupleTableSlot* spill_slot_ = nullptr;
  bytea* spill_payload_ = nullptr;
  char* block_ = nullptr;  // the block being filled
  bool block_open_ = false;
  uint32 block_list_ = 0;
  uint64 block_number_ = 0;
  uint64 copies_written_ = 0;
  int64 rows_done_ = 0;
};

void Writer::add_pages(PageKind kind, uint32 owner, uint32 pages) {
  for (uint32 i = 0; i < pages; i++) {
    if ((i & 255) == 0) CHECK_FOR_INTERRUPTS();
    Buffer buffer = extend_fork(build_->index, fork_);
    if (BufferGetBlockNumber(buffer) != end_) {
      elog(ERROR, "unexpected page %u in a new index", BufferGetBlockNumber(buffer));
    }
    init_page(BufferGetPage(buffer), end_, kind, build_->meta.generation, owner, pages, i);
    MarkBufferDirty(buffer);
    UnlockReleaseBuffer(buffer);
    end_++;
  }
}

void Writer::lay_out() {
  const MetaPage& meta = build_->meta;
  const uint32 lists = total_lists(meta);
  const CopyLayout& copies = build_->geometry.copies;

  add_pages(PageKind::meta, 0, 1);
  at_.model = end_;
  at_.model_pages =
      static_cast<uint32>((stored_floats(meta.shape) * sizeof(float) + kPayload - 1) / kPayload);
  add_pages(PageKind::model, 0, at_.model_pages);
  at_.directory = end_;
  at_.directory_pages = (lists + kEntriesPerPage - 1) / kEntriesPerPage;
  add_pages(PageKind::directory, 0, at_.directory_pages);

  at_.codes = end_;
  heads_ = static_cast<BlockNumber*>(palloc(sizeof(BlockNumber) * lists));
  entries_ = static_cast<ListEntry*>(palloc0(sizeof(ListEntry) * lists));
  for (uint32 list = 0; list < lists; list++) {
    const BlockLayout& layout = layout_of_list(list);
    const ListExtents extents = extents_of(list_rows(list), layout);
    heads_[list] = end_;
    for (uint32 i = 0; i < extents.full; i++) add_pages(PageKind::codes, list, kMostExtentPages);
    const BlockNumber last = end_;
    add_pages(PageKind::codes, list, extents.last_pages);
    for (uint32 i = 0; i < extents.full; i++) {
      Buffer buffer = open(heads_[list] + i * kMostExtentPages);
      page_info(BufferGetPage(buffer))->next = heads_[list] + (i + 1) * kMostExtentPages;
      MarkBufferDirty(buffer);
      UnlockReleaseBuffer(buffer);
    }
    ListEntry* entry = &entries_[list];
    entry->head = heads_[list];
    entry->tail = last;
    entry->open = last;
    const uint64 last_block = list_rows(list) / kBlockRows;  // first with a free slot
    entry->open_block =
        static_cast<uint32>(last_block - uint64{extents.full} * extents.full_blocks);
    entry->pages = extents.pages();
    entry->live = build_->counts[list];
    entry->spilled = build_->spill_counts[list];
    if (list < meta.shape.lists) at_.copy_rows += build_->counts[list];
  }

  at_.copies = end_;
  if (copies.bytes > 0) {
    for (uint64 row = 0; row < at_.copy_rows; row += copies.run_records) {
      const uint32 taken =
          static_cast<uint32>(Min(at_.copy_rows - row, uint64{copies.run_records}));
      add_pages(PageKind::copies, taken, copies.run_pages);
    }
    if (copy_address(copies, end_, copies.run_records) > PG_UINT32_MAX) {
      ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                      errmsg("index \"%s\" is too large", RelationGetRelationName(build_->index)),
                      errhint("Partition the table, or use rerank = 'int8' or 'heap'.")));
    }
  }
}

Buffer Writer::open(BlockNumber block) {
  Buffer buffer = ReadBufferExtended(build_->index, fork_, block, RBM_NORMAL, nullptr);
  LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
  return buffer;
}

void Writer::write_bytes(BlockNumber first, uint64 start, const void* data, Size length) {
  const char* from = static_cast<const char*>(data);
  while (length > 0) {
    const Size take = Min(length, static_cast<Size>(kPayload - start % kPayload));
    Buffer buffer = open(first + static_cast<BlockNumber>(start / kPayload));
    memcpy(payload(BufferGetPage(buffer)) + start % kPayload, from, take);
    MarkBufferDirty(buffer);
    UnlockReleaseBuffer(buffer);
    from += take;
    start += take;
    length -= take;
  }
}

void Writer::read_bytes(BlockNumber first, uint64 start, void* data, Size length) {
  char* to = static_cast<char*>(data);
  while (length > 0) {
    const Size take = Min(length, static_cast<Size>(kPayload - start % kPayload));
    Buffer buffer = open(first + static_cast<BlockNumber>(start / kPayload));
    memcpy(to, payload(BufferGetPage(buffer)) + start % kPayload, take);
    UnlockReleaseBuffer(buffer);
    to += take;
    start += take;
    length -= take;
  }
}

void Writer::locate(uint32 list, uint64 block, BlockNumber* extent, uint64* start) const {
  const BlockLayout& layout = layout_of_list(list);
  const uint32 full_blocks = extent_blocks(kMostExtentPages, layout);
  const uint64 which = Min(block / full_blocks, uint64{extents_of(list_rows(list), layout).full});
  *extent = heads_[list] + static_cast<BlockNumber>(which * kMostExtentPages);
  *start = (block - which * full_blocks) * layout.bytes;
}

void Writer::flush_block() {
  if (!block_open_) return;
  BlockNumber extent;
  uint64 start;
  locate(block_list_, block_number_, &extent, &start);
  write_bytes(extent, start, block_, layout_of_list(block_list_).bytes);
  block_open_ = false;
}

// Makes the block of the list's row number `row` the one being filled.
void Writer::seek(uint32 list, uint64 row) {
  const uint64 number = row / kBlockRows;
  if (block_open_ && block_list_ == list && block_number_ == number) return;
  flush_block();
  const BlockLayout& layout = layout_of_list(list);
  BlockNumber extent;
  uint64 start;
  locate(list, number, &extent, &start);
  if (row % kBlockRows == 0) {
    memset(block_, 0, layout.bytes);
  } else {
    read_bytes(extent, start, block_, layout.bytes);
  }
  block_list_ = list;
  block_number_ = number;
  block_open_ = true;
}

// The next sorted row; its pointers are valid until the next call.
bool Writer::next(Tuplesortstate* sort, uint32* list, NewRow* row, const char** tail) {
  if (!tuplesort_gettupleslot(sort, true, false, slot_, nullptr)) return false;
  bool null;
  *list = static_cast<uint32>(DatumGetInt32(slot_getattr(slot_, 1, &null)));
  const int64 tid = DatumGetInt64(slot_getattr(slot_, 2, &null));
  const char* bytes = VARDATA_ANY(DatumGetPointer(slot_getattr(slot_, 3, &null)));
  memset(row, 0, sizeof(*row));
  ItemPointerSet(&row->tid, static_cast<BlockNumber>(tid >> 16),
                 static_cast<OffsetNumber>(tid & 0xffff));
  if (*list < build_->meta.shape.lists) {
    RowPayload header;
    memcpy(&header, bytes, sizeof(header));
    row->scale = header.scale;
    row->offset = header.offset;
    row->codes = reinterpret_cast<const uint8*>(bytes + sizeof(header));
    *tail = bytes + sizeof(header) + build_->meta.shape.subspaces;
  }
  return true;
}

void Writer::count_progress() {
  if ((++rows_done_ & 1023) != 0) return;
  CHECK_FOR_INTERRUPTS();
  report_rows(rows_done_);
}

void Writer::write_rows() {
  const CopyLayout& copies = build_->geometry.copies;
  uint32 lists_seen = 0;
  uint64 row_in_list = 0;
  block_ =
      static_cast<char*>(palloc(Max(build_->geometry.coded.bytes, build_->geometry.special.bytes)));
  slot_ = MakeSingleTupleTableSlot(row_descriptor(), &TTSOpsMinimalTuple);
  uint32 list;
  NewRow row;
  const char* record;
  if (build_->spilling) {
    spill_slot_ = MakeSingleTupleTableSlot(row_descriptor(), &TTSOpsVirtual);
    spill_payload_ = static_cast<bytea*>(palloc(VARHDRSZ + code_bytes() + sizeof(uint32)));
  }
  while (next(build_->rows, &list, &row, &record)) {
    if (list != lists_seen) {
      lists_seen = list;
      row_in_list = 0;
    }
    uint32 address = 0;
    if (list < build_->meta.shape.lists && copies.bytes > 0) {
      const BlockNumber run =
          at_.copies +
          static_cast<BlockNumber>(copies_written_ / copies.run_records * copies.run_pages);
      const uint32 number = static_cast<uint32>(copies_written_ % copies.run_records);
      address = static_cast<uint32>(copy_address(copies, run, number));
      write_bytes(run, uint64{number} * copies.bytes, record, copies.bytes);
      copies_written_++;
      row.copy_record = record;
    }
    seek(list, row_in_list);
    fill_slot(block_, layout_of_list(list), row_in_list % kBlockRows, row, address);
    row_in_list++;
    if (build_->spilling && list < build_->meta.shape.lists) {
      put_spill(list, row, record + copies.bytes, address);
    }
    count_progress();
  }
  flush_block();
}

// The second code of a row, to be written when all first codes are: only now is the address known
// of the copy that it borrows. `stored`: second list, then header and codes.
void Writer::put_spill(uint32 list, const NewRow& row, const char* stored, uint32 address) {
  uint32 second;
  memcpy(&second, stored, sizeof(second));
  if (second == list) return;
  char* at = VARDATA(spill_payload_);
  memcpy(at, stored + sizeof(second), code_bytes());
  memcpy(at + code_bytes(), &address, sizeof(address));
  SET_VARSIZE(spill_payload_, VARHDRSZ + code_bytes() + sizeof(address));
  ItemPointerData tid = row.tid;
  put_row(build_->spills, spill_slot_, second, tid_to_int64(&tid), spill_payload_);
}

void Writer::write_spills() {
  if (!build_->spilling) return;
  tuplesort_performsort(build_->spills);
  uint32 lists_seen = 0;
  uint64 spill_in_list = 0;
  uint32 list;
  NewRow row;
  const char* address;
  while (next(build_->spills, &list, &row, &address)) {
    if (list != lists_seen) {
      lists_seen = list;
      spill_in_list = 0;
    }
    memcpy(&row.borrowed_copy, address, sizeof(uint32));
    row.spilled = true;
    const uint64 place = build_->counts[list] + spill_in_list++;
    seek(list, place);
    fill_slot(block_, layout_of_list(list), place % kBlockRows, row, row.borrowed_copy);
    count_progress();
  }
  flush_block();
}

void Writer::write_model_and_directory() {
  const Size model_bytes = stored_floats(build_->meta.shape) * sizeof(float);
  write_bytes(at_.model, 0, build_->model.centroids, model_bytes);
  const uint32 lists = total_lists(build_->meta);
  for (uint32 list = 0; list < lists; list++) {
    write_bytes(at_.directory + list / kEntriesPerPage, list % kEntriesPerPage * sizeof(ListEntry),
                &entries_[list], sizeof(ListEntry));
  }
}

void Writer::write_meta() {
  MetaPage* meta = &build_->meta;
  const uint32 lists = total_lists(*meta);
  const CopyLayout& copies = build_->geometry.copies;
  meta->model_start = at_.model;
  meta->model_pages = at_.model_pages;
  meta->directory_start = at_.directory;
  meta->directory_pages = at_.directory_pages;
  meta->built_rows = at_.copy_rows;
  pg_crc32c crc;
  INIT_CRC32C(crc);
  COMP_CRC32C(crc, build_->model.centroids, stored_floats(meta->shape) * sizeof(float));
  FIN_CRC32C(crc);
  meta->model_crc = crc;
  INIT_CRC32C(crc);
  COMP_CRC32C(crc, heads_, sizeof(BlockNumber) * lists);
  FIN_CRC32C(crc);
  meta->heads_crc = crc;
  if (copies.bytes > 0 && at_.copy_rows % copies.run_records != 0) {
    for (int i = 0; i < kCopyTails; i++) meta->copy_tails[i] = end_ - copies.run_pages;
  }
  Buffer buffer = open(kMetaBlock);
  write_meta_image(BufferGetPage(buffer), meta);
  MarkBufferDirty(buffer);
  UnlockReleaseBuffer(buffer);
}

// Checksums, and the whole fork as full pages: crash safety and replicas in one pass. An init fork
// is logged even though its relation is not (it is what a crash restores the index from).
void Writer::seal_and_log() {
  constexpr BlockNumber kTogether = 1024;  // pages: still in memory when they are logged
  const bool logged = RelationNeedsWAL(build_->index) || fork_ == INIT_FORKNUM;
  for (BlockNumber begin = 0; begin < end_; begin += kTogether) {
    const BlockNumber end = Min(begin + kTogether, end_);
    for (BlockNumber block = begin; block < end; block++) {
      CHECK_FOR_INTERRUPTS();
      Buffer buffer = open(block);
      seal_page(BufferGetPage(buffer));
      MarkBufferDirty(buffer);
      UnlockReleaseBuffer(buffer);
    }
    if (logged) log_newpage_range(build_->index, fork_, begin, end, true);
  }
}

}  // namespace

void write_index(Build* build, ForkNumber fork) {
  Writer writer(build, fork);
  writer.lay_out();
  AVQ_STOP_POINT("build_laid_out");
  writer.write_model_and_directory();
  if (build->rows != nullptr) {
    writer.write_rows();
    writer.write_spills();
  }
  AVQ_STOP_POINT("build_filled");
  writer.write_meta();
  writer.seal_and_log();
  AVQ_STOP_POINT("build_logged");
}

}  // namespace avq
