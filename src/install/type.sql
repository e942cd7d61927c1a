-- What vector, halfvec and sparsevec have alike; read once for each.

CREATE TYPE @T@;

CREATE FUNCTION @T@_in(cstring, oid, integer) RETURNS @T@
  AS 'MODULE_PATHNAME', 'avq_@T@_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @T@_in(cstring, oid, integer) IS 'text input of @T@';

CREATE FUNCTION @T@_out(@T@) RETURNS cstring
  AS 'MODULE_PATHNAME', 'avq_@T@_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @T@_out(@T@) IS 'text output of @T@';

CREATE FUNCTION @T@_typmod_in(cstring[]) RETURNS integer
  AS 'MODULE_PATHNAME', 'avq_@T@_typmod_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @T@_typmod_in(cstring[]) IS 'type modifier input of @T@: the number of dimensions';

CREATE FUNCTION @T@_recv(internal, oid, integer) RETURNS @T@
  AS 'MODULE_PATHNAME', 'avq_@T@_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @T@_recv(internal, oid, integer) IS 'binary input of @T@';

CREATE FUNCTION @T@_send(@T@) RETURNS bytea
  AS 'MODULE_PATHNAME', 'avq_@T@_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @T@_send(@T@) IS 'binary output of @T@';

-- External: floats do not compress, and uncompressed values are read without a copy.
CREATE TYPE @T@ (
  INPUT = @T@_in,
  OUTPUT = @T@_out,
  TYPMOD_IN = @T@_typmod_in,
  RECEIVE = @T@_recv,
  SEND = @T@_send,
  STORAGE = external
);

-- Functions

CREATE FUNCTION l2_distance(@T@, @T@) RETURNS float8
  AS 'MODULE_PATHNAME', 'avq_@T@_l2_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION l2_distance(@T@, @T@) IS 'Euclidean distance';

CREATE FUNCTION inner_product(@T@, @T@) RETURNS float8
  AS 'MODULE_PATHNAME', 'avq_@T@_inner_product' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION inner_product(@T@, @T@) IS 'inner product';

CREATE FUNCTION cosine_distance(@T@, @T@) RETURNS float8
  AS 'MODULE_PATHNAME', 'avq_@T@_cosine_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cosine_distance(@T@, @T@) IS 'cosine distance: 1 - cosine similarity';

CREATE FUNCTION l1_distance(@T@, @T@) RETURNS float8
  AS 'MODULE_PATHNAME', 'avq_@T@_l1_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION l1_distance(@T@, @T@) IS 'taxicab distance';

CREATE FUNCTION l2_normalize(@T@) RETURNS @T@
  AS 'MODULE_PATHNAME', 'avq_@T@_l2_normalize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION l2_normalize(@T@) IS '@T@ scaled to Euclidean norm 1';

CREATE FUNCTION @T@_negative_inner_product(@T@, @T@) RETURNS float8
  AS 'MODULE_PATHNAME', 'avq_@T@_negative_inner_product' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @T@_negative_inner_product(@T@, @T@) IS 'implementation of <#> operator';

CREATE FUNCTION @T@_l2_squared_distance(@T@, @T@) RETURNS float8
  AS 'MODULE_PATHNAME', 'avq_@T@_l2_squared_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @T@_l2_squared_distance(@T@, @T@) IS 'squared Euclidean distance';

CREATE FUNCTION @T@_lt(@T@, @T@) RETURNS boolean
  AS 'MODULE_PATHNAME', 'avq_@T@_lt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @T@_lt(@T@, @T@) IS 'implementation of < operator';

CREATE FUNCTION @T@_le(@T@, @T@) RETURNS boolean
  AS 'MODULE_PATHNAME', 'avq_@T@_le' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @T@_le(@T@, @T@) IS 'implementation of <= operator';

CREATE FUNCTION @T@_eq(@T@, @T@) RETURNS boolean
  AS 'MODULE_PATHNAME', 'avq_@T@_eq' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @T@_eq(@T@, @T@) IS 'implementation of = operator';

