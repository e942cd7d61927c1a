#pragma once
// Single pages: making, checking, reading under a lock.
//
// Errors: a page that cannot be what its place says is ERRCODE_INDEX_CORRUPTED, naming the index,
// the block and REINDEX. Nothing here trusts a number read from disk before it is checked.
#include "compat.h"
#include "stop_point.h"
#include "storage/format.h"

namespace avq {

// In which buffer a backend last found each block: a hint, checked before use, that spares the
// buffer table's hash, lock and cache misses, and tells where to prefetch from.
struct RecentBuffers {
  BlockNumber blocks;  // covered
  uint32 uses;
  Buffer* buffers;  // InvalidBuffer: unknown
};

// An open index and the number of its blocks when last asked: trivially destructible.
struct IndexFile {
  Relation relation;
  BlockNumber blocks;
  RecentBuffers* recent;          // or null
  BufferAccessStrategy strategy;  // of VACUUM: a few buffers, reused; else null
  uint32 generation;              // that pages are expected to have, or get: read_meta sets it
  Snapshot snapshot;              // of the scan that reads; else null
};

inline IndexFile open_file(Relation relation, BufferAccessStrategy strategy = nullptr) {
  return {relation, RelationGetNumberOfBlocks(relation), nullptr, strategy, 0, nullptr};
}

// What PageInfo says of the generation of a page of this kind.
inline uint8 page_generation(PageKind kind, uint32 generation) {
  const bool has_one =
      kind == PageKind::model || kind == PageKind::directory || kind == PageKind::codes;
  return has_one ? static_cast<uint8>(generation) : uint8{0};
}

inline void prefetch_bytes(const char* from, Size length) {
  constexpr Size kCacheLine = 64;
  // GCC takes a function that only prefetches for one without effect and drops its calls.
  asm volatile("");
  for (Size at = 0; at < length; at += kCacheLine) __builtin_prefetch(from + at, 0, 2);
}

// Prefetches what read_page will look at. Returns where the block's page probably lies in memory,
// or null: only for prefetching, since it may hold something else by now.
inline const char* expect_page(const IndexFile& file, BlockNumber block) {
  if (file.recent == nullptr || block >= file.recent->blocks) return nullptr;
  const Buffer buffer = file.recent->buffers[block];
  if (buffer <= 0) return nullptr;
  prefetch_descriptor(buffer);
  const char* page = static_cast<const char*>(BufferGetBlock(buffer));
  prefetch_bytes(page, kPayloadStart);
  return page;
}

// Makes a change of pages and its record: the only way that pages change once an index is built.
inline void log_change(GenericXLogState* state) {
  AVQ_STOP_POINT("before_record");
  GenericXLogFinish(state);
  AVQ_STOP_POINT("after_record");
}

[[noreturn]] void report_damage(Relation index, BlockNumber block, const char* what);

inline char* payload(Page page) { return page + kPayloadStart; }
inline PageInfo* page_info(Page page) { return reinterpret_cast<PageInfo*>(page + kInfoStart); }

// An empty page of `kind` at `block`; its PageInfo says extent_pages and extent_index, next is
// invalid.
void init_page(Page page, BlockNumber block, PageKind kind, uint32 generation, uint32 owner,
               uint32 extent_pages, uint32 extent_index);

// The checksum of what the page holds; seal_page() stores it, at the end of every change.
uint32 page_crc(Page page);
inline void seal_page(Page page) { page_info(page)->crc = page_crc(page); }

// "codes" and so on, for messages.
const char* kind_name(PageKind kind);

// Errors unless the (locked) page has the shape of an avq page of this kind and knows its place.
void check_page(Relation index, BlockNumber block, Page page, PageKind kind);

// Pins and locks a page and checks it, its generation too. lock_mode: BUFFER_LOCK_SHARE or
// _EXCLUSIVE.
Buffer read_page(IndexFile& file, BlockNumber block, PageKind kind, int lock_mode);

// Copies `length` bytes from byte `start` of the payloads of the pages that begin at `first`.
// One share lock at a time. `held` (or InvalidBuffer) is a page that the caller has locked.
void read_extent_bytes(IndexFile& file, BlockNumber first, PageKind kind, uint64 start,
                       uint32 length, char* out, Buffer held = InvalidBuffer);

// An extent of contiguous pages of `kind`, initialised and WAL-logged, unlinked: its first block.
// It has `*pages` pages, or, when free pages are at hand, as few as `least`: `*pages` says how
// many. May be called under content locks: it waits for locks of new pages only, and otherwise
// takes the relation extension lock.
BlockNumber allocate_extent(IndexFile& file, PageKind kind, uint32 owner, uint32 least,
                            uint32* pages);

// `pages` contiguous pages for somebody who will write them whole: the first block. They are free
// pages, marked as of `kind`, or new ones at the file's end, empty and unlogged until written.
BlockNumber reserve_pages(IndexFile& file, PageKind kind, uint32 pages);

}  // namespace avq
