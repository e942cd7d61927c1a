# Re-listing while clients insert, delete and search: no error, no row lost, none found twice. An
# immediate stop at any moment of it leaves a sound index, and what it had written is used again.
# (A cursor from before: test/isolation/specs/relist.spec.)
use strict;
use warnings FATAL => 'all';

use AvqTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $node = avq_node('relist', conf => "wal_consistency_checking = 'all'\nmax_wal_size = 4GB\n");
load_set($node, 'words');
load_set($node, 'callers', rows => 30);
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE sources AS SELECT id, embedding FROM words;
CREATE UNIQUE INDEX ON sources (id);
CREATE TABLE probes AS SELECT id, embedding FROM words WHERE id % 500 = 0;
SQL

sub info {
  my ($column, $index) = @_;
  return $node->safe_psql('postgres', "SELECT $column FROM avq_index_info('$index')");
}

# Every row once, and the exact answers when all is looked at.
sub complete {
  my ($table, $operator, $what) = @_;
  my ($heap, $rows, $ids) = split /\n|\|/, $node->safe_psql('postgres', <<SQL);
SELECT count(*) FROM $table;
SET enable_seqscan = off;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM $table ORDER BY embedding $operator
  (SELECT embedding FROM probes ORDER BY id LIMIT 1)) s;
SQL
  is("$rows $ids", "$heap $heap", "$what: $heap rows, each found once");
  my %all = measure($node, table => $table, queries => 'probes', operator => $operator, k => 10,
    settings => 'SET avq.target_recall = 1');
  cmp_ok($all{recall}, '>=', 1, "$what: exact answers");
  return;
}

# --- clients meanwhile ----------------------------------------------------------------------------------
# VACUUM goes slowly, so that much comes meanwhile; dead slots that own copies lie about. It begins
# when the clients insert already, and they go on until it is over.
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE growing (LIKE words INCLUDING DEFAULTS INCLUDING IDENTITY);
CREATE UNIQUE INDEX growing_id ON growing (id);
CREATE INDEX growing_v ON growing USING avq (embedding vector_cosine_ops) WITH (soar_lambda = 1);
INSERT INTO growing (name, embedding) SELECT name, embedding FROM words;
DELETE FROM growing WHERE id % 5 = 0;
SQL
my $before = $node->safe_psql('postgres', 'SELECT count(*) FROM growing');
my $vacuum = background($node, <<'SQL');
DO $$ BEGIN
  WHILE (SELECT count(*) FROM growing WHERE name = 'new') < 20 LOOP
    PERFORM pg_sleep(0.01);
  END LOOP;
END $$;
SET vacuum_cost_delay = '2ms';
SET vacuum_cost_limit = 300;
VACUUM growing;
CREATE TABLE vacuumed ();
SQL
my %load = (
  'insert@10' => <<'SQL',
\set a random(1, 16000)
\set b random(1, 16000)
INSERT INTO growing (name, embedding)
SELECT 'new', a.embedding + b.embedding FROM sources a, sources b WHERE a.id = :a AND b.id = :b;
SQL
  'odd@1' => <<'SQL',
\set kind random(0, 2)
INSERT INTO growing (name, embedding) VALUES ('odd', CASE :kind WHEN 0 THEN NULL
  WHEN 1 THEN array_fill(0, ARRAY[100])::vector ELSE array_fill(1e25::real, ARRAY[100])::vector END);
SQL
  'update@3' => <<'SQL',
\set b random(1, 20000)
UPDATE growing SET embedding = embedding + embedding WHERE id = :b;
SQL
  'rollback@1' => <<'SQL',
BEGIN;
INSERT INTO growing (name, embedding) SELECT name, embedding FROM sources JOIN words USING (id, embedding) WHERE id < 20;
ROLLBACK;
SQL
  'delete@3' => <<'SQL',
\set b random(1, 20000)
DELETE FROM growing WHERE id = :b;
SQL
  'complete@1' => <<'SQL',
BEGIN ISOLATION LEVEL REPEATABLE READ;
SET LOCAL enable_seqscan = off;
SELECT 1 / (count(*) = count(DISTINCT id) AND count(*) = (SELECT count(*) FROM growing))::int FROM
  (SELECT id FROM growing ORDER BY embedding <=> (SELECT embedding FROM sources WHERE id = 7)) s;
COMMIT;
SQL
  'search@5' => <<'SQL');
\set a random(1, 16000)
SELECT 1 / (count(*) = 50 AND count(DISTINCT id) = 50)::int FROM
  (SELECT id FROM growing ORDER BY embedding <=> (SELECT embedding FROM sources WHERE id = :a)
   LIMIT 50) s;
