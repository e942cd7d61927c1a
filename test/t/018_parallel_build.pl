# CREATE INDEX with parallel workers: the same index, byte by byte, as one process builds; workers
# only where they may be used; errors and cancellation reach everyone.
use strict;
use warnings FATAL => 'all';

use AvqTest;
use Digest::MD5 qw(md5_hex);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

my $node = avq_node('parallel_build', conf => "max_parallel_maintenance_workers = 2\n");
load_set($node, 'words');
grow($node, 'words', 16494, 44000, 5);
$node->safe_psql('postgres', <<SQL);
ALTER TABLE words SET (parallel_workers = 2);
ALTER TABLE words ADD COLUMN part int;
UPDATE words SET part = id % 3 WHERE id % 7 = 0;
DELETE FROM words WHERE id % 11 = 0;
INSERT INTO words (name, embedding) VALUES ('null', NULL), ('zero', array_fill(0, '{100}')::vector),
  ('vast', array_fill(1e30::real, '{100}')::vector);
SQL

# How many workers took part in a build.
sub workers_of {
  my ($sql) = @_;
  my ($status, $out, $error) =
    $node->psql('postgres', "SET client_min_messages = debug1; $sql", on_error_stop => 1);
  my ($workers) = $error =~ /avq build of .* (\d+) workers;/;
  die "$sql: $error" if $status != 0 || !defined $workers;
  return $workers;
}

# A digest of the index's file without what the log's position and checksums make of its pages.
sub content_of {
  my ($index) = @_;
  $node->safe_psql('postgres', 'CHECKPOINT');
  my $pages = '';
  my $path = index_files($node, $index);
  open my $file, '<:raw', $path or die "$path: $!";
  while (read $file, my $page, 8192) {
    $pages .= substr $page, 10;
  }
  close $file;
  return md5_hex($pages);
}

sub workers_alive {
  return $node->safe_psql('postgres',
    "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'parallel worker'");
}

# --- the same index -------------------------------------------------------------------------------

my %kinds = (
  ip => 'vector_ip_ops',
  cosine => "vector_cosine_ops) WITH (rerank = int8",
  l2 => "vector_l2_ops) WITH (soar_lambda = 1",
);
my %alone;
for my $kind (sort keys %kinds) {
  my $create = "CREATE INDEX words_$kind ON words USING avq (embedding $kinds{$kind})";
  is(workers_of("SET max_parallel_maintenance_workers = 0; $create"), 0, "$kind: alone");
  $alone{$kind} = content_of("words_$kind");
  for my $workers (1, 2) {
    is(
      workers_of("SET max_parallel_maintenance_workers = $workers; REINDEX INDEX words_$kind"),
      $workers, "$kind: with $workers workers");
    is(content_of("words_$kind"), $alone{$kind}, "$kind: with $workers workers, the same bytes");
  }
}
isnt($alone{ip}, $alone{cosine}, 'other indexes have other bytes');
is(workers_of('SET avq.seed = 43; REINDEX INDEX words_ip'), 2, 'another seed');
isnt(content_of('words_ip'), $alone{ip}, 'another seed, other bytes');
check_indexes($node, 'built by three processes');

is(workers_of('REINDEX INDEX CONCURRENTLY words_ip'), 2, 'REINDEX CONCURRENTLY with workers');
is(content_of('words_ip'), $alone{ip}, 'REINDEX CONCURRENTLY, the same bytes');
$node->safe_psql('postgres', 'DROP INDEX words_ip');
is(
  workers_of('CREATE INDEX CONCURRENTLY words_ip ON words USING avq (embedding)'),
  2, 'CREATE INDEX CONCURRENTLY with workers');
is(content_of('words_ip'), $alone{ip}, 'CREATE INDEX CONCURRENTLY, the same bytes');

# --- how many workers -----------------------------------------------------------------------------

is(workers_of('SET max_parallel_workers = 0; REINDEX INDEX words_ip'),
  0, 'no worker to be had: the build goes on alone');
is(content_of('words_ip'), $alone{ip}, 'no worker to be had, the same bytes');

