# statement_timeout and cancellation during a build and during a scan are obeyed at once and leave
# nothing behind; a failed statement inside a savepoint costs only the savepoint.
use strict;
use warnings FATAL => 'all';

use AvqTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $node = avq_node('cancel');
load_set($node, 'words');
grow($node, 'words', 16494, 60000, 3);
my $create = 'CREATE INDEX words_cosine ON words USING avq (embedding vector_cosine_ops);';

my $begin = time;
$node->safe_psql('postgres', $create);
my $duration = time - $begin;
note("an undisturbed build takes $duration s");
$node->safe_psql('postgres', 'DROP INDEX words_cosine');

my $timeout = int($duration * 1000 / 3);
fails_with($node, "SET statement_timeout = $timeout; $create", '57014', qr/statement timeout/,
  "build with statement_timeout of $timeout ms");

my $canceled = 0;
for my $part (0.1, 0.3, 0.5, 0.7, 0.9) {
  my $build = background($node, $create);
  sleep($duration * $part);
  $begin = time;
  $node->safe_psql('postgres',
    "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX words%'");
  my (undef, $error) = finish($build);
  my $reaction = time - $begin;
  if ($error =~ /canceling statement due to user request/) {
    $canceled++;
    cmp_ok($reaction, '<', 2, sprintf('canceled at part %.1f after %.2f s', $part, $reaction));
  } else {
    is($error, '', "not canceled at part $part: finished");
    $node->safe_psql('postgres', 'DROP INDEX words_cosine');
  }
}
cmp_ok($canceled, '>=', 3, "$canceled of 5 builds were canceled");
is($node->safe_psql('postgres', "SELECT to_regclass('words_cosine') IS NULL"), 't',
  'no index is left');

$node->safe_psql('postgres', $create);
my $nearest = '(SELECT w.id FROM words w ORDER BY w.embedding <=> q.embedding LIMIT 3000)';
my ($status, $out, $error) = $node->psql('postgres', <<SQL, on_error_stop => 0);
SET enable_seqscan = off;
SET statement_timeout = 300;
SELECT sum(s.id) FROM words q, LATERAL $nearest s;
SET statement_timeout = 0;
SELECT name FROM words ORDER BY embedding <=>
  (SELECT embedding FROM words WHERE name = 'green' ORDER BY id LIMIT 1) LIMIT 1;
BEGIN;
SELECT count(*) FROM words WHERE name = 'green' AND id < 16495;
SAVEPOINT s;
SELECT name FROM words ORDER BY embedding <=> '[1,2,3]' LIMIT 1;
ROLLBACK TO s;
SELECT name FROM words ORDER BY embedding <=>
  (SELECT embedding FROM words WHERE name = 'green' ORDER BY id LIMIT 1) LIMIT 1;
SAVEPOINT s;
INSERT INTO words (embedding) VALUES ('[1,2,3]');
ROLLBACK TO s;
INSERT INTO words (name, embedding) SELECT 'verdant', embedding FROM words WHERE id = 1;
COMMIT;
SQL
like($error, qr/canceling statement due to statement timeout/, 'a scan obeys statement_timeout');
like($error, qr/different vector dimensions 100 and 3/, 'a query of other dimensions fails');
like($error, qr/expected 100 dimensions, not 3/, 'a row of other dimensions fails');
is($out, "green\n1\ngreen", 'the session goes on after each');
check_indexes($node, 'after cancellations');

done_testing();
