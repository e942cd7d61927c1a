# avq_pgvector: avq indexes on columns of pgvector's types, with both extensions in one database. Needs
# pgvector in the server.
use strict;
use warnings FATAL => 'all';

use AvqTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = avq_node('pgvector');
unless ($node->safe_psql('postgres', "SELECT count(*) FROM pg_available_extensions WHERE name = 'vector'")) {
  plan skip_all => 'pgvector is not installed in this server';
}
load_set($node, 'words', rows => 6000);
$node->safe_psql('postgres', "COPY words TO '" . $node->data_dir . "/words' WITH (FORMAT binary)");

# A database of somebody who has used pgvector for long.
$node->safe_psql('postgres', 'CREATE DATABASE old');
my $file = $node->data_dir . '/words';
$node->safe_psql('old', <<SQL);
CREATE EXTENSION vector;
CREATE TABLE words (id bigint PRIMARY KEY, name text, embedding vector(100));
COPY words FROM '$file' WITH (FORMAT binary);  -- avq's binary format is pgvector's
ALTER TABLE words ADD half halfvec(100);
UPDATE words SET half = embedding;
VACUUM words;
CREATE INDEX words_hnsw ON words USING hnsw (embedding vector_l2_ops);
CREATE SCHEMA avq;
CREATE EXTENSION avq SCHEMA avq;
CREATE EXTENSION avq_pgvector;
CREATE INDEX words_ip ON words USING avq (embedding);
CREATE INDEX words_cosine ON words USING avq (embedding vector_cosine_ops);
CREATE INDEX words_l2 ON words USING avq (embedding vector_l2_ops);
CREATE INDEX words_half ON words USING avq (half halfvec_cosine_ops);
SQL
pass('indexes on an existing pgvector table');

for my $case ([ 'embedding', '<#>', 'words_ip' ], [ 'embedding', '<=>', 'words_cosine' ],
  [ 'half', '<=>', 'words_half' ]) {
  my ($column, $operator, $index) = @$case;
  my $query = "SELECT string_agg(id::text, ',') FROM (SELECT id FROM words"
    . " ORDER BY $column $operator (SELECT $column FROM words WHERE id = 321), id LIMIT 20) s";
  my $ordered = "SELECT id FROM words ORDER BY $column $operator (SELECT $column FROM words WHERE id = 321) LIMIT 20";
  my $settings = 'SET avq.target_recall = 1;';
  like($node->safe_psql('old', "SET enable_seqscan = off; EXPLAIN $ordered"), qr/Index Scan using $index/,
    "$column $operator: the planner takes $index");
  is($node->safe_psql('old',
      "$settings SET enable_seqscan = off; SELECT string_agg(id::text, ',') FROM ($ordered) s"),
    $node->safe_psql('old', "SET enable_indexscan = off; $query"), "$column $operator: the exact scan's answers");
  my $type = $column eq 'half' ? 'halfvec' : 'vector';
  cmp_ok($node->safe_psql('old', "SELECT recall FROM avq_recall('$index',"
      . " (SELECT array_agg($column) FROM words WHERE id % 60 = 0))"), '>', 0.93, "$index: recall");
}
is($node->safe_psql('old', "SELECT queries FROM avq_calibrate('words_ip',"
    . " (SELECT array_agg(embedding) FROM words WHERE id % 60 = 0))"), 100, 'calibration by pgvector queries');
like($node->safe_psql('old', 'SET enable_seqscan = off; DROP INDEX words_l2; EXPLAIN'
    . ' SELECT id FROM words ORDER BY embedding <-> (SELECT embedding FROM words WHERE id = 1) LIMIT 5'),
  qr/words_hnsw/, "pgvector's own index serves beside it");

$node->safe_psql('old', <<'SQL');
DELETE FROM words WHERE id % 3 = 0;
INSERT INTO words SELECT id + 100000, name, embedding + embedding, half FROM words WHERE id % 3 = 1;
VACUUM words;
SQL
$node->safe_psql('old', "SELECT avq.avq_check('$_', true)") for qw(words_ip words_cosine words_half);
pass('sound after deletes, inserts and VACUUM');
is($node->safe_psql('old', "SELECT count(*) FROM pg_opclass c JOIN pg_am m ON m.oid = opcmethod"
    . " WHERE amname = 'avq' AND NOT amvalidate(c.oid)"), 0, 'operator classes are valid');
is($node->safe_psql('old', <<'SQL'), '', 'every object has a comment');
SELECT pg_describe_object(classid, objid, objsubid) FROM pg_depend
WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
  AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'avq_pgvector')
  AND obj_description(objid, classid::regclass::name) IS NULL
SQL

# A dump of a pgvector table goes into a database that has only avq, but for the index's access method.
$node->safe_psql('old', 'CREATE TABLE shop (id int PRIMARY KEY, embedding vector(100), half halfvec(100));'
    . ' INSERT INTO shop SELECT id, embedding, half FROM words WHERE id < 500;'
    . ' CREATE INDEX shop_index ON shop USING hnsw (embedding vector_cosine_ops)');
