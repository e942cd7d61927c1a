-- What avq_index_info, avq_last_scan and avq_check say, and to whom.

CREATE SCHEMA index_info;
SET search_path = index_info, public;
CREATE TABLE item (id int PRIMARY KEY, v vector(10)) WITH (autovacuum_enabled = off);
INSERT INTO item
  SELECT i, array_agg((hashint4(i * 101 + j) % 1000)::real)::vector
    FROM generate_series(1, 1000) i, generate_series(1, 10) j GROUP BY i;
INSERT INTO item VALUES (1001, NULL), (1002, '[0,0,0,0,0,0,0,0,0,0]');
CREATE INDEX item_cosine ON item USING avq (v vector_cosine_ops) WITH (lists = 8, rotate = on);
SELECT metric, dims, lists, cells, rows, rows_without_code, dead,
    longest_list BETWEEN 125 AND 1000 AS longest, trained, built_rows, subspaces,
    dims_per_subspace, rerank, bytes_per_copy, rotated, row_scale, anisotropy >= 1 AS anisotropy,
    soar_lambda, error_scale > 0 AS error_scale, calibrated_on,
    calibration_queries BETWEEN 20 AND 1000 AS calibration_queries, format_version, seed,
    kernel <> '' AS kernel
  FROM avq_index_info('item_cosine') \gx
-- pages add up
SELECT pages = pg_relation_size('item_cosine') / current_setting('block_size')::int AS all,
    1 + model_pages + directory_pages + code_pages + copy_pages = pages AS by_kind,
    bytes_per_code BETWEEN subspaces / 2.0 AND subspaces / 2.0 + 32 AS code
  FROM avq_index_info('item_cosine');
-- counts are those of the last build or VACUUM
DELETE FROM item WHERE id <= 100 OR id > 1000;
SELECT rows, rows_without_code, dead FROM avq_index_info('item_cosine');
VACUUM item;
SELECT rows, rows_without_code, dead, built_rows FROM avq_index_info('item_cosine');
SELECT metric, dims, lists FROM avq_index_info(NULL);

-- the last scan
SET enable_seqscan = off;
SELECT count(*) FROM (SELECT FROM item ORDER BY v <=> '[1,2,3,4,5,6,7,8,9,10]') x;
SELECT lists_probed, blocks_scored >= 28 AS all_blocks, rows_reranked,
    heap_fetches <= 900 AS fetches, code_pages > 0 AS code_pages, copy_pages, passes > 0 AS passes
  FROM avq_last_scan();
SET avq.probes = 2;
SELECT count(*) FROM (SELECT FROM item ORDER BY v <=> '[1,2,3,4,5,6,7,8,9,10]' LIMIT 1) x;
SELECT lists_probed, rows_reranked < 900 AS few FROM avq_last_scan();
RESET avq.probes;

-- statistics count scans and tuples
SELECT pg_stat_force_next_flush();
SELECT idx_scan, idx_tup_read >= 901 AS read FROM pg_stat_user_indexes
  WHERE indexrelid = 'item_cosine'::regclass;

-- not an avq index
SELECT avq_check('item_pkey');
SELECT avq_check('no_such_index');
\set VERBOSITY sqlstate
SELECT avq_check('item');
SELECT avq_check(0);
\set VERBOSITY default
SELECT avq_check(NULL) IS NULL;
SELECT avq_index_info('item_pkey');
SELECT avq_index_info('item');
SELECT avq_index_info(0);
SELECT avq_prewarm(0);
SELECT avq_index_info(0, true);

-- the operator classes are complete, and one is the default
SELECT opcname, opcdefault, amvalidate(o.oid) FROM pg_opclass o JOIN pg_am a ON opcmethod = a.oid
  WHERE amname = 'avq' ORDER BY opcname COLLATE "C";
CREATE OPERATOR CLASS bare_ops FOR TYPE vector USING avq AS
  OPERATOR 1 <#> (vector, vector) FOR ORDER BY float_ops;
SELECT amvalidate(oid) FROM pg_opclass WHERE opcname = 'bare_ops';
DROP OPERATOR CLASS bare_ops USING avq;

-- what the access method can do
SELECT p, pg_indexam_has_property(oid, p) FROM pg_am,
    unnest('{can_order,can_unique,can_multi_col,can_include}'::text[]) p
  WHERE amname = 'avq';
SELECT p, pg_index_column_has_property('item_cosine', 1, p)
  FROM unnest('{orderable,returnable,search_array,search_nulls}'::text[]) p;

-- only who may read the table may look into the index
CREATE ROLE regress_avq_reader;
GRANT USAGE ON SCHEMA index_info TO regress_avq_reader;
SET ROLE regress_avq_reader;
SELECT avq_check('item_cosine');
SELECT rows FROM avq_index_info('item_cosine');
RESET ROLE;
GRANT SELECT ON item TO regress_avq_reader;
SET ROLE regress_avq_reader;
SELECT avq_check('item_cosine', heapallindexed => true);
SELECT rows FROM avq_index_info('item_cosine');
CREATE INDEX ON item USING avq (v);
RESET ROLE;

SET client_min_messages = warning;
DROP SCHEMA index_info CASCADE;
DROP ROLE regress_avq_reader;
