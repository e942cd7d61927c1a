# old_snapshot_threshold (PostgreSQL 15 and 16): VACUUM removes rows that an old snapshot still sees. A
# scan by that snapshot fails with 72000 instead of missing them; one by a new snapshot goes on.
use strict;
use warnings FATAL => 'all';

use AvqTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = avq_node('snapshots');
plan skip_all => 'old_snapshot_threshold is gone in PostgreSQL 17' if $node->pg_version >= 17;
$node->append_conf('postgresql.conf', "old_snapshot_threshold = 0\n");
$node->restart;

my $search = 'SELECT count(*) FROM (SELECT id FROM functions ORDER BY embedding <#> '
  . '(SELECT embedding FROM callers WHERE id = 1) LIMIT 10) s;';
load_set($node, 'functions', rows => 3000);
load_set($node, 'callers', rows => 1);
$node->safe_psql('postgres', 'CREATE INDEX functions_v ON functions USING avq (embedding vector_ip_ops)');

my $go = $node->data_dir . '/go';
my $old = background($node, <<SQL);
\\set VERBOSITY verbose
SET enable_seqscan = off;
BEGIN ISOLATION LEVEL REPEATABLE READ;
$search

DO \$\$ BEGIN
  LOOP EXIT WHEN (pg_stat_file('$go', true)).size IS NOT NULL; PERFORM pg_sleep(0.05); END LOOP;
END \$\$;
$search
SQL
wait_for($node, "SELECT count(*) > 0 FROM pg_stat_activity WHERE query LIKE 'DO %' AND wait_event = 'PgSleep'",
  'the old snapshot');
# 0 minutes are 5 seconds to the server.
for (1 .. 3) {
  $node->safe_psql('postgres', 'SELECT pg_sleep(3)');
  $node->safe_psql('postgres', 'DELETE FROM functions WHERE id % 2 = 0 OR id > 3000');
  $node->safe_psql('postgres', 'VACUUM functions');
  $node->safe_psql('postgres', "INSERT INTO functions (name, embedding) SELECT name, embedding FROM functions LIMIT 900");
}
PostgreSQL::Test::Utils::append_to_file($go, "go\n");
my ($out, $error) = finish($old);
is($out, "10\n", 'the snapshot was good at first');
like($error, qr/ERROR:  72000: snapshot too old/, 'and is refused once it is too old');
is($node->safe_psql('postgres', "SET enable_seqscan = off; $search"), '10', 'a new one goes on');
check_indexes($node, 'in the end');

done_testing();
