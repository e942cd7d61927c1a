// ambulkdelete and amvacuumcleanup: dead rows' slots become free for inserts; nothing moves, unless
// the index has outgrown its lists (relist.h).
#include "index/am.h"
#include "index/column.h"
#include "index/relist.h"
#include "storage/slots.h"
#include "storage/wal_edit.h"

namespace avq {

namespace {

struct ListTotals {
  uint64 live, spilled, removed, dead;
  BlockNumber open;  // first extent with a free slot
  uint32 open_block;
};

struct Vacuum {
  IndexFile file;
  MetaPage meta;
  ListGeometry geometry;
  IndexBulkDeleteCallback callback;
  void* callback_state;
};

// Which of a block's rows are dead. The block's header page is locked; its TIDs may go on to the
// next page, which is then locked too (ascending).
uint32 dead_slots(Vacuum* vacuum, BlockNumber extent, uint64 start, const BlockLayout& layout,
                  const BlockHeader* header, Buffer held) {
  ItemPointerData tids[kBlockRows];
  read_extent_bytes(vacuum->file, extent, PageKind::codes, start + layout.tids, sizeof(tids),
                    reinterpret_cast<char*>(tids), held);
  uint32 dead = 0;
  for (uint32 used = header->used; used != 0; used &= used - 1) {
    const int slot = __builtin_ctz(used);
    if (!ItemPointerIsValid(&tids[slot])) {
      report_damage(vacuum->file.relation, extent, kSlotWithoutRow);
    }
    if (vacuum->callback(&tids[slot], vacuum->callback_state)) dead |= 1u << slot;
  }
  return dead;
}

// All blocks whose header lies on one page of an extent. With a callback, clears dead rows.
void visit_page(Vacuum* vacuum, uint32 list, BlockNumber extent, uint32 page, uint32 blocks,
                uint32* block, ListTotals* totals) {
  const BlockLayout& layout = layout_of(vacuum->geometry, vacuum->meta, list);
  const bool deletes = vacuum->callback != nullptr;
  Buffer buffer = read_page(vacuum->file, extent + page, PageKind::codes,
                            deletes ? BUFFER_LOCK_EXCLUSIVE : BUFFER_LOCK_SHARE);
  check_list_page(vacuum->file, buffer, list, page);
  const uint32 first = *block;
  uint32 dead[kPayload / sizeof(BlockHeader)];
  bool any_dead = false;
  for (; *block < blocks; (*block)++) {
    const uint64 start = uint64{*block} * layout.bytes;
    if (start / kPayload != page) break;
    const BlockHeader* header =
        reinterpret_cast<const BlockHeader*>(payload(BufferGetPage(buffer)) + start % kPayload);
    uint32 gone = 0;
    if (deletes && header->used != 0) {
      gone = dead_slots(vacuum, extent, start, layout, header, buffer);
    }
    dead[*block - first] = gone;
    any_dead |= gone != 0;
    const uint32 left = header->used & ~gone;
    totals->live += __builtin_popcount(left & ~header->spilled);
    totals->spilled += __builtin_popcount(left & header->spilled);
    totals->removed += __builtin_popcount(gone & ~header->spilled);
    totals->dead += __builtin_popcount(header->owns & ~left);
    if (left != PG_UINT32_MAX && totals->open == InvalidBlockNumber) {
      totals->open = extent;
      totals->open_block = *block;
    }
  }
  if (!any_dead) {
    UnlockReleaseBuffer(buffer);
    return;
  }
  WalEdit edit(vacuum->file, buffer);
  Page image = edit.main_page();
  for (uint32 b = first; b < *block; b++) {
    BlockHeader* header =
        reinterpret_cast<BlockHeader*>(payload(image) + uint64{b} * layout.bytes % kPayload);
    header->used &= ~dead[b - first];
    header->spilled &= ~dead[b - first];
  }
  edit.finish();
}

void update_entry(Vacuum* vacuum, uint32 list, const ListTotals& totals) {
  const EntryPlace place = entry_place(vacuum->meta, list);
  Buffer buffer = read_page(vacuum->file, place.block, PageKind::directory, BUFFER_LOCK_EXCLUSIVE);
  ListEntry entry;
  memcpy(&entry, payload(BufferGetPage(buffer)) + place.offset, sizeof(entry));
  const uint32 live = static_cast<uint32>(Min(totals.live, uint64{PG_UINT32_MAX}));
  const uint32 spilled = static_cast<uint32>(Min(totals.spilled, uint64{PG_UINT32_MAX}));
  const uint32 dead = static_cast<uint32>(Min(totals.dead, uint64{PG_UINT32_MAX}));
  // Inserts go back to the first free slot; without one they go on where they are. Whether this
  // VACUUM freed it does not matter, nor whether it owns a copy (`dead` counts only such).
  const bool reopen = totals.open != InvalidBlockNumber &&
                      (entry.open != totals.open || entry.open_block != totals.open_block);
  if (entry.live == live && entry.dead == dead && entry.spilled == spilled && !reopen) {
    UnlockReleaseBuffer(buffer);
    return;
  }
  WalEdit edit(vacuum->file, buffer);
  ListEntry* stored = reinterpret_cast<ListEntry*>(payload(edit.main_page()) + place.offset);
  stored->live = live;
  stored->dead = dead;
  stored->spilled = spilled;
  if (reopen) {
    stored->open = totals.open;
    stored->open_block = totals.open_block;
  }
  edit.finish();
}

// Visits every slot of every list; the totals are of rows, each counted once.
void visit_lists(Vacuum* vacuum, IndexBulkDeleteResult* stats) {
  double live = 0;
  for (uint32 list = 0; list < total_lists(vacuum->meta); list++) {
    ListEntry entry;
    read_entry(vacuum->file, vacuum->meta, list, &entry);
    const BlockLayout& layout = layout_of(vacuum->geometry, vacuum->meta, list);
    ListTotals totals = {};
    totals.open = InvalidBlockNumber;
    ChainCount chain = {};
    for (BlockNumber extent = entry.head; extent != InvalidBlockNumber;) {
      chain.step(vacuum->file, extent);
      Buffer buffer = read_page(vacuum->file, extent, PageKind::codes, BUFFER_LOCK_SHARE);
      const PageInfo* info = check_list_page(vacuum->file, buffer, list, 0);
      const uint32 pages = info->extent_pages;
      const BlockNumber next = info->next;
      UnlockReleaseBuffer(buffer);
      const uint32 blocks = extent_blocks(pages, layout);
      for (uint32 block = 0; block < blocks;) {
        vacuum_delay(false);
        const uint32 page = static_cast<uint32>(uint64{block} * layout.bytes / kPayload);
        visit_page(vacuum, list, extent, page, blocks, &block, &totals);
      }
      extent = next;
    }
    update_entry(vacuum, list, totals);
    live += static_cast<double>(totals.live);
    stats->tuples_removed += static_cast<double>(totals.removed);
  }
  stats->num_index_tuples = live;
  stats->estimated_count = false;
}

IndexBulkDeleteResult* visit_index(IndexVacuumInfo* info, IndexBulkDeleteResult* stats,
                                   IndexBulkDeleteCallback callback, void* callback_state) {
  if (stats == nullptr) {
    stats = static_cast<IndexBulkDeleteResult*>(palloc0(sizeof(IndexBulkDeleteResult)));
  }
  Vacuum vacuum;
  vacuum.file = open_file(info->index, info->strategy);
  read_meta(vacuum.file, &vacuum.meta);
  vacuum.geometry = list_geometry(vacuum.meta);
  vacuum.callback = callback;
  vacuum.callback_state = callback_state;
  visit_lists(&vacuum, stats);
  return stats;
}

}  // namespace

IndexBulkDeleteResult* avq_bulk_delete(IndexVacuumInfo* info, IndexBulkDeleteResult* stats,
                                       IndexBulkDeleteCallback callback, void* callback_state) {
  return visit_index(info, stats, callback, callback_state);
}

IndexBulkDeleteResult* avq_vacuum_cleanup(IndexVacuumInfo* info, IndexBulkDeleteResult* stats) {
  if (info->analyze_only) return stats;
  // No row was dead: the counts have still changed, and only a look tells them.
  if (stats == nullptr) stats = visit_index(info, nullptr, nullptr, nullptr);
  maintain_generations(info);
  stats->num_pages = RelationGetNumberOfBlocks(info->index);
  return stats;
}

}  // namespace avq
