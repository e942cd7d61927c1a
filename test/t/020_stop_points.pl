# Death at every step of a change: a backend is killed at named places of builds, inserts, VACUUM,
# re-listing and calibration, before and after WAL records and between the pages of one change, and
# the server recovers. After each: avq_check with every heap row, every row found once with all lists
# probed, the top rows those of the exact scan. The same places raise errors, without a restart. A
# standby replays all of it, and is promoted. AVQ_ROUNDS=5 takes five times as many places.
use strict;
use warnings FATAL => 'all';

use AvqTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

die 'AVQ_STOPPING_POSTGRES: run by `make test`' unless $ENV{AVQ_STOPPING_POSTGRES};
my $rounds = $ENV{AVQ_ROUNDS} || 1;

my $node = avq_node('stops', install_path => $ENV{AVQ_STOPPING_POSTGRES}, streaming => 1,
  conf => <<'CONF');
restart_after_crash = on
wal_consistency_checking = 'all'
min_parallel_table_scan_size = 0
wal_keep_size = 8GB
CONF
load_set($node, 'functions');
load_set($node, 'callers', rows => 60);
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE rows AS SELECT id, name, embedding FROM functions WHERE id <= 4500;
CREATE TABLE few (LIKE rows);
CREATE SEQUENCE ids START 1000000;
CREATE TABLE wide (id bigint, embedding vector(3000));
CREATE TABLE wide_callers (id int, embedding vector(3000));
CREATE FUNCTION widen(v vector) RETURNS vector LANGUAGE sql IMMUTABLE AS
  'SELECT array_agg(x * (1 + sin(i + x)))::vector(3000)
   FROM generate_series(0, 2999) i, LATERAL (SELECT (v::real[])[1 + i % 96] AS x) s';
INSERT INTO wide SELECT id, widen(embedding) FROM rows WHERE id <= 300;
INSERT INTO wide_callers SELECT id, widen(embedding) FROM callers WHERE id <= 3;
CREATE INDEX wide_v ON wide USING avq (embedding vector_ip_ops) WITH (rerank = 'float');

-- Errors, or says what is wrong with the avq index of a table; empty if nothing is.
CREATE FUNCTION unsound(rel regclass, qs regclass) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  query vector;
  heap int;
  seen int;
  of_ids int;
  exact float8[];
  ranked float8[];
BEGIN
  PERFORM avq_check(indexrelid, true) FROM pg_index JOIN pg_class c ON c.oid = indexrelid
    JOIN pg_am a ON a.oid = c.relam WHERE indrelid = rel AND amname = 'avq' AND indisvalid;
  IF NOT FOUND THEN RETURN ''; END IF;
  PERFORM set_config('avq.target_recall', '1', true);
  EXECUTE format('SELECT count(*) FROM %s', rel) INTO heap;
  FOR query IN EXECUTE format('SELECT embedding FROM %s WHERE id <= 3', qs) LOOP
    PERFORM set_config('enable_seqscan', 'off', true), set_config('enable_indexscan', 'on', true);
    EXECUTE format('SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM %s '
      'ORDER BY embedding <#> $1 LIMIT 1000000) s', rel) INTO seen, of_ids USING query;
    IF seen <> heap OR of_ids <> heap THEN
      RETURN format('%s rows in the heap, %s found, %s different', heap, seen, of_ids);
    END IF;
    EXECUTE format('SELECT array_agg(d) FROM (SELECT embedding <#> $1 AS d FROM %s '
      'ORDER BY embedding <#> $1 LIMIT 25) s', rel) INTO ranked USING query;
    PERFORM set_config('enable_seqscan', 'on', true), set_config('enable_indexscan', 'off', true);
    EXECUTE format('SELECT array_agg(d) FROM (SELECT embedding <#> $1 AS d FROM %s '
      'ORDER BY embedding <#> $1 LIMIT 25) s', rel) INTO exact USING query;
    IF ranked <> exact THEN RETURN 'other rows than the exact scan''s'; END IF;
  END LOOP;
  RETURN '';
END $$;
SQL
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('stops_standby',
  install_path => $ENV{AVQ_STOPPING_POSTGRES});
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;

