# With no setting touched, every operator class reaches recall 0.90 for LIMIT 1, 10 and 100 on the
# shipped real sets, through plans that the planner chooses by itself.
use strict;
use warnings FATAL => 'all';

use AvqTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = avq_node('recall');
load_set($node, 'words');
load_set($node, 'functions');
load_set($node, 'callers', rows => 100);

# Queries by word are mixtures that are no row of the table, so that k = 1 is not a look-up.
load_set($node, 'mixtures', set => 'words', rows => 3000);
grow($node, 'mixtures', 3000, 100, 11);
$node->safe_psql('postgres', 'DELETE FROM mixtures WHERE id <= 3000');

# Few cells, so that these are split into lists.
my @cases = (
  [ 'functions', 'callers', '<#>', 'vector_ip_ops', 'lists = 16, soar_lambda = 1' ],
  [ 'words', 'mixtures', '<=>', 'vector_cosine_ops' ],
  [ 'words', 'mixtures', '<->', 'vector_l2_ops' ],
  [ 'words', 'mixtures', '<#>', 'vector_ip_ops' ],
  [ 'functions', 'callers', '<#>', 'vector_ip_ops' ],
  [ 'functions', 'callers', '<=>', 'vector_cosine_ops' ],
  [ 'functions', 'callers', '<->', 'vector_l2_ops' ]);

for my $case (@cases) {
  my ($table, $queries, $operator, $class, $options) = @$case;
  my $with = $options ? "WITH ($options)" : '';
  $node->safe_psql('postgres', "CREATE INDEX the_index ON $table USING avq (embedding $class) $with");
  if ($options) {
    my $lists = $node->safe_psql('postgres', "SELECT lists FROM avq_index_info('the_index')");
    diag("$table $operator $with: $lists lists");
    cmp_ok($lists, q{>}, 16, "$table $operator: cells are split");
  }
  for my $k (1, 10, 100) {
    my $what = "$table $operator, LIMIT $k";
    like(
      $node->safe_psql('postgres',
        "EXPLAIN SELECT id FROM $table ORDER BY embedding $operator"
          . " (SELECT embedding FROM $queries LIMIT 1) LIMIT $k"),
      qr/Index Scan using the_index/, "$what: the planner uses the index");
    my %got = measure($node, table => $table, queries => $queries, operator => $operator, k => $k);
    diag(sprintf('%-20s %-4s LIMIT %3d: recall %.3f, %.1f lists, %.1f blocks, %.1f reranked',
      $table, $operator, $k, @got{qw(recall lists blocks reranked)}));
    cmp_ok($got{recall}, '>=', 0.9, "$what: recall");
  }
  my %loose = measure($node, table => $table, queries => $queries, operator => $operator, k => 10,
    settings => 'SET avq.target_recall = 0.8');
  my %tight = measure($node, table => $table, queries => $queries, operator => $operator, k => 10,
    settings => 'SET avq.target_recall = 0.99');
  cmp_ok($tight{recall}, '>=', $loose{recall}, "$table $operator: a higher target, no worse recall");
  # Lists are opened by up to a quarter at a time until they hold the least number of rows.
  cmp_ok($loose{blocks}, '<=', 1.25 * $tight{blocks}, "$table $operator: a lower target, no more work");
  check_indexes($node, "$table $operator");
  $node->safe_psql('postgres', 'DROP INDEX the_index');
}

done_testing();
