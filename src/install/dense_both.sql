-- What vector and halfvec do not have alike, and the casts between them.

COMMENT ON TYPE vector IS 'single-precision vector';
COMMENT ON TYPE halfvec IS 'half-precision vector';

CREATE FUNCTION vector_norm(vector) RETURNS float8
  AS 'MODULE_PATHNAME', 'avq_vector_norm' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vector_norm(vector) IS 'Euclidean norm';

CREATE FUNCTION l2_norm(halfvec) RETURNS float8
  AS 'MODULE_PATHNAME', 'avq_halfvec_norm' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION l2_norm(halfvec) IS 'Euclidean norm';

CREATE FUNCTION vector_to_halfvec(vector, integer, boolean) RETURNS halfvec
  AS 'MODULE_PATHNAME', 'avq_vector_to_halfvec' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vector_to_halfvec(vector, integer, boolean) IS 'vector to halfvec';

CREATE FUNCTION halfvec_to_vector(halfvec, integer, boolean) RETURNS vector
  AS 'MODULE_PATHNAME', 'avq_halfvec_to_vector' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION halfvec_to_vector(halfvec, integer, boolean) IS 'halfvec to vector';

CREATE CAST (vector AS real[])
  WITH FUNCTION vector_to_float4(vector, integer, boolean) AS IMPLICIT;
COMMENT ON CAST (vector AS real[]) IS 'vector to real[]';

CREATE CAST (halfvec AS real[])
  WITH FUNCTION halfvec_to_float4(halfvec, integer, boolean) AS ASSIGNMENT;
COMMENT ON CAST (halfvec AS real[]) IS 'halfvec to real[]';

CREATE CAST (vector AS halfvec)
  WITH FUNCTION vector_to_halfvec(vector, integer, boolean) AS IMPLICIT;
COMMENT ON CAST (vector AS halfvec) IS 'vector to halfvec';

CREATE CAST (halfvec AS vector)
  WITH FUNCTION halfvec_to_vector(halfvec, integer, boolean) AS ASSIGNMENT;
COMMENT ON CAST (halfvec AS vector) IS 'halfvec to vector';

