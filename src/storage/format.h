#pragma once
// The bytes of an avq index. docs/format.md says the same in prose.
//
// Block 0 is the meta page. Then, as built: model pages, directory pages, code extents in list
// order, runs of rerank copies. Later growth appends code extents and copy runs in any order, or
// puts them in free pages. A *generation* is a model with the directory and the codes made by it;
// VACUUM writes a new one beside the present one when the index has outgrown it (index/relist.h).
// Copies belong to all generations.
// Every page: the standard header (24 bytes), PageInfo (24 bytes, in the same cache line, since a
// scan checks it on every page), payload from byte 48 to the end. There is no
// special space and no hole (pd_lower = pd_upper = BLCKSZ), so GenericXLog keeps every payload
// byte. Integers are native-endian, as everywhere in PostgreSQL.
//
// Invariants:
//  * Blocks are never freed or moved within a generation; extents and runs are contiguous blocks.
//  * Pages of a model, a directory and codes say which generation they belong to. Those of another
//    generation than the meta page's are the one that a re-listing retired (retired_until is not
//    0) or what a re-listing cut short has left (relisting is 1); VACUUM frees both.
//  * A slot of a code block is live iff its bit in `used` is set; everything else in a dead slot is
//    garbage, but for its copy address when its bit in `owns` is set: that copy record is the
//    slot's to reuse.
//  * A page's checksum is right whenever nobody holds its exclusive lock. avq_check looks at it;
//    scans look at kind, place and generation only.
//  * The meta page's part that has the checksum changes only with the generation and, but for the
//    recall model, never within one.
#include "core/kernels.h"
#include "core/model.h"
#include "core/recall_model.h"
#include "core/rerank_copy.h"
#include "pg.h"

