#pragma once
// Re-listing: VACUUM trains an index anew that has outgrown its model, and writes lists made by the
// new model beside the old ones, while inserts and scans go on. Steps, one file each: decide and
// switch (relist.cpp), read rows from the old lists (relist_walk.cpp), write the new ones
// (relist_write.cpp). The table is not read: rows come from the rerank copies, which stay where
// they are and keep their addresses.
//
// Invariants:
//  * From the moment `relisting` is set in the meta page no dead slot that owns a copy is taken, no
//    slot is freed (only VACUUM frees, and this is it), so every list's `open` only moves forward
//    and no slot before it is ever taken.
//  * Nothing refers to the new generation's pages until the meta page does; one WAL record makes
//  it.
//  * When it does, under the exclusive generation lock, the new lists have every row of the old
//    ones: a row's slot was either seen by a pass, or found by the next one in what that pass's
//    `used` bits lack, and the last pass ran under the lock.
//  * A copy address is owned by one slot: of a live row, or of the dead slot that takes over a dead
//    row's record.
//  * The generation before stays intact until no snapshot of its time is left (retired_until).
#include "index/training.h"
#include "storage/slots.h"

extern "C" {
#include "portability/instr_time.h"
#include "utils/tuplesort.h"
}

namespace avq {

// Where the next pass over an old list begins, and what this one saw from there on.
struct ListMark {
  BlockNumber extent;
  uint32 block;
  uint32 blocks;  // seen from there on: their `used` begins at `first`
  Size first;
};

struct SeenBits {  // `used` of blocks
  uint32* bits;
  Size count, room;
};

// A row, or a dead row's record, on its way from an old list.
struct RowReference {
  uint32 copy;
  bool dead;
  int64 tid;
};

// What a slot of the new lists is to hold: the payload of the sort.
enum class SlotUse : uint8 { row, second_code, dead };
struct SlotPayload {
  float offset;
  uint16 scale;
  SlotUse use;
  uint8 unused;
  uint32 copy;
  // then codes, one byte a subspace
};

struct SlotCounts {  // of a new list
  uint32 rows, second_codes, dead;
};

struct Relist {
  IndexVacuumInfo* vacuum;
  Relation index;
  IndexOptions options;
  Size budget;  // bytes

  IndexFile old_file;
  MetaPage old_meta;
  ListGeometry old_geometry;

  IndexFile file;  // the same file, as the new generation sees it
  MetaPage meta;
  ListGeometry geometry;
  Model model;
  SlotCounts* counts;  // per list, as sorted

  // relist_walk.cpp
  ListMark* marks;  // null: nothing was walked yet
  SeenBits seen, seen_before;
  RowReference* chunk;
  uint32 chunk_count, chunk_room;
  Tuplesortstate* rows;  // takes the rows; null: they are stored in the new lists at once
  bool hurried;          // others wait: no delays
  uint64 rows_passed;
  char* carry;
  char* record;
  float* comparable;
  float* prepared;  // kBatchRows x padded_dims
  float* scratch;
  float* spill_scratch;
  uint8* codes;
  bytea* payload;
  TupleTableSlot* slot;
};

// Frees what earlier generations left, where no scan can need it, and re-lists the index if it has
// outgrown its model. For VACUUM's cleanup.
void maintain_generations(IndexVacuumInfo* info);

// --- relist_walk.cpp ----------------------------------------------------------------------------

// The rows that a build would sample, at most `wanted`, by their copies as floats. pages: of the
// table.
float* sample_copies(Relist* relist, Size wanted, BlockNumber pages, Size* sampled);

// Makes room for the passes; the model must be there.
void begin_passes(Relist* relist, double rows);

// Hands on every row that is new since the last pass, each with its second code, to the sort or
// the new lists; the first pass takes all rows, and the records of dead slots.
void pass_lists(Relist* relist);

// --- relist_write.cpp ---------------------------------------------------------------------------

// Writes model, directory and lists of the sorted rows as new pages; fills in the meta data.
void write_generation(Relist* relist, const float* floats);

}  // namespace avq
