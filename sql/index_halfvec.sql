-- avq indexes on halfvec: the same rows in the same order as by the exact scan, whatever the metric.
CREATE TABLE halves (id int PRIMARY KEY, v halfvec(24));
INSERT INTO halves SELECT i, (SELECT array_agg(sin(i * j) * (1 + i % 7)) FROM generate_series(1, 24) j)
  FROM generate_series(1, 3000) i;
INSERT INTO halves VALUES (3001, NULL), (3002, array_fill(0, ARRAY[24])::halfvec),
  (3003, array_fill(65504, ARRAY[24])::halfvec), (3004, array_fill(6e-8, ARRAY[24])::halfvec);
CREATE INDEX halves_ip ON halves USING avq (v);  -- halfvec_ip_ops is the default
CREATE INDEX halves_cosine ON halves USING avq (v halfvec_cosine_ops) WITH (rerank = int8);
CREATE INDEX halves_l2 ON halves USING avq (v halfvec_l2_ops) WITH (rerank = heap);
INSERT INTO halves SELECT i, (SELECT array_agg(cos(i * j) * (1 + i % 5)) FROM generate_series(1, 24) j)
  FROM generate_series(4001, 4500) i;

CREATE FUNCTION compare(operator text) RETURNS TABLE (used text, rows bigint, late bigint, missing bigint)
LANGUAGE plpgsql AS $$
DECLARE
  query text := format('SELECT id, v %s $1::halfvec AS d FROM halves ORDER BY v %s $1::halfvec', operator, operator);
  q halfvec := (SELECT v FROM halves WHERE id = 77);
BEGIN
  SET LOCAL enable_seqscan = off;
  SET LOCAL avq.target_recall = 1;
  EXECUTE 'CREATE TEMP TABLE by_index AS SELECT row_number() OVER () n, * FROM (' || query || ') s' USING q;
  FOR used IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query USING q LOOP
    EXIT WHEN used LIKE '%Index Scan%';
  END LOOP;
  SET LOCAL enable_seqscan = on;
  SET LOCAL enable_indexscan = off;
  EXECUTE 'CREATE TEMP TABLE by_sort AS SELECT row_number() OVER () n, * FROM (' || query || ') s' USING q;
  RETURN QUERY SELECT compare.used, (SELECT count(*) FROM by_index),
    (SELECT count(*) FROM by_index i JOIN by_sort s USING (n) WHERE i.d IS DISTINCT FROM s.d),
    (SELECT count(*) FROM by_sort WHERE id NOT IN (SELECT id FROM by_index));
  DROP TABLE by_index, by_sort;
END $$;
SELECT * FROM compare('<#>');
SELECT * FROM compare('<=>');
SELECT * FROM compare('<->');

SELECT avq_check('halves_ip', true), avq_check('halves_cosine', true), avq_check('halves_l2', true);
DELETE FROM halves WHERE id % 2 = 0;
VACUUM halves;
UPDATE halves SET v = v + v WHERE id % 3 = 0 AND id < 3000;
REINDEX INDEX CONCURRENTLY halves_l2;
SELECT * FROM compare('<#>');
SELECT * FROM compare('<->');
SELECT avq_check('halves_ip', true), avq_check('halves_cosine', true), avq_check('halves_l2', true);
SELECT queries, recall > 0.9 AS enough FROM avq_recall('halves_ip', (SELECT array_agg(v) FROM halves WHERE id < 100));
SELECT queries, rows FROM avq_calibrate('halves_cosine', (SELECT array_agg(v) FROM halves WHERE id < 100));
SELECT calibrated_on FROM avq_index_info('halves_cosine');

-- a query of vector is one of halfvec; of other dimensions, or beyond a half's range, it is an error
EXPLAIN (COSTS OFF) SELECT id FROM halves ORDER BY v <#> array_fill(1, ARRAY[24])::vector LIMIT 1;
SET enable_seqscan = off;
SELECT id FROM halves ORDER BY v <#> '[1,2]' LIMIT 1;
SELECT id FROM halves ORDER BY v <#> array_fill(1e6, ARRAY[24])::vector LIMIT 1;
SELECT avq_recall('halves_ip', (SELECT array_agg(v::vector) FROM halves WHERE id < 100));
SELECT avq_calibrate('halves_ip', '{"[1,2]"}'::vector[]);

-- what the class is not for
CREATE INDEX ON halves USING avq (v vector_ip_ops);
ALTER TABLE halves ADD w halfvec, ADD s sparsevec(3);
CREATE INDEX ON halves USING avq (w);
CREATE INDEX ON halves USING avq (s);
CREATE INDEX halves_expression ON halves USING avq ((v::vector(24)) vector_l2_ops);
SELECT count(*) FROM (SELECT id FROM halves ORDER BY v::vector(24) <-> (SELECT v::vector FROM halves WHERE id = 77)) s;

-- 16,000 dimensions
CREATE TABLE long_halves (id int, v halfvec(16000));
INSERT INTO long_halves SELECT i, (SELECT array_agg((i * j) % 13 - 6) FROM generate_series(1, 16000) j)
  FROM generate_series(1, 40) i;
CREATE INDEX ON long_halves USING avq (v halfvec_l2_ops);
SELECT id, v <-> (SELECT v FROM long_halves WHERE id = 3) = 0 AS same FROM long_halves
ORDER BY v <-> (SELECT v FROM long_halves WHERE id = 3), id LIMIT 4;
RESET enable_seqscan;
DROP TABLE halves, long_halves;
DROP FUNCTION compare;
