-- Casts between vector and arrays of numbers.

SELECT ARRAY[1,2,3]::vector, ARRAY[1.5,2.5]::vector, '{1,2.5}'::real[]::vector,
  '{1,2.5}'::float8[]::vector, '{1,-2.5}'::numeric[]::vector;
SELECT '{1,2,3}'::int[]::vector(3);
SELECT '{1,2,3}'::int[]::vector(2);
SELECT '[1,2,3]'::vector::real[], '[1,2,3]'::vector::vector(3);
SELECT '[1,2,3]'::vector::vector(2);

-- an array's lower bound and its null bitmap do not matter, its nulls do
SELECT '[5:6]={1,2}'::int[]::vector;
SELECT array_remove('{1,NULL,2}'::real[], NULL)::vector;
SELECT array_lower('[7,8]'::vector::real[], 1), array_length('[7,8]'::vector::real[], 1);
SELECT '{1,NULL}'::int[]::vector;
SELECT '{NULL}'::numeric[]::vector;
SELECT '{{1,2},{3,4}}'::real[]::vector;
SELECT '{}'::real[]::vector;
SELECT '{1,2}'::text[]::vector;

-- values that a float has not
SELECT '{NaN}'::real[]::vector;
SELECT '{-Infinity}'::real[]::vector;
SELECT '{NaN}'::float8[]::vector;
SELECT '{1e40}'::float8[]::vector;
SELECT '{NaN}'::numeric[]::vector;
SELECT '{1e40}'::numeric[]::vector;
SELECT '{16777217}'::int[]::vector, '{0.1}'::float8[]::vector, '{1e-60}'::float8[]::vector;

-- the limit
SELECT vector_dims(array_fill(1, ARRAY[16000])::vector);
SELECT array_fill(1, ARRAY[16001])::vector;
SELECT array_fill(1::numeric, ARRAY[16001])::vector;

-- implicit to real[], by assignment from arrays
CREATE FUNCTION second(real[]) RETURNS real LANGUAGE sql AS 'SELECT $1[2]';
SELECT second('[1,2,3]'::vector);
DROP FUNCTION second;
CREATE TABLE vector_assigned (v vector(2), a real[]);
INSERT INTO vector_assigned VALUES (ARRAY[1,2], '[3,4]'::vector), ('{5,6}'::float8[], NULL);
SELECT * FROM vector_assigned;
DROP TABLE vector_assigned;

\set VERBOSITY sqlstate
SELECT '{1,2,3}'::int[]::vector(2);
SELECT '{1,NULL}'::int[]::vector;
SELECT '{{1,2},{3,4}}'::real[]::vector;
SELECT '{}'::real[]::vector;
SELECT '{NaN}'::real[]::vector;
SELECT '{1e40}'::numeric[]::vector;
SELECT array_fill(1, ARRAY[16001])::vector;
