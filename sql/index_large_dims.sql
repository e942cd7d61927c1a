-- The least and the greatest number of dimensions, and odd ones between.

CREATE SCHEMA index_large_dims;
SET search_path = index_large_dims, public;
SET enable_seqscan = off;
SET avq.target_recall = 1;

-- one dimension
CREATE TABLE one (id int, v vector(1)) WITH (autovacuum_enabled = off);
INSERT INTO one SELECT i, ARRAY[i]::vector FROM generate_series(1, 3000) i;
CREATE INDEX one_l2 ON one USING avq (v vector_l2_ops);
CREATE INDEX one_ip ON one USING avq (v);
CREATE INDEX one_cosine ON one USING avq (v vector_cosine_ops);
SELECT id FROM one ORDER BY v <-> '[1500.2]' LIMIT 5;
SELECT id FROM one ORDER BY v <#> '[2]' LIMIT 3;
SELECT id FROM one ORDER BY v <#> '[-2]' LIMIT 3;
SELECT count(DISTINCT id) FROM (SELECT id FROM one ORDER BY v <=> '[-2]') x;
INSERT INTO one VALUES (5000, '[1500.3]'), (5001, '[-7]');
DELETE FROM one WHERE id BETWEEN 1000 AND 1501;
VACUUM one;
SELECT id FROM one ORDER BY v <-> '[1500.2]' LIMIT 3;
SELECT id FROM one ORDER BY v <#> '[-2]' LIMIT 3;
SELECT avq_check('one_l2', true), avq_check('one_ip', true), avq_check('one_cosine', true);

-- 16,000 dimensions: a block of codes and a rerank copy span pages
CREATE FUNCTION made(i int) RETURNS vector LANGUAGE sql IMMUTABLE AS $$
  SELECT array_agg((hashint4(i * 20000 + j) % 1000)::real / 1000)::vector
    FROM generate_series(1, 16000) j $$;
CREATE TABLE big (id int PRIMARY KEY, v vector(16000)) WITH (autovacuum_enabled = off);
INSERT INTO big SELECT i, made(i) FROM generate_series(1, 40) i;
CREATE INDEX big_ip ON big USING avq (v) WITH (rerank = half);
CREATE INDEX big_l2 ON big USING avq (v vector_l2_ops) WITH (rerank = float);
CREATE INDEX big_cosine ON big USING avq (v vector_cosine_ops)
  WITH (rerank = int8, dims_per_subspace = 1);
SELECT relname, dims, subspaces, dims_per_subspace, bytes_per_copy
  FROM pg_class c, avq_index_info(c.oid) WHERE relname LIKE 'big\_%' AND relname <> 'big_pkey'
    AND relnamespace = 'index_large_dims'::regnamespace ORDER BY relname;
CREATE FUNCTION found(ids int[]) RETURNS TABLE (by_ip bool, by_l2 bool, by_cosine bool)
  LANGUAGE sql AS $$
  SELECT bool_and(i = (SELECT id FROM big ORDER BY v <#> q LIMIT 1)),
      bool_and(i = (SELECT id FROM big ORDER BY v <-> q LIMIT 1)),
      bool_and(i = (SELECT id FROM big ORDER BY v <=> q LIMIT 1))
    FROM unnest(ids) i, made(i) q $$;
CREATE FUNCTION checked() RETURNS bool LANGUAGE plpgsql AS $$
BEGIN
  PERFORM avq_check('big_ip', true), avq_check('big_l2', true), avq_check('big_cosine', true);
  RETURN true;
END $$;
SELECT * FROM found('{1,17,40}');
INSERT INTO big SELECT i, made(i) FROM generate_series(41, 80) i;
SELECT * FROM found('{1,41,80}');
SELECT checked();
DELETE FROM big WHERE id % 2 = 0;
VACUUM big;
SELECT checked();
SELECT rows, dead FROM avq_index_info('big_ip');
SELECT pg_relation_size('big_ip') AS ip, pg_relation_size('big_l2') AS l2,
    pg_relation_size('big_cosine') AS cosine \gset before_
INSERT INTO big SELECT i, made(i) FROM generate_series(2, 80, 2) i;
SELECT pg_relation_size('big_ip') = :before_ip AS ip, pg_relation_size('big_l2') = :before_l2 AS l2,
    pg_relation_size('big_cosine') = :before_cosine AS cosine;
SELECT * FROM found('{1,2,40,79,80}');
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM big ORDER BY v <#> made(-1)) x;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM big ORDER BY v <-> made(-1)) x;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM big ORDER BY v <=> made(-1)) x;
SELECT checked();

-- trained, with dimensions that no subspace width divides
CREATE TABLE odd (id int, v vector(1531));
INSERT INTO odd SELECT i, subvector(made(i), 1, 1531) FROM generate_series(1, 300) i;
CREATE INDEX odd_v ON odd USING avq (v vector_l2_ops) WITH (lists = 3, soar_lambda = 1);
SELECT lists, subspaces, dims_per_subspace, trained FROM avq_index_info('odd_v');
SELECT id FROM odd ORDER BY v <-> subvector(made(123), 1, 1531) LIMIT 1;
SELECT count(*), count(DISTINCT id)
  FROM (SELECT id FROM odd ORDER BY v <-> subvector(made(-1), 1, 1531)) x;
SELECT avq_check('odd_v', true);

-- blocks of six pages in extents of eleven: what follows the last block is not scored
CREATE FUNCTION wide(i int) RETURNS vector LANGUAGE sql IMMUTABLE AS $$
  SELECT array_agg((hashint4(i * 5000 + j) % 1000)::real / 1000)::vector
    FROM generate_series(1, 3000) j $$;
CREATE TABLE wide (id int, v vector(3000));
INSERT INTO wide SELECT i, wide(i) FROM generate_series(1, 480) i;
CREATE INDEX wide_v ON wide USING avq (v) WITH (lists = 1, dims_per_subspace = 1);
INSERT INTO wide SELECT i, wide(i) FROM generate_series(481, 580) i;
RESET avq.target_recall;
SET avq.rerank_depth = 5;
SELECT count(*) FROM wide w WHERE id % 7 = 0 AND id <> (SELECT id FROM wide ORDER BY v <#> w.v LIMIT 1);
RESET avq.rerank_depth;

SET client_min_messages = warning;
DROP SCHEMA index_large_dims CASCADE;
