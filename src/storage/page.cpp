#include "storage/page.h"

#include "storage/free_pages.h"

extern "C" {
#include "port/pg_crc32c.h"
}

namespace avq {

void report_damage(Relation index, BlockNumber block, const char* what) {
  ereport(ERROR, (errcode(ERRCODE_INDEX_CORRUPTED),
                  errmsg("index \"%s\" is damaged at block %u: %s", RelationGetRelationName(index),
                         block, what),
                  errhint("Rebuild it with REINDEX INDEX, and find out what damaged the file.")));
  pg_unreachable();
}

void init_page(Page page, BlockNumber block, PageKind kind, uint32 generation, uint32 owner,
               uint32 extent_pages, uint32 extent_index) {
  PageInit(page, BLCKSZ, 0);
  PageInfo* info = page_info(page);
  info->next = InvalidBlockNumber;
  info->owner = owner;
  info->extent_pages = static_cast<uint16>(extent_pages);
  info->extent_index = static_cast<uint16>(extent_index);
  info->kind = kind;
  info->generation = page_generation(kind, generation);
  info->page_id = kPageId;
  info->block = block;
  reinterpret_cast<PageHeader>(page)->pd_lower = BLCKSZ;
}

uint32 page_crc(Page page) {
  // The server sets the LSN and its own checksum later.
  constexpr Size kFrom = offsetof(PageHeaderData, pd_flags);
  constexpr Size kCrc = kInfoStart + offsetof(PageInfo, crc), kAfter = kCrc + sizeof(uint32);
  pg_crc32c crc;
  INIT_CRC32C(crc);
  COMP_CRC32C(crc, page + kFrom, kCrc - kFrom);
  COMP_CRC32C(crc, page + kAfter, BLCKSZ - kAfter);
  FIN_CRC32C(crc);
  return crc;
}

const char* kind_name(PageKind kind) {
  switch (kind) {
    case PageKind::meta:
      return "the meta data";
    case PageKind::model:
      return "the model";
    case PageKind::directory:
      return "the directory";
    case PageKind::codes:
      return "codes";
    case PageKind::copies:
      return "copies";
    case PageKind::free:
      return "nothing";
  }
  return "an unknown kind";
}

void check_page(Relation index, BlockNumber block, Page page, PageKind kind) {
  const PageHeaderData* header = reinterpret_cast<PageHeader>(page);
  if (PageIsNew(page)) report_damage(index, block, "the page is empty");
  if (header->pd_special != BLCKSZ || header->pd_lower != BLCKSZ || header->pd_upper != BLCKSZ ||
      page_info(page)->page_id != kPageId) {
    report_damage(index, block, "not a page of an avq index");
  }
  const PageInfo* info = page_info(page);
  if (info->kind != kind) {
    report_damage(
        index, block,
        psprintf("a page of %s where one of %s belongs", kind_name(info->kind), kind_name(kind)));
  }
  if (info->block != block) {
    report_damage(index, block,
                  psprintf("a page of %s that belongs to block %u", kind_name(kind), info->block));
  }
}

static void check_block_number(IndexFile& file, BlockNumber block) {
  if (block < file.blocks) return;
  file.blocks = RelationGetNumberOfBlocks(file.relation);
  if (block >= file.blocks) {
    report_damage(file.relation, block, "a page beyond the end of the file");
  }
}

// Pins a block, by the hint where there is a good one.
static Buffer pin_block(IndexFile& file, BlockNumber block) {
  RecentBuffers* recent = file.recent;
  if (recent == nullptr || block >= recent->blocks) {
    return ReadBufferExtended(file.relation, MAIN_FORKNUM, block, RBM_NORMAL, file.strategy);
  }
  Buffer* hint = &recent->buffers[block];
  // Every now and then the long way: it counts the page as used, so that it stays in memory.
  constexpr uint32 kLongWayEvery = 64;
  if (*hint != InvalidBuffer && ++recent->uses % kLongWayEvery != 0 &&
      read_recent_buffer(file.relation, block, *hint)) {
    return *hint;
  }
  *hint = ReadBuffer(file.relation, block);
  return *hint;
}

Buffer read_page(IndexFile& file, BlockNumber block, PageKind kind, int lock_mode) {
  check_block_number(file, block);
  Buffer buffer = pin_block(file, block);
  LockBuffer(buffer, lock_mode);
  Page page = BufferGetPage(buffer);
  check_page(file.relation, block, page, kind);
  if (page_info(page)->generation != page_generation(kind, file.generation)) {
    report_damage(file.relation, block, "a page of another generation");
  }
  check_snapshot_age(file.snapshot, file.relation, page);
  return buffer;
}

void read_extent_bytes(IndexFile& file, BlockNumber first, PageKind kind, uint64 start,
                       uint32 length, char* out, Buffer held) {
  BlockNumber block = first + static_cast<BlockNumber>(start / kPayload);
  uint32 at = start % kPayload;
  Buffer before = InvalidBuffer;  // the page before stays locked until this one is
  while (length > 0) {
    const uint32 take = Min(length, static_cast<uint32>(kPayload) - at);
    if (BufferIsValid(held) && BufferGetBlockNumber(held) == block) {
      memcpy(out, payload(BufferGetPage(held)) + at, take);
    } else {
      Buffer buffer = read_page(file, block, kind, BUFFER_LOCK_SHARE);
      if (BufferIsValid(before)) UnlockReleaseBuffer(before);
      before = buffer;
      memcpy(out, payload(BufferGetPage(buffer)) + at, take);
    }
    out += take;
    length -= take;
    block++;
    at = 0;
  }
  if (BufferIsValid(before)) UnlockReleaseBuffer(before);
}

constexpr uint32 kMostHeldPages = 64;  // at a time: each keeps a buffer pinned and locked

static BlockNumber extend_by(IndexFile& file, uint32 pages, Buffer* buffers) {
  const bool local = RELATION_IS_LOCAL(file.relation);
  BlockNumber first = InvalidBlockNumber;
  if (!local) LockRelationForExtension(file.relation, ExclusiveLock);
  for (uint32 i = 0; i < pages; i++) {
    if (buffers == nullptr) CHECK_FOR_INTERRUPTS();  // no content lock is held
    Buffer buffer = extend_fork(file.relation, MAIN_FORKNUM);
    AVQ_STOP_POINT("page_added");
    const BlockNumber block = BufferGetBlockNumber(buffer);
    if (i == 0) first = block;
    if (block != first + i) {
      elog(ERROR, "new pages of index \"%s\" are not contiguous",
           RelationGetRelationName(file.relation));
    }
    if (buffers != nullptr) {
      buffers[i] = buffer;
    } else {
      UnlockReleaseBuffer(buffer);
    }
  }
  if (!local) UnlockRelationForExtension(file.relation, ExclusiveLock);
  return first;
}

BlockNumber reserve_pages(IndexFile& file, PageKind kind, uint32 pages) {
  Buffer buffers[kMostHeldPages];
  if (pages > kMostHeldPages || take_free_pages(file, pages, pages, buffers) == 0) {
    return extend_by(file, pages, nullptr);
  }
  const BlockNumber first = BufferGetBlockNumber(buffers[0]);
  for (uint32 i = 0; i < pages; i++) {
    GenericXLogState* state = GenericXLogStart(file.relation);
    Page page = GenericXLogRegisterBuffer(state, buffers[i], 0);
    PageInfo* info = page_info(page);
    info->kind = kind;
    info->generation = page_generation(kind, file.generation);
    seal_page(page);
    log_change(state);
  }
  for (uint32 i = 0; i < pages; i++) UnlockReleaseBuffer(buffers[i]);
  return first;
}

BlockNumber allocate_extent(IndexFile& file, PageKind kind, uint32 owner, uint32 least,
                            uint32* pages) {
  Buffer buffers[kMostHeldPages] = {};
  Assert(*pages >= 1 && *pages <= kMostHeldPages && least <= *pages);

  // A crash before the caller links the extent leaves pages that nothing refers to: lost space,
  // never wrong contents.
  const uint32 taken = take_free_pages(file, least, *pages, buffers);
  if (taken > 0) {
    *pages = taken;
  } else {
    extend_by(file, *pages, buffers);
  }
  for (uint32 i = 0; i < *pages;) {
    GenericXLogState* state = GenericXLogStart(file.relation);
    const uint32 end = Min(*pages, i + MAX_GENERIC_XLOG_PAGES);
    for (; i < end; i++) {
      Page page = GenericXLogRegisterBuffer(state, buffers[i], GENERIC_XLOG_FULL_IMAGE);
      init_page(page, BufferGetBlockNumber(buffers[i]), kind, file.generation, owner, *pages, i);
      seal_page(page);
    }
    log_change(state);
  }
  const BlockNumber first = BufferGetBlockNumber(buffers[0]);
  for (uint32 i = 0; i < *pages; i++) UnlockReleaseBuffer(buffers[i]);
  return first;
}

}  // namespace avq
