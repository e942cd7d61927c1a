#include "storage/lists.h"

#include "storage/wal_edit.h"

namespace avq {

EntryPlace entry_place(const MetaPage& meta, uint32 list) {
  return {meta.directory_start + list / kEntriesPerPage,
          static_cast<uint32>(list % kEntriesPerPage * sizeof(ListEntry))};
}

void read_entry(IndexFile& file, const MetaPage& meta, uint32 list, ListEntry* entry) {
  const EntryPlace place = entry_place(meta, list);
  Buffer buffer = read_page(file, place.block, PageKind::directory, BUFFER_LOCK_SHARE);
  memcpy(entry, payload(BufferGetPage(buffer)) + place.offset, sizeof(*entry));
  UnlockReleaseBuffer(buffer);
}

const PageInfo* check_list_page(IndexFile& file, Buffer buffer, uint32 list, uint32 index) {
  const PageInfo* info = page_info(BufferGetPage(buffer));
  if (info->owner != list || info->extent_index != static_cast<uint16>(index) ||
      info->extent_pages == 0) {
    report_damage(file.relation, BufferGetBlockNumber(buffer), "a code page of another list");
  }
  return info;
}

// The slot to take in a block, or -1.
static int free_slot(const BlockHeader& header, FreeSlots which) {
  uint32 free = ~header.used;
  if (which == FreeSlots::without_copy) free &= ~header.owns;
  if (which == FreeSlots::with_copy) free &= header.owns;
  return free == 0 ? -1 : __builtin_ctz(free);
}

bool claim_slot(IndexFile& file, uint32 list, const ListEntry& entry, const BlockLayout& layout,
                FreeSlots which, SlotClaim* claim) {
  BlockNumber extent = entry.open;
  uint32 block = entry.open_block;
  for (ChainCount chain = {}; extent != InvalidBlockNumber;) {
    chain.step(file, extent);
    Buffer first = read_page(file, extent, PageKind::codes, BUFFER_LOCK_SHARE);
    const PageInfo* info = check_list_page(file, first, list, 0);
    const BlockNumber next = info->next;
    const uint32 blocks = extent_blocks(info->extent_pages, layout);
    UnlockReleaseBuffer(first);

    while (block < blocks) {
      CHECK_FOR_INTERRUPTS();
      const uint32 page = static_cast<uint32>(uint64{block} * layout.bytes / kPayload);
      Buffer buffer = read_page(file, extent + page, PageKind::codes, BUFFER_LOCK_EXCLUSIVE);
      check_list_page(file, buffer, list, page);
      // All blocks whose header lies on this page.
      for (; block < blocks; block++) {
        const uint64 start = uint64{block} * layout.bytes;
        if (start / kPayload != page) break;
        const BlockHeader* header =
            reinterpret_cast<BlockHeader*>(payload(BufferGetPage(buffer)) + start % kPayload);
        const int slot = free_slot(*header, which);
        if (slot < 0) continue;
        *claim = {buffer, extent, start, block, static_cast<uint32>(slot), 0};
        if ((header->owns >> slot & 1) != 0) {
          read_extent_bytes(file, extent, PageKind::codes, start + layout.copies + 4 * slot, 4,
                            reinterpret_cast<char*>(&claim->owned_copy), buffer);
        }
        return true;
      }
      UnlockReleaseBuffer(buffer);
    }
    extent = next;
    block = 0;
  }
  return false;
}

void grow_list(IndexFile& file, const MetaPage& meta, uint32 list, const ListEntry& entry,
               const BlockLayout& layout, bool move_open) {
  // An eighth of what the list has, so that a long list stays in few pieces and a short one small.
  const uint32 least = (layout.bytes + kPayload - 1) / kPayload;
  uint32 pages = Max(least, Min(entry.pages / 8, 32u));

  const EntryPlace place = entry_place(meta, list);
  Buffer directory = read_page(file, place.block, PageKind::directory, BUFFER_LOCK_EXCLUSIVE);
  ListEntry current;
  memcpy(&current, payload(BufferGetPage(directory)) + place.offset, sizeof(current));
  if (current.tail != entry.tail || !same_open(current, entry)) {  // somebody was faster
    UnlockReleaseBuffer(directory);
    return;
  }
  const BlockNumber fresh = allocate_extent(file, PageKind::codes, list, least, &pages);

  WalEdit edit(file, directory);
  page_info(edit.page(current.tail, PageKind::codes))->next = fresh;
  ListEntry* changed = reinterpret_cast<ListEntry*>(payload(edit.main_page()) + place.offset);
  changed->tail = fresh;
  if (move_open) {
    changed->open = fresh;
    changed->open_block = 0;
  }
  changed->pages += pages;
  edit.finish();
}

void advance_open(IndexFile& file, const MetaPage& meta, uint32 list, const ListEntry& entry,
                  BlockNumber extent, uint32 block) {
  const EntryPlace place = entry_place(meta, list);
  Buffer directory = read_page(file, place.block, PageKind::directory, BUFFER_LOCK_EXCLUSIVE);
  ListEntry current;
  memcpy(&current, payload(BufferGetPage(directory)) + place.offset, sizeof(current));
  if (!same_open(current, entry)) {
    UnlockReleaseBuffer(directory);
    return;
  }
  WalEdit edit(file, directory);
  ListEntry* changed = reinterpret_cast<ListEntry*>(payload(edit.main_page()) + place.offset);
  changed->open = extent;
  changed->open_block = block;
  edit.finish();
}

}  // namespace avq
