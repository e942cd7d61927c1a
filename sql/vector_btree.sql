-- Order of vectors and the btree operator class: as arrays of real compare.

SELECT a < b AS lt, a <= b AS le, a = b AS eq, a <> b AS ne, a >= b AS ge, a > b AS gt,
  vector_cmp(a, b), a, b
  FROM (VALUES ('[1,2,3]'::vector, '[1,2,3]'::vector), ('[1,2,3]', '[1,2,4]'), ('[1,2]', '[1,2,0]'),
    ('[2]', '[1,9,9]'), ('[-1]', '[1]'), ('[0]', '[-0]')) t(a, b);
SELECT '[1]'::vector = NULL;

-- the same order as the built-in arrays, on every pair
CREATE TABLE vector_pairs AS
  SELECT row_number() OVER () AS id, ARRAY[x, y, z]::real[] AS a
    FROM unnest('{-1,-0,0,1}'::real[]) x, unnest('{-2,0,3}'::real[]) y, unnest('{0,1}'::real[]) z;
INSERT INTO vector_pairs SELECT id + 100, a[1:2] FROM vector_pairs;
SELECT count(*) AS pairs, bool_and(vector_cmp(s.a::vector, t.a::vector) = btarraycmp(s.a, t.a)) AS agree
  FROM vector_pairs s, vector_pairs t;

-- index, sort, distinct, range, unique
CREATE TABLE vector_ordered (id int, v vector(3));
INSERT INTO vector_ordered SELECT id, a::vector FROM vector_pairs WHERE array_length(a, 1) = 3;
INSERT INTO vector_ordered VALUES (0, NULL);
CREATE INDEX vector_ordered_idx ON vector_ordered (v);
ANALYZE vector_ordered;
SET enable_seqscan = off;
SET enable_bitmapscan = off;
EXPLAIN (COSTS OFF) SELECT id FROM vector_ordered WHERE v = '[1,0,1]';
SELECT id, v FROM vector_ordered WHERE v = '[0,0,1]' ORDER BY id;
SELECT count(*) FROM vector_ordered WHERE v > '[0,0,1]' AND v <= '[1,0,0]';
EXPLAIN (COSTS OFF) SELECT v FROM vector_ordered ORDER BY v LIMIT 3;
SELECT v FROM vector_ordered ORDER BY v LIMIT 3;
SELECT id FROM vector_ordered ORDER BY v DESC LIMIT 2;
RESET enable_seqscan;
RESET enable_bitmapscan;
SELECT count(DISTINCT v) FROM vector_ordered;
\set VERBOSITY terse
CREATE UNIQUE INDEX ON vector_ordered (v);
\set VERBOSITY default
SELECT id, count(*) OVER (PARTITION BY v) FROM vector_ordered WHERE id IN (1, 7, 13) ORDER BY id;

-- a merge join
SET enable_hashjoin = off;
SET enable_nestloop = off;
EXPLAIN (COSTS OFF) SELECT count(*) FROM vector_ordered s JOIN vector_ordered t USING (v);
SELECT count(*) FROM vector_ordered s JOIN vector_ordered t USING (v);
RESET enable_hashjoin;
RESET enable_nestloop;

DROP TABLE vector_ordered, vector_pairs;
