-- The hash operator class: equal vectors have equal hashes, so joins and grouping may hash.

SELECT vector_hash('[0,1]') = vector_hash('[-0,1]') AS zero,
  vector_hash_extended('[0,1]', 7) = vector_hash_extended('[-0,1]', 7) AS zero_extended,
  vector_hash_extended('[1,2]', 0) <> vector_hash_extended('[1,2]', 1) AS seed_counts,
  vector_hash_extended('[1,2]', 0) & 4294967295 = vector_hash('[1,2]')::bigint & 4294967295 AS low_half,
  vector_hash('[0]') <> vector_hash('[0,0]') AS length_counts;
-- few collisions
SELECT count(DISTINCT vector_hash(ARRAY[x, y]::vector)) > 9990
  FROM generate_series(1, 100) x, generate_series(1, 100) y;

CREATE TABLE vector_hashed (id int, v vector(2));
INSERT INTO vector_hashed SELECT i, ARRAY[i % 10, i % 3]::vector FROM generate_series(1, 300) i;
INSERT INTO vector_hashed VALUES (301, '[-0,-0]'), (302, NULL);
ANALYZE vector_hashed;
SET enable_mergejoin = off;
SET enable_nestloop = off;
SET enable_sort = off;
EXPLAIN (COSTS OFF) SELECT count(*) FROM vector_hashed s JOIN vector_hashed t USING (v);
SELECT count(*) FROM vector_hashed s JOIN vector_hashed t USING (v);
EXPLAIN (COSTS OFF) SELECT v, count(*) FROM vector_hashed GROUP BY v;
SELECT n, count(*) FROM (SELECT count(*) AS n FROM vector_hashed GROUP BY v) t GROUP BY n ORDER BY n;
RESET enable_mergejoin;
RESET enable_nestloop;
RESET enable_sort;

CREATE INDEX ON vector_hashed USING hash (v);
SET enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT count(*) FROM vector_hashed WHERE v = '[0,0]';
SELECT count(*) FROM vector_hashed WHERE v = '[0,0]';
RESET enable_seqscan;

-- partitions by hash use the extended function
CREATE TABLE vector_partitioned (v vector(2)) PARTITION BY HASH (v);
CREATE TABLE vector_part0 PARTITION OF vector_partitioned FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE vector_part1 PARTITION OF vector_partitioned FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO vector_partitioned SELECT v FROM vector_hashed WHERE v IS NOT NULL;
SELECT count(*), count(DISTINCT tableoid) FROM vector_partitioned;
SELECT count(DISTINCT tableoid) AS parts, count(*) FROM vector_partitioned WHERE v = '[0,0]';

-- the planner's estimates: few rows are equal to one vector, most differ from it
CREATE FUNCTION vector_estimate(query text) RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE plan json;
BEGIN
  EXECUTE 'EXPLAIN (FORMAT json) ' || query INTO plan;
  RETURN plan->0->'Plan'->>'Plan Rows';
END $$;
SELECT vector_estimate('SELECT FROM vector_hashed WHERE v = ''[1,1]''') BETWEEN 1 AND 30 AS equal,
  vector_estimate('SELECT FROM vector_hashed WHERE v <> ''[1,1]''') BETWEEN 270 AND 302 AS different;

SELECT amname, amvalidate(c.oid) FROM pg_opclass c JOIN pg_am a ON a.oid = opcmethod
  WHERE opcname = 'vector_ops' ORDER BY 1;
DROP FUNCTION vector_estimate;
DROP TABLE vector_hashed, vector_partitioned;
