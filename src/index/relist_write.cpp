// The new generation's pages: model, directory and lists, from rows sorted by list. They are free
// ones or lie at the file's end, a list's contiguous, and are logged as full pages one by one as
// they are filled; nothing refers to them yet.
#include "index/build.h"
#include "index/relist.h"

extern "C" {
#include "port/pg_crc32c.h"
}

namespace avq {

namespace {

// While an extent is made nobody else can extend the file.
constexpr uint32 kMostExtentPages = 1024;

// Fills reserved pages with one run of bytes.
class PageStream {
 public:
  PageStream(Relist* relist, PageKind kind) : relist_(relist), kind_(kind) {}

  // Goes on in an extent that is reserved at `first`.
  void begin(BlockNumber first, uint32 pages, uint32 owner, BlockNumber next) {
    first_ = first;
    pages_ = pages;
    owner_ = owner;
    next_ = next;
    page_ = 0;
    filled_ = 0;
  }

  void append(const void* bytes, Size length) {
    const char* from = static_cast<const char*>(bytes);
    while (length > 0) {
      const Size take = Min(length, kPayload - filled_);
      memcpy(bytes_ + filled_, from, take);
      filled_ += take;
      from += take;
      length -= take;
      if (filled_ == kPayload) write_page();
    }
  }

  // The rest of the extent is zeros: dead slots.
  void end() {
    while (page_ < pages_) write_page();
  }

 private:
  void write_page() {
    vacuum_delay(false);
    Relation index = relist_->index;
    if (page_ >= pages_)
      elog(ERROR, "an extent of index \"%s\" is too short", RelationGetRelationName(index));
    memset(bytes_ + filled_, 0, kPayload - filled_);
    Buffer buffer =
        ReadBufferExtended(index, MAIN_FORKNUM, first_ + page_, RBM_ZERO_AND_LOCK, nullptr);
    GenericXLogState* state = GenericXLogStart(index);
    Page page = GenericXLogRegisterBuffer(state, buffer, GENERIC_XLOG_FULL_IMAGE);
    init_page(page, first_ + page_, kind_, relist_->meta.generation, owner_, pages_, page_);
    if (page_ == 0) page_info(page)->next = next_;
    memcpy(payload(page), bytes_, kPayload);
    seal_page(page);
    log_change(state);
    UnlockReleaseBuffer(buffer);
    page_++;
    filled_ = 0;
  }

  Relist* relist_;
  PageKind kind_;
  BlockNumber first_ = InvalidBlockNumber;
  uint32 pages_ = 0;
  uint32 owner_ = 0;
  BlockNumber next_ = InvalidBlockNumber;
  uint32 page_ = 0;
  Size filled_ = 0;
  char bytes_[kPayload];
};

// The lists, one after another, from the sorted rows.
class ListWriter {
 public:
  explicit ListWriter(Relist* relist)
      : relist_(relist),
        stream_(relist, PageKind::codes),
        slot_(MakeSingleTupleTableSlot(row_descriptor(), &TTSOpsMinimalTuple)),
        block_(static_cast<char*>(
            palloc(Max(relist->geometry.coded.bytes, relist->geometry.special.bytes)))) {
    more_ = tuplesort_gettupleslot(relist->rows, true, false, slot_, nullptr);
  }

  void write(uint32 list, ListEntry* entry);

 private:
  void place_extents(uint32 list, uint32 blocks, ListEntry* entry);
  void begin_extent(uint32 list, uint32 number);
  bool fill(uint32 list, uint32 slot, const BlockLayout& layout);

