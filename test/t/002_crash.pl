# Immediate stops during a build, during inserts and during VACUUM: after recovery the index passes
# avq_check, holds every row whose commit was acknowledged, and answers exactly when all lists are
# probed.
use strict;
use warnings FATAL => 'all';

use AvqTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $exhaustive = 'SET avq.probes = 65536; SET avq.rerank_depth = 1000';

my $node = avq_node('crash', conf => "autovacuum = off\n");
load_set($node, 'functions');
load_set($node, 'callers', rows => 40);
grow($node, 'functions', 20000, 40000, 1);

sub crash {
  my ($handle) = @_;
  $node->stop('immediate');
  finish($handle) if $handle;
  $node->start;
  return;
}

sub sound {
  my ($what) = @_;
  check_indexes($node, $what);
  my %all = measure($node, table => 'functions', queries => 'callers', operator => '<#>',
    k => 10, settings => $exhaustive);
  cmp_ok($all{recall}, '>=', 1, "$what: all lists probed give the exact answers");
  my $counts = $node->safe_psql('postgres', <<'SQL');
SELECT count(*) FROM functions;
SET enable_seqscan = off;
SELECT count(DISTINCT id) FROM
  (SELECT f.id FROM functions f, (SELECT embedding q FROM callers WHERE id = 1) c
   ORDER BY f.embedding <#> c.q LIMIT 1000000) s;
SQL
  my ($heap, $scan) = split /\n/, $counts;
  is($scan, $heap, "$what: $heap rows in the table and in the index");
  return;
}

# --- during a build ---------------------------------------------------------------------------------
my $create = 'CREATE INDEX functions_ip ON functions USING avq (embedding vector_ip_ops);';
my $begin = time;
$node->safe_psql('postgres', $create);
my $duration = time - $begin;
note("an undisturbed build takes $duration s");
$node->safe_psql('postgres', 'DROP INDEX functions_ip; CHECKPOINT');

my $unfinished = 0;
for my $part (0.15, 0.5, 0.85) {
  my $build = background($node, $create);
  sleep($duration * $part);
  crash($build);
  my $exists = $node->safe_psql('postgres', "SELECT to_regclass('functions_ip') IS NOT NULL");
  if ($exists eq 't') {
    note("the build was over at part $part");
    $node->safe_psql('postgres', 'DROP INDEX functions_ip');
  } else {
    $unfinished++;
  }
}
cmp_ok($unfinished, '>=', 1, "$unfinished of 3 builds were cut short");
$node->safe_psql('postgres', $create);
crash();
sound('crash after the build');

# --- during inserts -----------------------------------------------------------------------------------
my @clients;
for my $client (1 .. 4) {
  my $sql = '';
  for my $i (1 .. 20000) {
    my $a = 1 + ($i * 7919 + $client * 331) % 20000;
    my $b = 1 + ($i * 104729 + $client * 17) % 20000;
    $sql .= "INSERT INTO functions (name, embedding) SELECT 'client $client', a.embedding + b.embedding"
      . " FROM functions a, functions b WHERE a.id = $a AND b.id = $b RETURNING id;\n";
  }
  push @clients, background($node, $sql);
}
wait_for($node, "SELECT count(*) > 2000 FROM functions WHERE name LIKE 'client %'", 'inserts');
$node->stop('immediate');
my @acknowledged;
for my $client (@clients) {
  my ($out) = finish($client);
  # Whole lines only: a cut one could be the head of a longer number.
  push @acknowledged, $out =~ /^(\d+)\n/mg;
}
$node->start;
cmp_ok(scalar(@acknowledged), '>', 1000, scalar(@acknowledged) . ' inserts were acknowledged');
my $list = join ',', @acknowledged;
my $sql = sql_file('acknowledged', "SELECT count(*) FROM functions WHERE id IN ($list);");
is(`psql -XAtq -d '${\ $node->connstr('postgres')}' -f $sql` + 0,
  scalar(@acknowledged), 'every acknowledged row is there');
sound('crash during inserts');

# --- during VACUUM --------------------------------------------------------------------------------------
$node->safe_psql('postgres', 'DELETE FROM functions WHERE id > 20000 AND id % 2 = 0');
for my $delay (0.02, 0.1, 0.3) {
  my $vacuum = background($node, 'VACUUM (INDEX_CLEANUP ON) functions;');
  sleep($delay);
  crash($vacuum);
  check_indexes($node, "crash $delay s into VACUUM");
}
$node->safe_psql('postgres', 'VACUUM (INDEX_CLEANUP ON) functions');
sound('VACUUM after the crashes');
grow($node, 'functions', 20000, 5000, 77);
crash();
sound('reused slots after a crash');

# --- wal_level = minimal skips the log of a new relation, and must sync it instead ------------------------
$node->append_conf('postgresql.conf', "wal_level = minimal\nmax_wal_senders = 0\nwal_skip_threshold = 0\n");
$node->restart;
$node->safe_psql('postgres', "BEGIN; DROP INDEX functions_ip; $create COMMIT;");
crash();
sound('minimal WAL');

done_testing();
