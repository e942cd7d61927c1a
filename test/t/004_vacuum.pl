# An index built on 10,000 rows that takes 100,000 more, loses half and takes another 50,000 is still
# nearly as good, as cheap and as small as one built afresh on the same rows.
use strict;
use warnings FATAL => 'all';

use AvqTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = avq_node('vacuum');
my $create = 'CREATE INDEX functions_ip ON functions USING avq (embedding vector_ip_ops)';
load_set($node, 'functions', rows => 10000);
load_set($node, 'callers', rows => 100);
$node->safe_psql('postgres', $create);

grow($node, 'functions', 10000, 100000, 1);
$node->safe_psql('postgres', 'DELETE FROM functions WHERE id > 10000 AND id % 2 = 0');
$node->safe_psql('postgres', 'VACUUM functions');
my $vacuumed = $node->safe_psql('postgres', "SELECT pg_relation_size('functions_ip')");
grow($node, 'functions', 10000, 50000, 500009);
$node->safe_psql('postgres', 'VACUUM ANALYZE functions');

my @scan = (table => 'functions', queries => 'callers', operator => '<#>', k => 10);
my %grown = measure($node, @scan);
$grown{size} = $node->safe_psql('postgres', "SELECT pg_relation_size('functions_ip')");
check_indexes($node, 'grown');

$node->safe_psql('postgres', "DROP INDEX functions_ip; $create");
my %fresh = measure($node, @scan);
$fresh{size} = $node->safe_psql('postgres', "SELECT pg_relation_size('functions_ip')");
check_indexes($node, 'fresh');

diag(sprintf('%s: recall@10 %.3f, %.1f blocks scored, %.1f MB', @$_))
  for [ 'grown', $grown{recall}, $grown{blocks}, $grown{size} / 2**20 ],
  [ 'fresh', $fresh{recall}, $fresh{blocks}, $fresh{size} / 2**20 ];

cmp_ok($grown{recall}, '>=', $fresh{recall} - 0.02, 'recall within 0.02 of a fresh build');
cmp_ok($grown{blocks}, '<=', 3 * $fresh{blocks}, 'at most 3 times the blocks scored');
cmp_ok($grown{size}, '<=', 1.2 * $fresh{size}, 'at most 1.2 times the size');

# The freed slots take as many rows again without the file growing by them.
$node->safe_psql('postgres', 'DROP INDEX functions_ip');
$node->safe_psql('postgres', $create);
my $built = $node->safe_psql('postgres', "SELECT pg_relation_size('functions_ip')");
for my $round (1 .. 3) {
  $node->safe_psql('postgres', 'DELETE FROM functions WHERE id IN '
      . '(SELECT id FROM functions WHERE id > 10000 ORDER BY id LIMIT 20000)');
  $node->safe_psql('postgres', 'VACUUM functions');
  grow($node, 'functions', 10000, 20000, 900000 + $round);
}
my $churned = $node->safe_psql('postgres', "SELECT pg_relation_size('functions_ip')");
diag(sprintf('after replacing 60,000 of 110,000 rows: %.1f MB, built %.1f MB',
  $churned / 2**20, $built / 2**20));
cmp_ok($churned, '<=', 1.2 * $built, 'slots are reused');
check_indexes($node, 'churned');

done_testing();
