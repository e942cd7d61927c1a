#pragma once
// Which rows a model learns from: those whose TIDs hash to the least numbers. So an index that is
// built and one that grew and is re-listed learn from the same rows of the same table, in the same
// order, however they meet them. A table of many pages is sampled by pages first.
//
// Memory is of the context that is current at begin_row_sample.
#include "pg.h"

namespace avq {

struct SampledRow {
  uint64 key;  // hash of the TID
  uint64 tid;  // block << 16 | offset
  Size place;  // where the caller keeps it
};

struct RowSample {
  uint64 seed;
  Size capacity;
  Size count;
  SampledRow* rows;   // a heap, the largest key at the front, once it is full
  BlockNumber pages;  // of the table; no row beyond them is wanted
  uint8* chosen;      // a bit per page; null: all of them
};

// capacity: rows wanted at most, >= 1.
void begin_row_sample(RowSample* sample, uint64 seed, Size capacity, BlockNumber pages);
void end_row_sample(RowSample* sample);

// Whether rows on this page of the table may be wanted at all.
bool wants_page(const RowSample* sample, BlockNumber page);

// Whether the row belongs to the sample of what was met so far.
bool wants_row(const RowSample* sample, uint64 tid);

// Takes a wanted row, instead of another one when there is no more room. Returns where to keep it:
// a number below capacity.
Size take_row(RowSample* sample, uint64 tid);

// All have been met: puts sample->rows in the order of their TIDs.
void order_row_sample(RowSample* sample);

}  // namespace avq