# So little memory that each participant's sort goes to disk several times, and the sample shrinks.
my $little = "SET maintenance_work_mem = '16MB'; SET work_mem = '64kB';";
is(workers_of("$little SET max_parallel_maintenance_workers = 0; REINDEX INDEX words_ip"),
  0, 'in 16 MB, alone');
my $in_little = content_of('words_ip');
is(workers_of("$little REINDEX INDEX words_ip"), 2, 'in 16 MB, with workers');
is(content_of('words_ip'), $in_little, 'in 16 MB, the same bytes');

# Unless the table says otherwise, the planner grants a worker for every 32 MB.
$node->safe_psql('postgres', 'ALTER TABLE words RESET (parallel_workers)');
is(workers_of("SET maintenance_work_mem = '96MB'; REINDEX INDEX words_ip"), 2, '96 MB for three');
is(workers_of("SET maintenance_work_mem = '64MB'; REINDEX INDEX words_ip"), 1, '64 MB for two');
is(workers_of("SET maintenance_work_mem = '32MB'; REINDEX INDEX words_ip"), 0, '32 MB for one');
$node->safe_psql('postgres', 'ALTER TABLE words SET (parallel_workers = 2)');

$node->safe_psql('postgres', <<'SQL');
CREATE FUNCTION same(vector) RETURNS vector(100) IMMUTABLE PARALLEL SAFE
  LANGUAGE plpgsql AS 'BEGIN RETURN $1; END';
CREATE FUNCTION unsafe(vector) RETURNS vector(100) IMMUTABLE PARALLEL UNSAFE
  LANGUAGE plpgsql AS 'BEGIN RETURN $1; END';
CREATE FUNCTION unsafe(int) RETURNS boolean IMMUTABLE PARALLEL UNSAFE
  LANGUAGE plpgsql AS 'BEGIN RETURN $1 = 1; END';
SQL
is(workers_of('CREATE INDEX words_same ON words USING avq ((same(embedding)::vector(100)))'),
  2, 'an expression that is parallel safe');
is(workers_of('CREATE INDEX words_unsafe ON words USING avq ((unsafe(embedding)::vector(100)))'),
  0, 'an expression that is not');
is(content_of('words_same'), content_of('words_unsafe'), 'both expressions, the same bytes');
is(workers_of('CREATE INDEX words_part ON words USING avq (embedding) WHERE part = 1'),
  2, 'a predicate that is parallel safe');
is(workers_of('CREATE INDEX words_part_unsafe ON words USING avq (embedding) WHERE unsafe(part)'),
  0, 'a predicate that is not');
is(content_of('words_part'), content_of('words_part_unsafe'), 'both predicates, the same bytes');
is(
  workers_of(
    'CREATE TEMP TABLE t AS SELECT * FROM words; ALTER TABLE t SET (parallel_workers = 2);'
      . ' CREATE INDEX ON t USING avq (embedding)'),
  0, 'a temporary table');

# Rows of the same transaction, some deleted again, are visible to its workers.
is(
  workers_of(<<'SQL'), 2, 'a table of the same transaction');
BEGIN;
CREATE TABLE fresh WITH (parallel_workers = 2) AS SELECT * FROM words;
ALTER TABLE fresh ALTER embedding TYPE vector(100);
DELETE FROM fresh WHERE id % 5 = 0;
UPDATE fresh SET name = name || 's' WHERE id % 5 = 1;
CREATE INDEX fresh_ip ON fresh USING avq (embedding);
COMMIT;
SQL
is(workers_of('TRUNCATE fresh; REINDEX INDEX fresh_ip'), 0, 'an empty table');
check_indexes($node, 'all kinds');

# --- progress ------------------------------------------------------------------------------------

