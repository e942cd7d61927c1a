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
  if (stored->dead != entry.dead || stored->live != entry.live || !same_open(*stored, entry)) {
    edit.abandon();
    return;
  }
  stored->dead = 0;
  edit.finish();
}

// Where this backend took the last one: slots before it in its list have none, unless VACUUM has
// freed some since. Blocks do not move within a generation of a file.
struct Position {
  Oid index;
  uint32 file_number, generation;
  uint32 list;
  BlockNumber extent;
  uint32 block;
};
Position last = {};

bool is_of(const Position& position, const IndexFile& file, uint32 list) {
  return position.index == RelationGetRelid(file.relation) &&
         position.file_number == relation_file_number(file.relation) &&
         position.generation == file.generation && position.list == list;
}

uint32 take_from_list(IndexFile& file, uint32 list, const ListEntry& entry,
                      const BlockLayout& layout) {
  SlotClaim claim;
  bool found = false;
  if (is_of(last, file, list)) {
    ListEntry from_last = entry;
    from_last.open = last.extent;
    from_last.open_block = last.block;
    found = claim_slot(file, list, from_last, layout, FreeSlots::with_copy, &claim);
  }
  if (!found) found = claim_slot(file, list, entry, layout, FreeSlots::with_copy, &claim);
  if (!found) return 0;
  WalEdit edit(file, claim.buffer);
  BlockHeader* header =
      reinterpret_cast<BlockHeader*>(payload(edit.main_page()) + claim.start % kPayload);
  header->owns &= ~(1u << claim.slot);
  edit.finish();
  last = {RelationGetRelid(file.relation),
          relation_file_number(file.relation),
          file.generation,
          list,
          claim.extent,
          claim.block};
  return claim.owned_copy;
}

// From lists `begin` to `end` - 1.
uint32 take_from(IndexFile& file, const MetaPage& meta, const BlockLayout& layout, uint32 begin,
                 uint32 end) {
  for (;;) {
    ListEntry entry;
    begin = list_with_dead(file, meta, begin, end, &entry);
    if (begin == end) return 0;
    const uint32 address = take_from_list(file, begin, entry, layout);
    if (address != 0) return address;
    note_none_left(file, meta, begin, entry);
  }
}

}  // namespace

void forget_spare_copies() { last = {}; }

uint32 take_spare_copy(IndexFile& file, const MetaPage& meta, const BlockLayout& layout) {
  if (meta.relisting != 0) return 0;
  // Each backend begins elsewhere, so that they do not queue.
  const uint32 start = is_of(last, file, last.list)
                           ? last.list
                           : static_cast<uint32>(MyProcPid) * 2654435761u % meta.shape.lists;
  const uint32 address = take_from(file, meta, layout, start, meta.shape.lists);
  return address != 0 ? address : take_from(file, meta, layout, 0, start);
}

}  // namespace avq
