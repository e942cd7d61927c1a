// avq_check: walks the whole index and, if asked, the heap. Read-only; AccessShareLock, so that
// inserts and VACUUM may go on meanwhile: what they add after the walk began is not judged.
//
// Checked: every page's checksum, header, kind and place; meta page and model by their own; every
// list's chain (heads, extents, owners, no page twice); every live slot (TID, scale, copy address
// within a run and its records, copy header); every copy's owner, live or dead, to be the only one;
// with heapallindexed, that every row which a snapshot from before the walk sees is in the right
// kind of list.
#include "core/bfloat16.h"
#include "index/am.h"
#include "index/check_owners.h"
#include "index/column.h"
#include "index/owner_rights.h"
#include "storage/slots.h"

extern "C" {
#include "access/htup_details.h"
#include "access/transam.h"
#include "access/xact.h"
#include "lib/bloomfilter.h"
#include "port/pg_crc32c.h"
}

#include <cmath>

using namespace avq;

extern "C" {
PG_FUNCTION_INFO_V1(avq_check);
}

namespace {

enum class RowKind : uint64 { coded = 0, uncodable = 1, undefined = 2, null = 3 };

// Of a page: it belongs to a list or a chain; it is the first of a run whose pages are all there.
constexpr uint8 kInPlace = 1, kWholeRun = 2;

struct Check {
  Relation heap;
  Element element;
  IndexFile file;
  BlockNumber blocks;  // when the walk began
  MetaPage meta;
  ListGeometry geometry;
  uint8* page_seen;  // per block: kInPlace, kWholeRun
  CopyOwners owners;
  bloom_filter* rows;  // TID and kind of every live row, or null
  char* carry;
};

[[noreturn]] void damaged(Check* check, BlockNumber block, const char* what) {
  report_damage(check->file.relation, block, what);
}

// What is added to, and looked up in, the filter.
uint64 fingerprint(ItemPointerData tid, RowKind kind) {
  return (uint64{ItemPointerGetBlockNumberNoCheck(&tid)} << 18) |
         (uint64{ItemPointerGetOffsetNumberNoCheck(&tid)} << 2) | static_cast<uint64>(kind);
}

// Errors if a block that something refers to is not in the file; false if it is newer than the
// walk.
bool in_walk(Check* check, BlockNumber block) {
  if (block < check->blocks) return true;
  if (block >= RelationGetNumberOfBlocks(check->file.relation)) {
    damaged(check, block, "a page beyond the end of the file");
  }
  return false;
}

void claim_page(Check* check, BlockNumber block) {
  if (!in_walk(check, block)) return;
  if (check->page_seen[block] != 0) damaged(check, block, "the page belongs to two places");
  check->page_seen[block] = kInPlace;
}

void check_model(Check* check) {
  const MetaPage& meta = check->meta;
  const Size size = stored_floats(meta.shape) * sizeof(float);
  float* floats = static_cast<float*>(MemoryContextAllocHuge(CurrentMemoryContext, size));
  read_chain(check->file, meta.model_start, PageKind::model, floats, size);
  pg_crc32c crc;
  INIT_CRC32C(crc);
  COMP_CRC32C(crc, floats, size);
  FIN_CRC32C(crc);
  if (crc != meta.model_crc) {
    damaged(check, meta.model_start, "the model's checksum does not match");
  }
  pfree(floats);
  claim_page(check, kMetaBlock);
  for (uint32 i = 0; i < meta.model_pages; i++) claim_page(check, meta.model_start + i);
  for (uint32 i = 0; i < meta.directory_pages; i++) claim_page(check, meta.directory_start + i);
}

void check_heads(Check* check) {
  pg_crc32c crc;
  INIT_CRC32C(crc);
  for (uint32 list = 0; list < total_lists(check->meta); list++) {
    ListEntry entry;
    read_entry(check->file, check->meta, list, &entry);
    COMP_CRC32C(crc, &entry.head, sizeof(entry.head));
  }
  FIN_CRC32C(crc);
  if (crc != check->meta.heads_crc) {
    damaged(check, check->meta.directory_start, "the lists' first extents do not match");
  }
}

// Every page by itself: header, kind, place in its extent.
void check_pages(Check* check) {
  for (BlockNumber block = 0; block < check->blocks; block++) {
    CHECK_FOR_INTERRUPTS();
    Buffer buffer = ReadBuffer(check->file.relation, block);
    LockBuffer(buffer, BUFFER_LOCK_SHARE);
    Page page = BufferGetPage(buffer);
    // A crash between extending the file and linking the pages leaves empty ones.
    if (!PageIsNew(page)) {
      const PageKind kind = page_info(page)->kind;
      if (kind < PageKind::meta || kind > PageKind::free) {
        damaged(check, block, "a page of no known kind");
      }
      check_page(check->file.relation, block, page, kind);
      const PageInfo info = *page_info(page);
      if (info.crc != page_crc(page)) {
        damaged(check, block,
                psprintf("the checksum of a page of %s does not match", kind_name(kind)));
      }
      const CopyLayout& copies = check->geometry.copies;
      if (kind == PageKind::copies &&
          (info.extent_pages != copies.run_pages || info.extent_index >= copies.run_pages ||
           (info.extent_index == 0 && info.owner > copies.run_records))) {
        damaged(check, block, "a page of copies that is in no run");
      }
    }
    UnlockReleaseBuffer(buffer);
  }
}

// A live slot seen under its page's lock, to be judged without it.
struct SlotSeen {
  ItemPointerData tid;
  uint32 copy;
  uint16 scale;
  float offset;
  bool owns, spilled;
};

// Once a run: pages behind the first may be as empty as those that a crash has left.
void check_run(Check* check, BlockNumber run) {
  if ((check->page_seen[run] & kWholeRun) != 0) return;
  for (uint32 i = 0; i < check->geometry.copies.run_pages; i++) {
    CHECK_FOR_INTERRUPTS();
    Buffer buffer = read_page(check->file, run + i, PageKind::copies, BUFFER_LOCK_SHARE);
    const uint32 index = page_info(BufferGetPage(buffer))->extent_index;
    UnlockReleaseBuffer(buffer);
    if (index != i) damaged(check, run + i, "a page of copies that is in another run");
    if (check->page_seen[run + i] != 0) {
      damaged(check, run + i, "the page belongs to two places");
    }
  }
  check->page_seen[run] |= kWholeRun;
}

// Errors if no copy can be at the address; false if it is newer than the walk.
bool check_address(Check* check, BlockNumber near, uint32 copy) {
  const CopyLayout& copies = check->geometry.copies;
  const CopyPlace place = copy_place(copies, copy);
  if (copy == 0 || place.run == 0 || place.record >= copies.run_records) {
    damaged(check, near, "an impossible copy address");
  }
  // Rows inserted meanwhile may have copies behind the blocks that were counted at first.
  if (place.run >= check->blocks &&
      uint64{place.run} + copies.run_pages > RelationGetNumberOfBlocks(check->file.relation)) {
    damaged(check, near, "a copy address beyond the end of the index");
  }
  if (!in_walk(check, place.run + copies.run_pages - 1)) return false;
  check_run(check, place.run);
  Buffer buffer = read_page(check->file, place.run, PageKind::copies, BUFFER_LOCK_SHARE);
  const PageInfo info = *page_info(BufferGetPage(buffer));
  UnlockReleaseBuffer(buffer);
  if (info.extent_index != 0 || place.record >= info.owner) {
    damaged(check, near, "a copy address that was never given out");
  }
  return true;
}

void check_slot(Check* check, BlockNumber near, uint32 list, const SlotSeen& slot) {
  const MetaPage& meta = check->meta;
  if (!ItemPointerIsValid(&slot.tid)) damaged(check, near, kSlotWithoutRow);
  if (list < meta.shape.lists) {
    const float scale = bfloat16_to_float(slot.scale);
    if (!std::isfinite(scale) || scale < 0 || !std::isfinite(slot.offset)) {
      damaged(check, near, "a row with an impossible scale or offset");
    }
    const CopyLayout& copies = check->geometry.copies;
    if (copies.bytes > 0) {
      const bool in_file = check_address(check, near, slot.copy);
      if (slot.owns == slot.spilled) damaged(check, near, "a row that does not own its copy");
      if (slot.owns && in_file) {
        note_owner(&check->owners, slot.copy);
        const CopyPlace place = copy_place(copies, slot.copy);
        CopyHeader header;
        read_extent_bytes(check->file, place.run, PageKind::copies,
                          uint64{place.record} * copies.bytes, sizeof(header),
                          reinterpret_cast<char*>(&header));
        if (!std::isfinite(header.scale) || !std::isfinite(header.error) || header.error < 0) {
          damaged(check, place.run, "a copy with an impossible header");
        }
      }
    }
  } else if (slot.spilled || slot.owns) {
    damaged(check, near, "a row without a code that has a copy");
  }
  if (check->rows != nullptr && !slot.spilled) {
    const RowKind kind = list < meta.shape.lists
                             ? RowKind::coded
                             : static_cast<RowKind>(1 + list - meta.shape.lists);
    uint64 print = fingerprint(slot.tid, kind);
    bloom_add_element(check->rows, reinterpret_cast<unsigned char*>(&print), sizeof(print));
  }
}

void check_block(Check* check, uint32 list, BlockNumber extent, uint64 start,
                 const BlockLayout& layout) {
  read_extent_bytes(check->file, extent, PageKind::codes, start, layout.codes, check->carry);
  const BlockView block = {check->carry, &layout};
  const BlockHeader header = *block.header();
  const BlockNumber near = extent + static_cast<BlockNumber>(start / kPayload);
  if ((header.spilled & ~header.used) != 0) damaged(check, near, "a spilled slot that is not live");
  for (uint32 dead = header.owns & ~header.used; dead != 0; dead &= dead - 1) {
    const uint32 copy = block.copy(__builtin_ctz(dead));
    if (check_address(check, near, copy)) note_owner(&check->owners, copy);
  }
  for (uint32 used = header.used; used != 0; used &= used - 1) {
    const int slot = __builtin_ctz(used);
    const bool coded = layout.subspaces > 0;
    check_slot(check, near, list,
               {block.tids()[slot], block.copy(slot), coded ? block.scales()[slot] : uint16{0},
                coded && block.offsets() != nullptr ? block.offsets()[slot] : 0,
                (header.owns >> slot & 1) != 0, (header.spilled >> slot & 1) != 0});
  }
}

void check_list(Check* check, uint32 list) {
  ListEntry entry;
  read_entry(check->file, check->meta, list, &entry);
  const BlockLayout& layout = layout_of(check->geometry, check->meta, list);
  bool saw_open = false, saw_tail = false;
  uint64 pages_seen = 0;
  for (BlockNumber extent = entry.head; extent != InvalidBlockNumber;) {
    Buffer buffer = read_page(check->file, extent, PageKind::codes, BUFFER_LOCK_SHARE);
    const PageInfo info = *check_list_page(check->file, buffer, list, 0);
    UnlockReleaseBuffer(buffer);
    saw_open |= extent == entry.open;
    saw_tail |= extent == entry.tail;
    for (uint32 i = 0; i < info.extent_pages; i++) {
      CHECK_FOR_INTERRUPTS();
      claim_page(check, extent + i);
      buffer = read_page(check->file, extent + i, PageKind::codes, BUFFER_LOCK_SHARE);
      if (check_list_page(check->file, buffer, list, i)->extent_pages != info.extent_pages) {
        damaged(check, extent + i, "an extent whose pages disagree on its length");
      }
      UnlockReleaseBuffer(buffer);
    }
    pages_seen += info.extent_pages;
    const uint32 blocks = extent_blocks(info.extent_pages, layout);
    for (uint32 block = 0; block < blocks; block++) {
      CHECK_FOR_INTERRUPTS();
      check_block(check, list, extent, uint64{block} * layout.bytes, layout);
    }
    extent = info.next;
  }
  if (!saw_open || !saw_tail || pages_seen < entry.pages) {
    damaged(check, entry_place(check->meta, list).block,
            "a list's entry that does not fit its chain");
  }
}

void check_heap_row(Relation, ItemPointer tid, Datum* values, bool* nulls, bool, void* state) {
  Check* check = static_cast<Check*>(state);
  RowKind kind = RowKind::null;
  if (!nulls[0]) {
    const Vector* vector = column_vector(check->element, values[0]);
    switch (classify(check->meta.shape.metric, vector)) {
      case RowClass::coded:
        kind = RowKind::coded;
        break;
      case RowClass::uncodable:
        kind = RowKind::uncodable;
        break;
      default:
        kind = RowKind::undefined;
    }
    if (PointerGetDatum(vector) != values[0]) pfree(const_cast<Vector*>(vector));
  }
  uint64 print = fingerprint(*tid, kind);
  if (bloom_lacks_element(check->rows, reinterpret_cast<unsigned char*>(&print), sizeof(print))) {
    ereport(ERROR,
            (errcode(ERRCODE_INDEX_CORRUPTED),
             errmsg("index \"%s\" lacks row (%u,%u) of table \"%s\"",
                    RelationGetRelationName(check->file.relation), ItemPointerGetBlockNumber(tid),
                    ItemPointerGetOffsetNumber(tid), RelationGetRelationName(check->heap)),
             errhint("Rebuild it with REINDEX INDEX.")));
  }
}

// An index may hold the newest version only of a row that was changed in place before the build: a
// transaction that began earlier sees another one, and would find it missing.
void check_snapshot(Relation index, Snapshot snapshot) {
  if (!IsolationUsesXactSnapshot() || !index->rd_index->indcheckxmin ||
      TransactionIdPrecedes(HeapTupleHeaderGetXmin(index->rd_indextuple->t_data), snapshot->xmin)) {
    return;
  }
  ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
                  errmsg("index \"%s\" cannot be checked using the transaction's snapshot",
                         RelationGetRelationName(index)),
                  errdetail("The transaction began before the index was built.")));
}

