-- sparsevec. Texts and SQLSTATEs are pgvector's.

SELECT '{1:1.5,3:-2,5:1e-3}/5'::sparsevec;
SELECT ' { 5 : 2 , 1:1,3 :0, 4:-0 } / 6 '::sparsevec, '{}/3'::sparsevec, '{1:0}/1'::sparsevec;
SELECT '{1000000000:1}/1000000000'::sparsevec;

SELECT ''::sparsevec;
SELECT '[1]'::sparsevec;
SELECT '{'::sparsevec;
SELECT '{1}/1'::sparsevec;
SELECT '{1:}/1'::sparsevec;
SELECT '{1:a}/1'::sparsevec;
SELECT '{a:1}/1'::sparsevec;
SELECT '{1:1,}/1'::sparsevec;
SELECT '{1:0,}/1'::sparsevec;
SELECT '{1:1;2:2}/2'::sparsevec;
SELECT '{1:1}'::sparsevec;
SELECT '{1:1}/'::sparsevec;
SELECT '{1:1}/x'::sparsevec;
SELECT '{1:1}/1 2'::sparsevec;
SELECT '{0:1}/1'::sparsevec;
SELECT '{2:1}/1'::sparsevec;
SELECT '{-99999999999999999999:1}/1'::sparsevec;
SELECT '{1:1,1:2}/2'::sparsevec;
SELECT '{}/0'::sparsevec;
SELECT '{}/-1'::sparsevec;
SELECT '{}/1000000001'::sparsevec;
SELECT '{}/99999999999999999999'::sparsevec;
SELECT '{1:nan}/1'::sparsevec;
SELECT '{1:-inf}/1'::sparsevec;
SELECT '{1:1e39}/1'::sparsevec;
SELECT '{1:1e-50}/1'::sparsevec;
SELECT ('{' || string_agg(i || ':1', ',') || '}/16001')::sparsevec FROM generate_series(1, 16001) i;

SELECT '{1:1}/2'::sparsevec(2), '{1:1}/2'::sparsevec(3);
SELECT '{}/1'::sparsevec(0);
SELECT '{}/1'::sparsevec(1000000001);
SELECT format_type('sparsevec'::regtype, 3);

-- bytes
SELECT sparsevec_send('{1:1,3:-2}/4');
CREATE TABLE sparse (v sparsevec(4));
INSERT INTO sparse VALUES ('{1:1,3:-2}/4'), (NULL), ('{}/4'), ('{4:3.4028235e38}/4');
\copy sparse TO 'results/sparsevec.bin' WITH (FORMAT binary)
\copy sparse FROM 'results/sparsevec.bin' WITH (FORMAT binary)
SELECT v, count(*) FROM sparse GROUP BY v ORDER BY v;
CREATE TABLE bad (v sparsevec);
\copy (SELECT '\x000000010000000200000000'::bytea) TO 'results/sparsevec.bin' WITH (FORMAT binary)
\copy bad FROM 'results/sparsevec.bin' WITH (FORMAT binary)
\copy (SELECT '\x00000001ffffffff00000000'::bytea) TO 'results/sparsevec.bin' WITH (FORMAT binary)
\copy bad FROM 'results/sparsevec.bin' WITH (FORMAT binary)
\copy (SELECT '\x000186a000003e8100000000'::bytea) TO 'results/sparsevec.bin' WITH (FORMAT binary)
\copy bad FROM 'results/sparsevec.bin' WITH (FORMAT binary)
\copy (SELECT '\x000000010000000000000001'::bytea) TO 'results/sparsevec.bin' WITH (FORMAT binary)
\copy bad FROM 'results/sparsevec.bin' WITH (FORMAT binary)
\copy (SELECT '\x000000020000000100000000000000023f800000'::bytea) TO 'results/sparsevec.bin' WITH (FORMAT binary)
\copy bad FROM 'results/sparsevec.bin' WITH (FORMAT binary)
\copy (SELECT '\x00000002000000020000000000000001000000003f8000003f800000'::bytea) TO 'results/sparsevec.bin' WITH (FORMAT binary)
\copy bad FROM 'results/sparsevec.bin' WITH (FORMAT binary)
\copy (SELECT '\x00000002000000020000000000000001000000013f8000003f800000'::bytea) TO 'results/sparsevec.bin' WITH (FORMAT binary)
\copy bad FROM 'results/sparsevec.bin' WITH (FORMAT binary)
\copy (SELECT '\x0000000200000001000000000000000000000000'::bytea) TO 'results/sparsevec.bin' WITH (FORMAT binary)
\copy bad FROM 'results/sparsevec.bin' WITH (FORMAT binary)
\copy (SELECT '\x000000020000000100000000000000007fc00000'::bytea) TO 'results/sparsevec.bin' WITH (FORMAT binary)
\copy bad FROM 'results/sparsevec.bin' WITH (FORMAT binary)
\copy (SELECT '\x000000020000000100000000'::bytea) TO 'results/sparsevec.bin' WITH (FORMAT binary)
\copy bad FROM 'results/sparsevec.bin' WITH (FORMAT binary)
SELECT count(*) FROM bad;