namespace avq {

inline constexpr uint32 kMagic = 0x31515641;  // "AVQ1"
inline constexpr uint16 kFormatVersion = 3;
inline constexpr uint16 kPageId = 0xFF9A;
inline constexpr BlockNumber kMetaBlock = 0;

enum class PageKind : uint8 { meta = 1, model = 2, directory = 3, codes = 4, copies = 5, free = 6 };

struct PageInfo {
  BlockNumber next;     // codes, first page of an extent: the list's next extent; else invalid
  uint32 owner;         // codes: list; copies, first page of a run: records given out; else 0
  uint16 extent_pages;  // pages of this extent, run or chain
  uint16 extent_index;  // this page's place in it, modulo 65,536
  PageKind kind;
  uint8 generation;  // model, directory, codes: the meta page's, modulo 256; else 0
  uint16 page_id;
  BlockNumber block;  // this page's own number: a page that lies elsewhere is damage
  uint32 crc;         // CRC-32C of the page from pd_flags on, but for these four bytes
};
static_assert(sizeof(PageInfo) == 24);

inline constexpr Size kInfoStart = 24;
inline constexpr Size kPayloadStart = 48;
inline constexpr Size kPayload = BLCKSZ - kPayloadStart;
static_assert(kInfoStart + sizeof(PageInfo) == kPayloadStart);
static_assert(kInfoStart == MAXALIGN(SizeOfPageHeaderData) && kPayload % kCodeRowBytes == 0);

// Lists beyond the model's: rows that have no code.
inline constexpr uint32 kUncodableList = 0;  // norms out of float's comfort: scored exactly, first
inline constexpr uint32 kUndefinedList = 1;  // distance is NaN (zero vector under cosine)
inline constexpr uint32 kNullList = 2;       // NULL vector
inline constexpr uint32 kSpecialLists = 3;

inline constexpr int kCopyTails = 8;

struct MetaPage {
  uint32 magic;
  uint16 version;
  uint16 flags;
  uint32 generation;
  Rerank rerank;
  uint8 element;        // 1 = float4
  uint16 filter_bytes;  // per row, of filter columns; 0 in this version
  ModelShape shape;
  RecallModel recall;
  uint32 model_start, model_pages;
  uint32 directory_start, directory_pages;
  uint32 model_crc;
  uint32 heads_crc;  // of the lists' first extents
  uint32 reserved[6];
  uint64 built_rows;              // rows with a code when this generation was written
  uint32 crc;                     // of all the above
  uint32 copy_tails[kCopyTails];  // first blocks of the runs that take new copies; 0 = none
  uint32 relisting;               // 1: a next generation is being written, or its writing was cut
                                  // short; inserts leave dead slots' copies alone
  uint64 retired_until;           // the generation before may be seen by transactions up to this
                                  // full XID: its pages are not free yet; 0 = they are
};
inline constexpr uint64 kHorizonUnknown = PG_UINT64_MAX;  // of retired_until: take the next XID

// Floats in the model's pages: those of Model, then for l2 the mean of the sampled rows, which is
// subtracted from rows and queries first (distances do not change, float's precision does not go to
// waste on where the data lie).
inline Size stored_floats(const ModelShape& shape) {
  return Model::float_count(shape) + (shape.metric == Metric::l2 ? shape.dims : 0);
}

// What a directory page holds, kEntriesPerPage to a page.
struct ListEntry {
  BlockNumber head;   // first extent; fixed within a generation
  BlockNumber tail;   // last extent
  BlockNumber open;   // the extent from which an insert searches a free slot
  uint32 open_block;  // and the block of it
  uint32 pages;       // in all extents
  uint32 live, dead;  // as of the last build or VACUUM: rows; free slots that own a copy,
                      // 0 once an insert has found none
  uint32 spilled;     // and second codes
};
static_assert(sizeof(ListEntry) == 32);
inline constexpr uint32 kEntriesPerPage = kPayload / sizeof(ListEntry);

// A block of 32 slots: header, then columns, then code rows (core/codec.h). Blocks follow one
// another in the bytes of an extent's payloads and may be cut by a page's end.
struct BlockHeader {
  uint32 used;     // live slots
  uint32 owns;     // slots whose copy address is theirs (a spilled code only borrows one)
  uint32 spilled;  // live slots that are a row's second code (SOAR)
  uint32 reserved;
};
static_assert(sizeof(BlockHeader) == 16);

struct BlockLayout {
  uint32 scales;   // uint16[32]
  uint32 offsets;  // float[32], l2 only; 0 = none
  uint32 tids;     // ItemPointerData[32]
  uint32 copies;   // uint32[32], copy addresses; 0 = none
  uint32 filters;  // filter columns; room only
  uint32 codes;    // subspaces x 16 bytes
  uint32 bytes;    // of the whole block, a multiple of 16
  uint32 subspaces;
};

inline BlockLayout coded_block_layout(const MetaPage& meta) {
  BlockLayout layout = {};
  uint32 at = sizeof(BlockHeader);
  layout.scales = at;
  at += kBlockRows * sizeof(uint16);
  if (meta.shape.metric == Metric::l2) {
    layout.offsets = at;
    at += kBlockRows * sizeof(float);
  }
  layout.tids = at;
  at += kBlockRows * sizeof(ItemPointerData);
  layout.copies = at;
  at += kBlockRows * sizeof(uint32);
  layout.filters = at;
  at += kBlockRows * meta.filter_bytes;
  layout.codes = TYPEALIGN(16, at);
  layout.subspaces = meta.shape.subspaces;
  layout.bytes = layout.codes + layout.subspaces * kCodeRowBytes;
  return layout;
}

inline BlockLayout special_block_layout() {
  BlockLayout layout = {};
  layout.tids = sizeof(BlockHeader);
  layout.codes = sizeof(BlockHeader) + kBlockRows * sizeof(ItemPointerData);
  layout.bytes = layout.codes;
  return layout;
}
static_assert((sizeof(BlockHeader) + kBlockRows * sizeof(ItemPointerData)) % 16 == 0);

// Rerank copies (core/rerank_copy.h) fill runs of `run_pages` contiguous pages as one run of bytes.
struct CopyLayout {
  uint32 bytes;  // of a record; 0 = no copies
  uint32 run_pages;
  uint32 run_records;
  uint32 index_bits;  // address = first block of run << index_bits | record
};

inline CopyLayout copy_layout(Rerank rerank, uint32 dims) {
  CopyLayout layout = {};
  layout.bytes = copy_bytes(rerank, dims);
  if (layout.bytes == 0) return layout;
  // The shortest run that wastes at most 1/32 of its bytes, else the least wasteful of up to
  // eight pages more than one record needs.
  const uint32 least = (layout.bytes + kPayload - 1) / kPayload;
  double best = 2;
  for (uint32 pages = least; pages < least + 8; pages++) {
    const uint32 records = pages * kPayload / layout.bytes;
    const double waste = 1 - double(records) * layout.bytes / (double(pages) * kPayload);
    if (waste >= best) continue;
    best = waste;
    layout.run_pages = pages;
    layout.run_records = records;
    if (waste <= 1.0 / 32) break;
  }
  while ((1u << layout.index_bits) < layout.run_records) layout.index_bits++;
  return layout;
}

}  // namespace avq
