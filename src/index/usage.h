#pragma once
// What scans of each index did since the server's start, in shared memory, for the view
// pg_stat_avq_indexes: PostgreSQL's own statistics have no room for an access method's.
//
// Invariants: entries are found by database and index, appended by compare-and-swap and never
// moved, so nothing is locked; counters only grow, but for reset_usage(). A table of fixed size,
// whose entries stay until a restart: of indexes beyond it nothing is counted, nor of temporary
// ones. Counts are lost at a restart, and those of a scan that ends by an error. Where: if the
// library is in shared_preload_libraries; from PostgreSQL 17 on elsewhere as well.
#include "index/am.h"

namespace avq {

// Scans, lists probed, blocks scored, rows reranked, heap fetches: avq_index_usage()'s columns.
inline constexpr int kUsageCounters = 5;

// To be called when the library is loaded.
void request_usage_memory();

// Before the first count of a session, where an error of its own would do no harm: never an error
// but of a cancelled query.
void attach_usage();

void count_usage(Oid index, const ScanCounters& counters);

// False where there is no shared memory, or no room in it, to count this index.
bool read_usage(Oid index, uint64 counts[kUsageCounters]);

// Of this database.
void reset_usage();

}  // namespace avq
