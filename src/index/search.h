#pragma once
// One ordered search of an index: which lists are open, which rows are candidates, which is next.
//
// Invariants (see core/frontier.h for those of the candidates):
//  * No pin and no lock is held between calls.
//  * Everything lives in the memory context given to begin_search, or is given back when that is
//    reset, which ends the search.
//  * Rows leave in the order of the operator's exact value among the rows known at that time.
#include "core/codec.h"
#include "core/frontier.h"
#include "core/routing.h"
#include "index/am.h"
#include "index/column.h"
#include "index/model_cache.h"
#include "index/options.h"
#include "index/search_memory.h"

namespace avq {

// Reads a row's indexed value from the heap under the scan's snapshot; lives as long as the scan.
struct HeapReader {
  IndexScanDesc scan;
  MemoryContext context;  // the scan's
  TupleTableSlot* slot;   // null until needed
  AttrNumber attribute;   // of the indexed column; 0: an expression
  IndexInfo* info;        // for an expression
  EState* estate;
  bool heap;  // the table is of the access method heap: a TID is a place in its file
};
void begin_heap_reader(HeapReader* reader, IndexScanDesc scan);
void end_heap_reader(HeapReader* reader);

struct Search {
  IndexScanDesc scan;
  HeapReader* reader;
  SearchMemory memory;
  IndexFile file;
  CachedIndex* cached;
  Metric metric;
  double target_recall;

  const float* query;       // as given
  double unit;              // keys are distances times this (not 1 for extreme queries only)
  const float* comparable;  // what copies are compared with: normalised for cosine
  float query_norm;         // of `comparable`
  float rounding;           // l2: what subtracting the mean may have changed distances by
  const float* prepared;    // the query in the model's space (core/codec.h)
  float bound_width;        // z of the error bound
  QueryTables tables;
  uint8* lut;

  Routes routes;     // the first `opened` lists in its order are open
  uint32 shortlist;  // none of the known ones behind these in the order has a better score
  uint32* order_scratch;
  uint32 most_lists;  // that may be opened
  OpenList* open;
  uint32 opened, open_room;
  uint32 probes;          // lists to have opened
  uint64 probes_for_row;  // before this one (from 1) leaves

  Pending pending;
  uint32 pending_room;
  ReadyRow* ready;  // a heap
  uint32 ready_count, ready_room;
  CodedRow* room;  // of the collector: 2 * keep
  uint32 keep;
  uint32 most_pending;
  double floor_key;  // least distance of rows of opened lists that were not collected; inf: none

  uint64 converted;  // candidates rescored
  uint64 emitted;
  double last_emitted;
  uint64* seen;  // TIDs rescored, an open-addressing set; only with spilled codes
  uint32 seen_count, seen_room;

  char* carry;   // a block without its codes
  char* record;  // one copy
  float* decoded;
};

// `query` stays the caller's and must outlive the search. Errors: wrong dimensions.
void begin_search(Search* search, IndexScanDesc scan, const IndexFile& file, HeapReader* reader,
                  CachedIndex* cached, const Vector* query, MemoryContext context);

// To be called when no more rows are wanted, so that later searches know; not after an error.
void end_search(Search* search);

// The next row, or false when all lists that may be opened are exhausted. Rows with an undefined
// distance or a NULL vector are not the search's business.
bool next_row(Search* search, ItemPointer tid);

// search_rescore.cpp: prefetches what rescoring a row will read, and the table's pages of the ready
// rows that will leave next; makes a pending row ready (or drops
// it if it is dead or known already); makes a ready row's distance exact, false if the row is not
// visible.
void expect(Search* search, const CodedRow& row);
void expect_leaving(Search* search);
void rescore(Search* search, const CodedRow& row);
bool make_exact(Search* search, ReadyRow* row);

// Errors where a row is said to lie beyond the table's end.
void check_tid(const HeapReader* reader, CachedIndex* cached, uint64 tid);

void push_ready(Search* search, const ReadyRow& row);

// Memory of the search: grows `*room` to hold at least `wanted` items of `size` bytes.
void* grow(Search* search, void* items, uint32 count, uint32* room, uint32 wanted, Size size);

inline uint64 pack_tid(const ItemPointerData& tid) {
  return (uint64{ItemPointerGetBlockNumberNoCheck(&tid)} << 16) |
         ItemPointerGetOffsetNumberNoCheck(&tid);
}
inline void unpack_tid(uint64 packed, ItemPointer tid) {
  ItemPointerSet(tid, static_cast<BlockNumber>(packed >> 16),
                 static_cast<OffsetNumber>(packed & 0xffff));
}

}  // namespace avq
