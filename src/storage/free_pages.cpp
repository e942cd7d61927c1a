#include "storage/free_pages.h"

extern "C" {
#include "storage/freespace.h"
#include "storage/smgr.h"
}

namespace avq {

namespace {

bool is_avq_page(Page page) { return !PageIsNew(page) && page_info(page)->page_id == kPageId; }

// Pins and locks the block if it is a free page and nobody holds its lock; else an invalid buffer.
Buffer lock_if_free(IndexFile& file, BlockNumber block) {
  Buffer buffer = ReadBuffer(file.relation, block);
  if (ConditionalLockBuffer(buffer)) {
    Page page = BufferGetPage(buffer);
    if (is_avq_page(page) && page_info(page)->kind == PageKind::free) return buffer;
    LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
  }
  ReleaseBuffer(buffer);
  return InvalidBuffer;
}

// Whether the (locked) page belongs to nothing. A new page was left by a crash: whoever extends the
// file keeps the lock of a page until it is initialised.
bool is_left_over(const IndexFile& file, Page page) {
  if (!is_avq_page(page)) return PageIsNew(page);
  const PageInfo* info = page_info(page);
  if (info->kind == PageKind::meta || info->kind == PageKind::copies ||
      info->kind == PageKind::free) {
    return false;
  }
  return info->generation != page_generation(info->kind, file.generation);
}

void stamp(IndexFile& file, Buffer buffer) {
  GenericXLogState* state = GenericXLogStart(file.relation);
  // What the page holds does not matter: only the stamp is logged, where there is a page to change.
  const bool empty = PageIsNew(BufferGetPage(buffer));
  Page page = GenericXLogRegisterBuffer(state, buffer, empty ? GENERIC_XLOG_FULL_IMAGE : 0);
  if (empty) {
    init_page(page, BufferGetBlockNumber(buffer), PageKind::free, 0, 0, 1, 0);
  } else {
    page_info(page)->kind = PageKind::free;
    page_info(page)->generation = 0;
  }
  seal_page(page);
  log_change(state);
}

}  // namespace

uint32 take_free_pages(IndexFile& file, uint32 least, uint32 most, Buffer* buffers) {
  constexpr int kTries = 4;  // the map's hints may be wrong, and runs too short
  BlockNumber rejected[kTries];
  int rejects = 0;
  uint32 taken = 0;
  while (rejects < kTries && taken == 0) {
    const BlockNumber first = GetFreeIndexPage(file.relation);
    if (first == InvalidBlockNumber) break;
    const BlockNumber end = RelationGetNumberOfBlocks(file.relation);
    while (taken < most && first + taken < end) {
      Buffer buffer = lock_if_free(file, first + taken);
      if (!BufferIsValid(buffer)) break;
      buffers[taken++] = buffer;
    }
    if (taken >= least && taken > 0) break;
    // Free, but too short a run: others may want it. The map has lost it for now, or it would come
    // again.
    rejected[rejects++] = taken > 0 ? first : InvalidBlockNumber;
    while (taken > 0) UnlockReleaseBuffer(buffers[--taken]);
  }
  for (uint32 i = 1; i < taken; i++) {
    RecordUsedIndexPage(file.relation, BufferGetBlockNumber(buffers[i]));
  }
  for (int i = 0; i < rejects; i++) {
    if (rejected[i] != InvalidBlockNumber) RecordFreeIndexPage(file.relation, rejected[i]);
  }
  return taken;
}

uint32 sweep_free_pages(IndexFile& file) {
  const bool local = RELATION_IS_LOCAL(file.relation);
  // Whoever has extended the file before this has locked what he added.
  if (!local) LockRelationForExtension(file.relation, ExclusiveLock);
  const BlockNumber end = RelationGetNumberOfBlocks(file.relation);
  if (!local) UnlockRelationForExtension(file.relation, ExclusiveLock);

  uint32 stamped = 0;
  for (BlockNumber block = kMetaBlock + 1; block < end; block++) {
    vacuum_delay(false);
    Buffer buffer =
        ReadBufferExtended(file.relation, MAIN_FORKNUM, block, RBM_NORMAL, file.strategy);
    LockBuffer(buffer, BUFFER_LOCK_SHARE);
    bool left_over = is_left_over(file, BufferGetPage(buffer));
    if (left_over) {
      LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
      LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
      left_over = is_left_over(file, BufferGetPage(buffer));
      if (left_over) {
        stamp(file, buffer);
        stamped++;
      }
    }
    Page page = BufferGetPage(buffer);
    const bool free = is_avq_page(page) && page_info(page)->kind == PageKind::free;
    UnlockReleaseBuffer(buffer);
    if (free) RecordFreeIndexPage(file.relation, block);
  }
  IndexFreeSpaceMapVacuum(file.relation);
  return stamped;
}

BlockNumber count_free_pages(Relation index) {
  if (!smgrexists(RelationGetSmgr(index), FSM_FORKNUM)) return 0;
  const BlockNumber end = RelationGetNumberOfBlocks(index);
  BlockNumber count = 0;
  for (BlockNumber block = kMetaBlock + 1; block < end; block++) {
    if ((block & 1023) == 0) CHECK_FOR_INTERRUPTS();
    if (GetRecordedFreeSpace(index, block) > 0) count++;
  }
  return count;
}

}  // namespace avq
