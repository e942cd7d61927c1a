# An index that has grown tenfold, lost half and grown again is still nearly as good, as cheap and as
# small as one built afresh on the same rows. bench/churn.py does the same with 150,000 real rows.
use strict;
use warnings FATAL => 'all';

use AvqTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = avq_node('vacuum');
my $create = 'CREATE INDEX functions_ip ON functions USING avq (embedding vector_ip_ops)';
load_set($node, 'functions', rows => 10000);
$node->safe_psql('postgres', $create);

grow($node, 'functions', 10000, 100000, 1);
$node->safe_psql('postgres', 'DELETE FROM functions WHERE id > 10000 AND id % 2 = 0');
$node->safe_psql('postgres', 'VACUUM functions');
my $vacuumed = $node->safe_psql('postgres', "SELECT pg_relation_size('functions_ip')");
grow($node, 'functions', 10000, 50000, 500009);
$node->safe_psql('postgres', 'VACUUM ANALYZE functions');

check_indexes($node, 'grown');
my $grown_size = $node->safe_psql('postgres', "SELECT pg_relation_size('functions_ip')");
$node->safe_psql('postgres', "DROP INDEX functions_ip; $create");
my $fresh_size = $node->safe_psql('postgres', "SELECT pg_relation_size('functions_ip')");
diag(sprintf('grown to 110,000 rows: %.1f MB, fresh %.1f MB', $grown_size / 2**20, $fresh_size / 2**20));
# What waits to be reused are a former generation's codes and half a page a list: a fifth of so small an
# index. bench/churn.py has the same for a larger one.
cmp_ok($grown_size, '<=', 1.25 * $fresh_size, 'at most 1.25 times the size of a fresh build');

# Recall and cost by real rows, at a target of 0.99: an eightfold growth, half of it deleted and
# inserted again.
load_set($node, 'words');
load_set($node, 'mixtures', set => 'words', rows => 3000);
grow($node, 'mixtures', 3000, 200, 11);
my $index = 'CREATE INDEX growing_ip ON growing USING avq (embedding vector_ip_ops)';
$node->safe_psql('postgres', <<SQL);
DELETE FROM mixtures WHERE id <= 3000;
CREATE TABLE growing AS SELECT * FROM words WHERE id % 8 = 0;
$index;
INSERT INTO growing SELECT * FROM words WHERE id % 8 <> 0;
DELETE FROM growing WHERE id % 2 = 1;
SQL
$node->safe_psql('postgres', 'VACUUM growing');
$node->safe_psql('postgres', 'INSERT INTO growing SELECT * FROM words WHERE id % 2 = 1');
$node->safe_psql('postgres', 'VACUUM ANALYZE growing');

$node->safe_psql('postgres', 'ALTER DATABASE postgres SET avq.target_recall = 0.99');
my @scan = (table => 'growing', queries => 'mixtures', operator => '<#>', k => 10);
my %grown = measure($node, @scan);
check_indexes($node, 'grown by real rows');
$node->safe_psql('postgres', "DROP INDEX growing_ip; $index");
my %fresh = measure($node, @scan);
diag(sprintf('%s: recall@10 %.3f, %.1f blocks scored', @$_))
  for [ 'grown', $grown{recall}, $grown{blocks} ], [ 'fresh', $fresh{recall}, $fresh{blocks} ];
cmp_ok($grown{recall}, '>=', $fresh{recall} - 0.02, 'recall within 0.02 of a fresh build');
cmp_ok($grown{blocks}, '<=', 1.5 * $fresh{blocks}, 'at most 1.5 times the blocks scored');

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

# Rows that are unlike those which left take their copies' space all the same: it goes to whatever
# list has need of it.
my $dimensions = $node->safe_psql('postgres', 'SELECT vector_dims(embedding) FROM functions LIMIT 1');
$node->safe_psql('postgres', <<SQL);
CREATE TABLE opposite AS
SELECT id, array_fill(-1::real, ARRAY[$dimensions])::vector * embedding AS embedding
FROM functions WHERE id <= 10000;
CREATE TABLE sides AS SELECT id, embedding FROM functions WHERE id <= 10000
UNION ALL SELECT 10000 + id, embedding FROM opposite WHERE id <= 1000;
ALTER TABLE sides ALTER COLUMN embedding TYPE vector($dimensions);
CREATE INDEX sides_ip ON sides USING avq (embedding vector_ip_ops);
DELETE FROM sides WHERE id <= 10000;
SQL
$node->safe_psql('postgres', 'VACUUM sides');
my $copy_pages = "SELECT copy_pages FROM avq_index_info('sides_ip')";
my $before = $node->safe_psql('postgres', $copy_pages);
$node->safe_psql('postgres',
  'INSERT INTO sides SELECT 10000 + id, embedding FROM opposite WHERE id > 1000');
is($node->safe_psql('postgres', $copy_pages), $before, 'no page of copies is added');
check_indexes($node, 'unlike rows');

done_testing();
