-- VACUUM re-lists indexes of every kind of table: temporary, unlogged, partitioned, partial, on an
-- expression; and says so in avq_index_info. (What it is worth, and what goes on meanwhile: TAP.)

CREATE SCHEMA index_growth;
SET search_path = index_growth, public;
CREATE FUNCTION made(i int) RETURNS vector(8) LANGUAGE sql IMMUTABLE AS $$
  SELECT array_agg((hashint4(i * 1000 + j) % 1000)::real / 1000)::vector
    FROM generate_series(1, 8) j $$;
SET enable_seqscan = off;
CREATE VIEW infos AS
  SELECT relname, trained, lists > 1 AS has_lists, generation, rows, built_rows
    FROM pg_class c, avq_index_info(c.oid)
    WHERE relam = (SELECT oid FROM pg_am WHERE amname = 'avq') AND relkind = 'i'
      AND relname LIKE 'grown%';

CREATE TEMPORARY TABLE grown_temporary (id int, v vector(8));
CREATE INDEX ON grown_temporary USING avq (v vector_l2_ops);
CREATE UNLOGGED TABLE grown_unlogged (id int, v vector(8));
CREATE INDEX ON grown_unlogged USING avq (v vector_cosine_ops);
CREATE TABLE grown_parted (id int, v vector(8)) PARTITION BY RANGE (id);
CREATE TABLE grown_parted_1 PARTITION OF grown_parted FOR VALUES FROM (0) TO (5000);
CREATE TABLE grown_parted_2 PARTITION OF grown_parted FOR VALUES FROM (5000) TO (100000);
CREATE INDEX ON grown_parted USING avq (v);
CREATE TABLE grown_partial (id int, v vector(8));
CREATE INDEX ON grown_partial USING avq (v) WHERE id % 2 = 0;
CREATE TABLE grown_expression (id int, v vector);
CREATE INDEX ON grown_expression USING avq ((v::vector(8)) vector_l2_ops) WITH (lists = 20);
INSERT INTO grown_temporary SELECT i, made(i) FROM generate_series(1, 5000) i;
INSERT INTO grown_unlogged SELECT * FROM grown_temporary;
INSERT INTO grown_parted SELECT id + 500, v FROM grown_temporary;
INSERT INTO grown_partial SELECT id, v FROM grown_temporary UNION ALL SELECT id, v FROM grown_temporary;
INSERT INTO grown_expression SELECT * FROM grown_temporary;
SELECT * FROM infos ORDER BY 1;
VACUUM grown_temporary, grown_unlogged, grown_parted, grown_partial, grown_expression;
SELECT * FROM infos ORDER BY 1;
SELECT avq_check(c.oid, true) FROM pg_class c JOIN infos USING (relname);

-- each row once, from whichever kind
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM grown_temporary ORDER BY v <-> made(0)) s;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM grown_unlogged ORDER BY v <=> made(0)) s;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM grown_parted ORDER BY v <#> made(0)) s;
SELECT count(*), count(DISTINCT id) FROM
  (SELECT id FROM grown_partial WHERE id % 2 = 0 ORDER BY v <#> made(0)) s;
SELECT count(*), count(DISTINCT id) FROM
  (SELECT id FROM grown_expression ORDER BY v::vector(8) <-> made(0)) s;

-- VACUUM FULL and TRUNCATE begin anew
VACUUM FULL grown_expression;
TRUNCATE grown_unlogged;
SELECT * FROM infos WHERE relname ~ 'unlogged|expression' ORDER BY 1;
SELECT avq_check(c.oid, true) FROM pg_class c JOIN infos USING (relname);

-- An index that grew and one built on the same table learn from the same rows (whose numbers halves
-- hold): they have the same lists, codes and recall model, hence give the same answers.
CREATE TABLE same (id int, v vector(8));
CREATE INDEX same_grown ON same USING avq (v);
INSERT INTO same SELECT i, (SELECT array_agg((hashint4(i * 1000 + j) % 1024)::real / 1024)::vector
  FROM generate_series(1, 8) j) FROM generate_series(1, 40000) i;
VACUUM same;
CREATE INDEX same_fresh ON same USING avq (v);
SELECT count(*), count(DISTINCT (lists, rows, longest_list, soar_lambda, route_sigma, error_scale)),
    min(lists) > 50 AS lists
  FROM unnest('{same_grown, same_fresh}'::regclass[]) i, avq_index_info(i);
CREATE FUNCTION nearest(query vector, OUT rows text, OUT blocks bigint) LANGUAGE plpgsql AS $$
BEGIN
  SELECT array_agg(id)::text INTO rows
    FROM (SELECT id FROM same ORDER BY v <#> query LIMIT 20) s;
  SELECT blocks_scored INTO blocks FROM avq_last_scan();
END $$;
CREATE TABLE by_fresh AS SELECT i, n.* FROM generate_series(1, 50) i, nearest(made(i)) n;
DROP INDEX same_fresh;
CREATE TABLE by_grown AS SELECT i, n.* FROM generate_series(1, 50) i, nearest(made(i)) n;
SELECT count(*) FILTER (WHERE f.rows = g.rows) >= 45 AS same_rows, -- but for rows that tie
    count(*) FILTER (WHERE f.blocks = g.blocks) >= 45 AS same_blocks, count(DISTINCT f.blocks) > 1 AS differ
  FROM by_fresh f JOIN by_grown g USING (i);

DROP TABLE grown_temporary;
DROP SCHEMA index_growth CASCADE;
