#!/usr/bin/env bash
# make demo: sets up what is missing, builds, and runs demo/demo.sql in a private server that is
# stopped and removed at the end. The system's own PostgreSQL installation is not touched.
# make psql: likewise, but with the demo's tables and indexes and a prompt, or the SQL of standard input.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

ensure_packages demo
pg_config=$(find_pg_config) || die "no PostgreSQL with server headers found"
say "building avq for $("$pg_config" --version)"
make -s -C "$avq_top" -j"$(nproc)" all PG_CONFIG="$pg_config"

choose_server_user
make_work_directory
make_private_postgres "$pg_config"
# Serial and without JIT, so that the two sides of each comparison use the same one core.
start_private_server shared_buffers=256MB maintenance_work_mem=256MB jit=off \
  max_parallel_workers_per_gather=0 max_parallel_maintenance_workers=0 fsync=off

if [ "${1:-}" = psql ]; then
  cd "$avq_top/demo"
  psql=("$pg_bin/psql" -X -v ON_ERROR_STOP=1)
  "${psql[@]}" -q -f load.sql -f indexes.sql
  if [ -t 0 ]; then
    say "words (by <=>) and functions, callers (by <#>), each with an index; all is gone when you leave"
    "$pg_bin/psql"
  else
    "${psql[@]}"
  fi
  exit
fi

mkdir "$work/demo"
cp "$avq_top"/demo/*.sql "$avq_top"/demo/*.gz "$work/demo/"
cd "$work/demo"
"${as_server[@]}" "$pg_bin/psql" -X -q -v ON_ERROR_STOP=1 -f demo.sql
