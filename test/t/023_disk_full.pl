# A file system that is full: builds, inserts, VACUUM's re-listing and REINDEX fail with 53100 and leave
# a sound index and a server that goes on, and all of them work again when there is room. Needs a
# small file system, which scripts/test.sh mounts where it is root (AVQ_SMALL_DISK).
use strict;
use warnings FATAL => 'all';

use AvqTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $disk = $ENV{AVQ_SMALL_DISK};
plan skip_all => 'no small file system: AVQ_SMALL_DISK is not set (needs root and mount)' unless $disk;

my $node = avq_node('full');
load_set($node, 'functions');
load_set($node, 'callers', rows => 20);
grow($node, 'functions', 20000, 10000, 7);
mkdir "$disk/space" or die "$disk/space: $!";
my $ballast = "$disk/ballast";

# Leaves so many KB on the disk.
sub leave {
  my ($kilobytes) = @_;
  unlink $ballast;
  $node->safe_psql('postgres', 'CHECKPOINT');
  my $free = `df -k --output=avail $disk | tail -n 1` + 0;
  my $fill = $free - $kilobytes;
  die "only $free KB are free" if $fill < 0;
  system('dd', 'if=/dev/zero', "of=$ballast", 'bs=1024', "count=$fill", 'status=none') == 0 or die 'dd';
  return;
}

sub sound {
  my ($what) = @_;
  check_indexes($node, $what);
  my %all = measure($node, table => 'functions', queries => 'callers', operator => '<#>', k => 20,
    settings => 'SET avq.target_recall = 1');
  cmp_ok($all{recall}, '>=', 1, "$what: exact answers with all lists probed");
  return;
}

sub full {
  my ($sql, $what) = @_;
  fails_with($node, $sql, '53100', qr/No space left on device|wrote only \d+ of 8192 bytes/, $what);
  return;
}

my $create = 'CREATE INDEX functions_v ON functions USING avq (embedding vector_ip_ops) TABLESPACE small';
$node->safe_psql('postgres', "CREATE TABLESPACE small LOCATION '$disk/space'");
leave(2000);
full("SET max_parallel_maintenance_workers = 0; $create", 'a build');
full("SET max_parallel_maintenance_workers = 2; SET min_parallel_table_scan_size = 0; $create",
  'a parallel build');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_class WHERE relname = 'functions_v'"), '0',
  'no index is left');
unlink $ballast;
$node->safe_psql('postgres', $create);
sound('there is room again');

leave(300);
full('INSERT INTO functions (name, embedding) SELECT name, embedding FROM functions', 'many inserts');
sound('after the failed inserts');
my $inserted = 0;
for my $try (1 .. 400) {
  my ($status) = $node->psql('postgres',
    "INSERT INTO functions (name, embedding) SELECT name, embedding FROM functions WHERE id = $try");
  $inserted++ if $status == 0;
}
note("$inserted of 400 single inserts found room");
sound('after single inserts');
leave(50);
full('REINDEX INDEX functions_v', 'REINDEX');
sound('after the failed REINDEX');
my ($status, $out, $error) = $node->psql('postgres', 'REINDEX INDEX CONCURRENTLY functions_v');
isnt($status, 0, 'REINDEX CONCURRENTLY fails');
$node->safe_psql('postgres', 'DROP INDEX IF EXISTS functions_v_ccnew');
sound('after the failed REINDEX CONCURRENTLY');
unlink $ballast;
grow($node, 'functions', 20000, 2000, 99);
sound('there is room for inserts again');

# VACUUM that would re-list, and cannot.
$node->safe_psql('postgres', <<'SQL');
DROP INDEX functions_v;
CREATE TABLE few AS SELECT * FROM functions WHERE id <= 200;
CREATE INDEX few_v ON few USING avq (embedding vector_ip_ops) TABLESPACE small;
INSERT INTO few SELECT * FROM functions WHERE id BETWEEN 201 AND 20000;
SQL
leave(600);
full('VACUUM few', 're-listing');
check_indexes($node, 'after the failed re-listing');
is($node->safe_psql('postgres', "SELECT generation FROM avq_index_info('few_v')"), '1',
  'the former lists are in force');
unlink $ballast;
$node->safe_psql('postgres', 'VACUUM few');
is($node->safe_psql('postgres', "SELECT generation FROM avq_index_info('few_v')"), '2',
  'the next VACUUM re-lists');
check_indexes($node, 'after the re-listing');
unlike(slurp_file($node->logfile), qr/PANIC|TRAP|terminated by signal/, 'no crash');
$node->stop;

done_testing();
