-- avq_calibrate and avq_recall: what they measure, what is stored, what they refuse.

CREATE SCHEMA index_recall;
SET search_path = index_recall, public;
SET client_min_messages = warning;
-- Rows of two lengths; queries that point elsewhere than most rows.
CREATE TABLE item (id int PRIMARY KEY, kind int, v vector(8)) WITH (autovacuum_enabled = off);
INSERT INTO item
  SELECT i, i % 3, array_agg(((hashint4(i * 101 + j) % 1000)
                              * CASE WHEN i % 10 = 0 THEN 3 ELSE 1 END)::real)::vector
    FROM generate_series(1, 4000) i, generate_series(1, 8) j GROUP BY i;
CREATE TABLE query (id int PRIMARY KEY, v vector(8));
INSERT INTO query
  SELECT i, array_agg((abs(hashint4(i * 7 + j * 1009) % 1000) + 1)::real)::vector
    FROM generate_series(1, 200) i, generate_series(1, 8) j GROUP BY i;
CREATE FUNCTION queries(first int, last int) RETURNS vector[] LANGUAGE sql STABLE
  AS $$ SELECT array_agg(v ORDER BY id) FROM index_recall.query WHERE id BETWEEN first AND last $$;

CREATE INDEX item_ip ON item USING avq (v vector_ip_ops) WITH (lists = 40);
SELECT calibrated_on, calibration_queries > 0 AS some FROM avq_index_info('item_ip');
SELECT queries, rows, target_recall, probes BETWEEN 1 AND 40 AS probes, error_bound > 0 AS bound
  FROM avq_calibrate('item_ip', queries(1, 100));
SELECT calibrated_on, calibration_queries FROM avq_index_info('item_ip');

-- the recall aimed at is reached on other queries; a higher one takes more lists
SELECT k, queries, recall > 0.9 AS recall, mean_ms > 0 AND p50_ms > 0 AND p99_ms >= p50_ms AS times,
    lists_probed BETWEEN 1 AND 40 AS lists, blocks_scored >= 1 AS blocks,
    rows_reranked >= k AS reranked
  FROM unnest('{1,10,100}'::int[]) k, avq_recall('item_ip', queries(101, 200), k);
CREATE TABLE work (target float8, lists_probed float8, recall float8);
SET avq.target_recall = 0.8;
INSERT INTO work SELECT 0.8, lists_probed, recall FROM avq_recall('item_ip', queries(101, 200));
SET avq.target_recall = 0.999;
INSERT INTO work SELECT 0.999, lists_probed, recall FROM avq_recall('item_ip', queries(101, 200));
RESET avq.target_recall;
INSERT INTO work SELECT 0.95, lists_probed, recall FROM avq_recall('item_ip', queries(101, 200));
SELECT target, lists_probed > lag(lists_probed) OVER w AS more, recall >= lag(recall) OVER w AS better
  FROM work WINDOW w AS (ORDER BY target);

-- the two ends: one list misses, all lists miss nothing; k beyond the table
SET avq.probes = 1;
SELECT queries, recall < 0.9 AS misses, lists_probed < 3 AS few FROM avq_recall('item_ip', queries(1, 50), 30);
SET avq.probes = 40;
SET avq.rerank_depth = 4000;
SELECT recall, lists_probed, rows_reranked > 3000 AS deep
  FROM avq_recall('item_ip', queries(1, 5), 30);
RESET avq.rerank_depth;
RESET avq.probes;
SELECT recall FROM avq_recall('item_ip', queries(1, 3), 10000);
SET avq.max_probes = 1;
SELECT recall < 0.3 AS cut FROM avq_recall('item_ip', queries(1, 3), 4000);
RESET avq.max_probes;

