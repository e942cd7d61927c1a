// Loading the library: magic block, settings, hooks of the planner and, where the server starts
// with it, of shared memory. Nothing else happens at load.
#include "pg.h"

#include "index/explain.h"
#include "index/options.h"
#include "index/unread_distances.h"
#include "index/usage.h"
#include "stop_point.h"

extern "C" {
PG_MODULE_MAGIC;
PGDLLEXPORT void _PG_init(void);
}

void _PG_init(void) {
#ifdef AVQ_STOP_POINTS
  avq::register_stop_points();
#endif
  avq::register_options();
  avq::skip_unread_distances();
  avq::request_usage_memory();
  avq::explain_scans();
}
