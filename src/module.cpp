// Loading the library: magic block and settings. Nothing else happens at load.
#include "pg.h"

#include "index/options.h"

extern "C" {
PG_MODULE_MAGIC;
PGDLLEXPORT void _PG_init(void);
}

void _PG_init(void) { avq::register_options(); }
