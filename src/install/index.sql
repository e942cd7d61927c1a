
-- The access method.

CREATE FUNCTION avq_handler(internal) RETURNS index_am_handler
  LANGUAGE C AS 'MODULE_PATHNAME', 'avq_handler';
COMMENT ON FUNCTION avq_handler(internal) IS 'avq index access method handler';

CREATE ACCESS METHOD avq TYPE INDEX HANDLER avq_handler;
COMMENT ON ACCESS METHOD avq IS 'inverted lists of anisotropic product-quantization codes';

-- What an index is, whether it is sound, what the last scan did.

CREATE FUNCTION avq_index_info(index regclass, nowait boolean DEFAULT false,
    OUT metric text, OUT dims int, OUT lists int, OUT cells int, OUT list_groups int,
    OUT rows bigint, OUT rows_without_code bigint, OUT dead bigint, OUT longest_list bigint,
    OUT trained boolean, OUT built_rows bigint, OUT generation int,
    OUT subspaces int, OUT dims_per_subspace int, OUT bytes_per_code real,
    OUT rerank text, OUT bytes_per_copy int,
    OUT rotated boolean, OUT row_scale boolean, OUT anisotropy real, OUT soar_lambda real,
    OUT route_sigma real, OUT error_scale real,
    OUT target_recall real, OUT calibrated_on text, OUT calibration_queries int,
    OUT pages bigint, OUT model_pages bigint, OUT directory_pages bigint, OUT code_pages bigint,
    OUT copy_pages bigint, OUT free_pages bigint, OUT format_version int, OUT seed bigint, OUT kernel text)
  RETURNS record LANGUAGE C STRICT VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'avq_index_info';
COMMENT ON FUNCTION avq_index_info(regclass, boolean) IS
  'shape, size and contents of an avq index; row counts are those of the last build or VACUUM';

CREATE FUNCTION avq_check(index regclass, heapallindexed boolean DEFAULT false) RETURNS void
  LANGUAGE C STRICT VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'avq_check';
COMMENT ON FUNCTION avq_check(regclass, boolean) IS
  'errors unless the index is sound and, with heapallindexed, holds every live row';

CREATE FUNCTION avq_last_scan(
    OUT lists_probed bigint, OUT blocks_scored bigint, OUT rows_reranked bigint,
    OUT heap_fetches bigint, OUT code_pages bigint, OUT copy_pages bigint, OUT passes bigint)
  RETURNS record LANGUAGE C STRICT VOLATILE PARALLEL RESTRICTED
  AS 'MODULE_PATHNAME', 'avq_last_scan';
COMMENT ON FUNCTION avq_last_scan() IS 'counters of the last avq index scan of this session';
