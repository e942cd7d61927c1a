-- What vector and halfvec have alike; read once for each, after type.sql.

CREATE FUNCTION @T@_distance_support(internal) RETURNS internal
  AS 'MODULE_PATHNAME', 'avq_@T@_distance_support' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @T@_distance_support(internal) IS 'planner support: what a distance costs, the fetching of vectors stored out of line included';

ALTER FUNCTION l2_distance(@T@, @T@) SUPPORT @T@_distance_support;
ALTER FUNCTION inner_product(@T@, @T@) SUPPORT @T@_distance_support;
ALTER FUNCTION cosine_distance(@T@, @T@) SUPPORT @T@_distance_support;
ALTER FUNCTION l1_distance(@T@, @T@) SUPPORT @T@_distance_support;
ALTER FUNCTION @T@_negative_inner_product(@T@, @T@) SUPPORT @T@_distance_support;
ALTER FUNCTION @T@_l2_squared_distance(@T@, @T@) SUPPORT @T@_distance_support;

CREATE FUNCTION vector_dims(@T@) RETURNS integer
  AS 'MODULE_PATHNAME', 'avq_@T@_dims' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vector_dims(@T@) IS 'number of dimensions';

CREATE FUNCTION binary_quantize(@T@) RETURNS bit
  AS 'MODULE_PATHNAME', 'avq_@T@_binary_quantize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION binary_quantize(@T@) IS 'one bit per element, set where it is positive';

CREATE FUNCTION subvector(@T@, integer, integer) RETURNS @T@
  AS 'MODULE_PATHNAME', 'avq_@T@_subvector' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION subvector(@T@, integer, integer) IS 'elements from a position (from 1) on, a given number of them';

CREATE FUNCTION @T@_spherical_distance(@T@, @T@) RETURNS float8
  AS 'MODULE_PATHNAME', 'avq_@T@_spherical_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
  SUPPORT @T@_distance_support;
COMMENT ON FUNCTION @T@_spherical_distance(@T@, @T@) IS 'angle between unit vectors, over pi';

CREATE FUNCTION @T@_add(@T@, @T@) RETURNS @T@
  AS 'MODULE_PATHNAME', 'avq_@T@_add' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @T@_add(@T@, @T@) IS 'implementation of + operator';

CREATE FUNCTION @T@_sub(@T@, @T@) RETURNS @T@
  AS 'MODULE_PATHNAME', 'avq_@T@_sub' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @T@_sub(@T@, @T@) IS 'implementation of - operator';

CREATE FUNCTION @T@_mul(@T@, @T@) RETURNS @T@
  AS 'MODULE_PATHNAME', 'avq_@T@_mul' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @T@_mul(@T@, @T@) IS 'implementation of * operator';

CREATE FUNCTION @T@_concat(@T@, @T@) RETURNS @T@
  AS 'MODULE_PATHNAME', 'avq_@T@_concat' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @T@_concat(@T@, @T@) IS 'implementation of || operator';

CREATE FUNCTION @T@_accum(double precision[], @T@) RETURNS double precision[]
  AS 'MODULE_PATHNAME', 'avq_@T@_accum' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @T@_accum(double precision[], @T@) IS 'transition function of avg(@T@)';

CREATE FUNCTION @T@_combine(double precision[], double precision[]) RETURNS double precision[]
  AS 'MODULE_PATHNAME', 'avq_@T@_combine' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @T@_combine(double precision[], double precision[]) IS 'combine function of avg(@T@)';

CREATE FUNCTION @T@_avg(double precision[]) RETURNS @T@
  AS 'MODULE_PATHNAME', 'avq_@T@_avg' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @T@_avg(double precision[]) IS 'final function of avg(@T@)';

CREATE AGGREGATE avg(@T@) (
  SFUNC = @T@_accum,
  STYPE = double precision[],
  FINALFUNC = @T@_avg,
  COMBINEFUNC = @T@_combine,
  INITCOND = '{0}',
  PARALLEL = SAFE
);
COMMENT ON AGGREGATE avg(@T@) IS 'the average (arithmetic mean) of all vectors';

CREATE AGGREGATE sum(@T@) (
  SFUNC = @T@_add,
  STYPE = @T@,
  COMBINEFUNC = @T@_add,
  PARALLEL = SAFE
);
COMMENT ON AGGREGATE sum(@T@) IS 'the sum of all vectors';

CREATE FUNCTION @T@_to_float4(@T@, integer, boolean) RETURNS real[]
  AS 'MODULE_PATHNAME', 'avq_@T@_to_float4' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @T@_to_float4(@T@, integer, boolean) IS '@T@ to real[]';

CREATE OPERATOR + (
  LEFTARG = @T@, RIGHTARG = @T@, FUNCTION = @T@_add,
  COMMUTATOR = +
);
COMMENT ON OPERATOR + (@T@, @T@) IS 'add';

CREATE OPERATOR - (
  LEFTARG = @T@, RIGHTARG = @T@, FUNCTION = @T@_sub
);
COMMENT ON OPERATOR - (@T@, @T@) IS 'subtract';

CREATE OPERATOR * (
  LEFTARG = @T@, RIGHTARG = @T@, FUNCTION = @T@_mul,
  COMMUTATOR = *
);
COMMENT ON OPERATOR * (@T@, @T@) IS 'multiply element by element';

CREATE OPERATOR || (
  LEFTARG = @T@, RIGHTARG = @T@, FUNCTION = @T@_concat
);
COMMENT ON OPERATOR || (@T@, @T@) IS 'concatenate';

