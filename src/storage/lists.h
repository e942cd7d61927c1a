#pragma once
// Inverted lists: their directory entries, extents and blocks.
//
// A list is a chain of extents (page_info()->next of an extent's first page); an extent is a run of
// contiguous pages whose payloads hold blocks one after another.
#include "storage/page.h"

namespace avq {

inline uint32 total_lists(const MetaPage& meta) { return meta.shape.lists + kSpecialLists; }
inline uint32 special_list(const MetaPage& meta, uint32 which) { return meta.shape.lists + which; }

inline uint32 extent_blocks(uint32 pages, const BlockLayout& layout) {
  return static_cast<uint32>(uint64{pages} * kPayload / layout.bytes);
}

void read_entry(IndexFile& file, const MetaPage& meta, uint32 list, ListEntry* entry);

inline bool same_open(const ListEntry& a, const ListEntry& b) {
  return a.open == b.open && a.open_block == b.open_block;
}

// Where an entry lies: its directory block and byte offset in the payload.
struct EntryPlace {
  BlockNumber block;
  uint32 offset;
};
EntryPlace entry_place(const MetaPage& meta, uint32 list);

// The PageInfo of a (locked) page of a list, checked to be page `index` of an extent of `list`.
const PageInfo* check_list_page(IndexFile& file, Buffer buffer, uint32 list, uint32 index);

inline constexpr char kSlotWithoutRow[] = "a live slot without a row";
inline constexpr char kChainCircle[] = "a list's extents form a circle";

// Whether a page's end, `shown` bytes behind a block's beginning, cuts a TID in two. An insert that
// comes between the reading of the two pages would leave half of the old TID and half of its own:
// another row's, perhaps.
inline bool cuts_tid(const BlockLayout& layout, uint32 shown) {
  return shown > layout.tids && shown < layout.tids + kBlockRows * sizeof(ItemPointerData) &&
         (shown - layout.tids) % sizeof(ItemPointerData) != 0;
}

// A block seen by a walk. Bytes are valid during the visit only.
struct BlockView {
  const char* bytes;
  const BlockLayout* layout;

  const BlockHeader* header() const { return reinterpret_cast<const BlockHeader*>(bytes); }
  const uint16* scales() const { return reinterpret_cast<const uint16*>(bytes + layout->scales); }
  const float* offsets() const {
    return layout->offsets == 0 ? nullptr : reinterpret_cast<const float*>(bytes + layout->offsets);
  }
  const ItemPointerData* tids() const {
    return reinterpret_cast<const ItemPointerData*>(bytes + layout->tids);
  }
  uint32 copy(uint32 slot) const {
    return layout->copies == 0 ? 0 : reinterpret_cast<const uint32*>(bytes + layout->copies)[slot];
  }
  const uint8* codes() const { return reinterpret_cast<const uint8*>(bytes + layout->codes); }
};

// Shows every block of the list whose first extent is `head` to `visitor`, in physical order: each
// page is pinned and share-locked once, one at a time. visitor.whole(const BlockView&) gets a block
// that lies on one page, under the lock of that page.
//
// A block that crosses a page's end is shown as it comes: visitor.codes(const uint8*, first, n)
// gets its code rows first .. first + n - 1, under the lock of their page, and when all of them
// have been shown, visitor.crossing(const BlockView&) its header and columns, no codes, from
// `carry`, which has room for one block less its codes.
//
// The visitor must not lock anything and must not raise an error. `after` is a page that the caller
// will want next, or invalid: it and the list's own next pages are prefetched. Returns the number
// of pages read.
template <class Visitor>
uint32 for_each_block(IndexFile& file, BlockNumber head, uint32 list, const BlockLayout& layout,
                      char* carry, BlockNumber after, Visitor& visitor) {
  uint32 pages_read = 0;
  BlockNumber extent = head;
  Buffer torn = InvalidBuffer;  // a page whose end cuts a TID: locked until the next one is
  while (extent != InvalidBlockNumber) {
    BlockNumber next = InvalidBlockNumber;
    uint32 pages = 1, blocks = 0;  // blocks: that are left
    uint32 shown = 0;              // bytes of a crossing block
    // Shows the next `length` bytes of a crossing block.
    const auto show = [&](const char* at, uint32 length) {
      const uint32 columns = Min(length, layout.codes - Min(shown, layout.codes));
      memcpy(carry + shown, at, columns);
      if (length > columns) {
        const uint32 first = (shown + columns - layout.codes) / kCodeRowBytes;
        visitor.codes(reinterpret_cast<const uint8*>(at + columns), first,
                      (length - columns) / kCodeRowBytes);
      }
      shown += length;
    };
    for (uint32 i = 0; i < pages; i++) {
      CHECK_FOR_INTERRUPTS();
      Buffer buffer = read_page(file, extent + i, PageKind::codes, BUFFER_LOCK_SHARE);
      if (BufferIsValid(torn)) UnlockReleaseBuffer(torn);
      torn = InvalidBuffer;
      const PageInfo* info = check_list_page(file, buffer, list, i);
      if (i == 0) {
        pages = info->extent_pages;
        blocks = extent_blocks(pages, layout);
        next = info->next;
      }
      const BlockNumber following = i + 1 < pages                ? extent + i + 1
                                    : next != InvalidBlockNumber ? next
                                                                 : after;
      const char* ahead = expect_page(file, following);
      const char* at = payload(BufferGetPage(buffer));
      uint32 left = kPayload;
      if (shown > 0) {
        const uint32 take = Min(layout.bytes - shown, left);
        if (ahead != nullptr) prefetch_bytes(ahead + (BLCKSZ - left), take);
        show(at, take);
        at += take;
        left -= take;
        if (shown == layout.bytes) {
          visitor.crossing(BlockView{carry, &layout});
          shown = 0;
        }
      }
      for (; left >= layout.bytes && blocks > 0; blocks--) {
        // As much of the next page as of this one is used meanwhile.
        const BlockView view = {at, &layout};
        if (ahead != nullptr && view.header()->used != 0) {
          prefetch_bytes(ahead + (BLCKSZ - left), layout.bytes);
        }
        visitor.whole(view);
        at += layout.bytes;
        left -= layout.bytes;
      }
      // What follows the last block is no block, even where it is pages long.
      if (left > 0 && shown == 0 && blocks > 0) {
        blocks--;
        if (ahead != nullptr) prefetch_bytes(ahead + (BLCKSZ - left), left);
        show(at, left);
        if (cuts_tid(layout, left)) torn = buffer;
      }
      if (buffer != torn) UnlockReleaseBuffer(buffer);
      if (++pages_read > file.blocks && pages_read > RelationGetNumberOfBlocks(file.relation)) {
        report_damage(file.relation, extent, kChainCircle);
      }
    }
    extent = next;
  }
  return pages_read;
}

// Counts the extents of a chain as it is walked, to stop at a circle.
struct ChainCount {
  BlockNumber extents;

