#pragma once
// What scans of each index did since the server's start, in shared memory, for the view
// pg_stat_avq_indexes: PostgreSQL's own statistics have no room for an access method's.
//
// Invariants: entries are found by database and index, appended by compare-and-swap and never
// moved, so nothing is locked; counters only grow, but for reset_usage(). A table of fixed size: of
// indexes beyond it nothing is counted. Counts are lost at a restart, and those of a scan that ends
// by an error.
// Where: from PostgreSQL 17 on anywhere; before, if the library is in shared_preload_libraries.
#include "index/am.h"

namespace avq {

// Scans, lists probed, blocks scored, rows reranked, heap fetches: avq_index_usage()'s columns.
inline constexpr int kUsageCounters = 5;

// To be called when the library is loaded.
void request_usage_memory();

void count_usage(Oid index, const ScanCounters& counters);

// False where there is no shared memory for it.
bool read_usage(Oid index, uint64 counts[kUsageCounters]);

// Of this database.
void reset_usage();

}  // namespace avq
