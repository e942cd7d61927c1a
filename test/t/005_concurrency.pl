# Eight clients insert, update, delete, search, VACUUM and check the index at the same time for 20
# seconds (AVQ_CLIENTS, AVQ_SECONDS: more): no errors, no row lost from a scan, none returned twice, no
# damage seen where is none.
use strict;
use warnings FATAL => 'all';

use AvqTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = avq_node('concurrency');
load_set($node, 'words', rows => 6000);
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE sources AS SELECT id, embedding FROM words;
CREATE UNIQUE INDEX ON sources (id);
-- A row that is there, so that as many leave as come.
CREATE FUNCTION some_row(r float8) RETURNS bigint LANGUAGE sql STABLE AS $$
  SELECT id FROM words, (SELECT min(id) low, max(id) high FROM words) m
  WHERE id >= low + (r * (high - low))::bigint ORDER BY id LIMIT 1 $$;
-- Else clients queue behind VACUUMs that wait up to 5 s each for an exclusive lock.
ALTER TABLE words SET (vacuum_truncate = off);
CREATE INDEX words_cosine ON words USING avq (embedding vector_cosine_ops);
SQL

my $clients = $ENV{AVQ_CLIENTS} || 8;
my $seconds = $ENV{AVQ_SECONDS} || 20;

# A wrong count divides by zero, which pgbench reports as an error.
$node->pgbench(
  "--no-vacuum --client=$clients --jobs=2 --time=$seconds --max-tries=1",
  0,
  [qr/number of failed transactions: 0/],
  [qr/^$/],
  'mixed load has no error',
  {
    'insert@200' => <<'SQL',
\set a random(1, 6000)
\set b random(1, 6000)
INSERT INTO words (name, embedding)
SELECT 'new', a.embedding + b.embedding FROM sources a, sources b WHERE a.id = :a AND b.id = :b;
SQL
    'update@120' => <<'SQL',
\set a random(1, 6000)
\set b random(0, 1000000)
UPDATE words SET embedding = (SELECT embedding FROM sources WHERE id = :a) WHERE id = some_row(:b / 1e6);
SQL
    'delete@200' => <<'SQL',
\set b random(0, 1000000)
DELETE FROM words WHERE id = some_row(:b / 1e6);
SQL
    'search@200' => <<'SQL',
\set a random(1, 6000)
SELECT 1 / (count(*) = 100 AND count(DISTINCT id) = 100)::int FROM
  (SELECT id FROM words ORDER BY embedding <=> (SELECT embedding FROM sources WHERE id = :a)
   LIMIT 100) s;
SQL
    'complete@4' => <<'SQL',
\set a random(1, 6000)
BEGIN ISOLATION LEVEL REPEATABLE READ;
SET LOCAL enable_seqscan = off;
SELECT 1 / (count(*) = count(DISTINCT id)
            AND count(*) = (SELECT count(*) FROM words WHERE embedding IS NOT NULL))::int FROM
  (SELECT id FROM words ORDER BY embedding <=> (SELECT embedding FROM sources WHERE id = :a)
   LIMIT 1000000) s;
COMMIT;
SQL
    'vacuum@2' => "VACUUM words;\n",
    'check@1' => "SELECT avq_check('words_cosine', true);\n",
  });

diag($node->safe_psql('postgres', "SELECT format('%s transactions; rows inserted, updated, deleted: %s, %s, %s',"
    . " xact_commit, n_tup_ins, n_tup_upd, n_tup_del) FROM pg_stat_database, pg_stat_user_tables"
    . " WHERE datname = 'postgres' AND relname = 'words'"));
my ($heap, $scan) = split /\n/, $node->safe_psql('postgres', <<'SQL');
SELECT count(*) FROM words;
SET enable_seqscan = off;
SELECT count(DISTINCT id) FROM
  (SELECT id FROM words ORDER BY embedding <=> (SELECT embedding FROM sources WHERE id = 1)
   LIMIT 1000000) s;
SQL
is($scan, $heap, 'no row lost');
unlike(slurp_file($node->logfile), qr/terminated by signal|PANIC/, 'no crash');
check_indexes($node, 'mixed load');

done_testing();
