#pragma once
// Pages that nothing refers to any more: found, stamped, handed out again.
//
// A free page is one of kind `free`; the stamp is WAL-logged. The index's free space map, which is
// not, only says where to look: what it says is checked under the page's exclusive lock, and what
// it has forgotten (after a crash, or on a promoted standby) the next sweep finds again.
//
// Invariants:
//  * A page is stamped only when no scan can come to it: its generation is neither the present one
//    nor visible to any snapshot, here (GlobalVisCheckRemovableFullXid) or on a standby (a record
//    of a conflict goes ahead of the stamps).
//  * Only VACUUM sweeps, of which a table has one at a time.
// Locks: none on entry; one content lock at a time. take_free_pages never waits for one.
#include "storage/page.h"

namespace avq {

// Pins and exclusively locks free pages, `least` to `most` contiguous ones, and takes them out of
// the free space map: their number, or 0 if there is no such run at hand. They are still stamped
// free; the caller initialises them.
uint32 take_free_pages(IndexFile& file, uint32 least, uint32 most, Buffer* buffers);

// Stamps every page that belongs to no part of the file's generation, and tells the free space map
// of all free pages. Reads the whole file. Returns the number of pages stamped.
uint32 sweep_free_pages(IndexFile& file);

// Pages of which the free space map knows that they are free.
BlockNumber count_free_pages(Relation index);

}  // namespace avq
