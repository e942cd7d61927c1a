#pragma once
// The meta page: read and checked at the start of every operation, written by the build; only its
// copy tails and the recall model change later.
#include "storage/page.h"

namespace avq {

// Copies and checks the meta page. Errors: ERRCODE_INDEX_CORRUPTED, or for another format version
// ERRCODE_FEATURE_NOT_SUPPORTED with a hint to REINDEX.
void read_meta(IndexFile& file, MetaPage* meta);

// Fills a page image; computes the checksum.
void write_meta_image(Page page, MetaPage* meta);

// Replaces the recall model, WAL-logged. The caller's lock on the index keeps others from doing so
// at the same time; meta page locked meanwhile, none on exit.
void write_recall(IndexFile& file, const RecallModel& recall);

// The place of the meta data in its (locked) page.
MetaPage* meta_in_page(Page page);

// Reads `size` bytes of the chain of contiguous pages that starts at `first` (the model's floats).
void read_chain(IndexFile& file, BlockNumber first, PageKind kind, void* out, Size size);

}  // namespace avq