# Each phase but the shortest shows rows done (of training: thousandths), never more than in all.
for my $workers (0, 2) {
  my (%most, $beyond);
  my $build =
    background($node, "SET max_parallel_maintenance_workers = $workers; REINDEX INDEX words_l2");
  for (1 .. 2000) {
    my $row = $node->safe_psql('postgres',
      'SELECT phase, tuples_done, tuples_total FROM pg_stat_progress_create_index');
    last if $row eq '' && %most;
    next if $row eq '';
    my ($phase, $done, $total) = split /\|/, $row;
    # On 32 bits PostgreSQL itself does not get to the name of an access method's phase.
    if ($phase eq 'building index' && $total > 0) {
      $phase .= $total == 1000 ? ': training lists and codebooks' : ': assigning and encoding rows';
    }
    $most{$phase} = $done if $done > ($most{$phase} // 0);
    # The number of rows is an estimate until they have been encoded.
    $beyond = $row if $done > $total * ($phase =~ /encoding/ ? 1.2 : 1);
  }
  finish($build);
  cmp_ok($most{'building index: training lists and codebooks'} // 0,
    '>', 100, "$workers workers: progress of training");
  cmp_ok($most{'building index: assigning and encoding rows'} // 0,
    '>', 1000, "$workers workers: progress of encoding");
  is($beyond, undef, "$workers workers: never more than all");
}

# --- errors and cancellation ----------------------------------------------------------------------

$node->safe_psql('postgres', <<'SQL');
DROP INDEX words_ip, words_same, words_unsafe, words_part, words_part_unsafe;
CREATE TABLE mixed WITH (parallel_workers = 2) AS SELECT id, embedding::vector AS v FROM words;
INSERT INTO mixed VALUES (0, '[1,2,3]');
SQL
fails_with($node, 'CREATE INDEX ON mixed USING avq ((v::vector(100)))', '22000',
  qr/expected 100 dimensions, not 3/, 'a row that one of the processes cannot index');

my $create = 'CREATE INDEX words_ip ON words USING avq (embedding)';
my $find_workers = "backend_type = 'parallel worker' AND query LIKE 'CREATE INDEX words_ip%'";
for my $how (
  ["SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX words_ip%'"
      . " AND backend_type = 'client backend'", qr/canceling statement due to user request/],
  ["SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE $find_workers LIMIT 1",
    qr/terminating (connection|background worker)/])
{
  my ($sql, $pattern) = @$how;
  my $stopped = 0;
  for (1 .. 10) {
    my $build = background($node, $create);
    for (1 .. 500) {
      last
        if $node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE $find_workers");
      sleep 0.01;
    }
    $node->safe_psql('postgres', $sql);
    my (undef, $error) = finish($build);
    if ($error ne '') {
      like($error, $pattern, "the build ends: $pattern");
      $stopped = 1;
      last;
    }
    $node->safe_psql('postgres', 'DROP INDEX words_ip');  # it was faster
  }
  ok($stopped, "stopped: $pattern");
  wait_for($node,
    "SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'parallel worker'",
    'the workers to be gone');
  is($node->safe_psql('postgres', "SELECT to_regclass('words_ip') IS NULL"), 't',
    'no index is left');
}

# A worker is terminated while it helps to train. Training goes on for seconds (so many lists), and
# the statement waits in the server for its beginning.
my $killer = <<'SQL';
DO $$
DECLARE
  phase text;
BEGIN
  FOR i IN 1 .. 6000 LOOP
    PERFORM pg_sleep(0.01), pg_stat_clear_snapshot();
    SELECT p.phase INTO phase FROM pg_stat_progress_create_index p
      WHERE (p.phase LIKE '%training%' OR p.phase = 'building index' AND p.tuples_total = 1000)
        AND p.tuples_done > 0;
    CONTINUE WHEN phase IS NULL;
    PERFORM pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE backend_type = 'parallel worker' LIMIT 1;
    IF FOUND THEN
      RAISE INFO 'terminated while %', phase;
      RETURN;
    END IF;
  END LOOP;
END $$
SQL
my $long = background($node,
  'CREATE INDEX words_ip ON words USING avq (embedding) WITH (lists = 4000)');
my (undef, undef, $told) = $node->psql('postgres', $killer);
like($told, qr/terminated while building index/, 'a worker is terminated while it helps to train');
my (undef, $error) = finish($long);
like($error, qr/ERROR:  terminating (connection|background worker)/, "the build ends for the worker's reason");
is($node->safe_psql('postgres', "SELECT to_regclass('words_ip') IS NULL"), 't',
  'no index is left of it');

is(workers_of($create), 2, 'and then it is built');
is(content_of('words_ip'), $alone{ip}, 'and has the same bytes');
is(workers_alive(), 0, 'no worker is left');
check_indexes($node, 'after errors');

done_testing();