  void step(IndexFile& file, BlockNumber extent) {
    if (++extents > file.blocks && extents > RelationGetNumberOfBlocks(file.relation)) {
      report_damage(file.relation, extent, kChainCircle);
    }
  }
};

// Calls visit(extent, block, const BlockView&) for the list's blocks from a place on, with no lock
// held: the header and the columns are there, codes are not. `carry` has room for them; pause() is
// called before each block.
template <class Pause, class Visit>
void walk_blocks(IndexFile& file, uint32 list, const BlockLayout& layout, BlockNumber extent,
                 uint32 block, char* carry, Pause&& pause, Visit&& visit) {
  for (ChainCount chain = {}; extent != InvalidBlockNumber;) {
    chain.step(file, extent);
    Buffer first = read_page(file, extent, PageKind::codes, BUFFER_LOCK_SHARE);
    const PageInfo info = *check_list_page(file, first, list, 0);
    UnlockReleaseBuffer(first);
    const uint32 blocks = extent_blocks(info.extent_pages, layout);
    for (; block < blocks; block++) {
      pause();
      read_extent_bytes(file, extent, PageKind::codes, uint64{block} * layout.bytes, layout.codes,
                        carry);
      visit(extent, block, BlockView{carry, &layout});
    }
    extent = info.next;
    block = 0;
  }
}

// A slot that an insert has claimed: its block's header page is exclusively locked.
struct SlotClaim {
  Buffer buffer;       // page of the block's header
  BlockNumber extent;  // first page of the extent
  uint64 start;        // byte of the block in the extent's payloads
  uint32 block;        // number of the block in the extent
  uint32 slot;
  uint32 owned_copy;  // the copy address that the dead slot owns, or 0
};

// Which dead slots will do: some own a copy record.
enum class FreeSlots { any, without_copy, with_copy };

// Finds a free slot from the entry's open position on. Returns false, with nothing locked, when
// there is none.
bool claim_slot(IndexFile& file, uint32 list, const ListEntry& entry, const BlockLayout& layout,
                FreeSlots which, SlotClaim* claim);

// Appends an extent to a list if its entry still is what `entry` says; another backend may have
// grown it, or VACUUM have freed slots, then nothing is done. `move_open`: the open position moves
// there too. Locks directory -> last extent's first page -> new pages.
void grow_list(IndexFile& file, const MetaPage& meta, uint32 list, const ListEntry& entry,
               const BlockLayout& layout, bool move_open);

// Moves a list's open position forward to where a free slot was found, if it still is where `entry`
// says: VACUUM may have moved it back to slots that it freed, and these must not be passed over.
void advance_open(IndexFile& file, const MetaPage& meta, uint32 list, const ListEntry& entry,
                  BlockNumber extent, uint32 block);

}  // namespace avq
