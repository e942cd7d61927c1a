-- The distance that an index scan orders by is computed only where somebody reads it.
CREATE SCHEMA unread;
SET search_path = unread, public;
CREATE TABLE items (id int PRIMARY KEY, part int, v vector(3));
INSERT INTO items SELECT i, i % 2, ARRAY[sin(i), cos(i * 2), sin(i * 3)]::vector
FROM generate_series(1, 400) i;
INSERT INTO items SELECT 500, 0, v FROM items WHERE id = 7;
CREATE INDEX items_v ON items USING avq (v vector_ip_ops);
CREATE TABLE parted (id int, part int, v vector(3)) PARTITION BY LIST (part);
CREATE TABLE parted_0 PARTITION OF parted FOR VALUES IN (0);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES IN (1);
INSERT INTO parted SELECT * FROM items;
CREATE INDEX ON parted USING avq (v vector_ip_ops);
ANALYZE items;
ANALYZE parted;
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SET avq.target_recall = 1;

-- Not read.
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM items ORDER BY v <#> '[1,2,3]' LIMIT 3;
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM items ORDER BY v <#> '[1,2,3]';
EXPLAIN (VERBOSE, COSTS OFF)
SELECT x.id, s.id FROM items x, LATERAL (SELECT id FROM items ORDER BY v <#> x.v LIMIT 3) s
WHERE x.id < 3;

-- Read: by the user, by ties, by a merge.
EXPLAIN (VERBOSE, COSTS OFF)
SELECT id, v <#> '[1,2,3]' FROM items ORDER BY v <#> '[1,2,3]' LIMIT 3;
EXPLAIN (VERBOSE, COSTS OFF)
SELECT id FROM items ORDER BY v <#> '[1,2,3]' FETCH FIRST 3 ROWS WITH TIES;
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM parted ORDER BY v <#> '[1,2,3]' LIMIT 3;

-- The answers are those of the table itself.
CREATE FUNCTION answers(query text, OUT rows text) LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('SELECT array_agg(id)::text FROM (%s) q', query) INTO rows;
END $$;
CREATE TABLE cases (name text, query text);
INSERT INTO cases VALUES
  ('limit', 'SELECT id FROM items ORDER BY v <#> ''[1,2,3]'' LIMIT 5'),
  ('then by', 'SELECT id FROM items ORDER BY v <#> ''[1,2,3]'', id LIMIT 5'),
  ('array', 'SELECT ARRAY(SELECT id FROM items ORDER BY v <#> x.v LIMIT 3) AS id FROM items x WHERE id < 4'),
  ('offset', 'SELECT id FROM items ORDER BY v <#> ''[1,2,3]'' OFFSET 3 LIMIT 5'),
  ('ties', 'SELECT id FROM (SELECT id FROM items WHERE id IN (1, 7, 500) ORDER BY v <#> (SELECT v FROM items WHERE id = 7) FETCH FIRST 1 ROW WITH TIES) t ORDER BY id'),
  ('merge', 'SELECT id FROM parted ORDER BY v <#> ''[1,2,3]'' LIMIT 5'),
  ('union', '(SELECT id FROM items ORDER BY v <#> ''[1,2,3]'' LIMIT 3) UNION ALL (SELECT id FROM items ORDER BY v <#> ''[-1,0,1]'' LIMIT 3)'),
  ('join', 'SELECT s.id FROM items x, LATERAL (SELECT id FROM items ORDER BY v <#> x.v LIMIT 3) s WHERE x.id IN (3, 9)'),
  ('in', 'SELECT id FROM items WHERE id IN (SELECT id FROM items ORDER BY v <#> ''[1,2,3]'' LIMIT 4) ORDER BY id'),
  ('window', 'SELECT id FROM (SELECT id, row_number() OVER (ORDER BY v <#> ''[1,2,3]'') n FROM items) r WHERE n < 5'),
  ('distinct', 'SELECT DISTINCT ON (v <#> ''[1,2,3]'') part AS id FROM items ORDER BY v <#> ''[1,2,3]'' LIMIT 4'),
  ('with', 'WITH q AS MATERIALIZED (SELECT id FROM items ORDER BY v <#> ''[1,2,3]'' LIMIT 4) SELECT id FROM q');
CREATE TABLE by_index AS SELECT name, answers(query) FROM cases;
SET enable_seqscan = on;
SET enable_indexscan = off;
SELECT name, answers(query) = by_index.answers AS same FROM cases JOIN by_index USING (name);
RESET enable_indexscan;
SET enable_seqscan = off;
BEGIN;
SELECT id FROM items ORDER BY v <#> '[1,2,3]' LIMIT 2 FOR UPDATE;
DECLARE c SCROLL CURSOR FOR SELECT id FROM items ORDER BY v <#> '[1,2,3]' LIMIT 4;
FETCH 3 FROM c;
FETCH BACKWARD 1 FROM c;
COMMIT;
DROP SCHEMA unread CASCADE;