-- casts
SELECT '[1,0,-0,2]'::vector::sparsevec, '[0,0.5]'::halfvec::sparsevec, ARRAY[0, 7]::sparsevec,
  '{0,1.5}'::real[]::sparsevec, '{0,1e-300,1}'::float8[]::sparsevec, ARRAY[0.25, 0]::sparsevec(2);
SELECT '{2:1.5}/3'::sparsevec::vector, '{2:1.5}/3'::sparsevec::halfvec, '{}/2'::sparsevec::vector(2);
SELECT '{2:1.5}/3'::sparsevec::vector(2);
SELECT '{}/16001'::sparsevec::vector;
SELECT '{}/16001'::sparsevec::halfvec;
SELECT '{1:70000}/1'::sparsevec::halfvec;
SELECT '{Infinity}'::real[]::sparsevec;
SELECT ARRAY[1, NULL]::sparsevec;
SELECT '{{1}}'::int[]::sparsevec;
SELECT '{}'::int[]::sparsevec;
SELECT array_agg(1)::sparsevec FROM generate_series(1, 16001);

-- distances are those of the vectors
SELECT max(abs((a <-> b) - (a::vector <-> b::vector))) < 1e-6 AS l2,
  max(abs((a <#> b) - (a::vector <#> b::vector))) < 1e-6 AS ip,
  max(abs((a <=> b) - (a::vector <=> b::vector))) < 1e-6 AS cosine,
  max(abs((a <+> b) - (a::vector <+> b::vector))) < 1e-5 AS l1, count(*)
FROM (SELECT
  (SELECT array_agg(CASE WHEN (i * j) % 3 = 0 THEN sin(i * j) ELSE 0 END) FROM generate_series(1, 50) j)::sparsevec a,
  (SELECT array_agg(CASE WHEN (i + j) % 2 = 0 THEN cos(i * j) ELSE 0 END) FROM generate_series(1, 50) j)::sparsevec b
  FROM generate_series(1, 100) i) pairs;
SELECT '{1:1}/2'::sparsevec <-> '{1:1}/3';
SELECT '{}/2'::sparsevec <=> '{1:1}/2', '{}/2'::sparsevec <-> '{}/2', inner_product('{}/2'::sparsevec, '{1:1}/2');
SELECT l2_norm('{1:3,9:4}/9'::sparsevec), l2_normalize('{1:3,9:4}/9'::sparsevec), l2_normalize('{}/2'::sparsevec),
  l2_normalize('{1:1e-40,2:1e30}/2'::sparsevec);

-- order is that of the vectors, too
SELECT count(*) FILTER (WHERE (a < b) <> (a::vector < b::vector) OR (a = b) <> (a::vector = b::vector)
  OR (a >= b) <> (a::vector >= b::vector)) AS differ, count(*)
FROM unnest('{"{}/1","{}/2","{1:1}/1","{1:1}/2","{1:-1}/2","{2:1}/2","{2:-1}/2","{1:1,2:1}/2","{1:1,2:-1}/2","{1:1,3:1}/3","{3:-1}/3"}'::sparsevec[]) a,
  unnest('{"{}/1","{}/2","{1:1}/1","{1:1}/2","{1:-1}/2","{2:1}/2","{2:-1}/2","{1:1,2:1}/2","{1:1,2:-1}/2","{1:1,3:1}/3","{3:-1}/3"}'::sparsevec[]) b;
CREATE INDEX ON sparse (v);
SET enable_seqscan = off;
SELECT count(*) FROM sparse WHERE v = '{1:1,3:-2}/4';
RESET enable_seqscan;
SELECT count(DISTINCT v) FROM sparse;
SET enable_sort = off;
SELECT count(*) FROM (SELECT v FROM sparse GROUP BY v) s;
RESET enable_sort;

DROP TABLE sparse, bad;

-- bad text is a soft error where the server asks for that (PostgreSQL 16)
CREATE FUNCTION is_valid(type text, t text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE valid boolean;
BEGIN
  IF current_setting('server_version_num')::int >= 160000 THEN
    EXECUTE 'SELECT pg_input_is_valid($1, $2)' INTO valid USING t, type;
    RETURN valid;
  END IF;
  BEGIN
    EXECUTE format('SELECT %L::%s IS NOT NULL', t, type) INTO valid;
    RETURN valid;
  EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
    RETURN false;
  END;
END $$;
SELECT t, is_valid('sparsevec(2)', t) FROM unnest('{"{1:1}/2","{1:1}/3","","{1:1}","{1:1}/0","{3:1}/2","{1:1,1:2}/2","{1:nan}/2","{1:1e99}/2","{}/9999999999","{}/2 x"}'::text[]) t;
SELECT t, is_valid('halfvec(2)', t) FROM unnest('{"[1,2]","[1]","","[1,70000]","[1,nan]","[]"}'::text[]) t;
DROP FUNCTION is_valid;
