#pragma once
// Putting one row into a list: slot, code, TID and rerank copy, as one published change.
#include "storage/copies.h"
#include "storage/lists.h"
#include "storage/meta.h"

namespace avq {

struct NewRow {
  ItemPointerData tid;
  const uint8* codes;       // one byte a subspace; null in special lists
  uint16 scale;             // bfloat16
  float offset;             // l2
  const char* copy_record;  // null: the row brings no copy
  uint32 borrowed_copy;     // the address of a copy that is stored already: with spilled codes that
                            // of the primary; else 0
  bool owns_copy;           // borrowed_copy is this slot's own (a row that changes its list)
  bool spilled;
};

struct ListGeometry {
  BlockLayout coded;
  BlockLayout special;
  CopyLayout copies;
};
ListGeometry list_geometry(const MetaPage& meta);
inline const BlockLayout& layout_of(const ListGeometry& geometry, const MetaPage& meta,
                                    uint32 list) {
  return list < meta.shape.lists ? geometry.coded : geometry.special;
}

// Writes the row's columns and code into slot `slot` of a whole block in memory (the build).
void fill_slot(char* block, const BlockLayout& layout, uint32 slot, const NewRow& row,
               uint32 copy_address);

// Stores the row; returns its copy address (0 if it has none). One WAL record, and two or three
// pages, in the common case. Locks: header page -> later pages of the block -> copy pages.
uint32 store_row(IndexFile& file, MetaPage* meta, const ListGeometry& geometry, uint32 list,
                 const NewRow& row);

}  // namespace avq