-- the same as by hand
SET avq.target_recall = 0.7;
CREATE TABLE by_hand AS
  WITH answer AS MATERIALIZED (
    SELECT q.id, (SELECT max(d) FROM (SELECT (i.v <#> q.v) + 0 AS d FROM item i
                                      ORDER BY d LIMIT 10) s) AS last
      FROM query q WHERE id > 150)
  SELECT avg((SELECT count(*) FROM (SELECT i.v <#> q.v AS d FROM item i
                                    ORDER BY i.v <#> q.v LIMIT 10) s WHERE d <= last) / 10.0)
    AS recall
  FROM answer JOIN query q USING (id);
SELECT recall < 1 AS misses, abs(recall - (avq_recall('item_ip', queries(151, 200))).recall) < 1e-6
    AS same
  FROM by_hand;
RESET avq.target_recall;

-- plans stay index scans
EXPLAIN (COSTS OFF) SELECT id FROM item ORDER BY v <#> '[1,2,3,4,5,6,7,8]' LIMIT 10;

-- other operator classes; queries and rows without a direction under cosine do not count
INSERT INTO item VALUES (5001, 0, '[0,0,0,0,0,0,0,0]'), (5002, 0, NULL),
  (5003, 0, '[1e18,1e18,1e18,1e18,1e18,1e18,1e18,1e18]');
CREATE INDEX item_cosine ON item USING avq (v vector_cosine_ops) WITH (lists = 40);
CREATE INDEX item_l2 ON item USING avq (v vector_l2_ops) WITH (lists = 40);
SELECT queries, rows FROM avq_calibrate('item_cosine',
  queries(1, 100) || '[0,0,0,0,0,0,0,0]'::vector || '[1e18,0,0,0,0,0,0,0]'::vector);
SELECT queries, rows FROM avq_calibrate('item_l2', queries(1, 100) || '[0,0,0,0,0,0,0,0]'::vector);
SELECT queries, recall > 0.9 AS recall FROM avq_recall('item_cosine', queries(101, 200));
SELECT queries, recall > 0.9 AS recall FROM avq_recall('item_l2', queries(101, 200));
-- rows whose length has no code are answers nevertheless
SET avq.target_recall = 1;
SELECT c, recall FROM unnest('{item_ip,item_cosine,item_l2}'::regclass[]) c,
  avq_recall(c, queries(1, 10), 4001);
RESET avq.target_recall;
DELETE FROM item WHERE id > 5000;

-- partial indexes and expressions: only their rows, by their values
CREATE INDEX item_partial ON item USING avq (v vector_l2_ops) WITH (lists = 20) WHERE kind = 1;
SELECT queries, rows FROM avq_calibrate('item_partial', queries(1, 100));
SELECT recall > 0.9 AS recall FROM avq_recall('item_partial', queries(101, 200));
CREATE FUNCTION turned(vector) RETURNS vector LANGUAGE sql IMMUTABLE
  AS $$ SELECT public.subvector($1, 5, 4) $$;
CREATE INDEX item_expression ON item USING avq ((turned(v)::vector(4)) vector_cosine_ops)
  WITH (lists = 20);
SELECT queries, rows FROM avq_calibrate('item_expression',
  (SELECT array_agg(turned(v)) FROM query WHERE id <= 100));
SELECT recall > 0.9 AS recall FROM avq_recall('item_expression',
  (SELECT array_agg(turned(v)) FROM query WHERE id > 100));

-- rows of the snapshot: what this transaction deleted and inserted
BEGIN;
DELETE FROM item WHERE id % 2 = 0;
INSERT INTO item SELECT 6000 + i, 0, '[900,900,900,900,900,900,900,900]' FROM generate_series(1, 5) i;
SELECT rows FROM avq_calibrate('item_ip', queries(1, 100));
SET LOCAL avq.target_recall = 1;
SELECT recall FROM avq_recall('item_ip', queries(1, 20), 2010);
ROLLBACK;
-- a calibration is not rolled back; what REINDEX fits is the build's own
SELECT calibrated_on, calibration_queries FROM avq_index_info('item_ip');
REINDEX INDEX item_ip;
SELECT calibrated_on FROM avq_index_info('item_ip');

-- an index without lists or rows
CREATE TABLE small (v vector(8));
CREATE INDEX small_ip ON small USING avq (v);
SELECT calibrated_on, calibration_queries FROM avq_index_info('small_ip');
SELECT avq_calibrate('small_ip', queries(1, 20));
SELECT queries, recall, lists_probed FROM avq_recall('small_ip', queries(1, 2));
INSERT INTO small SELECT v FROM query WHERE id <= 7;
SELECT queries, rows, probes FROM avq_calibrate('small_ip', queries(101, 130));
SELECT recall, lists_probed FROM avq_recall('small_ip', queries(101, 130), 7);
SELECT calibrated_on, calibration_queries FROM avq_index_info('small_ip');

-- bad arguments
SELECT avq_calibrate('item_ip', queries(1, 19));
SELECT avq_calibrate('item_ip', '{}'::vector[]);
SELECT avq_calibrate('item_ip', queries(1, 30) || NULL::vector);
SELECT avq_calibrate('item_ip', queries(1, 30) || '[1,2]'::vector);
SELECT avq_calibrate('item_pkey', queries(1, 30));
SELECT avq_calibrate(NULL, queries(1, 30));
SELECT avq_recall('item_ip', '{}'::vector[]);
SELECT avq_recall('item_ip', ARRAY[NULL]::vector[]);
SELECT avq_recall('item_ip', queries(1, 2), 0);
SELECT avq_recall('item_ip', queries(1, 2), 10001);
SELECT avq_recall('item_pkey', queries(1, 2));
\set VERBOSITY sqlstate
SELECT avq_recall('item', queries(1, 2));
SELECT avq_calibrate('item', queries(1, 30));
\set VERBOSITY default

-- memory: fewer answers of each query, or none
SET maintenance_work_mem = '1MB';
SET client_min_messages = notice;
SELECT queries, rows FROM avq_calibrate('item_ip', queries(1, 200));
SELECT avq_calibrate('item_ip', (SELECT array_agg(v) FROM query, generate_series(1, 10)));
SELECT avq_recall('item_ip', queries(1, 200), 10000);
SET client_min_messages = warning;
RESET maintenance_work_mem;
SELECT calibrated_on, calibration_queries FROM avq_index_info('item_ip');

-- calibration is the owner's, measuring is for those who may read all rows
CREATE ROLE regress_avq_owner;
CREATE ROLE regress_avq_reader;
GRANT USAGE ON SCHEMA index_recall TO regress_avq_owner, regress_avq_reader;
GRANT CREATE ON SCHEMA index_recall TO regress_avq_owner;
GRANT SELECT ON query TO regress_avq_owner, regress_avq_reader;
SET ROLE regress_avq_reader;
SELECT avq_calibrate('item_ip', queries(1, 30));
SELECT avq_recall('item_ip', queries(1, 30));
RESET ROLE;
GRANT SELECT ON item TO regress_avq_reader;
ALTER TABLE item OWNER TO regress_avq_owner;
SET ROLE regress_avq_reader;
SELECT queries FROM avq_recall('item_ip', queries(1, 30));
SELECT avq_calibrate('item_ip', queries(1, 30));
SET ROLE regress_avq_owner;
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
SELECT queries FROM avq_calibrate('item_ip', queries(1, 30));
SET ROLE regress_avq_reader;
SELECT avq_recall('item_ip', queries(1, 30));
SET ROLE regress_avq_owner;
ALTER TABLE item FORCE ROW LEVEL SECURITY;
SELECT avq_calibrate('item_ip', queries(1, 30));
RESET ROLE;
SELECT queries FROM avq_calibrate('item_ip', queries(1, 40));

-- functions of an index run with its owner's rights
ALTER TABLE item DISABLE ROW LEVEL SECURITY;
ALTER TABLE item NO FORCE ROW LEVEL SECURITY;
CREATE FUNCTION spy(vector) RETURNS vector LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  IF current_user <> 'regress_avq_owner' THEN
    RAISE 'run by %', current_user;
  END IF;
  RETURN $1;
END $$;
SET ROLE regress_avq_owner;
CREATE INDEX item_spy ON item USING avq ((spy(v)::vector(8)) vector_l2_ops);
RESET ROLE;
SELECT queries FROM avq_calibrate('item_spy', queries(1, 30));
SELECT queries, recall > 0.8 AS recall FROM avq_recall('item_spy', queries(1, 30));
SELECT current_user = session_user AS self_again;

-- of a few rows all are rescored, whatever the target: nothing could be learnt from them
CREATE TABLE few AS SELECT i AS id, ARRAY(SELECT sin(i * j)::real FROM generate_series(1, 600) j)::vector(600) AS v
FROM generate_series(1, 40) i;
ALTER TABLE few ALTER v TYPE vector(600);
CREATE INDEX few_ip ON few USING avq (v);
SET avq.target_recall = 0.5;
SELECT queries, recall, rows_reranked FROM avq_recall('few_ip', (SELECT array_agg(v) FROM few));
RESET avq.target_recall;

-- no queries at all, as a mistaken WHERE selects them
SELECT avq_calibrate('item_ip', (SELECT array_agg(v) FROM item WHERE id < 0));
SELECT avq_recall('item_ip', (SELECT array_agg(v) FROM item WHERE id < 0));
SELECT avq_recall(NULL, queries(1, 30));
SELECT avq_recall('item_ip', queries(1, 30), NULL);

DROP SCHEMA index_recall CASCADE;
DROP ROLE regress_avq_owner;
DROP ROLE regress_avq_reader;