void check_heap(Check* check, Snapshot snapshot) {
  IndexInfo* info = BuildIndexInfo(check->file.relation);
  TableScanDesc scan = table_beginscan_strat(check->heap, snapshot, 0, nullptr, true, true);
  // Scan with the MVCC snapshot given, as a concurrent build does.
  info->ii_Concurrent = true;
  info->ii_Unique = false;
  table_index_build_scan(check->heap, check->file.relation, info, true, false, check_heap_row,
                         check, scan);
}

}  // namespace

Datum avq_check(PG_FUNCTION_ARGS) {
  const Oid oid = PG_GETARG_OID(0);
  const bool heapallindexed = PG_GETARG_BOOL(1);
  // Heap before index, as everywhere.
  Check check = {};
  check.heap = table_open(table_of_index(oid), AccessShareLock);
  Relation index = open_avq_index(oid, AccessShareLock);
  const OwnerRights rights = take_owner_rights(check.heap);

  Snapshot snapshot = nullptr;
  if (heapallindexed) {
    snapshot = RegisterSnapshot(GetTransactionSnapshot());
    check_snapshot(index, snapshot);
  }

  check.element = index_element(index);
  check.file = open_file(index);
  check.blocks = check.file.blocks;
  read_meta(check.file, &check.meta);
  check.geometry = list_geometry(check.meta);
  check.page_seen = static_cast<uint8*>(MemoryContextAllocExtended(
      CurrentMemoryContext, Max(check.blocks, 1u), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO));
  init_owners(&check.owners, check.geometry.copies, check.blocks);
  check.carry =
      static_cast<char*>(palloc(Max(check.geometry.coded.codes, check.geometry.special.codes)));
  if (heapallindexed) {
    const int64 rows = static_cast<int64>(Max(check.heap->rd_rel->reltuples, 0.0f)) +
                       int64{check.blocks} * 8 + 1000;
    check.rows = bloom_create(rows, maintenance_work_mem, 0);
  }

  check_pages(&check);
  check_model(&check);
  check_heads(&check);
  for (uint32 list = 0; list < total_lists(check.meta); list++) check_list(&check, list);
  judge_suspects(&check.owners, check.file, check.meta, check.geometry, check.carry);
  if (heapallindexed) {
    check_heap(&check, snapshot);
    UnregisterSnapshot(snapshot);
    bloom_free(check.rows);
  }
  return_owner_rights(rights);
  index_close(index, AccessShareLock);
  table_close(check.heap, AccessShareLock);
  PG_RETURN_VOID();
}
