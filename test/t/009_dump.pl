# pg_dump and pg_restore carry types, data, indexes and their options; the restored index gives the
# same answers.
use strict;
use warnings FATAL => 'all';

use AvqTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = avq_node('dump');
load_set($node, 'words', rows => 4000);
load_set($node, 'functions', rows => 4000);
$node->safe_psql('postgres', <<'SQL');
CREATE INDEX words_cosine ON words USING avq (embedding vector_cosine_ops)
  WITH (lists = 20, target_recall = 0.9);
CREATE INDEX functions_ip ON functions USING avq (embedding) WHERE id % 2 = 0;
CREATE TABLE probe AS SELECT id, embedding FROM words WHERE id % 200 = 0;
ALTER TABLE words ADD COLUMN average vector;
UPDATE words SET average = (SELECT avg(embedding) FROM words) WHERE id = 1;
CREATE VIEW near AS SELECT name FROM words ORDER BY embedding <=> '[1,0]'::vector LIMIT 5;
SQL

my $exhaustive = 'SET avq.probes = 65536; SET avq.rerank_depth = 1000';
my $answers = answers($node, table => 'words', queries => 'probe', operator => '<=>', k => 10,
  settings => $exhaustive);
my $catalog = <<'SQL';
SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY indexname;
SELECT average FROM words WHERE id = 1;
SELECT md5(string_agg(embedding::text, ';' ORDER BY id)) FROM functions;
SELECT pg_get_viewdef('near');
SQL
my $before = $node->safe_psql('postgres', $catalog);

my $directory = PostgreSQL::Test::Utils::tempdir();
my $port = $node->port;
for my $format ('plain', 'custom') {
  my $file = "$directory/dump.$format";
  $node->command_ok([ 'pg_dump', '-F', $format, '-f', $file, 'postgres' ], "pg_dump, $format");
  $node->safe_psql('postgres', "CREATE DATABASE $format");
  my @restore = $format eq 'plain'
    ? ('psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $format, '-f', $file)
    : ('pg_restore', '--exit-on-error', '-d', $format, $file);
  $node->command_ok(\@restore, "restored, $format");
  is($node->safe_psql($format, $catalog), $before, "$format: the same definitions and values");
  my $restored = $node->safe_psql($format, <<SQL);
SET enable_seqscan = off;
$exhaustive;
SELECT q.id, s.id, s.d FROM probe q, LATERAL
  (SELECT t.id, t.embedding <=> q.embedding AS d FROM words t
   ORDER BY t.embedding <=> q.embedding LIMIT 10) s ORDER BY q.id, s.d, s.id;
SELECT avq_check('words_cosine', true);
SELECT avq_check('functions_ip', true);
SQL
  is($restored, "$answers\n\n", "$format: the same answers, and sound");
}
check_indexes($node, 'the dumped database');

done_testing();
