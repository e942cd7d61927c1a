#pragma once
// avq_check: that no two slots own the same rerank copy.
#include "storage/slots.h"

namespace avq {

struct CopyOwners {
  uint8* owned;  // a bit per copy address
  // Addresses met twice. An insert may have given a dead slot's copy to a row in a list that the
  // walk came to later, so they are looked at again.
  uint32* suspects;
  Size count, room;
};

// For addresses in a file of so many blocks.
void init_owners(CopyOwners* owners, const CopyLayout& layout, BlockNumber blocks);

// A slot that owns the copy was met.
void note_owner(CopyOwners* owners, uint32 copy);

// Errors if any copy has two owners at once. `carry`: room for a block without its codes.
void judge_suspects(CopyOwners* owners, IndexFile& file, const MetaPage& meta,
                    const ListGeometry& geometry, char* carry);

}  // namespace avq
