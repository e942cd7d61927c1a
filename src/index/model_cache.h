#pragma once
// A backend's memory of the indexes it uses: meta page, model and list heads, decoded once.
//
// Invariants: an entry is right as long as the meta page is the one it was read with (acquire looks
// each time: one page), but for the copy tails and the recall model, which acquire brings up to
// date, also under a running scan. An entry is freed only in acquire(), when an invalidation
// has marked it and nobody refers to it; so a caller without a reference may use the result until
// the next acquire(), and a scan, which spans calls, takes a reference.
#include "core/routing.h"
#include "index/column.h"
#include "storage/slots.h"

namespace avq {

struct CachedIndex {
  Oid index;
  Oid file_number;
  bool stale;
  int references;
  MemoryContext context;
  CachedIndex* next;

  Element element;  // of the column
  MetaPage meta;    // copy_tails and recall as of acquire()
  ListGeometry geometry;
  Model model;
  RoutingTable routing;       // made from it
  const float* mean;          // l2: subtracted from rows and queries (comparable_vector); else null
  BlockNumber* heads;         // first extents of all lists, the special ones included
  double coded_rows;          // in the model's lists, as of the last look at the directory
  RecentBuffers* recent;      // for reads by scans
  uint32 typical_candidates;  // that late searches rescored; 0: there was none
  BlockNumber table_blocks;   // that the table had at least, when last asked
};

// The up-to-date entry of an index. Reads the meta page; loads the model where it is new.
CachedIndex* acquire_cached(IndexFile& file);

// Keeps an entry until `context` is reset or deleted, or release_cached is called on the handle.
struct CachedReference;
CachedReference* refer_to_cached(CachedIndex* cached, MemoryContext context);
void release_cached(CachedReference* reference);

}  // namespace avq
