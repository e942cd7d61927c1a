#include "index/check_owners.h"

#include <algorithm>

namespace avq {

namespace {

struct SlotPlace {
  BlockNumber extent;  // invalid: none yet
  uint32 block, slot;
};

bool still_owns(IndexFile& file, const BlockLayout& layout, const SlotPlace& place, uint32 copy,
                char* carry) {
  read_extent_bytes(file, place.extent, PageKind::codes, uint64{place.block} * layout.bytes,
                    layout.codes, carry);
  const BlockView view = {carry, &layout};
  return (view.header()->owns >> place.slot & 1) != 0 && view.copy(place.slot) == copy;
}

}  // namespace

void init_owners(CopyOwners* owners, const CopyLayout& layout, BlockNumber blocks) {
  const Size bytes = (Size{blocks} << layout.index_bits) / 8 + 1;
  owners->owned = static_cast<uint8*>(
      MemoryContextAllocExtended(CurrentMemoryContext, bytes, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO));
  owners->count = 0;
  owners->room = 64;
  owners->suspects = static_cast<uint32*>(palloc(owners->room * sizeof(uint32)));
}

void note_owner(CopyOwners* owners, uint32 copy) {
  uint8* bits = &owners->owned[copy / 8];
  const uint8 bit = static_cast<uint8>(1u << copy % 8);
  if ((*bits & bit) == 0) {
    *bits |= bit;
    return;
  }
  if (owners->count == owners->room) {
    owners->room *= 2;
    owners->suspects =
        static_cast<uint32*>(repalloc_huge(owners->suspects, owners->room * sizeof(uint32)));
  }
  owners->suspects[owners->count++] = copy;
}

void judge_suspects(CopyOwners* owners, IndexFile& file, const MetaPage& meta,
                    const ListGeometry& geometry, char* carry) {
  if (owners->count == 0) return;
  uint32* begin = owners->suspects;
  std::sort(begin, begin + owners->count);
  uint32* end = std::unique(begin, begin + owners->count);
  SlotPlace* first = static_cast<SlotPlace*>(MemoryContextAllocHuge(
      CurrentMemoryContext, sizeof(SlotPlace) * static_cast<Size>(end - begin)));
  for (Size i = 0; i < static_cast<Size>(end - begin); i++) first[i].extent = InvalidBlockNumber;

  char* other = static_cast<char*>(palloc(geometry.coded.codes));
  for (uint32 list = 0; list < meta.shape.lists; list++) {
    ListEntry entry;
    read_entry(file, meta, list, &entry);
    walk_blocks(
        file, list, geometry.coded, entry.head, 0, carry, [] { CHECK_FOR_INTERRUPTS(); },
        [&](BlockNumber extent, uint32 block, const BlockView& view) {
          for (uint32 owns = view.header()->owns; owns != 0; owns &= owns - 1) {
            const uint32 slot = static_cast<uint32>(__builtin_ctz(owns));
            const uint32 copy = view.copy(slot);
            const uint32* suspect = std::lower_bound(begin, end, copy);
            if (suspect == end || *suspect != copy) continue;
            SlotPlace* met = &first[suspect - begin];
            const SlotPlace here = {extent, block, slot};
            // Owners change one after the other: two that both own it before and after a look at
            // one of them do so at once.
            if (met->extent != InvalidBlockNumber &&
                still_owns(file, geometry.coded, *met, copy, other) &&
                still_owns(file, geometry.coded, here, copy, other) &&
                still_owns(file, geometry.coded, *met, copy, other)) {
              report_damage(file.relation,
                            extent + static_cast<BlockNumber>(uint64{block} * geometry.coded.bytes /
                                                              kPayload),
                            "a copy that two slots own");
            }
            *met = here;
          }
        });
  }
}

}  // namespace avq
