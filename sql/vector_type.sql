-- The text format of vector and its type modifier. Error texts and SQLSTATEs are pgvector's.

-- what is accepted
SELECT '[1,2,3]'::vector;
SELECT '[-1,+2,.5,5.,1e2,1E-2]'::vector;
SELECT E' \t\r\n\x0b\f[ 1 ,\t2\n, 3 ] '::vector;
SELECT '[0x10,0x1p-2]'::vector;

-- output: the fewest digits that read back, spelt as real spells them
SELECT '[0,-0,0.1,1e5,123456,1e6,1234567,1e-4,1e-5,0.00012345]'::vector;
SELECT '[3.4028235e38,-3.4028235e38,1.17549435e-38,1e-45,67115296]'::vector;
SELECT count(*) AS differing
  FROM (SELECT (random() * 10 ^ (i % 70 - 35))::real AS x FROM generate_series(1, 5000) i) r
  WHERE ARRAY[x]::vector::text <> '[' || x::text || ']'
    OR (ARRAY[x]::vector::text::vector)::real[] <> ARRAY[x];

-- too small for a float: a subnormal or a zero with its sign (real refuses the zeros)
SELECT '[1e-46,-1e-46,1.5e-42]'::vector;

-- not numbers, too large
SELECT '[NaN,1]'::vector;
SELECT '[1,inf]'::vector;
SELECT '[-Infinity]'::vector;
SELECT '[4e38,1]'::vector;
SELECT '[1, -1e500 ]'::vector;

-- not vectors
SELECT ''::vector;
SELECT '1,2'::vector;
SELECT '{1,2}'::vector;
SELECT '['::vector;
SELECT '[1'::vector;
SELECT '[1,'::vector;
SELECT '[1,]'::vector;
SELECT '[,1]'::vector;
SELECT '[1,,2]'::vector;
SELECT '[1 2]'::vector;
SELECT '[one]'::vector;
SELECT '[1a]'::vector;
SELECT '[1e]'::vector;
SELECT '[--1]'::vector;
SELECT '[[1]]'::vector;
SELECT '[1]]'::vector;
SELECT '[1] x'::vector;
SELECT '[]'::vector;
SELECT ' [ ] '::vector;

-- the limit
SELECT vector_dims(('[' || repeat('1,', 15999) || '1]')::vector);
SELECT ('[' || repeat('1,', 16000) || '1]')::vector;

-- the type modifier
SELECT '[1,2,3]'::vector(3);
SELECT '[1,2,3]'::vector(2);
SELECT '[1]'::vector(0);
SELECT '[1]'::vector(-1);
SELECT '[1]'::vector(16001);
SELECT '[1]'::vector(1, 2);
SELECT '[1]'::vector('a');
SELECT format_type('vector'::regtype, 3), format_type('vector'::regtype, NULL);
SELECT '{"[1,2]","[3,4]"}'::vector(2)[];
SELECT '{"[1,2]","[3]"}'::vector(2)[];

-- in a column
CREATE TABLE vector_column (id int, v vector(3));
INSERT INTO vector_column VALUES (1, '[1,2,3]'), (2, NULL);
INSERT INTO vector_column VALUES (3, '[1,2]');
INSERT INTO vector_column VALUES (3, ARRAY[1,2,3,4]);
UPDATE vector_column SET v = v || '[4]' WHERE id = 1;
COPY vector_column FROM STDIN;
4	[4,5,6]
\.
COPY vector_column FROM STDIN;
5	[4,5]
\.
SELECT * FROM vector_column ORDER BY id;
ALTER TABLE vector_column ALTER v TYPE vector(2);
ALTER TABLE vector_column ALTER v TYPE vector;
INSERT INTO vector_column VALUES (6, '[1]');
DROP TABLE vector_column;

-- bad text is a soft error where the server asks for that (PostgreSQL 16: COPY can skip the row)
CREATE FUNCTION is_vector(t text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE valid boolean;
BEGIN
  IF current_setting('server_version_num')::int >= 160000 THEN
    EXECUTE 'SELECT pg_input_is_valid($1, ''vector(2)'')' INTO valid USING t;
    RETURN valid;
  END IF;
  BEGIN
    RETURN t::vector(2) IS NOT NULL;
  EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
    RETURN false;
  END;
END $$;
SELECT t, is_vector(t) FROM unnest('{"[1,2]","[1]","","[","[1,2]x","[]","[1,NaN]","[1,inf]","[1,1e99]"}'::text[]) t;
SELECT is_vector('[' || repeat('1,', 16000) || '1]');
DROP FUNCTION is_vector;

-- SQLSTATEs
\set VERBOSITY sqlstate
SELECT ''::vector;
SELECT '[1,]'::vector;
SELECT '[1]]'::vector;
SELECT '[]'::vector;
SELECT '[NaN]'::vector;
SELECT '[inf]'::vector;
SELECT '[4e38]'::vector;
SELECT ('[' || repeat('1,', 16000) || '1]')::vector;
SELECT '[1,2]'::vector(3);
SELECT '[1]'::vector(0);
SELECT '[1]'::vector(16001);
SELECT '[1]'::vector(1, 2);
