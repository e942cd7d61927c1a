#pragma once
// Rerank copies: fixed-size records in runs of contiguous pages, addressed by run and number.
//
// A record is immutable while a live slot points to it. A scan may still hold the address of a
// record that VACUUM and a later insert have given to another row; then the row it wanted is dead
// to its snapshot, and the heap says so.
#include "storage/wal_edit.h"

namespace avq {

struct CopyPlace {
  BlockNumber run;  // first page of the run
  uint32 record;    // number in it
};

inline CopyPlace copy_place(const CopyLayout& layout, uint32 address) {
  return {address >> layout.index_bits, address & ((1u << layout.index_bits) - 1)};
}
inline uint64 copy_address(const CopyLayout& layout, BlockNumber run, uint32 record) {
  return (uint64{run} << layout.index_bits) | record;
}

// The same for an address that a page has given, which is damaged if it is beyond its run.
inline CopyPlace checked_copy_place(Relation index, const CopyLayout& layout, uint32 address) {
  const CopyPlace place = copy_place(layout, address);
  if (place.record >= layout.run_records) {
    report_damage(index, place.run, "an address beyond its run of copies");
  }
  return place;
}

// Calls visit(const char* record) for the copy at `address`, under the share lock of its page (or
// on `scratch`, room for one record, if the record crosses a page's end).
template <class Visit>
void read_copy(IndexFile& file, const CopyLayout& layout, uint32 address, char* scratch,
               Visit&& visit) {
  const CopyPlace place = checked_copy_place(file.relation, layout, address);
  const uint64 start = uint64{place.record} * layout.bytes;
  const uint32 at = start % kPayload;
  if (at + layout.bytes <= kPayload) {
    const BlockNumber block = place.run + static_cast<BlockNumber>(start / kPayload);
    Buffer buffer = read_page(file, block, PageKind::copies, BUFFER_LOCK_SHARE);
    visit(const_cast<const char*>(payload(BufferGetPage(buffer)) + at));
    UnlockReleaseBuffer(buffer);
  } else {
    read_extent_bytes(file, place.run, PageKind::copies, start, layout.bytes, scratch);
    visit(const_cast<const char*>(scratch));
  }
}

// Prefetches the copy at `address` and what reading it takes.
inline void expect_copy(const IndexFile& file, const CopyLayout& layout, uint32 address) {
  const CopyPlace place = copy_place(layout, address);
  const uint64 start = uint64{place.record} * layout.bytes;
  BlockNumber block = place.run + static_cast<BlockNumber>(start / kPayload);
  Size at = start % kPayload;
  for (Size left = layout.bytes; left > 0; block++, at = 0) {
    const char* page = expect_page(file, block);
    if (page == nullptr) return;
    const Size take = Min(left, kPayload - at);
    prefetch_bytes(page + kPayloadStart + at, take);
    left -= take;
  }
}

// Takes the next record of the run whose first page, in an edit, is `page`. False if it is full.
bool take_record(Page page, const CopyLayout& layout, BlockNumber run, uint32* address);

// The same as part of `edit`, to which it adds the page.
bool reserve_copy(WalEdit& edit, const CopyLayout& layout, BlockNumber run, uint32* address);

// Writes a record as part of `edit`.
void write_copy(WalEdit& edit, const CopyLayout& layout, uint32 address, const char* record);

// Which of the meta page's tails this backend appends to: so that backends do not queue.
int copy_tail_choice();

// Gives the tail a new run unless another backend has done so since `meta` was read. Locks
// meta -> new pages. Updates `meta`.
void renew_copy_tail(IndexFile& file, const CopyLayout& layout, int tail, MetaPage* meta);

}  // namespace avq
