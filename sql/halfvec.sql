-- halfvec: what differs from vector, with which it shares its functions. Texts and SQLSTATEs are
-- pgvector's.

-- read as a float, rounded to the nearest half; written as the float that equals it
SELECT '[1,-2.5,0.1,65504,65519,-0,6e-8,5.9604645e-8,2.9e-8]'::halfvec;
SELECT '[1,65520]'::halfvec;
SELECT '[-1e9, nan]'::halfvec;
SELECT '[1e39]'::halfvec;
SELECT '[nan]'::halfvec;
SELECT '[-inf]'::halfvec;
SELECT '[70000,abc]'::halfvec;
SELECT '{1}'::halfvec;
SELECT '[1] 2'::halfvec;
SELECT '[1,]'::halfvec;
SELECT '[]'::halfvec;
SELECT vector_dims(('[' || repeat('1,', 15999) || '1]')::halfvec);
SELECT ('[' || repeat('1,', 16000) || '1]')::halfvec;
SELECT '[1,2,3]'::halfvec(2);
SELECT '[1]'::halfvec(0);
SELECT '[1]'::halfvec(16001);
SELECT format_type('halfvec'::regtype, 3);

-- every half there is goes out and in again, as text, as bytes and by way of vector
CREATE TABLE halves AS
SELECT bits, ('\x000100' || '00' || lpad(to_hex(bits), 4, '0'))::bytea AS sent
FROM generate_series(0, 65535) bits WHERE bits & 31744 <> 31744;
\copy (SELECT sent FROM halves ORDER BY bits) TO 'results/halfvec.bin' WITH (FORMAT binary)
CREATE TABLE received (n int GENERATED ALWAYS AS IDENTITY, v halfvec(1));
\copy received (v) FROM 'results/halfvec.bin' WITH (FORMAT binary)
SELECT count(*), count(*) FILTER (WHERE halfvec_send(v) <> sent) AS changed,
  count(*) FILTER (WHERE halfvec_send(v::text::halfvec) <> sent) AS changed_as_text,
  count(*) FILTER (WHERE halfvec_send(v::vector::halfvec) <> sent) AS changed_as_vector
FROM (SELECT row_number() OVER (ORDER BY bits) n, sent FROM halves) h JOIN received USING (n);

-- bytes that no halfvec has
\copy (SELECT '\x000100007c00'::bytea) TO 'results/halfvec.bin' WITH (FORMAT binary)
\copy received (v) FROM 'results/halfvec.bin' WITH (FORMAT binary)
\copy (SELECT '\x00010000fe00'::bytea) TO 'results/halfvec.bin' WITH (FORMAT binary)
\copy received (v) FROM 'results/halfvec.bin' WITH (FORMAT binary)
\copy (SELECT '\x000100013c00'::bytea) TO 'results/halfvec.bin' WITH (FORMAT binary)
\copy received (v) FROM 'results/halfvec.bin' WITH (FORMAT binary)

-- casts
SELECT ARRAY[1, 2]::halfvec, ARRAY[0.1, 2]::halfvec, '{1,2.5}'::real[]::halfvec,
  '{1,1e-9}'::float8[]::halfvec(2);
SELECT ARRAY[70000]::halfvec;
SELECT '{1e300}'::float8[]::halfvec;
SELECT '{NaN}'::real[]::halfvec;
SELECT ARRAY[1, NULL]::halfvec;
SELECT '{{1}}'::int[]::halfvec;
SELECT '{}'::int[]::halfvec;
SELECT '[1,2]'::vector::halfvec(3);
SELECT '[1e6]'::vector::halfvec;
SELECT '[1,0.1]'::halfvec::real[], '[1,0.1]'::halfvec::vector;
SELECT '[1,2]'::halfvec <-> '[1,4]'::vector;  -- vector becomes halfvec

-- arithmetic is that of halves: rounded once, and overflowing at 65,520
SELECT '[1,2048]'::halfvec + '[0.0003,1]', '[3,1]'::halfvec - '[1,4]', '[0.1,3]'::halfvec * '[0.1,3]';
SELECT '[65504]'::halfvec + '[16]';
SELECT '[-65504]'::halfvec - '[32]';
SELECT '[300]'::halfvec * '[300]';
SELECT '[1e-4]'::halfvec * '[1e-5]';
SELECT '[1]'::halfvec + '[1,2]';
SELECT '[1,2]'::halfvec || '[3]', subvector('[1,2,3]'::halfvec, 2, 5), l2_normalize('[3,4]'::halfvec),
  l2_norm('[3,4]'::halfvec), binary_quantize('[1,0,-1,2]'::halfvec);
SELECT subvector('[1,2,3]'::halfvec, 4, 1);
SELECT avg(v), sum(v) FROM unnest('{"[1,2]","[3,6]"}'::halfvec[]) v;
SELECT avg(v), sum(v) FROM unnest('{}'::halfvec[]) v;
SELECT sum(v) FROM unnest('{"[40000]","[40000]"}'::halfvec[]) v;
SELECT avg(v) FROM unnest('{"[60000]","[60000]"}'::halfvec[]) v;
SELECT avg(v) FROM unnest('{"[1]","[1,2]"}'::halfvec[]) v;

-- distances are those of the same numbers as vector
SELECT max(abs((a <-> b) - (a::vector <-> b::vector))), max(abs((a <#> b) - (a::vector <#> b::vector))),
  max(abs((a <=> b) - (a::vector <=> b::vector))), max(abs((a <+> b) - (a::vector <+> b::vector)))
FROM (SELECT (SELECT array_agg(sin(i * j)) FROM generate_series(1, 50) j)::halfvec a,
             (SELECT array_agg(cos(i * j)) FROM generate_series(1, 50) j)::halfvec b
      FROM generate_series(1, 100) i) pairs;
SELECT '[1]'::halfvec <-> '[1,2]';
SELECT '[0,0]'::halfvec <=> '[1,1]';

-- order, equality, hash
SELECT v FROM unnest('{"[1,2]","[1]","[-1,3]","[0]","[-0,1]"}'::halfvec[]) v ORDER BY v;
SELECT '[1,2]'::halfvec = '[1,2]', '[-0]'::halfvec = '[0]', '[1]'::halfvec < '[1,0]';
SELECT count(DISTINCT v) FROM unnest('{"[0]","[-0]","[1]","[1]"}'::halfvec[]) v;
SET enable_sort = off;
SELECT v, count(*) FROM unnest('{"[0]","[-0]","[1]","[1]"}'::halfvec[]) v GROUP BY v ORDER BY 2, v::text;
RESET enable_sort;
CREATE INDEX ON received (v);
SET enable_seqscan = off;
SELECT count(*) FROM received WHERE v = '[1]';
RESET enable_seqscan;

DROP TABLE halves, received;
