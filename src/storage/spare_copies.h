#pragma once
// Copy records of dead slots, whichever list they are in: rows that arrive need not resemble those
// that left, and space that only alike rows could take would be lost to them.
#include "storage/lists.h"

namespace avq {

// Takes the copy record of some dead slot away from it; returns its address, or 0 if VACUUM has
// left none, or has them all in its hands (a re-listing is under way). A WAL record of its own:
// unless a slot that owns the record is published afterwards, its space is lost.
// Call with the generation lock, and without content locks.
uint32 take_spare_copy(IndexFile& file, const MetaPage& meta, const BlockLayout& layout);

// An index is built, maybe in the very file of a former one (TRUNCATE of a table that is new in its
// transaction): where copies were found before says nothing now.
void forget_spare_copies();

}  // namespace avq
