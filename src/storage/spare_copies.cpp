#include "storage/spare_copies.h"

#include "storage/wal_edit.h"

namespace avq {

namespace {

// From `list` on, the first list that had dead slots with copies when VACUUM counted last, and has
// not been found empty since; `end` if there is none before it.
uint32 list_with_dead(IndexFile& file, const MetaPage& meta, uint32 list, uint32 end,
                      ListEntry* found) {
  while (list < end) {
    const EntryPlace place = entry_place(meta, list);
    Buffer buffer = read_page(file, place.block, PageKind::directory, BUFFER_LOCK_SHARE);
    const char* entries = payload(BufferGetPage(buffer));
    for (uint32 at = place.offset; list < end && at < kEntriesPerPage * sizeof(ListEntry);
         list++, at += sizeof(ListEntry)) {
      memcpy(found, entries + at, sizeof(ListEntry));
      if (found->dead > 0) {
        UnlockReleaseBuffer(buffer);
        return list;
      }
    }
    UnlockReleaseBuffer(buffer);
  }
  return end;
}

// The list has no such slot any more; unless VACUUM has counted it again meanwhile.
void note_none_left(IndexFile& file, const MetaPage& meta, uint32 list, const ListEntry& entry) {
  const EntryPlace place = entry_place(meta, list);
  WalEdit edit(file, read_page(file, place.block, PageKind::directory, BUFFER_LOCK_EXCLUSIVE));
  ListEntry* stored = reinterpret_cast<ListEntry*>(payload(edit.main_page()) + place.offset);
  if (stored->dead != entry.dead || stored->live != entry.live) {
    edit.abandon();
    return;
  }
  stored->dead = 0;
  edit.finish();
}

uint32 take_from(IndexFile& file, const MetaPage& meta, const BlockLayout& layout, uint32 begin,
                 uint32 end, uint32* list) {
  for (;;) {
    ListEntry entry;
    *list = list_with_dead(file, meta, begin, end, &entry);
    if (*list == end) return 0;
    SlotClaim claim;
    if (claim_slot(file, *list, entry, layout, FreeSlots::with_copy, &claim)) {
      WalEdit edit(file, claim.buffer);
      BlockHeader* header =
          reinterpret_cast<BlockHeader*>(payload(edit.main_page()) + claim.start % kPayload);
      header->owns &= ~(1u << claim.slot);
      edit.finish();
      return claim.owned_copy;
    }
    note_none_left(file, meta, *list, entry);
    begin = *list;
  }
}

}  // namespace

uint32 take_spare_copy(IndexFile& file, const MetaPage& meta, const BlockLayout& layout) {
  if (meta.relisting != 0) return 0;
  // Where this backend found one last, or somewhere: so that backends do not queue.
  static uint32 hint = 0;
  if (hint == 0) hint = static_cast<uint32>(MyProcPid) * 2654435761u;
  const uint32 start = hint % meta.shape.lists;
  uint32 list;
  uint32 address = take_from(file, meta, layout, start, meta.shape.lists, &list);
  if (address == 0) address = take_from(file, meta, layout, 0, start, &list);
  if (address != 0) hint = list;
  return address;
}

}  // namespace avq
