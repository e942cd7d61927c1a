# What one may not see stays unseen: row-level security holds for scans by the index, its functions
# ask for the rights that their answers are worth, and the install script cannot be led astray by the
# search_path. (Expressions of an index: 013_hostile_data.pl.)
use strict;
use warnings FATAL => 'all';

use AvqTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = avq_node('security');
load_set($node, 'words', rows => 3000);
$node->safe_psql('postgres', <<'SQL');
CREATE ROLE alice LOGIN;
CREATE ROLE bob LOGIN;
ALTER TABLE words ADD owner name DEFAULT 'bob';
UPDATE words SET owner = CASE WHEN id % 5 = 0 THEN 'alice' ELSE 'bob' END;
CREATE INDEX words_v ON words USING avq (embedding vector_cosine_ops);
ALTER TABLE words ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON words USING (owner = current_user);
GRANT SELECT, INSERT ON words TO alice, bob;
GRANT USAGE ON SEQUENCE words_id_seq TO alice;
VACUUM ANALYZE words;
SQL

sub as {
  my ($role, $sql) = @_;
  my ($status, $out, $error) = $node->psql('postgres', "\\set VERBOSITY verbose\n$sql",
    extra_params => [ '-U', $role ]);
  return ($out // '', $error // '');
}

# --- row-level security -------------------------------------------------------------------------
my $nearest = "(SELECT embedding FROM words WHERE id = 5)";
my ($plan) = as('alice', "SET enable_seqscan = off; SET enable_sort = off; EXPLAIN (COSTS OFF) "
    . "SELECT id FROM words ORDER BY embedding <=> $nearest LIMIT 10");
like($plan, qr/Index Scan using words_v/, 'the index serves a table with policies');
my ($seen) = as('alice', "SET enable_seqscan = off; SET enable_sort = off; SET avq.target_recall = 1; "
    . "SELECT count(*), count(*) FILTER (WHERE id % 5 <> 0) FROM "
    . "(SELECT id FROM words ORDER BY embedding <=> $nearest LIMIT 100000) s");
is($seen, '600|0', 'all of her rows and none of the others');
my ($first) = as('alice', "SET enable_seqscan = off; SET enable_sort = off; SET avq.target_recall = 1; "
    . "SELECT array_agg(id) FROM (SELECT id FROM words ORDER BY embedding <=> $nearest LIMIT 5) s");
my ($exact) = as('alice', "SET enable_indexscan = off; "
    . "SELECT array_agg(id) FROM (SELECT id FROM words ORDER BY embedding <=> $nearest LIMIT 5) s");
is($first, $exact, 'in the order of the exact scan');
my ($none, $leak) = as('alice', <<"SQL");
CREATE FUNCTION pg_temp.tell(id bigint) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS
  'BEGIN RAISE NOTICE ''row %'', id; RETURN true; END';
SET enable_seqscan = off; SET enable_sort = off;
SELECT count(*) FROM (SELECT id FROM words WHERE pg_temp.tell(id) ORDER BY embedding <=> $nearest LIMIT 20) s;
SQL
my @told = $leak =~ /row (\d+)/g;
cmp_ok(scalar(@told), '>=', 20, 'a telling function is called');
is(scalar(grep { $_ % 5 != 0 } @told), 0, 'but not for rows of others');

# --- functions of an index ----------------------------------------------------------------------
my $queries = '(SELECT array_agg(embedding) FROM words)';
for my $call ("avq_recall('words_v', $queries)", "avq_calibrate('words_v', $queries)") {
  my ($out, $error) = as('alice', "SELECT $call");
  like($error, qr/ERROR:  42501: /, "$call is refused to whom policies apply");
}
$node->safe_psql('postgres', 'REVOKE ALL ON words FROM bob');
for my $call ("avq_index_info('words_v')", "avq_check('words_v')", "avq_check('words_v', true)",
  "avq_recall('words_v', ARRAY['[1]'::vector])", "avq_calibrate('words_v', ARRAY['[1]'::vector])") {
  my ($out, $error) = as('bob', "SELECT $call");
  like($error, qr/ERROR:  42501: /, "$call needs rights on the table");
}
my ($out, $error) = as('alice', "INSERT INTO words (name, embedding, owner) VALUES ('x', '[1,2]', 'alice')");
like($error, qr/expected 100 dimensions, not 2/, 'an error names dimensions');
unlike($error, qr/\[-?\d+\.\d+,/, 'and no values');

# --- the install script -------------------------------------------------------------------------
$node->safe_psql('postgres', 'CREATE DATABASE trap; GRANT CREATE ON DATABASE trap TO alice');
$node->safe_psql('trap', <<'SQL');
CREATE SCHEMA evil;
GRANT ALL ON SCHEMA evil, public TO alice;
CREATE TABLE evil.caught (what text);
GRANT ALL ON evil.caught TO PUBLIC;
CREATE FUNCTION evil.l2_distance(float8, float8) RETURNS float8 LANGUAGE sql AS 'SELECT 1.0::float8';
CREATE FUNCTION evil.catch(internal) RETURNS internal LANGUAGE internal AS 'eqsel';
CREATE FUNCTION evil.shout(float8, float8) RETURNS float8 LANGUAGE plpgsql AS
  'BEGIN INSERT INTO evil.caught VALUES (current_user); RETURN 0; END';
CREATE OPERATOR evil.+ (LEFTARG = float8, RIGHTARG = float8, FUNCTION = evil.shout);
CREATE OPERATOR evil.* (LEFTARG = float8, RIGHTARG = float8, FUNCTION = evil.shout);
CREATE OPERATOR evil./ (LEFTARG = float8, RIGHTARG = float8, FUNCTION = evil.shout);
CREATE OPERATOR evil.- (LEFTARG = float8, RIGHTARG = float8, FUNCTION = evil.shout);
SQL
$node->safe_psql('trap', <<'SQL', extra_params => [ '-U', 'alice' ]);
SET search_path = evil, public;
CREATE EXTENSION avq SCHEMA public;
SET search_path = evil, public, pg_catalog;
CREATE TABLE t (v vector(3));
INSERT INTO t SELECT ARRAY[i, i % 7, 1]::real[]::vector FROM generate_series(1, 600) i;
CREATE INDEX t_v ON t USING avq (v vector_l2_ops);
SELECT v FROM t ORDER BY v <-> '[1,2,3]' LIMIT 1;
SELECT avg(v), sum(v) FROM t;
SELECT avq_check('t_v', true);
SQL
is($node->safe_psql('trap', 'SELECT count(*) FROM evil.caught'), '0', 'nothing fell into the trap');
is($node->safe_psql('trap', <<'SQL'), '', 'every function of the extension is C, of its library, in its schema');
SELECT p.oid::regprocedure FROM pg_depend d JOIN pg_proc p ON p.oid = d.objid
JOIN pg_extension e ON e.oid = d.refobjid JOIN pg_language l ON l.oid = p.prolang
WHERE p.prokind = 'f' AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e' AND e.extname = 'avq'
  AND (l.lanname <> 'c' OR p.probin <> '$libdir/avq' OR p.pronamespace <> 'public'::regnamespace
       OR p.prosecdef)
SQL

check_indexes($node, 'at the end');

done_testing();
