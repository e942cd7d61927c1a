-- What sparsevec has by itself.

COMMENT ON TYPE sparsevec IS 'sparse vector';

CREATE FUNCTION l2_norm(sparsevec) RETURNS float8
  AS 'MODULE_PATHNAME', 'avq_sparsevec_l2_norm' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION l2_norm(sparsevec) IS 'Euclidean norm';

CREATE FUNCTION vector_to_sparsevec(vector, integer, boolean) RETURNS sparsevec
  AS 'MODULE_PATHNAME', 'avq_vector_to_sparsevec' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vector_to_sparsevec(vector, integer, boolean) IS 'vector to sparsevec';

CREATE CAST (vector AS sparsevec)
  WITH FUNCTION vector_to_sparsevec(vector, integer, boolean) AS IMPLICIT;
COMMENT ON CAST (vector AS sparsevec) IS 'vector to sparsevec';

CREATE FUNCTION sparsevec_to_vector(sparsevec, integer, boolean) RETURNS vector
  AS 'MODULE_PATHNAME', 'avq_sparsevec_to_vector' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION sparsevec_to_vector(sparsevec, integer, boolean) IS 'sparsevec to vector';

CREATE CAST (sparsevec AS vector)
  WITH FUNCTION sparsevec_to_vector(sparsevec, integer, boolean) AS ASSIGNMENT;
COMMENT ON CAST (sparsevec AS vector) IS 'sparsevec to vector';

CREATE FUNCTION halfvec_to_sparsevec(halfvec, integer, boolean) RETURNS sparsevec
  AS 'MODULE_PATHNAME', 'avq_halfvec_to_sparsevec' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION halfvec_to_sparsevec(halfvec, integer, boolean) IS 'halfvec to sparsevec';

CREATE CAST (halfvec AS sparsevec)
  WITH FUNCTION halfvec_to_sparsevec(halfvec, integer, boolean) AS IMPLICIT;
COMMENT ON CAST (halfvec AS sparsevec) IS 'halfvec to sparsevec';

CREATE FUNCTION sparsevec_to_halfvec(sparsevec, integer, boolean) RETURNS halfvec
  AS 'MODULE_PATHNAME', 'avq_sparsevec_to_halfvec' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION sparsevec_to_halfvec(sparsevec, integer, boolean) IS 'sparsevec to halfvec';

CREATE CAST (sparsevec AS halfvec)
  WITH FUNCTION sparsevec_to_halfvec(sparsevec, integer, boolean) AS ASSIGNMENT;
COMMENT ON CAST (sparsevec AS halfvec) IS 'sparsevec to halfvec';

-- Sparse activations

CREATE FUNCTION topk(vector, k integer) RETURNS sparsevec
  AS 'MODULE_PATHNAME', 'avq_topk' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION topk(vector, integer) IS 'the k largest elements';

CREATE FUNCTION threshold(vector, above float8) RETURNS sparsevec
  AS 'MODULE_PATHNAME', 'avq_threshold' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION threshold(vector, float8) IS 'the elements larger than a number';

CREATE FUNCTION sparsevec_density_accum(double precision[], sparsevec) RETURNS double precision[]
  AS 'MODULE_PATHNAME', 'avq_density_accum' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION sparsevec_density_accum(double precision[], sparsevec) IS 'transition function of density(sparsevec)';

CREATE AGGREGATE density(sparsevec) (
  SFUNC = sparsevec_density_accum,
  STYPE = double precision[],
  FINALFUNC = pg_catalog.float8_avg,
  COMBINEFUNC = pg_catalog.float8_combine,
  INITCOND = '{0,0,0}',
  PARALLEL = SAFE
);
COMMENT ON AGGREGATE density(sparsevec) IS 'the mean share of elements that are not zero';

