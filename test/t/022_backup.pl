# Backups: pg_basebackup while clients insert, update, delete and VACUUM, and recovery to a point
# between two inserts. What is restored passes avq_check with every heap row and gives the exact
# scan's answers; the row before the point is found, the one after it is not.
use strict;
use warnings FATAL => 'all';

use AvqTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = avq_node('archived', streaming => 1, conf => <<'CONF');
wal_consistency_checking = 'all'
CONF
$node->enable_archiving;
$node->restart;
load_set($node, 'functions', rows => 6000);
load_set($node, 'callers', rows => 20);
$node->safe_psql('postgres', 'CREATE INDEX functions_v ON functions USING avq (embedding vector_ip_ops)');

my $load = sql_file('load', <<'SQL');
\set a random(1, 6000)
\set b random(1, 6000)
INSERT INTO functions (name, embedding) SELECT 'load', x.embedding + y.embedding
  FROM functions x, functions y WHERE x.id = :a AND y.id = :b;
UPDATE functions SET embedding = embedding WHERE id = :b;
DELETE FROM functions WHERE id = :a AND name = 'load';
SQL
my $vacuum = sql_file('vacuum', "VACUUM (INDEX_CLEANUP ON) functions;\n");
my ($out, $err) = ('', '');
my $clients = IPC::Run::start(
  [ 'pgbench', '-n', '-c', '4', '-T', '8', '-f', "$load\@20", '-f', "$vacuum\@1",
    $node->connstr('postgres') ], '<', \undef, '>', \$out, '2>', \$err);
$node->backup('under_load');
ok($clients->finish, 'the clients had no errors') or diag("$out$err");

# Thirty times a query is its best answer, 31 times a better one.
$node->safe_psql('postgres', 'INSERT INTO functions (id, name, embedding) '
    . "SELECT 900001, 'before', array_fill(30::real, ARRAY[96])::vector * embedding FROM callers WHERE id = 1");
my $point = $node->safe_psql('postgres', 'SELECT pg_current_wal_lsn()');
$node->safe_psql('postgres', 'INSERT INTO functions (id, name, embedding) '
    . "SELECT 900002, 'after', array_fill(31::real, ARRAY[96])::vector * embedding FROM callers WHERE id = 1");
$node->safe_psql('postgres', 'SELECT pg_switch_wal(); CHECKPOINT');

my $restored = PostgreSQL::Test::Cluster->new('restored');
$restored->init_from_backup($node, 'under_load', has_restoring => 1);
$restored->append_conf('postgresql.conf', <<"CONF");
recovery_target_lsn = '$point'
recovery_target_action = 'promote'
recovery_target_inclusive = off
CONF
$restored->start;
$restored->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()') or die 'never promoted';
check_indexes($restored, 'restored');
my $best = <<'SQL';
SET enable_seqscan = off;
SELECT id FROM functions ORDER BY embedding <#> (SELECT embedding FROM callers WHERE id = 1) LIMIT 1;
SQL
is($restored->safe_psql('postgres', $best), '900001', 'the row before the point is the best');
is($node->safe_psql('postgres', $best), '900002', 'where time went on, the one after it is');
my %all = measure($restored, table => 'functions', queries => 'callers', operator => '<#>', k => 20,
  settings => 'SET avq.target_recall = 1');
cmp_ok($all{recall}, '>=', 1, 'all lists probed give the exact answers');
grow($restored, 'functions', 6000, 2000, 3);
$restored->safe_psql('postgres', 'DELETE FROM functions WHERE id % 3 = 0; VACUUM functions');
check_indexes($restored, 'restored, and written to');
unlike(slurp_file($restored->logfile), qr/inconsistent page|PANIC/, 'replayed to the same bytes');

done_testing();
