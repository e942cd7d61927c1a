# Random damage to pages in the buffer cache: bits, bytes, stretches, zeros, pages swapped. avq_check
# finds all of it, naming index, block and what the page is of. Scans, inserts and VACUUM over
# damaged pages go on or fail as corruption; none takes the backend down, or for ever. After the pages
# are put back the index is sound. AVQ_ROUNDS=5 takes five times as many cases.
use strict;
use warnings FATAL => 'all';

use AvqTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $rounds = $ENV{AVQ_ROUNDS} || 1;
my $node = avq_node('fuzz', conf => "statement_timeout = '60s'\n");
load_set($node, 'functions', rows => 1500);
load_set($node, 'callers', rows => 5);
$node->safe_psql('postgres', <<'SQL');
CREATE FUNCTION overwrite(regclass, int, int, bytea) RETURNS bytea
  AS 'overwrite', 'overwrite' LANGUAGE C STRICT;

-- What a statement fails with, or ''. A timeout is not caught.
CREATE FUNCTION failure(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  hint text;
BEGIN
  EXECUTE statement;
  RETURN '';
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
  RETURN SQLSTATE || ': ' || SQLERRM || '; ' || hint;
END $$;

CREATE TABLE cases (index text, kind int, damage text, at int, found text, scan text, few text);

-- Damages a page in a way that a row of random numbers chooses, looks what becomes of it, repairs it.
CREATE FUNCTION damage_and_repair(index regclass, query text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  pages int := pg_relation_size(index) / 8192;
  block int := floor(random() * pages);
  other int := floor(random() * pages);
  -- Every other case in the first 64 bytes: header, place, first slots. LSN and checksum are the
  -- server's.
  at int := 10 + floor(random() * CASE WHEN random() < 0.5 THEN 54 ELSE 8192 - 74 END);
  page bytea;
  other_page bytea;
  kind int;
  damage text := (ARRAY['bit', 'byte', 'bytes', 'stretch', 'zero', 'swap', 'copy'])
    [1 + floor(random() * 7)];
  found text;
  scan text;
  few text;
  length int;
BEGIN
  -- A page is read by writing over it and back.
  page := overwrite(index, block, 0, decode(repeat('00', 8192), 'hex'));
  PERFORM overwrite(index, block, 0, page);
  kind := get_byte(page, 36);
  IF damage = 'bit' THEN
    PERFORM overwrite(index, block, at,
      set_byte('\x00', 0, get_byte(page, at) # (1 << floor(random() * 8)::int)));
  ELSIF damage = 'byte' THEN
    PERFORM overwrite(index, block, at,
      set_byte('\x00', 0, (get_byte(page, at) + 1 + floor(random() * 255)::int) % 256));
  ELSIF damage IN ('bytes', 'stretch') THEN
    length := CASE damage WHEN 'bytes' THEN 4 ELSE 48 END;
    PERFORM overwrite(index, block, at, substring(decode(repeat(md5(random()::text), 3), 'hex'), 1, length));
  ELSIF damage = 'zero' THEN
    PERFORM overwrite(index, block, 0, decode(repeat('00', 8192), 'hex'));
  ELSE
    other_page := overwrite(index, other, 0, decode(repeat('00', 8192), 'hex'));
    PERFORM overwrite(index, other, 0, CASE damage WHEN 'swap' THEN page ELSE other_page END);
    PERFORM overwrite(index, block, 0, other_page);
    IF other = block THEN damage := 'none'; END IF;
  END IF;
  found := failure(format('SELECT avq_check(%L, true)', index));
  PERFORM set_config('avq.target_recall', '1', true);
  scan := failure(query || ' LIMIT 100000');
  PERFORM set_config('avq.target_recall', '0.9', true);
  few := failure(query || ' LIMIT 10');
  PERFORM overwrite(index, block, 0, page);
  IF other_page IS NOT NULL THEN PERFORM overwrite(index, other, 0, other_page); END IF;
  INSERT INTO cases VALUES (index::text, kind, damage, at, found, scan, few);
END $$;
SQL

my %index = (
  half => ['vector_ip_ops', '<#>', '', 'embedding'],
  bytes_second => ['vector_cosine_ops', '<=>', "WITH (rerank = 'int8', soar_lambda = 1)", 'embedding'],
  floats => ['vector_l2_ops', '<->', "WITH (rerank = 'float')", 'embedding'],
  heap => ['vector_ip_ops', '<#>', "WITH (rerank = 'heap')", 'embedding'],
  young => ['vector_ip_ops', '<#>', '', 'embedding', 200],
  long => ['vector_ip_ops', '<#>', "WITH (rerank = 'float')",
    '(SELECT array_agg(x * (1 + sin(i))) FROM generate_series(0, 2999) i,'
      . ' LATERAL (SELECT (embedding::real[])[1 + i % 96] AS x) s)::vector(3000)', 150]);

sub create {
  my ($name) = @_;
  my ($class, $operator, $options, $value, $rows) = @{ $index{$name} };
  $rows ||= 1500;
  $node->safe_psql('postgres', <<SQL);
DROP TABLE IF EXISTS t_$name;
CREATE TABLE t_$name AS SELECT id, $value AS embedding FROM functions WHERE id <= $rows;
ALTER TABLE t_$name ALTER embedding TYPE vector(@{[ $name eq 'long' ? 3000 : 96 ]});
INSERT INTO t_$name VALUES (900001, NULL), (900002, (SELECT embedding - embedding FROM t_$name LIMIT 1));
CREATE INDEX i_$name ON t_$name USING avq (embedding $class) $options;
-- Dead slots and their copies, free pages of a former generation.
DELETE FROM t_$name WHERE id % 10 = 3;
VACUUM (INDEX_CLEANUP ON) t_$name;
SQL
  return;
}

my $state = 4711;    # for seeds
for my $name (sort keys %index) {
  create($name);
  my ($class, $operator) = @{ $index{$name} };
  my $query = "SELECT id FROM t_$name ORDER BY embedding $operator (SELECT embedding FROM t_$name WHERE id = 1)";
  # Sessions, for the model that one has read stays in its memory.
  for my $session (1 .. 6 * $rounds) {
    my $seed = ($state = ($state * 7 + 13) % 1000) / 1000;
    my ($status, $out, $error) = $node->psql('postgres', <<SQL);
SET enable_seqscan = off;
SELECT setseed($seed);
SELECT damage_and_repair('i_$name', '$query') FROM generate_series(1, 60);
SQL
    is($error, '', "$name: 60 cases with seed $seed");
  }
  check_indexes($node, "$name, put back");
}

my $cases = $node->safe_psql('postgres', "SELECT count(*) FROM cases WHERE damage <> 'none'");
is($node->safe_psql('postgres', "SELECT * FROM cases WHERE found = '' AND damage <> 'none'"), '',
  "avq_check finds all of $cases damages");
is($node->safe_psql('postgres', <<'SQL'), '', 'and says where, what and what to do');
SELECT * FROM cases WHERE found <> '' AND
  found !~ '^XX002: index "i_\w+" is damaged at block \d+: .*; Rebuild it with REINDEX INDEX'
  AND found !~ '^(0A000: .* format version|XX001: )'
SQL
is($node->safe_psql('postgres', <<'SQL'), '', 'scans fail as corruption, if at all');
SELECT * FROM cases WHERE scan || few <> '' AND (scan <> '' AND scan !~ '^(XX00[12]|0A000): '
  OR few <> '' AND few !~ '^(XX00[12]|0A000): ')
SQL
diag("of $cases damaged pages, avq_check and a scan of all lists found:\n"
    . $node->safe_psql('postgres', <<'SQL'));
SELECT (ARRAY['meta', 'model', 'directory', 'codes', 'copies', 'free'])[kind], damage, count(*),
  count(*) FILTER (WHERE found <> ''), count(*) FILTER (WHERE scan <> '')
FROM cases WHERE damage <> 'none' GROUP BY kind, damage ORDER BY kind, damage
SQL

# Writing over damaged pages: every case is an index of its own, made anew after it.
my $written = 0;
for my $name (qw(half bytes_second young)) {
  for my $try (1 .. 15 * $rounds) {
    $node->safe_psql('postgres', "REINDEX INDEX i_$name");
    my $seed = ($state = ($state * 7 + 13) % 1000) / 1000;
    my ($status, $out, $error) = $node->psql('postgres', <<SQL, on_error_stop => 0);
\\set VERBOSITY verbose
SELECT setseed($seed);
SELECT overwrite('i_$name', floor(random() * pg_relation_size('i_$name') / 8192)::int,
  24 + floor(random() * CASE WHEN random() < 0.6 THEN 140 ELSE 8100 END)::int,
  substring(decode(md5(random()::text), 'hex'), 1, 1 + floor(random() * 4)::int)) IS NULL;
INSERT INTO t_$name SELECT id + 1000000 + $try * 10000, embedding FROM functions LIMIT 150;
DELETE FROM t_$name WHERE id % 7 = $try % 7;
VACUUM (INDEX_CLEANUP ON) t_$name;
INSERT INTO t_$name SELECT id + 1001000 + $try * 10000, embedding FROM functions LIMIT 150;
SQL
    $written++;
    my @errors = grep { /ERROR|FATAL|server closed|lost/ } split /\n/, $error;
    is(join("\n", grep { !/ERROR:  (?:XX001|XX002|0A000): / } @errors), '',
      "$name: writing after damage with seed $seed: " . (@errors ? 'fails as corruption' : 'goes on'));
  }
}
# Chosen damages, which random ones hardly hit: a list's extents in a circle, and a live slot without
# a row. Only the sum of the page tells; what walks the list has to notice by itself.
$node->safe_psql('postgres', <<'SQL');
-- Writes over the first code page whose first slot is live; NULL: the page's own number.
CREATE FUNCTION damage_codes(index regclass, at int, bytes bytea) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
  page bytea;
BEGIN
  FOR block IN 0 .. pg_relation_size(index) / 8192 - 1 LOOP
    page := overwrite(index, block, 0, decode(repeat('00', 8192), 'hex'));
    PERFORM overwrite(index, block, 0, page);
    IF get_byte(page, 36) = 4 AND get_byte(page, 34) = 0 AND get_byte(page, 48) & 1 = 1 THEN
      PERFORM overwrite(index, block, at, coalesce(bytes, substring(page, 41, 4)));
      RETURN block;
    END IF;
  END LOOP;
END $$;
SQL
my %chosen = (
  circle => [ 24, 'NULL', qr/a list's extents form a circle/ ],
  'slot without a row' => [ 48 + 16 + 64 + 4, q('\x0000'), qr/a live slot without a row/ ]);
my @walks = (
  'SELECT count(*) FROM (SELECT id FROM t_half ORDER BY embedding <#> (SELECT NULL::vector) LIMIT 100000) s',
  'SELECT count(*) FROM (SELECT id FROM t_half ORDER BY embedding <#> (SELECT embedding FROM t_half WHERE id = 1)'
    . ' LIMIT 100000) s',
  "DELETE FROM t_half WHERE id % 11 = 1;\nVACUUM (INDEX_CLEANUP ON) t_half");
for my $what (sort keys %chosen) {
  my ($at, $bytes, $message) = @{ $chosen{$what} };
  for my $walk (@walks) {
    $node->safe_psql('postgres', "REINDEX INDEX i_half; SELECT damage_codes('i_half', $at, $bytes)");
    fails_with($node, "SET enable_seqscan = off;\nSET avq.target_recall = 1;\n$walk", 'XX002', $message,
      "$what, " . ($walk =~ /(NULL|VACUUM)/ ? $1 : 'all lists'));
  }
}

for my $name (qw(half bytes_second young)) {
  $node->safe_psql('postgres', "REINDEX INDEX i_$name");
}
check_indexes($node, 'after REINDEX');
unlike(slurp_file($node->logfile), qr/terminated by signal|PANIC|TRAP/, "no crash in $cases + $written cases");

done_testing();
