# Data and roles that try to break the index: queries near the origin and far from it under L2, a
# row whose square leaves float's range, an index expression of somebody else.
use strict;
use warnings FATAL => 'all';

use AvqTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = avq_node('hostile_data');

# The error of a row's code grows with |q - c|, not with |q|: a query at the origin needs room too.
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE line (id int, v vector(1));
INSERT INTO line SELECT i, ARRAY[i]::real[]::vector FROM generate_series(-500, 500) i;
CREATE INDEX line_l2 ON line USING avq (v vector_l2_ops);
SQL
is($node->safe_psql('postgres', <<'SQL'), '0', 'at target 1, every row is its own nearest');
SET enable_seqscan = off;
SET avq.target_recall = 1;
SELECT count(*) FROM (SELECT id, (SELECT l.id FROM line l ORDER BY l.v <-> o.v LIMIT 1) AS found
                      FROM line o) s WHERE found <> id;
SQL

# Distances do not depend on where the origin lies, so nor may recall: here rows are at 1000 from it
# and within a few units of one another.
$node->safe_psql('postgres', <<'SQL');
SELECT setseed(0.25);
CREATE TABLE remote (id int, v vector(8));
INSERT INTO remote
  SELECT i, (SELECT array_agg((1000 + random() * 4)::real) FROM generate_series(1, 8) WHERE i > 0)
  FROM generate_series(1, 5000) i;
CREATE INDEX remote_l2 ON remote USING avq (v vector_l2_ops);
SQL
cmp_ok($node->safe_psql('postgres', <<'SQL'), '>=', 90, 'rows far from the origin find themselves');
SET enable_seqscan = off;
SELECT count(*) FROM
  (SELECT id, (SELECT r.id FROM remote r ORDER BY r.v <-> o.v LIMIT 1) AS found
   FROM remote o WHERE id % 50 = 0) s WHERE found = id;
SQL

# The query's square overflows a float, its distance to this row does not.
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE huge (id int, v vector(2));
INSERT INTO huge SELECT i, ARRAY[i, i]::real[]::vector FROM generate_series(1, 500) i;
INSERT INTO huge VALUES (1000, '[3e19,3e19]');
CREATE INDEX huge_l2 ON huge USING avq (v vector_l2_ops);
SQL
is($node->safe_psql('postgres', <<'SQL'), '1000', 'a huge query finds the row that equals it');
SET enable_seqscan = off;
SELECT id FROM huge ORDER BY v <-> '[3e19,3e19]' LIMIT 1;
SQL

# As in PostgreSQL's amcheck: an owner's index expression must not run with the caller's rights.
$node->safe_psql('postgres', <<'SQL');
CREATE ROLE mallory;
CREATE FUNCTION spy(v vector) RETURNS vector LANGUAGE plpgsql IMMUTABLE AS
  $$ BEGIN RAISE LOG 'spy runs as %', current_user; RETURN v; END $$;
CREATE TABLE bait (id int, v vector(2));
INSERT INTO bait VALUES (1, '[1,2]');
CREATE INDEX bait_v ON bait USING avq ((spy(v)::vector(2)));
ALTER TABLE bait OWNER TO mallory;
SQL
my $before = -s $node->logfile;
$node->safe_psql('postgres', q(SELECT avq_check('bait_v', true)));
my $log = slurp_file($node->logfile, $before);
like($log, qr/spy runs as mallory/, 'avq_check evaluates index expressions');
my @others = grep { $_ ne 'mallory' } $log =~ /spy runs as (\w+)/g;
is("@others", '', '... as the owner of the table only');

check_indexes($node, 'at the end');
done_testing();
