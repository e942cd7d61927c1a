\echo Use "CREATE EXTENSION avq_pgvector" to load this file. \quit

-- Operator classes of access method avq for pgvector's types, whose values lie in tuples as avq's do,
-- and the functions that take queries. Both extensions define the types, each in a schema of its own,
-- so every name is looked up by the extension that it belongs to.

SET LOCAL search_path TO pg_catalog, pg_temp;

DO $do$
DECLARE
  avq text := (SELECT extnamespace::regnamespace FROM pg_extension WHERE extname = 'avq');
  own text := (SELECT extnamespace::regnamespace FROM pg_extension WHERE extname = 'avq_pgvector');
  pgvector name := (SELECT nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = extnamespace
                    WHERE extname = 'vector');
  type name;
  qualified text;
  class record;
  opclass text;
BEGIN
  FOREACH type IN ARRAY ARRAY['vector', 'halfvec']::name[] LOOP
    qualified := format('%I.%I', pgvector, type);
    CONTINUE WHEN to_regtype(qualified) IS NULL;  -- halfvec came with pgvector 0.7.0

    FOR class IN SELECT * FROM (VALUES
        ('ip', '<#>', 'DEFAULT', 'inner product'),
        ('cosine', '<=>', '', 'cosine distance'),
        ('l2', '<->', '', 'Euclidean distance')) classes (name, operator, is_default, meaning) LOOP
      opclass := format('%s.%I', own, type || '_' || class.name || '_ops');
      EXECUTE format('CREATE OPERATOR CLASS %s %s FOR TYPE %s USING avq AS
          OPERATOR 1 %I.%s (%s, %s) FOR ORDER BY pg_catalog.float_ops,
          FUNCTION 1 (%s) %s.%I(internal)',
        opclass, class.is_default, qualified, pgvector, class.operator, qualified, qualified,
        qualified, avq, 'avq_' || type || '_' || class.name || '_support');
      EXECUTE format('COMMENT ON OPERATOR CLASS %s USING avq IS %L', opclass,
        format('%s of pgvector''s %s: ORDER BY column %s query', class.meaning, type, class.operator));
      EXECUTE format('COMMENT ON OPERATOR FAMILY %s USING avq IS %L', opclass,
        format('%s of pgvector''s %s: ORDER BY column %s query', class.meaning, type, class.operator));
    END LOOP;

    EXECUTE format('CREATE FUNCTION %s.avq_calibrate(index regclass, queries %s[],
        OUT queries int, OUT rows bigint, OUT target_recall real, OUT probes int, OUT error_bound real)
      RETURNS record LANGUAGE C VOLATILE PARALLEL UNSAFE AS ''MODULE_PATHNAME'', ''avq_calibrate''',
      own, qualified);
    EXECUTE format('COMMENT ON FUNCTION %s.avq_calibrate(regclass, %s[]) IS %L', own, qualified,
      'fits the work of an index''s scans, for a target recall, to queries of the user');
    EXECUTE format('CREATE FUNCTION %s.avq_recall(index regclass, queries %s[], k int DEFAULT 10,
        OUT queries int, OUT recall real, OUT mean_ms real, OUT p50_ms real, OUT p99_ms real,
        OUT lists_probed real, OUT blocks_scored real, OUT rows_reranked real)
      RETURNS record LANGUAGE C VOLATILE PARALLEL RESTRICTED AS ''MODULE_PATHNAME'', ''avq_recall''',
      own, qualified);
    EXECUTE format('COMMENT ON FUNCTION %s.avq_recall(regclass, %s[], int) IS %L', own, qualified,
      'recall, latency and work of an index''s scans for the k best rows, with the session''s settings');
  END LOOP;
END $do$;
