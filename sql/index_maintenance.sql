-- Inserts, updates, deletes, VACUUM, slots used again, and the ways to build an index anew.

CREATE SCHEMA index_maintenance;
SET search_path = index_maintenance, public;
CREATE FUNCTION made(i int) RETURNS vector(12) LANGUAGE sql IMMUTABLE AS $$
  SELECT array_agg((hashint4(i % 30 * 1000 + j) % 1000
      + 0.4 * (hashint4(i * 1000 + j) % 1000))::real / 1000)::vector
    FROM generate_series(1, 12) j $$;
CREATE TABLE item (id int PRIMARY KEY, v vector(12)) WITH (autovacuum_enabled = off);
INSERT INTO item SELECT i, made(i) FROM generate_series(1, 4000) i;
CREATE INDEX item_ip ON item USING avq (v) WITH (lists = 20, soar_lambda = 0);
CREATE INDEX item_l2 ON item USING avq (v vector_l2_ops) WITH (lists = 20, soar_lambda = 1);
CREATE INDEX item_cosine ON item USING avq (v vector_cosine_ops) WITH (lists = 20, rerank = heap);

-- All rows of the table, each once, by every index; and the indexes sound.
CREATE FUNCTION state(OUT rows bigint, OUT by_ip bigint, OUT by_l2 bigint, OUT by_cosine bigint)
  LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('enable_seqscan', 'off', true), set_config('enable_sort', 'off', true);
  SELECT count(*) INTO rows FROM item;
  SELECT count(DISTINCT id) INTO by_ip FROM (SELECT id FROM item ORDER BY v <#> made(1)) x;
  SELECT count(DISTINCT id) INTO by_l2 FROM (SELECT id FROM item ORDER BY v <-> made(1)) x;
  SELECT count(DISTINCT id) INTO by_cosine FROM (SELECT id FROM item ORDER BY v <=> made(1)) x;
  PERFORM avq_check(oid, true) FROM pg_class
    WHERE relnamespace = 'index_maintenance'::regnamespace AND relkind = 'i'
      AND relam = (SELECT oid FROM pg_am WHERE amname = 'avq');
END $$;
CREATE FUNCTION counts() RETURNS TABLE (index text, rows bigint, dead bigint) LANGUAGE sql AS $$
  SELECT relname, rows, dead FROM pg_class c, avq_index_info(c.oid)
    WHERE relname LIKE 'item\_%' AND relnamespace = 'index_maintenance'::regnamespace
      AND relam = (SELECT oid FROM pg_am WHERE amname = 'avq')
      AND soar_lambda = 0  -- else codes are counted
    ORDER BY relname COLLATE "C" $$;
SELECT * FROM state();

-- inserts are found at once
SET avq.target_recall = 1;
INSERT INTO item SELECT i, made(i) FROM generate_series(4001, 6000) i;
SELECT * FROM state();
SET enable_seqscan = off;
SELECT count(*) AS found_themselves
  FROM generate_series(4001, 4100) i
  WHERE i = (SELECT id FROM item ORDER BY v <-> made(i) LIMIT 1);

-- deletes and updates before VACUUM, and after it
DELETE FROM item WHERE id % 4 = 0;
UPDATE item SET v = made(-id) WHERE id % 10 = 1;
SELECT * FROM state();
SELECT count(*) AS found_themselves
  FROM generate_series(1, 1000, 10) i
  WHERE i = (SELECT id FROM item ORDER BY v <-> made(-i) LIMIT 1);
VACUUM item;
SELECT * FROM state();
SELECT * FROM counts();

-- slots and copies of the dead are used again: the index does not grow
SELECT pg_relation_size('item_ip') AS ip, pg_relation_size('item_l2') AS l2,
    pg_relation_size('item_cosine') AS cosine \gset before_
INSERT INTO item SELECT i, made(i) FROM generate_series(4, 5200, 4) i;
SELECT pg_relation_size('item_ip') <= 1.1 * :before_ip AS ip,
    pg_relation_size('item_l2') <= 1.1 * :before_l2 AS l2,
    pg_relation_size('item_cosine') <= 1.1 * :before_cosine AS cosine;
VACUUM item;
SELECT * FROM state();
DO $$
BEGIN
  FOR round IN 1..5 LOOP
    DELETE FROM item WHERE id % 5 = round % 5;
    INSERT INTO item SELECT 100000 * round + i, made(i) FROM generate_series(1, 1000) i;
  END LOOP;
END $$;
VACUUM item;
SELECT * FROM state();

-- undone
BEGIN;
INSERT INTO item SELECT 1000000 + i, made(i) FROM generate_series(1, 500) i;
DELETE FROM item WHERE id < 300500;
SELECT rows = by_ip AND rows = by_l2 AND rows = by_cosine AS all_found FROM state();
ROLLBACK;
SELECT * FROM state();
VACUUM (INDEX_CLEANUP on) item;
SELECT * FROM state();

-- everything gone, and new rows
DELETE FROM item;
SELECT * FROM state();
VACUUM item;
SELECT * FROM state();
SELECT sum(rows) AS rows FROM counts();
INSERT INTO item SELECT i, made(i) FROM generate_series(1, 3000) i;
SELECT * FROM state();

-- built anew
REINDEX INDEX item_ip;
SELECT * FROM state();
REINDEX INDEX CONCURRENTLY item_l2;
REINDEX TABLE CONCURRENTLY item;
SELECT * FROM state();
CREATE INDEX CONCURRENTLY item_second ON item USING avq (v) WITH (rerank = int8);
INSERT INTO item SELECT i, made(i) FROM generate_series(3001, 3300) i;
SELECT * FROM state();
VACUUM FULL item;
SELECT * FROM state();
SELECT * FROM counts();
ALTER TABLE item ALTER v TYPE vector(12);
ALTER TABLE item ADD COLUMN filled int DEFAULT (random() * 10)::int;
SELECT * FROM state();

-- a concurrent build that fails leaves an invalid index, which is told from a sound one
INSERT INTO item VALUES (0, NULL);
CREATE TABLE wide (v vector);
INSERT INTO wide VALUES ('[1,2,3]'), ('[1,2]');
CREATE INDEX CONCURRENTLY wide_v ON wide USING avq ((v::vector(3)));
SELECT avq_check('wide_v');
SELECT lists FROM avq_index_info('wide_v');
DELETE FROM wide WHERE vector_dims(v) = 2;
REINDEX INDEX wide_v;
SELECT avq_check('wide_v', true);

SET client_min_messages = warning;
DROP SCHEMA index_maintenance CASCADE;
