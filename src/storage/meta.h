#pragma once
// The meta page: read and checked at the start of every operation, written once a generation; only
// the recall model and its last fields, which have no checksum, change in between.
#include "storage/page.h"

namespace avq {

// Copies and checks the meta page. Errors: ERRCODE_INDEX_CORRUPTED, or for another format version
// ERRCODE_FEATURE_NOT_SUPPORTED with a hint to REINDEX.
void read_meta(IndexFile& file, MetaPage* meta);  // sets the file's generation

// Computes the checksum.
void seal_meta(MetaPage* meta);

// Fills a page image; computes the checksum.
void write_meta_image(Page page, MetaPage* meta);

// Replaces the recall model, WAL-logged. The caller's lock on the index keeps others from doing so
// at the same time; meta page locked meanwhile, none on exit.
void write_recall(IndexFile& file, const RecallModel& recall);

// The place of the meta data in its (locked) page.
MetaPage* meta_in_page(Page page);

// Reads `size` bytes of the chain of contiguous pages that starts at `first` (the model's floats).
void read_chain(IndexFile& file, BlockNumber first, PageKind kind, void* out, Size size);

// The generation lock. An insert holds it shared from reading the meta page until its row is
// published, so that no row goes to lists that are retired meanwhile; VACUUM holds it exclusively
// for moments, when a re-listing begins and when its lists replace the old ones. No content lock is
// held while waiting for it.
inline void lock_generation(Relation index, LOCKMODE mode) {
  if (!RELATION_IS_LOCAL(index)) LockPage(index, kMetaBlock, mode);
}
inline void unlock_generation(Relation index, LOCKMODE mode) {
  if (!RELATION_IS_LOCAL(index)) UnlockPage(index, kMetaBlock, mode);
}

}  // namespace avq
