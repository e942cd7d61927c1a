-- Kinds of tables and indexes: partial, on an expression, partitioned, unlogged, temporary,
-- truncated; and tables of few rows, equal rows, one outsized row.

CREATE SCHEMA index_tables;
SET search_path = index_tables, public;
CREATE FUNCTION made(i int) RETURNS vector(8) LANGUAGE sql IMMUTABLE AS $$
  SELECT array_agg((hashint4(i * 1000 + j) % 1000)::real / 1000)::vector
    FROM generate_series(1, 8) j $$;
SET enable_seqscan = off;

-- no row, one row, few rows
CREATE TABLE few (id int, v vector(8));
CREATE INDEX few_v ON few USING avq (v) WITH (lists = 100);
SELECT lists, rows, trained FROM avq_index_info('few_v');
SELECT * FROM few ORDER BY v <#> made(1);
INSERT INTO few VALUES (1, made(1));
SELECT id FROM few ORDER BY v <#> made(1);
REINDEX INDEX few_v;
SELECT lists, rows, trained, built_rows FROM avq_index_info('few_v');
INSERT INTO few SELECT i, made(i) FROM generate_series(2, 20) i;
REINDEX INDEX few_v;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM few ORDER BY v <#> made(1)) x;
SELECT avq_check('few_v', true);
-- rows that come after the build of an empty index
INSERT INTO few SELECT i, made(i) FROM generate_series(21, 3000) i;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM few ORDER BY v <#> made(1)) x;
SELECT avq_check('few_v', true);

-- equal rows; thousands of a few values
CREATE TABLE same (id int, v vector(8));
INSERT INTO same SELECT i, '[1,2,3,4,5,6,7,8]' FROM generate_series(1, 6000) i;
CREATE INDEX same_v ON same USING avq (v) WITH (lists = 50);
SELECT lists, rows FROM avq_index_info('same_v');
SELECT count(DISTINCT id) FROM (SELECT id FROM same ORDER BY v <#> made(1) LIMIT 100) x;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM same ORDER BY v <#> made(1)) x;
CREATE INDEX same_l2 ON same USING avq (v vector_l2_ops) WITH (lists = 50, soar_lambda = 1);
INSERT INTO same SELECT i, made(i % 5) FROM generate_series(6001, 12000) i;
REINDEX TABLE same;
SELECT lists BETWEEN 2 AND 6 AS one_a_value FROM avq_index_info('same_l2');
SET avq.target_recall = 1;
SELECT count(*), count(DISTINCT id), min(id % 5), max(id % 5)
  FROM (SELECT id FROM same ORDER BY v <-> made(3) LIMIT 1200) x;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM same ORDER BY v <-> made(3)) x;
RESET avq.target_recall;
SELECT avq_check('same_v', true), avq_check('same_l2', true);

-- one row 20 and one 1,000 times longer than the others
CREATE TABLE long (id int, v vector(8));
INSERT INTO long SELECT i, made(i) FROM generate_series(1, 3000) i;
INSERT INTO long VALUES
  (4000, made(4000) * array_fill(20, '{8}')::vector),
  (5000, made(5000) * array_fill(1000, '{8}')::vector);
CREATE INDEX long_v ON long USING avq (v) WITH (lists = 20);
CREATE INDEX long_l2 ON long USING avq (v vector_l2_ops) WITH (lists = 20);
SET avq.target_recall = 1;
SELECT id FROM long ORDER BY v <#> made(5000) LIMIT 1;
SELECT id FROM long ORDER BY v <#> made(4000) LIMIT 1;
SELECT id FROM long ORDER BY v <-> made(77) LIMIT 1;
SELECT id FROM long ORDER BY v <-> (made(5000) * array_fill(900, '{8}')::vector) LIMIT 1;
RESET avq.target_recall;
SELECT avq_check('long_v', true), avq_check('long_l2', true);

-- a column without dimensions: the index is on a cast
CREATE TABLE loose (id int, kind text, v vector);
INSERT INTO loose SELECT i, 'eight', made(i) FROM generate_series(1, 500) i;
INSERT INTO loose VALUES (1001, 'two', '[1,2]');
CREATE INDEX loose_v ON loose USING avq ((v::vector(8))) WHERE kind = 'eight';
INSERT INTO loose VALUES (1002, 'two', '[3,4]'), (1003, 'eight', made(1003));
INSERT INTO loose VALUES (1004, 'eight', '[1,2]');
EXPLAIN (COSTS off)
  SELECT id FROM loose WHERE kind = 'eight' ORDER BY v::vector(8) <#> '[1,2,3,4,5,6,7,8]' LIMIT 1;