# What is interrupted: table, SQL before (not interrupted), the statement, and the places, each a name
# and the times it is passed before. The numbers of records are spread over what a statement writes.
my $create = 'CREATE INDEX rows_v ON rows USING avq (embedding vector_ip_ops)';
sub places {
  my ($most, $count) = @_;
  $count *= $rounds;
  return map { my $at = 1 + int(($most - 1) * $_ / ($count > 1 ? $count - 1 : 1));
    (($_ % 2 ? 'before' : 'after') . "_record:$at") } 0 .. $count - 1;
}
my @builds = qw(build_sampled build_trained build_sorted build_laid_out build_filled build_logged);
my $refill = "DROP INDEX IF EXISTS few_v; TRUNCATE few; INSERT INTO few SELECT * FROM rows WHERE id <= 40;"
  . ' CREATE INDEX few_v ON few USING avq (embedding vector_ip_ops);'
  . ' INSERT INTO few SELECT id + 40, name, embedding FROM rows LIMIT 4200';
my $rebuild = "DROP INDEX IF EXISTS rows_v; $create";
my @scenarios = (
  { name => 'build', table => 'rows', before => 'DROP INDEX IF EXISTS rows_v',
    statement => "SET max_parallel_maintenance_workers = 0; $create", places => \@builds },
  { name => 'parallel build', table => 'rows', before => 'DROP INDEX IF EXISTS rows_v',
    statement => "SET max_parallel_maintenance_workers = 2; $create",
    places => [qw(worker_training:3 worker_encoding worker_sorted build_trained build_logged)] },
  { name => 'concurrent build', table => 'rows', before => 'DROP INDEX IF EXISTS rows_v',
    statement => 'CREATE INDEX CONCURRENTLY rows_v ON rows USING avq (embedding vector_ip_ops)',
    places => [qw(build_trained build_logged)] },
  { name => 'REINDEX', table => 'rows', once => $rebuild, statement => 'REINDEX INDEX rows_v',
    places => [qw(build_filled build_logged)] },
  { name => 'one insert', table => 'rows', once => $rebuild,
    statement => "INSERT INTO rows SELECT nextval('ids'), name, embedding FROM functions "
      . 'WHERE id = 1 + (random() * 3000)::int', places => [qw(before_record after_record)] },
  { name => 'inserts', table => 'rows', statement =>
      "INSERT INTO rows SELECT nextval('ids'), name, embedding FROM functions WHERE id <= 2000",
    places => [ places(2000, 10), qw(page_added page_added:9 page_added:30) ] },
  { name => 'inserts with second codes', table => 'rows',
    once => "$rebuild WITH (soar_lambda = 1)", statement =>
      "INSERT INTO rows SELECT nextval('ids'), name, embedding FROM functions WHERE id <= 500",
    places => [ places(1000, 4), qw(insert_between_codes insert_between_codes:300) ] },
  { name => 'inserts of blocks longer than pages', table => 'wide', statement =>
      "INSERT INTO wide SELECT nextval('ids'), widen(embedding) FROM rows WHERE id <= 60",
    places => [ places(150, 8), qw(page_added page_added:20) ] },
  { name => 'VACUUM', table => 'rows', before =>
      "INSERT INTO rows SELECT nextval('ids'), name, embedding FROM functions WHERE id <= 300;"
      . ' DELETE FROM rows WHERE id >= 1000000 OR id % 97 = 1',
    statement => 'VACUUM (INDEX_CLEANUP ON) rows', places => [ places(140, 5) ] },
  { name => 'inserts into freed slots', table => 'rows', before =>
      'DELETE FROM rows WHERE id >= 1000000; VACUUM (INDEX_CLEANUP ON) rows', statement =>
      "INSERT INTO rows SELECT nextval('ids'), name, embedding FROM functions WHERE id <= 1500",
    places => [ places(1500, 5) ] },
  { name => 're-listing', table => 'few', before => $refill, statement => 'VACUUM few',
    places => [ qw(relist_announced relist_trained relist_sorted relist_written relist_switched),
      places(220, 8), 'page_added:20' ] },
  # The pages that the scenario before has left are freed and used again.
  { name => 'sweep of a cut re-listing', table => 'few', before => "$refill; "
      . 'SET avq.stop_action = error; SET avq.stop_point = relist_written', also => 'VACUUM few',
    statement => 'VACUUM few', places => [ places(400, 6) ] },
  { name => 'calibration', table => 'rows', once => $rebuild, statement =>
      "SELECT * FROM avq_calibrate('rows_v', (SELECT array_agg(embedding) FROM callers))",
    places => [qw(before_record after_record)] });

