# Unlogged tables: empty and usable after a crash (the init fork), kept by a clean restart.
use strict;
use warnings FATAL => 'all';

use AvqTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = avq_node('unlogged');
load_set($node, 'words', rows => 3000, unlogged => 1);
$node->safe_psql('postgres', <<'SQL');
CREATE INDEX words_cosine ON words USING avq (embedding vector_cosine_ops);
CREATE TABLE seen AS SELECT id, embedding FROM words WHERE id <= 20;
SQL
my %scan = (table => 'words', queries => 'seen', operator => '<=>', k => 5);
my $before = answers($node, %scan);
is(scalar(split /\n/, $before), 100, 'the index answers');

$node->restart;
is(answers($node, %scan), $before, 'a clean restart keeps the index');
check_indexes($node, 'clean restart');

$node->stop('immediate');
$node->start;
is($node->safe_psql('postgres', 'SELECT count(*) FROM words'), '0', 'a crash empties the table');
is(answers($node, %scan), '', 'and the index');
check_indexes($node, 'after the crash');

$node->safe_psql('postgres',
  'INSERT INTO words (name, embedding) SELECT id::text, embedding FROM seen');
is(scalar(split /\n/, answers($node, %scan)), 100, 'rows inserted after the crash are found');
$node->safe_psql('postgres', 'VACUUM words; REINDEX TABLE words; ALTER TABLE words SET LOGGED');
$node->stop('immediate');
$node->start;
is(scalar(split /\n/, answers($node, %scan)), 100, 'once logged, the index survives a crash');
check_indexes($node, 'logged');

done_testing();
