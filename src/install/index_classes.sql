
-- avq on @T@; this file is read once for vector and once for halfvec. Support functions of the
-- operator classes: which metric, which type.

CREATE FUNCTION avq_@T@_ip_support(internal) RETURNS internal
  LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'avq_@T@_ip_support';
COMMENT ON FUNCTION avq_@T@_ip_support(internal) IS 'avq support function of @T@_ip_ops';

CREATE FUNCTION avq_@T@_cosine_support(internal) RETURNS internal
  LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'avq_@T@_cosine_support';
COMMENT ON FUNCTION avq_@T@_cosine_support(internal) IS 'avq support function of @T@_cosine_ops';

CREATE FUNCTION avq_@T@_l2_support(internal) RETURNS internal
  LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'avq_@T@_l2_support';
COMMENT ON FUNCTION avq_@T@_l2_support(internal) IS 'avq support function of @T@_l2_ops';

CREATE OPERATOR CLASS @T@_ip_ops DEFAULT FOR TYPE @T@ USING avq AS
  OPERATOR 1 <#> (@T@, @T@) FOR ORDER BY float_ops,
  FUNCTION 1 (@T@) avq_@T@_ip_support(internal);
COMMENT ON OPERATOR CLASS @T@_ip_ops USING avq IS 'inner product: ORDER BY column <#> query';
COMMENT ON OPERATOR FAMILY @T@_ip_ops USING avq IS 'inner product: ORDER BY column <#> query';

CREATE OPERATOR CLASS @T@_cosine_ops FOR TYPE @T@ USING avq AS
  OPERATOR 1 <=> (@T@, @T@) FOR ORDER BY float_ops,
  FUNCTION 1 (@T@) avq_@T@_cosine_support(internal);
COMMENT ON OPERATOR CLASS @T@_cosine_ops USING avq IS 'cosine distance: ORDER BY column <=> query';
COMMENT ON OPERATOR FAMILY @T@_cosine_ops USING avq IS 'cosine distance: ORDER BY column <=> query';

CREATE OPERATOR CLASS @T@_l2_ops FOR TYPE @T@ USING avq AS
  OPERATOR 1 <-> (@T@, @T@) FOR ORDER BY float_ops,
  FUNCTION 1 (@T@) avq_@T@_l2_support(internal);
COMMENT ON OPERATOR CLASS @T@_l2_ops USING avq IS 'Euclidean distance: ORDER BY column <-> query';
COMMENT ON OPERATOR FAMILY @T@_l2_ops USING avq IS 'Euclidean distance: ORDER BY column <-> query';

-- Recall on the user's own queries.

CREATE FUNCTION avq_calibrate(index regclass, queries @T@[],
    OUT queries int, OUT rows bigint, OUT target_recall real, OUT probes int, OUT error_bound real)
  RETURNS record LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'avq_calibrate';
COMMENT ON FUNCTION avq_calibrate(regclass, @T@[]) IS
  'fits the work of an index''s scans, for a target recall, to queries of the user';

CREATE FUNCTION avq_recall(index regclass, queries @T@[], k int DEFAULT 10,
    OUT queries int, OUT recall real, OUT mean_ms real, OUT p50_ms real, OUT p99_ms real,
    OUT lists_probed real, OUT blocks_scored real, OUT rows_reranked real)
  RETURNS record LANGUAGE C VOLATILE PARALLEL RESTRICTED
  AS 'MODULE_PATHNAME', 'avq_recall';
COMMENT ON FUNCTION avq_recall(regclass, @T@[], int) IS
  'recall, latency and work of an index''s scans for the k best rows, with the session''s settings';
