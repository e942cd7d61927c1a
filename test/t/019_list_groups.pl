# More lists than are compared one by one: they are put in groups, in a build and in VACUUM's
# re-listing, and nothing that a user relies on changes.
use strict;
use warnings FATAL => 'all';

use AvqTest;
use Digest::MD5 qw(md5_hex);
use PostgreSQL::Test::Utils;
use Test::More;

# Narrow rows, so that many lists of them take seconds.
my $node = avq_node('list_groups', conf => "max_parallel_maintenance_workers = 2\n");
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE item (id int PRIMARY KEY, embedding vector(8)) WITH (parallel_workers = 2);
SELECT setseed(0.5);
CREATE TABLE crowd AS SELECT c, g, random() + random() - 1 AS x
  FROM generate_series(1, 300) c, generate_series(1, 8) g;
INSERT INTO item SELECT i, array_agg(exp((i % 7) / 10.0) * (x + (random() - 0.5) * 0.4))::real[]::vector
  FROM generate_series(1, 24000) i JOIN crowd ON c = 1 + i % 300 GROUP BY i;
CREATE TABLE query AS SELECT id, embedding FROM item WHERE id % 480 = 0;
ANALYZE;
SQL

sub info_of {
  my ($index) = @_;
  return split /\|/,
    $node->safe_psql('postgres', "SELECT lists, list_groups, trained FROM avq_index_info('$index')");
}

# A digest of the index's file without what the log's position and checksums make of its pages.
sub content_of {
  my ($index) = @_;
  $node->safe_psql('postgres', 'CHECKPOINT');
  my $pages = '';
  open my $file, '<:raw', index_files($node, $index) or die;
  while (read $file, my $page, 8192) {
    $pages .= substr $page, 10;
  }
  close $file;
  return md5_hex($pages);
}

# --- a build --------------------------------------------------------------------------------------

my $create = 'CREATE INDEX item_ip ON item USING avq (embedding) WITH (lists = 10000)';
$node->safe_psql('postgres', "SET max_parallel_maintenance_workers = 0; $create");
my ($lists, $groups) = info_of('item_ip');
cmp_ok($lists, '>', 8000, "built: $lists lists");
cmp_ok($groups, '>', 100, "built: $groups groups");
my $alone = content_of('item_ip');
$node->safe_psql('postgres', 'REINDEX INDEX item_ip');
is(content_of('item_ip'), $alone, 'with two workers, the same bytes');

my %common = (table => 'item', queries => 'query');
my %usual = measure($node, %common, operator => '<#>', k => 10);
cmp_ok($usual{recall}, '>=', 0.93, "recall\@10 $usual{recall} at the default target");
cmp_ok($usual{lists}, '<', $lists / 4, "$usual{lists} lists of $lists");
for my $setting ('avq.target_recall = 1', "avq.probes = $lists") {
  my %all = measure($node, %common, operator => '<#>', k => 10, settings => "SET $setting");
  is($all{recall}, 1, "$setting: the exact answers");
  is($all{lists}, $lists, "$setting: every list");
}
is(
  $node->safe_psql('postgres', <<'SQL'), '24000|24000', 'without LIMIT every row, and each once');
SET enable_seqscan = off; SET enable_sort = off;
SELECT count(*), count(DISTINCT id) FROM (
  SELECT id FROM item ORDER BY embedding <#> (SELECT embedding FROM query ORDER BY id LIMIT 1)) s;
SQL

# --- rows that come later -------------------------------------------------------------------------

$node->safe_psql('postgres', <<'SQL');
DELETE FROM item WHERE id % 10 = 0;
VACUUM item;
INSERT INTO item SELECT id, embedding FROM query;
INSERT INTO item SELECT 100000 + id, embedding FROM item WHERE id % 10 = 1;
SQL
my %later = measure($node, %common, operator => '<#>', k => 10);
cmp_ok($later{recall}, '>=', 0.93, "recall\@10 $later{recall} after deletions and inserts");
check_indexes($node, 'after deletions and inserts');

# --- an index that grows up -----------------------------------------------------------------------

$node->safe_psql('postgres', <<'SQL');
CREATE TABLE late (LIKE item);
CREATE INDEX late_l2 ON late USING avq (embedding vector_l2_ops) WITH (lists = 10000);
INSERT INTO late SELECT * FROM item;
SQL
is((info_of('late_l2'))[2], 'f', 'built on nothing: not trained');
$node->safe_psql('postgres', 'VACUUM late');
($lists, $groups) = info_of('late_l2');
cmp_ok($groups, '>', 100, "re-listed: $groups groups of $lists lists");
my %grown = measure($node, table => 'late', queries => 'query', operator => '<->', k => 10);
cmp_ok($grown{recall}, '>=', 0.93, "re-listed: recall\@10 $grown{recall}");
check_indexes($node, 'after the re-listing');

# --- little memory --------------------------------------------------------------------------------

fails_with(
  $node,
  "SET maintenance_work_mem = '1MB'; REINDEX INDEX item_ip",
  '54000', qr/memory required is/, 'too little memory for so many lists');

done_testing();