CREATE FUNCTION @T@_ne(@T@, @T@) RETURNS boolean
  AS 'MODULE_PATHNAME', 'avq_@T@_ne' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @T@_ne(@T@, @T@) IS 'implementation of <> operator';

CREATE FUNCTION @T@_ge(@T@, @T@) RETURNS boolean
  AS 'MODULE_PATHNAME', 'avq_@T@_ge' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @T@_ge(@T@, @T@) IS 'implementation of >= operator';

CREATE FUNCTION @T@_gt(@T@, @T@) RETURNS boolean
  AS 'MODULE_PATHNAME', 'avq_@T@_gt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @T@_gt(@T@, @T@) IS 'implementation of > operator';

CREATE FUNCTION @T@_cmp(@T@, @T@) RETURNS integer
  AS 'MODULE_PATHNAME', 'avq_@T@_cmp' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @T@_cmp(@T@, @T@) IS 'less-equal-greater';

CREATE FUNCTION @T@_hash(@T@) RETURNS integer
  AS 'MODULE_PATHNAME', 'avq_@T@_hash' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @T@_hash(@T@) IS 'hash';

CREATE FUNCTION @T@_hash_extended(@T@, bigint) RETURNS bigint
  AS 'MODULE_PATHNAME', 'avq_@T@_hash_extended' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @T@_hash_extended(@T@, bigint) IS 'hash with a seed';

-- Casts

CREATE FUNCTION @T@(@T@, integer, boolean) RETURNS @T@
  AS 'MODULE_PATHNAME', 'avq_@T@_check' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @T@(@T@, integer, boolean) IS 'check of the number of dimensions';

CREATE FUNCTION array_to_@T@(integer[], integer, boolean) RETURNS @T@
  AS 'MODULE_PATHNAME', 'avq_@T@_from_array' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION array_to_@T@(integer[], integer, boolean) IS 'integer[] to @T@';

CREATE FUNCTION array_to_@T@(real[], integer, boolean) RETURNS @T@
  AS 'MODULE_PATHNAME', 'avq_@T@_from_array' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION array_to_@T@(real[], integer, boolean) IS 'real[] to @T@';

CREATE FUNCTION array_to_@T@(double precision[], integer, boolean) RETURNS @T@
  AS 'MODULE_PATHNAME', 'avq_@T@_from_array' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION array_to_@T@(double precision[], integer, boolean) IS 'double precision[] to @T@';

CREATE FUNCTION array_to_@T@(numeric[], integer, boolean) RETURNS @T@
  AS 'MODULE_PATHNAME', 'avq_@T@_from_array' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION array_to_@T@(numeric[], integer, boolean) IS 'numeric[] to @T@';

CREATE CAST (@T@ AS @T@)
  WITH FUNCTION @T@(@T@, integer, boolean) AS IMPLICIT;
COMMENT ON CAST (@T@ AS @T@) IS 'check of the number of dimensions';

CREATE CAST (integer[] AS @T@)
  WITH FUNCTION array_to_@T@(integer[], integer, boolean) AS ASSIGNMENT;
COMMENT ON CAST (integer[] AS @T@) IS 'integer[] to @T@';

CREATE CAST (real[] AS @T@)
  WITH FUNCTION array_to_@T@(real[], integer, boolean) AS ASSIGNMENT;
COMMENT ON CAST (real[] AS @T@) IS 'real[] to @T@';

CREATE CAST (double precision[] AS @T@)
  WITH FUNCTION array_to_@T@(double precision[], integer, boolean) AS ASSIGNMENT;
COMMENT ON CAST (double precision[] AS @T@) IS 'double precision[] to @T@';

CREATE CAST (numeric[] AS @T@)
  WITH FUNCTION array_to_@T@(numeric[], integer, boolean) AS ASSIGNMENT;
COMMENT ON CAST (numeric[] AS @T@) IS 'numeric[] to @T@';

-- Operators

CREATE OPERATOR <#> (
  LEFTARG = @T@, RIGHTARG = @T@, FUNCTION = @T@_negative_inner_product,
  COMMUTATOR = <#>
);
COMMENT ON OPERATOR <#> (@T@, @T@) IS 'negative inner product';