SELECT id FROM loose WHERE kind = 'eight' ORDER BY v::vector(8) <#> made(1003) LIMIT 1;
SELECT count(*) FROM (SELECT FROM loose WHERE kind = 'eight' ORDER BY v::vector(8) <#> made(2)) x;
UPDATE loose SET kind = 'eight', v = made(1002) WHERE id = 1002;
UPDATE loose SET kind = 'none' WHERE id = 1003;
SELECT count(*) FROM (SELECT FROM loose WHERE kind = 'eight' ORDER BY v::vector(8) <#> made(2)) x;
SELECT avq_check('loose_v', true);

-- partitions: an index each, one order over all
CREATE TABLE parts (id int, v vector(8)) PARTITION BY RANGE (id);
CREATE TABLE parts_a PARTITION OF parts FOR VALUES FROM (0) TO (1000);
CREATE TABLE parts_b PARTITION OF parts FOR VALUES FROM (1000) TO (2000);
INSERT INTO parts SELECT i, made(i) FROM generate_series(1, 1500) i;
CREATE INDEX parts_v ON parts USING avq (v vector_cosine_ops);
CREATE TABLE parts_c (id int, v vector(8));
INSERT INTO parts_c SELECT i, made(i) FROM generate_series(2000, 2500) i;
ALTER TABLE parts ATTACH PARTITION parts_c FOR VALUES FROM (2000) TO (3000);
EXPLAIN (COSTS off) SELECT id FROM parts ORDER BY v <=> '[1,2,3,4,5,6,7,8]' LIMIT 3;
SELECT id FROM parts ORDER BY v <=> made(1200) LIMIT 1;
SELECT id FROM parts ORDER BY v <=> made(2400) LIMIT 1;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM parts ORDER BY v <=> made(1)) x;
SELECT avq_check(relid, true) FROM pg_partition_tree('parts_v') WHERE isleaf;
SELECT avq_check('parts_v');

-- unlogged and temporary; built and truncated in one transaction
CREATE UNLOGGED TABLE unlogged AS
  SELECT i AS id, made(i)::vector(8) AS v FROM generate_series(1, 600) i;
CREATE INDEX unlogged_v ON unlogged USING avq (v);
INSERT INTO unlogged SELECT i, made(i) FROM generate_series(601, 700) i;
SELECT id FROM unlogged ORDER BY v <#> (made(650) * array_fill(9, '{8}')::vector) LIMIT 1;
ALTER TABLE unlogged SET LOGGED;
SELECT avq_check('unlogged_v', true);
CREATE TEMP TABLE temporary AS
  SELECT i AS id, made(i)::vector(8) AS v FROM generate_series(1, 600) i;
CREATE INDEX temporary_v ON temporary USING avq (v vector_l2_ops);
SELECT id FROM temporary ORDER BY v <-> made(333) LIMIT 1;
SELECT avq_check('temporary_v', true);
DROP TABLE temporary;
BEGIN;
CREATE TABLE fresh AS SELECT i AS id, made(i)::vector(8) AS v FROM generate_series(1, 3000) i;
CREATE INDEX fresh_v ON fresh USING avq (v vector_l2_ops) WITH (lists = 30);
SELECT id FROM fresh ORDER BY v <-> made(123) LIMIT 1;
TRUNCATE fresh;
SELECT id FROM fresh ORDER BY v <-> made(123) LIMIT 1;
INSERT INTO fresh SELECT i, made(i) FROM generate_series(100, 200) i;
SELECT id FROM fresh ORDER BY v <-> made(123) LIMIT 1;
COMMIT;
SELECT lists, rows FROM avq_index_info('fresh_v');
TRUNCATE fresh;
SELECT count(*) FROM (SELECT FROM fresh ORDER BY v <-> made(123)) x;
INSERT INTO fresh VALUES (7, made(7));
SELECT id FROM fresh ORDER BY v <-> made(123);
SELECT avq_check('fresh_v', true);

SET client_min_messages = warning;
DROP SCHEMA index_tables CASCADE;