sub run_sql {
  my ($sql) = @_;
  my ($status, $out, $error) = $node->psql('postgres', $sql, on_error_stop => 0, timeout => 120);
  return ($status, $out // '', $error // '');
}

# After a kill: a server that has not yet noticed it still takes connections, so the log must say that
# it has come back.
sub wait_until_up {
  my ($from) = @_;
  for (1 .. 1200) {
    return if slurp_file($node->logfile, $from) =~ /ready to accept connections/ && accepts_queries($node);
    select(undef, undef, undef, 0.05);
  }
  BAIL_OUT('the server did not come back');
}

# Interrupts the statement at a place; whether it came there.
sub interrupt {
  my ($scenario, $place, $action) = @_;
  # What the statement before has left in the session's way is gone with its session.
  $node->safe_psql('postgres', $scenario->{before}) if $scenario->{before} && !$scenario->{also};
  run_sql("$scenario->{before}; $scenario->{also}") if $scenario->{also};
  my $log_end = -s $node->logfile;
  my ($status, $out, $error) =
    run_sql("SET avq.stop_action = '$action';\nSET avq.stop_point = '$place';\n$scenario->{statement};");
  my $came = $error =~ ($action eq 'kill' ? qr/connection.*lost|terminated abnormally|crash of another/s
    : qr/stopped at|parallel worker/);
  wait_until_up($log_end) if $came && $action eq 'kill';
  return $came;
}

my %reached = (kill => 0, error => 0);
my $asked = 0;
for my $scenario (@scenarios) {
  $node->safe_psql('postgres', $scenario->{once}) if $scenario->{once};
  for my $place (@{ $scenario->{places} }) {
    for my $action (qw(error kill)) {
      $asked++;
      my $came = interrupt($scenario, $place, $action);
      $reached{$action}++ if $came;
      my $what = "$scenario->{name}, $action at $place" . ($came ? '' : ' (not reached)');
      my ($status, $out, $error) = run_sql(
        "SELECT unsound('$scenario->{table}', '" .
          ($scenario->{table} eq 'wide' ? 'wide_callers' : 'callers') . "')");
      is("$error$out", '', $what);
    }
  }
}
diag("of $asked places $reached{kill} were died at, $reached{error} raised errors");
cmp_ok($reached{kill}, '>=', 0.35 * $asked, "$reached{kill} kills and restarts");
cmp_ok($reached{error}, '>=', 0.35 * $asked, "$reached{error} errors");

# Everything that was cut short is made good by the next statements.
$node->safe_psql('postgres', "$rebuild; VACUUM rows; VACUUM few; VACUUM few; VACUUM wide");
check_indexes($node, 'at the end');
is($node->safe_psql('postgres', "SELECT generation > 1 FROM avq_index_info('few_v')"), 't',
  'the last re-listing went through');

$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
my %scan = (table => 'rows', queries => 'callers', operator => '<#>', k => 20,
  settings => 'SET avq.target_recall = 1');
is(answers($standby, %scan), answers($node, %scan), 'the standby gives the same answers');
check_indexes($standby, 'standby');
$standby->promote;
for my $table (qw(rows few)) {
  $standby->safe_psql('postgres',
    "INSERT INTO $table SELECT nextval('ids'), name, embedding FROM functions WHERE id <= 500; VACUUM $table");
  is($standby->safe_psql('postgres', "SELECT unsound('$table', 'callers')"), '',
    "$table on the promoted standby, after inserts");
}
unlike(slurp_file($standby->logfile), qr/inconsistent page|PANIC|TRAP/, 'replayed to the same bytes');
unlike(slurp_file($node->logfile), qr/inconsistent page|PANIC|TRAP|signal 11|signal 6/, 'no other crash');

done_testing();
