#pragma once
// What scans did, in EXPLAIN (ANALYZE), from PostgreSQL 18 on.

namespace avq {

// To be called when the library is loaded.
void explain_scans();

}  // namespace avq
