-- Distances of PostgreSQL's own type bit.

CREATE FUNCTION hamming_distance(bit, bit) RETURNS float8
  AS 'MODULE_PATHNAME', 'avq_hamming_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION hamming_distance(bit, bit) IS 'Hamming distance';

CREATE FUNCTION jaccard_distance(bit, bit) RETURNS float8
  AS 'MODULE_PATHNAME', 'avq_jaccard_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION jaccard_distance(bit, bit) IS 'Jaccard distance';

CREATE OPERATOR <~> (
  LEFTARG = bit, RIGHTARG = bit, FUNCTION = hamming_distance,
  COMMUTATOR = <~>
);
COMMENT ON OPERATOR <~> (bit, bit) IS 'Hamming distance';

CREATE OPERATOR <%> (
  LEFTARG = bit, RIGHTARG = bit, FUNCTION = jaccard_distance,
  COMMUTATOR = <%>
);
COMMENT ON OPERATOR <%> (bit, bit) IS 'Jaccard distance';

