#include "storage/copies.h"

#include "storage/meta.h"

namespace avq {

bool take_record(Page page, const CopyLayout& layout, BlockNumber run, uint32* address) {
  PageInfo* info = page_info(page);
  if (info->owner >= layout.run_records) return false;
  *address = static_cast<uint32>(copy_address(layout, run, info->owner));
  info->owner++;
  return true;
}

bool reserve_copy(WalEdit& edit, const CopyLayout& layout, BlockNumber run, uint32* address) {
  return take_record(edit.page(run, PageKind::copies), layout, run, address);
}

void write_copy(WalEdit& edit, const CopyLayout& layout, uint32 address, const char* record) {
  const CopyPlace place = checked_copy_place(edit.index(), layout, address);
  uint64 start = uint64{place.record} * layout.bytes;
  uint32 left = layout.bytes;
  while (left > 0) {
    const uint32 at = start % kPayload;
    const uint32 take = Min(left, static_cast<uint32>(kPayload) - at);
    Page page = edit.page(place.run + static_cast<BlockNumber>(start / kPayload), PageKind::copies);
    memcpy(payload(page) + at, record, take);
    record += take;
    start += take;
    left -= take;
  }
}

int copy_tail_choice() { return MyProcPid % kCopyTails; }

void renew_copy_tail(IndexFile& file, const CopyLayout& layout, int tail, MetaPage* meta) {
  Buffer buffer = read_page(file, kMetaBlock, PageKind::meta, BUFFER_LOCK_EXCLUSIVE);
  const BlockNumber current = meta_in_page(BufferGetPage(buffer))->copy_tails[tail];
  if (current != meta->copy_tails[tail]) {  // another backend was faster
    meta->copy_tails[tail] = current;
    UnlockReleaseBuffer(buffer);
    return;
  }
  uint32 pages = layout.run_pages;
  const BlockNumber run = allocate_extent(file, PageKind::copies, 0, pages, &pages);
  if (copy_address(layout, run, layout.run_records) > PG_UINT32_MAX) {
    UnlockReleaseBuffer(buffer);
    ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                    errmsg("index \"%s\" is too large", RelationGetRelationName(file.relation)),
                    errhint("Partition the table, or use rerank = 'int8' or 'heap'.")));
  }
  WalEdit edit(file, buffer);
  meta_in_page(edit.main_page())->copy_tails[tail] = run;
  edit.finish();
  meta->copy_tails[tail] = run;
}

}  // namespace avq