  Relist* relist_;
  PageStream stream_;
  TupleTableSlot* slot_;
  char* block_;
  bool more_;
  BlockNumber* extents_ = nullptr;
  uint32 extent_count_ = 0;
  uint32 last_pages_ = 0;
};

// Reserves a list's pages: extents of the greatest length, then a last one, never empty.
void ListWriter::place_extents(uint32 list, uint32 blocks, ListEntry* entry) {
  const BlockLayout& layout = layout_of(relist_->geometry, relist_->meta, list);
  const uint32 full_blocks = extent_blocks(kMostExtentPages, layout);
  const uint32 full = blocks == 0 ? 0 : (blocks - 1) / full_blocks;
  const uint64 rest = Max(blocks - full * full_blocks, 1u);
  last_pages_ = static_cast<uint32>((rest * layout.bytes + kPayload - 1) / kPayload);
  extent_count_ = full + 1;
  extents_ = static_cast<BlockNumber*>(palloc(sizeof(BlockNumber) * extent_count_));
  for (uint32 i = 0; i < extent_count_; i++) {
    extents_[i] =
        reserve_pages(relist_->file, PageKind::codes, i < full ? kMostExtentPages : last_pages_);
  }
  // Inserts begin at the first slot that holds no row.
  const SlotCounts& counts = relist_->counts[list];
  const uint32 open = (counts.rows + counts.second_codes) / kBlockRows;
  const uint32 open_extent = Min(open / full_blocks, full);
  entry->head = extents_[0];
  entry->tail = extents_[full];
  entry->open = extents_[open_extent];
  entry->open_block = open - open_extent * full_blocks;
  entry->pages = full * kMostExtentPages + last_pages_;
  entry->live = counts.rows;
  entry->spilled = counts.second_codes;
  entry->dead = counts.dead;
}

void ListWriter::begin_extent(uint32 list, uint32 number) {
  const bool last = number + 1 == extent_count_;
  stream_.begin(extents_[number], last ? last_pages_ : kMostExtentPages, list,
                last ? InvalidBlockNumber : extents_[number + 1]);
}

// Puts the next sorted row into a slot of the block, if it is of this list.
bool ListWriter::fill(uint32 list, uint32 slot, const BlockLayout& layout) {
  bool null;
  if (!more_ || static_cast<uint32>(DatumGetInt32(slot_getattr(slot_, 1, &null))) != list) {
    return false;
  }
  const int64 tid = DatumGetInt64(slot_getattr(slot_, 2, &null));
  const char* bytes = VARDATA_ANY(DatumGetPointer(slot_getattr(slot_, 3, &null)));
  SlotPayload stored;
  memcpy(&stored, bytes, sizeof(stored));
  if (stored.use == SlotUse::dead) {
    BlockHeader* header = reinterpret_cast<BlockHeader*>(block_);
    header->owns |= 1u << slot;
    memcpy(block_ + layout.copies + slot * sizeof(uint32), &stored.copy, sizeof(uint32));
  } else {
    NewRow row = {};
    ItemPointerSet(&row.tid, static_cast<BlockNumber>(tid >> 16),
                   static_cast<OffsetNumber>(tid & 0xffff));
    row.codes = reinterpret_cast<const uint8*>(bytes + sizeof(stored));
    row.scale = stored.scale;
    row.offset = stored.offset;
    row.owns_copy = stored.use == SlotUse::row && layout.subspaces > 0;
    row.spilled = stored.use == SlotUse::second_code;
    fill_slot(block_, layout, slot, row, stored.copy);
  }
  more_ = tuplesort_gettupleslot(relist_->rows, true, false, slot_, nullptr);
  return true;
}

void ListWriter::write(uint32 list, ListEntry* entry) {
  const SlotCounts& counts = relist_->counts[list];
  const BlockLayout& layout = layout_of(relist_->geometry, relist_->meta, list);
  const uint32 slots = counts.rows + counts.second_codes + counts.dead;
  const uint32 blocks = (slots + kBlockRows - 1) / kBlockRows;
  const uint32 extent_blocks_most = extent_blocks(kMostExtentPages, layout);
  place_extents(list, blocks, entry);
  begin_extent(list, 0);
  for (uint32 block = 0; block < blocks; block++) {
    if (block > 0 && block % extent_blocks_most == 0) {
      stream_.end();
      begin_extent(list, block / extent_blocks_most);
    }
    memset(block_, 0, layout.bytes);
    for (uint32 slot = 0; slot < kBlockRows && fill(list, slot, layout); slot++) {
    }
    stream_.append(block_, layout.bytes);
  }
  stream_.end();
  pfree(extents_);
}

void write_run(Relist* relist, PageKind kind, BlockNumber first, uint32 pages, const void* bytes,
               Size length) {
  PageStream stream(relist, kind);
  stream.begin(first, pages, 0, InvalidBlockNumber);
  stream.append(bytes, length);
  stream.end();
}

uint32 pages_for(Size bytes) { return static_cast<uint32>((bytes + kPayload - 1) / kPayload); }

pg_crc32c checksum(const void* bytes, Size length) {
  pg_crc32c crc;
  INIT_CRC32C(crc);
  COMP_CRC32C(crc, bytes, length);
  FIN_CRC32C(crc);
  return crc;
}

}  // namespace

void write_generation(Relist* relist, const float* floats) {
  MetaPage* meta = &relist->meta;
  const uint32 lists = total_lists(*meta);
  const Size model_bytes = stored_floats(meta->shape) * sizeof(float);
  meta->model_pages = pages_for(model_bytes);
  meta->model_start = reserve_pages(relist->file, PageKind::model, meta->model_pages);
  meta->directory_pages = (lists + kEntriesPerPage - 1) / kEntriesPerPage;
  meta->directory_start = reserve_pages(relist->file, PageKind::directory, meta->directory_pages);
  write_run(relist, PageKind::model, meta->model_start, meta->model_pages, floats, model_bytes);
  meta->model_crc = checksum(floats, model_bytes);

  ListEntry* entries = static_cast<ListEntry*>(palloc0(sizeof(ListEntry) * lists));
  BlockNumber* heads = static_cast<BlockNumber*>(palloc(sizeof(BlockNumber) * lists));
  ListWriter writer(relist);
  meta->built_rows = 0;
  for (uint32 list = 0; list < lists; list++) {
    writer.write(list, &entries[list]);
    heads[list] = entries[list].head;
    if (list < meta->shape.lists) meta->built_rows += relist->counts[list].rows;
  }
  meta->heads_crc = checksum(heads, sizeof(BlockNumber) * lists);
  PageStream directory(relist, PageKind::directory);
  directory.begin(meta->directory_start, meta->directory_pages, 0, InvalidBlockNumber);
  for (uint32 list = 0; list < lists; list += kEntriesPerPage) {
    char page[kPayload] = {};
    const uint32 count = Min(kEntriesPerPage, lists - list);
    memcpy(page, &entries[list], sizeof(ListEntry) * count);
    directory.append(page, sizeof(page));
  }
  directory.end();
  seal_meta(meta);
}

}  // namespace avq