my $plain = PostgreSQL::Test::Utils::tempdir() . '/shop.sql';
$node->command_ok([ 'pg_dump', '--table=shop', '--file', $plain, 'old' ], 'pg_dump of a pgvector table');
my $sql = slurp_file($plain);
$sql =~ s/USING hnsw/USING avq/;
append_to_file("$plain.avq", $sql);
$node->safe_psql('postgres', 'CREATE DATABASE moved');
$node->safe_psql('moved', 'CREATE EXTENSION avq');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', 'moved', '-f', "$plain.avq" ], 'restored');
$node->safe_psql('moved', "SELECT avq_check('shop_index', true)");
is($node->safe_psql('moved', "SELECT md5(string_agg(embedding::text || half::text, ';' ORDER BY id)) FROM shop"),
  $node->safe_psql('old', "SELECT md5(string_agg(embedding::text || half::text, ';' ORDER BY id)) FROM shop"),
  'with the same values');
$node->safe_psql('old', 'DROP TABLE shop');

# A column changes over to avq's type.
$node->safe_psql('old', <<'SQL');
CREATE TABLE changed (id int, embedding vector(100));
INSERT INTO changed SELECT id, embedding FROM words WHERE id < 100;
ALTER TABLE changed ALTER embedding TYPE avq.vector(100) USING embedding::real[]::avq.vector(100);
CREATE INDEX ON changed USING avq (embedding avq.vector_cosine_ops);
SQL
is($node->safe_psql('old', "SELECT count(*) FROM changed c JOIN words w USING (id)"
    . " WHERE avq.vector_send(c.embedding) = vector_send(w.embedding)"),
  $node->safe_psql('old', 'SELECT count(*) FROM changed JOIN words USING (id)'), "to avq's type without loss");
$node->safe_psql('old', 'DROP TABLE changed');

# Whatever the schema is called, the objects are in it.
$node->safe_psql('postgres', 'CREATE DATABASE odd');
is($node->safe_psql('odd', <<'SQL'), '%s Y%%|10', 'a schema of an odd name');
CREATE EXTENSION vector;
CREATE SCHEMA avq;
CREATE EXTENSION avq SCHEMA avq;
CREATE SCHEMA "%s Y%%";
CREATE SCHEMA "%s Y%";
CREATE EXTENSION avq_pgvector SCHEMA "%s Y%%";
SELECT nspname, count(*) FROM (SELECT opcnamespace AS n FROM pg_opclass WHERE oid IN (SELECT objid FROM pg_depend
    WHERE refobjid = (SELECT oid FROM pg_extension WHERE extname = 'avq_pgvector') AND classid = 'pg_opclass'::regclass)
  UNION ALL SELECT pronamespace FROM pg_proc WHERE oid IN (SELECT objid FROM pg_depend
    WHERE refobjid = (SELECT oid FROM pg_extension WHERE extname = 'avq_pgvector') AND classid = 'pg_proc'::regclass)) o
JOIN pg_namespace ON pg_namespace.oid = n GROUP BY 1;
SQL

# Dump and restore.
my $dump = PostgreSQL::Test::Utils::tempdir() . '/old.dump';
$node->command_ok([ 'pg_dump', '-F', 'custom', '-f', $dump, 'old' ], 'pg_dump');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', 'restored', $dump ], 'pg_restore');
$node->safe_psql('restored', "SELECT avq.avq_check('$_', true)") for qw(words_ip words_cosine words_half);

# Extensions go in either order, and take with them what cannot be without them.
my $tell = "SELECT (SELECT count(*) FROM words), (SELECT count(*) FROM pg_index WHERE indrelid = 'words'::regclass),"
  . " (SELECT string_agg(extname, ',' ORDER BY extname) FROM pg_extension WHERE extname <> 'plpgsql'),"
  . " (SELECT string_agg(attname, ',' ORDER BY attnum) FROM pg_attribute"
  . " WHERE attrelid = 'words'::regclass AND attnum > 0 AND NOT attisdropped)";
my $rows = $node->safe_psql('old', 'SELECT count(*) FROM words');
for my $extension ('vector', 'avq', 'avq_pgvector') {
  my ($status, $out, $error) = $node->psql('restored', "DROP EXTENSION $extension");
  like($error, qr/other objects depend on it/, "$extension is needed");
}
$node->safe_psql('restored', 'DROP EXTENSION avq CASCADE');
is($node->safe_psql('restored', $tell), "$rows|2|vector|id,name,embedding,half", 'avq goes, with its indexes');
$node->safe_psql('restored', 'CREATE EXTENSION avq SCHEMA avq; CREATE EXTENSION avq_pgvector;'
    . ' CREATE INDEX words_ip ON words USING avq (embedding)');
$node->safe_psql('restored', 'DROP EXTENSION avq_pgvector CASCADE');
is($node->safe_psql('restored', $tell), "$rows|2|avq,vector|id,name,embedding,half", 'avq_pgvector goes, with its indexes');
$node->safe_psql('old', 'DROP EXTENSION vector CASCADE');
is($node->safe_psql('old', $tell), "$rows|1|avq|id,name", 'vector goes, with its columns');
is($node->safe_psql('old', "SELECT '[1,2]'::avq.vector OPERATOR(avq.<#>) '[3,4]'"), -11, 'avq stays');

done_testing();
