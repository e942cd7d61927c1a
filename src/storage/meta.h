#pragma once
// The meta page: read and checked at the start of every operation, written once by the build; only
// its copy tails change later.
#include "storage/page.h"

namespace avq {

// Copies and checks the meta page. Errors: ERRCODE_INDEX_CORRUPTED, or for another format version
// ERRCODE_FEATURE_NOT_SUPPORTED with a hint to REINDEX.
void read_meta(IndexFile& file, MetaPage* meta);

// Fills a page image; computes the checksum.
void write_meta_image(Page page, MetaPage* meta);

// The place of the meta data in its (locked) page.
MetaPage* meta_in_page(Page page);

// Reads `size` bytes of the chain of contiguous pages that starts at `first` (the model's floats).
void read_chain(IndexFile& file, BlockNumber first, PageKind kind, void* out, Size size);

}  // namespace avq
