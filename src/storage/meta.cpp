#include "storage/meta.h"

#include "storage/wal_edit.h"

extern "C" {
#include "port/pg_crc32c.h"
}

namespace avq {

MetaPage* meta_in_page(Page page) { return reinterpret_cast<MetaPage*>(payload(page)); }

static uint32 meta_crc(const MetaPage* meta) {
  pg_crc32c crc;
  INIT_CRC32C(crc);
  COMP_CRC32C(crc, meta, offsetof(MetaPage, crc));
  FIN_CRC32C(crc);
  return crc;
}

void seal_meta(MetaPage* meta) {
  meta->magic = kMagic;
  meta->version = kFormatVersion;
  meta->crc = meta_crc(meta);
}

void write_meta_image(Page page, MetaPage* meta) {
  seal_meta(meta);
  init_page(page, kMetaBlock, PageKind::meta, 0, 0, 1, 0);
  memcpy(payload(page), meta, sizeof(*meta));
}

void read_meta(IndexFile& file, MetaPage* meta) {
  Buffer buffer = read_page(file, kMetaBlock, PageKind::meta, BUFFER_LOCK_SHARE);
  memcpy(meta, payload(BufferGetPage(buffer)), sizeof(*meta));
  UnlockReleaseBuffer(buffer);

  if (meta->magic != kMagic) report_damage(file.relation, kMetaBlock, "not an avq meta page");
  if (meta->version != kFormatVersion) {
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                    errmsg("index \"%s\" has format version %u, but this avq reads version %u",
                           RelationGetRelationName(file.relation), meta->version, kFormatVersion),
                    errhint("Rebuild it with REINDEX INDEX.")));
  }
  if (meta->crc != meta_crc(meta)) {
    report_damage(file.relation, kMetaBlock, "the meta page's checksum does not match");
  }
  file.generation = meta->generation;
}

void write_recall(IndexFile& file, const RecallModel& recall) {
  Buffer buffer = read_page(file, kMetaBlock, PageKind::meta, BUFFER_LOCK_EXCLUSIVE);
  WalEdit edit(file, buffer);
  MetaPage* meta = meta_in_page(edit.main_page());
  meta->recall = recall;
  meta->crc = meta_crc(meta);
  edit.finish();
}

void read_chain(IndexFile& file, BlockNumber first, PageKind kind, void* out, Size size) {
  char* at = static_cast<char*>(out);
  for (BlockNumber block = first; size > 0; block++) {
    CHECK_FOR_INTERRUPTS();
    const Size take = Min(size, kPayload);
    Buffer buffer = read_page(file, block, kind, BUFFER_LOCK_SHARE);
    memcpy(at, payload(BufferGetPage(buffer)), take);
    UnlockReleaseBuffer(buffer);
    at += take;
    size -= take;
  }
}

}  // namespace avq
