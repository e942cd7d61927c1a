# The example of docs/sparse_activations.md: a layer's output from its most active neurons, beside the dense one.
use strict;
use warnings FATAL => 'all';

use AvqTest;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $directory = abs_path(dirname(__FILE__) . '/../../demo/layer');
my $node = avq_node('sparse_activations');
load_set($node, 'words');
my $out = $node->safe_psql('postgres',
  "\\cd $directory\n\\i layer.sql\n\\i forward.sql\nSET enable_seqscan = off;\n\\i measure.sql");
diag($out);
my ($inputs, $active) = $out =~ /^(\d+)\|(0\.\d+)$/m;
is($inputs, 825, 'unseen words');
cmp_ok($active, '<', 0.35, 'a third of the neurons is active');
my %kept = map { my @row = split /\|/; ($row[0] => \@row) } grep { /^\d+\|[\d.]+\|[\d.]+\|[\d.]+$/ } split /\n/, $out;
cmp_ok($kept{256}[1], '>', 0.7, '256 of 2048: share of the activations kept');
cmp_ok($kept{256}[2], '<', 0.2, '256: error of the output');
cmp_ok($kept{512}[2], '<', 0.04, '512: error of the output');
cmp_ok($kept{32}[2], '>', $kept{256}[2], 'fewer neurons, larger error');
my @recalls = $out =~ /^\d+\|([\d.]+)\|\d+$/mg;
is(scalar @recalls, 5, 'recall at five k');
cmp_ok($_, '>', 0.95, 'recall of the most active neurons') for @recalls;

# With all neurons it is the product of the matrices.
cmp_ok($node->safe_psql('postgres', <<'SQL'), '<', 1e-5, 'all neurons: the dense layer');
SELECT max(forward(x, 2048) <-> (
  SELECT sum(out * array_fill(greatest(inner_product(w, x), 0)::real, ARRAY[100])::vector) + (SELECT bias FROM layer)
  FROM neurons)) FROM inputs WHERE id < 400
SQL
check_indexes($node, 'the layer');
done_testing();
