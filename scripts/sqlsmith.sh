#!/usr/bin/env bash
# Random SQL by SQLsmith, as an ordinary role, over tables with avq indexes and all functions and
# operators that the extension adds. Fails if a server process dies, an assertion of the server fails,
# or an error says that it is internal (XX000) and names avq. QUERIES (20,000) sets the length, SEED the choice.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

command -v sqlsmith >/dev/null || die "sqlsmith is needed (Debian: sqlsmith)"
ensure_packages demo
pg_config=$(find_pg_config) || die "no PostgreSQL with server headers found"
make -s -C "$avq_top" -j"$(nproc)" all PG_CONFIG="$pg_config"
choose_server_user
make_work_directory
make_private_postgres "$pg_config"
start_private_server shared_buffers=128MB jit=off fsync=off statement_timeout=2s \
  log_line_prefix='%e %p ' log_min_messages=error

"${as_server[@]}" "$pg_bin/psql" -X -q -v ON_ERROR_STOP=1 <<'SQL'
CREATE EXTENSION avq;
CREATE ROLE smith LOGIN;
GRANT CREATE, USAGE ON SCHEMA public TO smith;
SET ROLE smith;
CREATE TABLE things (id int PRIMARY KEY, name text, place vector(8), other vector, weights real[]);
INSERT INTO things SELECT i, 'thing ' || i, ARRAY(SELECT sin(i * j) FROM generate_series(1, 8) j)::vector,
  ARRAY(SELECT cos(i * j) FROM generate_series(1, 1 + i % 5) j)::vector, ARRAY[i, 1, 2]::real[]
FROM generate_series(1, 2000) i;
CREATE INDEX ON things USING avq (place vector_ip_ops);
CREATE INDEX ON things USING avq (place vector_cosine_ops) WITH (rerank = 'int8');
CREATE INDEX ON things USING avq (place vector_l2_ops) WITH (target_recall = 0.8);
CREATE TABLE queries (id int, query vector(8));
INSERT INTO queries SELECT id, place FROM things WHERE id % 100 = 0;
-- Searches behind views and functions, for SQLsmith to build on.
CREATE VIEW nearest AS SELECT q.id AS query_id, t.* FROM queries q,
  LATERAL (SELECT id, name, place, place <#> q.query AS distance FROM things ORDER BY place <#> q.query LIMIT 5) t;
CREATE VIEW nearest_by_angle AS SELECT q.id AS query_id, t.* FROM queries q,
  LATERAL (SELECT id, place FROM things ORDER BY place <=> q.query LIMIT 3) t;
CREATE FUNCTION nearest_to(vector) RETURNS SETOF int STABLE LANGUAGE sql
  AS 'SELECT id FROM things ORDER BY place <-> $1 LIMIT 4';
ANALYZE things, queries;
SQL

"${as_server[@]}" sqlsmith --target="host=$PGHOST port=$PGPORT dbname=postgres user=smith" \
  --exclude-catalog --seed="${SEED:-1}" --max-queries="${QUERIES:-20000}" >"$work/sqlsmith.log" 2>&1 || true
"${as_server[@]}" "$pg_bin/psql" -X -q -c "SELECT avq_check(indexrelid, true) FROM pg_index i
  JOIN pg_class c ON c.oid = indexrelid JOIN pg_am a ON a.oid = relam WHERE amname = 'avq'" >/dev/null

log=$work/server/log
echo "errors by SQLSTATE:"
sed -n 's/^\([0-9A-Z]\{5\}\) [0-9]* ERROR: .*/\1/p' "$log" | sort | uniq -c | sort -rn | head -n 20
grep -o 'ERROR: .*vector.*' "$log" | sed 's/[0-9][0-9]*/N/g' | sort | uniq -c | sort -rn | head -n 10 || true
if grep -aE 'terminated by signal|TRAP:|PANIC|^XX.*avq' "$log"; then die "SQLsmith found something"; fi
echo "SQLsmith: ${QUERIES:-20000} queries, no crash, no internal error of avq"