SQL
for my $burst (1 .. 60) {
  # The scripts are files: each burst's need names of their own.
  my %scripts = map { ("burst$burst-$_" => $load{$_}) } keys %load;
  $node->pgbench('--no-vacuum --client=6 --jobs=2 --time=5 --max-tries=1', 0,
    [qr/number of failed transactions: 0/], [qr/^$/], 'clients meanwhile have no error', \%scripts);
  last if $node->safe_psql('postgres', "SELECT to_regclass('vacuumed') IS NOT NULL") eq 't';
}
my ($out, $error) = finish($vacuum);
is($error, '', 'VACUUM has no error');
is(info('generation', 'growing_v'), 2, 're-listed');
my ($lists, $late) = slurp_file($node->logfile) =~ /re-listed index "growing_v": \d+ rows, (\d+) lists.*?catching up with (\d+) inserts/s;
cmp_ok($late, '>', 0, "inserts do not wait: $late rows came meanwhile, $before there were before");
complete('growing', '<=>', 'after clients');
check_indexes($node, 'after clients');
$node->safe_psql('postgres', 'SELECT pg_current_xact_id(); VACUUM growing');
complete('growing', '<=>', 'the next VACUUM');
check_indexes($node, 'the next VACUUM');

# --- immediate stops ---------------------------------------------------------------------------------------
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE stopped (LIKE words INCLUDING DEFAULTS INCLUDING IDENTITY);
CREATE INDEX stopped_v ON stopped USING avq (embedding vector_l2_ops);
INSERT INTO stopped (name, embedding) SELECT name, embedding FROM words, generate_series(1, 2);
DELETE FROM stopped WHERE id % 10 = 3;
SQL
# Slowly again: the parts that read and write take their time, training takes what it takes.
my $slow = "SET vacuum_cost_delay = '2ms'; SET vacuum_cost_limit = 200; VACUUM stopped;";
my $unlisted = $node->safe_psql('postgres', "SELECT pg_relation_size('stopped_v')");
my $cut = 0;
for my $delay (0.3, 0.6, 0.9, 1.2, 1.5, 1.8, 2.4, 3) {
  my $cleaner = background($node, $slow);
  sleep($delay);
  $node->stop('immediate');
  finish($cleaner);
  $node->start;
  my $generation = info('generation', 'stopped_v');
  my $size = $node->safe_psql('postgres', "SELECT pg_relation_size('stopped_v')");
  note(sprintf('stopped after %.1f s: generation %d, %.2f of the size before', $delay, $generation,
    $size / $unlisted));
  $cut++ if $generation == 1;
  check_indexes($node, "stopped after $delay s");
  $node->safe_psql('postgres', 'INSERT INTO stopped (name, embedding) SELECT name, embedding FROM words WHERE id < 100');
  complete('stopped', '<->', "stopped after $delay s");
  last if $generation > 1;
}
cmp_ok($cut, '>=', 2, "$cut re-listings were cut short");
$node->safe_psql('postgres', 'VACUUM stopped; SELECT pg_current_xact_id(); VACUUM stopped');
is(info('generation', 'stopped_v'), 2, 're-listed at last');
complete('stopped', '<->', 're-listed at last');
check_indexes($node, 're-listed at last');
my $size = $node->safe_psql('postgres', "SELECT pg_relation_size('stopped_v')");
cmp_ok($size, '<=', 1.6 * $unlisted, sprintf('%.2f of the size before: leavings are not left', $size / $unlisted));
cmp_ok(info('free_pages', 'stopped_v'), '>', 0, 'what is not needed is free');

# --- cancelled, and VACUUM FULL afterwards -------------------------------------------------------------------
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE canceled AS SELECT * FROM stopped;
TRUNCATE canceled;
CREATE INDEX canceled_v ON canceled USING avq (embedding vector_ip_ops);
INSERT INTO canceled SELECT * FROM words;
SQL
my ($status, $stdout, $stderr) = $node->psql('postgres',
  "SET statement_timeout = '300ms'; SET vacuum_cost_delay = '2ms'; SET vacuum_cost_limit = 50; VACUUM canceled");
like($stderr, qr/canceling statement due to statement timeout/, 'VACUUM can be canceled');
is(info('generation', 'canceled_v'), 1, 'a canceled re-listing leaves the lists as they were');
$node->safe_psql('postgres', 'INSERT INTO canceled SELECT id + 100000, name, embedding FROM words WHERE id < 500');
complete('canceled', '<#>', 'canceled');
$node->safe_psql('postgres', 'VACUUM canceled');
is(info('generation', 'canceled_v'), 2, 'the next VACUUM re-lists it');
complete('canceled', '<#>', 're-listed after a cancel');
check_indexes($node, 're-listed after a cancel');

unlike(slurp_file($node->logfile), qr/terminated by signal [^9]|PANIC|TRAP|inconsistent page found/, 'no crash of its own');
done_testing();
