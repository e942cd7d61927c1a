# pg_stat_avq_indexes: what scans of all sessions did, and who may see it.
use strict;
use warnings FATAL => 'all';

use AvqTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = avq_node('stats', conf => "shared_preload_libraries = 'avq'\n");
load_set($node, 'words', rows => 5000);
$node->safe_psql('postgres', <<'SQL');
CREATE INDEX words_cosine ON words USING avq (embedding vector_cosine_ops) WITH (lists = 50);
CREATE INDEX words_ip ON words USING avq (embedding);
CREATE TABLE hidden AS SELECT * FROM words LIMIT 500;
CREATE INDEX hidden_ip ON hidden USING avq (embedding);
CREATE TABLE parted (id bigint, embedding vector(100)) PARTITION BY RANGE (id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (100);
CREATE INDEX parted_ip ON parted USING avq (embedding);
CREATE ROLE reader;
GRANT SELECT ON words TO reader;
SQL

sub usage {
  my ($index) = @_;
  return $node->safe_psql('postgres', 'SELECT scans, lists_probed, rows_scored, rows_reranked, heap_fetches'
      . " FROM pg_stat_avq_indexes WHERE indexrelname = '$index'");
}

is(usage('words_cosine'), '0|0|0|0|0', 'nothing yet');
my $search = <<'SQL';
SET enable_seqscan = off;
SELECT id FROM words ORDER BY embedding <=> (SELECT embedding FROM words WHERE id = 7) LIMIT 10;
SELECT lists_probed, 32 * blocks_scored, rows_reranked, heap_fetches FROM avq_last_scan();
SQL
my ($last) = $node->safe_psql('postgres', $search) =~ /([\d|]+)$/;
is(usage('words_cosine'), "1|$last", 'one scan, as avq_last_scan tells it');
is(usage('words_ip'), '0|0|0|0|0', 'of that index only');

# Each of two scans that run at the same time, row by row, counts what it did itself; a rescan is a scan.
my $nested = $node->safe_psql('postgres', <<'SQL');
SELECT avq_reset_usage();
SET enable_seqscan = off;
SET enable_material = off;
SELECT count(*) FROM (SELECT id, embedding FROM words ORDER BY embedding <=> (SELECT embedding FROM words WHERE id = 7)
  LIMIT 20) outside, LATERAL (SELECT id FROM words w ORDER BY w.embedding <#> outside.embedding LIMIT 3) inside;
SQL
like($nested, qr/60$/, 'nested scans');
my ($alone) = $last =~ /^(\d+)/;
like(usage('words_cosine'), qr/^1\|$alone\|/, 'the outer scan: one');
like(usage('words_ip'), qr/^20\|/, 'the inner: twenty');

# Of many sessions at once nothing is lost.
$node->safe_psql('postgres', 'SELECT avq_reset_usage()');
$node->pgbench('--no-vacuum --client=8 --transactions=50', 0, [qr{processed: 400/400}], [qr/^$/], 'eight clients', {
  'search' => 'SET enable_seqscan = off;'
    . ' SELECT id FROM words ORDER BY embedding <=> (SELECT embedding FROM words WHERE id = 7) LIMIT 10;' });
like(usage('words_cosine'), qr/^400\|/, 'four hundred scans');

is($node->safe_psql('postgres', <<'SQL'), 't|t|t|50|t|1|0.95|sample', 'what the index is like');
SELECT rows = 5000, dead = 0, dead_share = 0, lists, median_list <= p99_list AND p99_list <= longest_list,
  generation, round(target_recall::numeric, 2), calibrated_on
FROM pg_stat_avq_indexes WHERE indexrelname = 'words_cosine'
SQL
is($node->safe_psql('postgres', <<'SQL'), 't|t|t', 'the sizes of lists add up');
SELECT sum(s.rows) = i.rows, count(*) = i.lists, max(s.rows + s.second_codes) = i.longest_list
FROM avq_index_info('words_cosine') i, avq_list_stats('words_cosine') s GROUP BY i.rows, i.lists, i.longest_list
SQL

# A calibration that does not fit the queries is told of.
$node->safe_psql('postgres', <<'SQL');
CREATE INDEX words_other ON words USING avq (embedding) WITH (lists = 50);
CREATE TABLE directions AS
SELECT (SELECT array_agg(sin(i * j * j + j)) FROM generate_series(1, 100) j)::vector AS q FROM generate_series(1, 200) i;
SELECT avq_calibrate('words_other', (SELECT array_agg(embedding + embedding) FROM words
  WHERE id % 50 = 0 AND vector_norm(embedding) > 3));
SQL
my $measured = "SELECT recall FROM avq_recall('words_other', (SELECT array_agg(q) FROM directions))";
my (undef, undef, $notice) = $node->psql('postgres', $measured);
like($notice, qr/NOTICE:  recall is 0\.\d+, below the target of 0\.950\nHINT:  Calibrate the index again/, 'other queries');
(undef, undef, $notice) = $node->psql('postgres', "SET avq.probes = 1; $measured");
is($notice, '', 'what other settings do is not said');
$node->safe_psql('postgres', "SELECT avq_calibrate('words_other', (SELECT array_agg(q) FROM directions))");
(undef, undef, $notice) = $node->psql('postgres', $measured);
is($notice, '', 'calibrated with them');
$node->safe_psql('postgres', 'DROP INDEX words_other; DROP TABLE directions');

# Only of tables that one may read, and never an error for the others.
is($node->safe_psql('postgres', 'SET ROLE reader; SELECT indexrelname FROM pg_stat_avq_indexes ORDER BY 1'),
  "words_cosine\nwords_ip", 'a role sees the indexes of tables that it may read');
my $other = background($node, 'CREATE TEMP TABLE mine (v vector(3)); CREATE INDEX mine_ip ON mine USING avq (v);'
    . ' SELECT pg_sleep(3)');
wait_for($node, "SELECT count(*) > 0 FROM pg_class WHERE relname = 'mine_ip'", 'a temporary index');
is($node->safe_psql('postgres', 'SELECT indexrelname FROM pg_stat_avq_indexes ORDER BY 1'),
  "hidden_ip\nparted_1_embedding_idx\nwords_cosine\nwords_ip", "without another session's temporary index");
finish($other);
my ($status, undef, $error) = $node->psql('postgres', 'SET ROLE reader; SELECT avq_reset_usage()');
like($error, qr/permission denied for function avq_reset_usage/, 'resetting is not for everybody');

# An index that another session has locked is neither waited for nor left out: its counters are shown.
my $locker = background($node, 'BEGIN; LOCK TABLE hidden; REINDEX INDEX hidden_ip; SELECT pg_sleep(30)');
wait_for($node, "SELECT count(*) > 0 FROM pg_locks WHERE relation = 'hidden_ip'::regclass AND mode = 'AccessExclusiveLock'"
    . ' AND granted', 'a locked index');
is($node->safe_psql('postgres', "SET statement_timeout = '10s'; SELECT scans, rows IS NULL, lists IS NULL,"
    . " median_list IS NULL FROM pg_stat_avq_indexes WHERE indexrelname = 'hidden_ip'"), '0|t|t|t',
  'the view does not wait for a locked index');
$node->safe_psql('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(30)'"
    . ' AND pid <> pg_backend_pid()');
eval { finish($locker) };

# Temporary indexes are not counted, and can be looked at in a plan that would be parallel.
my $force = $node->pg_version >= 16 ? 'debug_parallel_query' : 'force_parallel_mode';
is($node->safe_psql('postgres', <<"SQL"), "[1]\n0\nt\nt\nt", 'a temporary index');
CREATE TEMP TABLE brief (v vector(1));
INSERT INTO brief VALUES ('[1]');
CREATE INDEX brief_ip ON brief USING avq (v);
SET enable_seqscan = off;
SELECT v FROM brief ORDER BY v <#> '[1]' LIMIT 1;
SELECT scans FROM avq_index_usage('brief_ip'::regclass);
SET $force = on;
SELECT avq_prewarm('brief_ip') > 0;
SELECT rows = 1 FROM avq_index_info('brief_ip');
SELECT count(*) > 0 FROM avq_list_stats('brief_ip');
SQL

# What somebody put into the schema before the extension came is not called by the view.
my $planted = <<'SQL';
CREATE ROLE planter;
CREATE SCHEMA shared;
GRANT CREATE, USAGE ON SCHEMA shared TO planter;
SET ROLE planter;
CREATE FUNCTION shared.evil(bigint, real) RETURNS real LANGUAGE plpgsql AS $$BEGIN RAISE 'planted'; END$$;
CREATE OPERATOR shared./ (LEFTARG = bigint, RIGHTARG = real, FUNCTION = shared.evil);
CREATE FUNCTION shared.avq_list_stats(index oid, OUT list int, OUT rows bigint, OUT second_codes bigint,
  OUT dead bigint, OUT pages bigint) RETURNS SETOF record LANGUAGE plpgsql AS $$BEGIN RAISE 'planted'; END$$;
CREATE FUNCTION shared.avq_index_info(index oid, nowait boolean) RETURNS record LANGUAGE plpgsql
  AS $$BEGIN RAISE 'planted'; END$$;
CREATE FUNCTION shared.nullif(bigint, int) RETURNS bigint LANGUAGE plpgsql AS $$BEGIN RAISE 'planted'; END$$;
RESET ROLE;
CREATE EXTENSION avq SCHEMA shared;
CREATE TABLE t (v shared.vector(1));
INSERT INTO t VALUES ('[1]');
CREATE INDEX ON t USING avq (v shared.vector_ip_ops);
SET search_path = pg_catalog;
SELECT rows, dead_share FROM shared.pg_stat_avq_indexes;
SQL
$node->safe_psql('postgres', 'CREATE DATABASE planted');
is($node->safe_psql('planted', $planted), '1|0', 'planted functions and operators are not called');
$node->safe_psql('postgres', 'DROP DATABASE planted');

if ($node->pg_version >= 18) {
  my $plan = $node->safe_psql('postgres', 'SET enable_seqscan = off; EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) SELECT id'
      . ' FROM words ORDER BY embedding <=> (SELECT embedding FROM words WHERE id = 7) LIMIT 10');
  like($plan, qr/Lists Probed: $alone\n\s*Rows Scored: \d+\n\s*Rows Reranked: \d+\n\s*Rows Fetched: \d+/,
    'EXPLAIN (ANALYZE) tells what a scan did');
}

$node->restart;
my $plan_of = "SET enable_seqscan = off; EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF) SELECT id FROM words"
  . " ORDER BY embedding <=> '[" . join(',', (1) x 100) . "]' LIMIT 100";
like($node->safe_psql('postgres', $plan_of), qr/Index Scan .*?Buffers: [^\n]*read=/s, 'a cold scan reads');
$node->restart;
is($node->safe_psql('postgres', "SELECT avq_prewarm('words_cosine') = pages FROM avq_index_info('words_cosine')"), 't',
  'avq_prewarm reads every page');
my ($pages) = $node->safe_psql('postgres', $plan_of) =~ /Index Scan .*?Buffers: ([^\n]*)/s;
like($pages, qr/hit=/, 'a warm scan finds them');

$node->restart;
like(usage('words_cosine'), qr/^0\|0/, 'a restart begins anew');
check_indexes($node, 'all kinds');

# Without memory for it, the rest is told all the same.
if ($node->pg_version < 17) {
  $node->adjust_conf('postgresql.conf', 'shared_preload_libraries', "''");
  $node->restart;
  $node->safe_psql('postgres', $search);
  is($node->safe_psql('postgres', 'SELECT scans IS NULL, rows FROM pg_stat_avq_indexes'
      . " WHERE indexrelname = 'words_cosine'"), 't|5000', 'not preloaded: no counters');
} else {
  $node->adjust_conf('postgresql.conf', 'shared_preload_libraries', "''");
  $node->restart;
  $node->safe_psql('postgres', $search);
  like(usage('words_cosine'), qr/^1\|/, 'not preloaded: counted as well');
}

done_testing();