CREATE OPERATOR <=> (
  LEFTARG = @T@, RIGHTARG = @T@, FUNCTION = cosine_distance,
  COMMUTATOR = <=>
);
COMMENT ON OPERATOR <=> (@T@, @T@) IS 'cosine distance';

CREATE OPERATOR <-> (
  LEFTARG = @T@, RIGHTARG = @T@, FUNCTION = l2_distance,
  COMMUTATOR = <->
);
COMMENT ON OPERATOR <-> (@T@, @T@) IS 'Euclidean distance';

CREATE OPERATOR <+> (
  LEFTARG = @T@, RIGHTARG = @T@, FUNCTION = l1_distance,
  COMMUTATOR = <+>
);
COMMENT ON OPERATOR <+> (@T@, @T@) IS 'taxicab distance';

CREATE OPERATOR < (
  LEFTARG = @T@, RIGHTARG = @T@, FUNCTION = @T@_lt,
  COMMUTATOR = >, NEGATOR = >=,
  RESTRICT = scalarltsel, JOIN = scalarltjoinsel
);
COMMENT ON OPERATOR < (@T@, @T@) IS 'less than';

CREATE OPERATOR <= (
  LEFTARG = @T@, RIGHTARG = @T@, FUNCTION = @T@_le,
  COMMUTATOR = >=, NEGATOR = >,
  RESTRICT = scalarlesel, JOIN = scalarlejoinsel
);
COMMENT ON OPERATOR <= (@T@, @T@) IS 'less than or equal';

CREATE OPERATOR = (
  LEFTARG = @T@, RIGHTARG = @T@, FUNCTION = @T@_eq,
  COMMUTATOR = =, NEGATOR = <>,
  RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES
);
COMMENT ON OPERATOR = (@T@, @T@) IS 'equal';

CREATE OPERATOR <> (
  LEFTARG = @T@, RIGHTARG = @T@, FUNCTION = @T@_ne,
  COMMUTATOR = <>, NEGATOR = =,
  RESTRICT = neqsel, JOIN = neqjoinsel
);
COMMENT ON OPERATOR <> (@T@, @T@) IS 'not equal';

CREATE OPERATOR >= (
  LEFTARG = @T@, RIGHTARG = @T@, FUNCTION = @T@_ge,
  COMMUTATOR = <=, NEGATOR = <,
  RESTRICT = scalargesel, JOIN = scalargejoinsel
);
COMMENT ON OPERATOR >= (@T@, @T@) IS 'greater than or equal';

CREATE OPERATOR > (
  LEFTARG = @T@, RIGHTARG = @T@, FUNCTION = @T@_gt,
  COMMUTATOR = <, NEGATOR = <=,
  RESTRICT = scalargtsel, JOIN = scalargtjoinsel
);
COMMENT ON OPERATOR > (@T@, @T@) IS 'greater than';

-- Operator classes of the built-in access methods

CREATE OPERATOR CLASS @T@_ops
  DEFAULT FOR TYPE @T@ USING btree AS
  OPERATOR 1 <,
  OPERATOR 2 <=,
  OPERATOR 3 =,
  OPERATOR 4 >=,
  OPERATOR 5 >,
  FUNCTION 1 @T@_cmp(@T@, @T@);
COMMENT ON OPERATOR CLASS @T@_ops USING btree IS 'order of vectors: element by element';
COMMENT ON OPERATOR FAMILY @T@_ops USING btree IS 'order of vectors: element by element';

CREATE OPERATOR CLASS @T@_ops
  DEFAULT FOR TYPE @T@ USING hash AS
  OPERATOR 1 =,
  FUNCTION 1 @T@_hash(@T@),
  FUNCTION 2 @T@_hash_extended(@T@, bigint);
COMMENT ON OPERATOR CLASS @T@_ops USING hash IS 'equality of vectors';
COMMENT ON OPERATOR FAMILY @T@_ops USING hash IS 'equality of vectors';

