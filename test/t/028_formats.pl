# Indexes that earlier versions of avq have written stay readable: test/formats/VERSION.gz is the file
# of an index in each on-disk format that a release has used, and of the present one. It is put in the
# place of an index on the same rows, which then gives exact answers, takes inserts and VACUUM, and
# passes avq_check. AVQ_STORE_FORMAT=DIR writes the present format's file there; one that is in
# test/formats already must not change, for a change of the format takes a new version.
use strict;
use warnings FATAL => 'all';

use AvqTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $page_size = 8192;
my $node = avq_node('formats', no_checksums => 1);
my ($alignment) = (run_command([ 'pg_controldata', $node->data_dir ]))[0] =~ /Maximum data alignment: +(\d+)/;
plan skip_all => "the stored files are of machines that align to 8 bytes, not $alignment" unless $alignment == 8;

# The rows of the stored index, in the places of the heap to which it points: inserted in this order,
# a seventh deleted and vacuumed away, so that the index has free space and second codes.
my $make = <<'SQL';
CREATE TABLE %1$s (id bigint PRIMARY KEY, embedding vector(24));
INSERT INTO %1$s SELECT id, subvector(embedding, 1, 24) FROM functions ORDER BY id;
CREATE INDEX %1$s_v ON %1$s USING avq (embedding vector_ip_ops)
  WITH (lists = 12, soar_lambda = 1, rerank = 'int8');
DELETE FROM %1$s WHERE id %% 7 = 3;
VACUUM (TRUNCATE off) %1$s;
SQL
load_set($node, 'functions', rows => 1200);
$node->safe_psql('postgres', 'CREATE TABLE queries AS SELECT id, subvector(embedding, 1, 24) AS embedding'
  . ' FROM functions WHERE id % 40 = 0');
my $present = do {
  $node->safe_psql('postgres', sprintf($make, 'present'));
  $node->safe_psql('postgres', "SELECT format_version FROM avq_index_info('present_v')");
};

# The pages' LSNs are of another server's WAL, which this one cannot flush up to: zeros instead.
sub without_lsns {
  my ($bytes) = @_;
  substr($bytes, $_ * $page_size, 8) = "\0" x 8 for 0 .. length($bytes) / $page_size - 1;
  return $bytes;
}

if ($ENV{AVQ_STORE_FORMAT}) {
  my $file = index_files($node, 'present_v');
  $node->stop;
  open my $pipe, '|-', "gzip -9n > '$ENV{AVQ_STORE_FORMAT}/$present.gz'" or die;
  binmode $pipe;
  print $pipe without_lsns(slurp_file($file));
  close $pipe or die;
  $node->start;
}

my @versions = sort map { m{(\d+)\.gz$} } glob "$ENV{TESTDIR}/test/formats/*.gz";
ok((grep { $_ == $present } @versions), "format $present, the present one, has a stored file");
for my $version (@versions) {
  my $table = "format_$version";
  $node->safe_psql('postgres', sprintf($make, $table));
  my %scan = (table => $table, queries => 'queries', operator => '<#>', k => 10);
  my $file = index_files($node, "${table}_v");
  $node->stop;
  open my $out, '>', $file or die;
  binmode $out;
  print $out qx(gzip -dc "$ENV{TESTDIR}/test/formats/$version.gz");
  close $out or die;
  $node->start;

  is($node->safe_psql('postgres', "SELECT format_version, rows FROM avq_index_info('${table}_v')"),
    $version . '|' . $node->safe_psql('postgres', "SELECT count(*) FROM $table"), "format $version: the stored file is read");
  my %all = measure($node, %scan, settings => 'SET avq.target_recall = 1');
  cmp_ok($all{recall}, '>=', 1, "format $version: exact answers with all lists probed");
  my %default = measure($node, %scan);
  cmp_ok($default{recall}, '>=', 0.9, "format $version: recall $default{recall}");
  $node->safe_psql('postgres', <<SQL);
INSERT INTO $table SELECT 10000 + id, subvector(embedding, 25, 24) FROM functions;
DELETE FROM $table WHERE id % 5 = 1;
VACUUM (TRUNCATE off) $table;
SQL
  %all = measure($node, %scan, settings => 'SET avq.target_recall = 1');
  cmp_ok($all{recall}, '>=', 1, "format $version: the same after inserts, deletes and VACUUM");
}
check_indexes($node, 'stored files, read and written');

done_testing();
