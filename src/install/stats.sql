
-- What indexes are like and what was done with them.

CREATE FUNCTION avq_list_stats(index regclass, nowait boolean DEFAULT false,
    OUT list int, OUT rows bigint, OUT second_codes bigint, OUT dead bigint, OUT pages bigint)
  RETURNS SETOF record LANGUAGE C STRICT VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'avq_list_stats'
  ROWS 1000;
COMMENT ON FUNCTION avq_list_stats(regclass, boolean) IS
  'the lists of an avq index: rows, second codes, free slots and pages, as of the last build or VACUUM';

CREATE FUNCTION avq_index_usage(index oid,
    OUT scans bigint, OUT lists_probed bigint, OUT blocks_scored bigint, OUT rows_reranked bigint,
    OUT heap_fetches bigint)
  RETURNS record LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'avq_index_usage';
COMMENT ON FUNCTION avq_index_usage(oid) IS 'counters behind pg_stat_avq_indexes';

CREATE FUNCTION avq_prewarm(index regclass) RETURNS bigint
  LANGUAGE C STRICT VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'avq_prewarm';
COMMENT ON FUNCTION avq_prewarm(regclass) IS 'reads an avq index into shared buffers; returns its pages';

CREATE FUNCTION avq_reset_usage() RETURNS void
  LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'avq_reset_usage';
COMMENT ON FUNCTION avq_reset_usage() IS 'sets the counters of this database''s avq indexes to zero';
REVOKE EXECUTE ON FUNCTION avq_reset_usage() FROM PUBLIC;

-- Of the indexes that can be read, and whose table the asking role may read: the conditions stand in
-- a CASE because the planner may call functions before it looks at a WHERE. An index that is locked,
-- being dropped or not valid by now is neither waited for nor an error: its columns are NULL.
-- Every function and operator is of pg_catalog by name or by the exact types of its arguments, so that
-- nothing in the extension's schema can stand in for it.
CREATE VIEW pg_stat_avq_indexes AS
SELECT i.relid, i.indexrelid, i.schemaname, i.relname, i.indexrelname,
  u.scans, u.lists_probed, 32 * u.blocks_scored AS rows_scored, u.rows_reranked, u.heap_fetches,
  f.rows, f.dead, f.dead::pg_catalog.float4 / nullif(f.rows + f.dead, 0::pg_catalog.int8)::pg_catalog.float4 AS dead_share,
  f.lists, l.median AS median_list, l.p99 AS p99_list, f.longest_list,
  f.trained, f.built_rows, f.generation, f.target_recall, f.calibrated_on
FROM (
  SELECT t.oid AS relid, c.oid AS indexrelid, n.nspname AS schemaname, t.relname, c.relname AS indexrelname,
    CASE WHEN x.indisvalid AND pg_catalog.has_table_privilege(t.oid, 'SELECT')
              AND NOT pg_catalog.pg_is_other_temp_schema(n.oid)
              AND NOT (c.relpersistence = 'u' AND pg_catalog.pg_is_in_recovery())
         THEN c.oid::pg_catalog.regclass END AS readable
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_am a ON a.oid = c.relam AND a.amname = 'avq'
  JOIN pg_catalog.pg_index x ON x.indexrelid = c.oid
  JOIN pg_catalog.pg_class t ON t.oid = x.indrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind = 'i') i,
  LATERAL avq_index_info(i.readable, true) f,
  LATERAL avq_index_usage(i.indexrelid) u,
  LATERAL (SELECT pg_catalog.percentile_disc(0.5::pg_catalog.float8) WITHIN GROUP (ORDER BY s.rows + s.second_codes) AS median,
                  pg_catalog.percentile_disc(0.99::pg_catalog.float8) WITHIN GROUP (ORDER BY s.rows + s.second_codes) AS p99
           FROM avq_list_stats(i.readable, true) s) l
WHERE i.readable IS NOT NULL;
COMMENT ON VIEW pg_stat_avq_indexes IS
  'avq indexes of this database: scans since the server''s start, rows and lists as of the last build or VACUUM';
GRANT SELECT ON pg_stat_avq_indexes TO PUBLIC;
