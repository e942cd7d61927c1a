-- Arithmetic, distances and the other functions of vector.

-- arithmetic, element by element
SELECT '[1,2,3]'::vector + '[4,5,6]', '[1,2,3]'::vector - '[4,5,6]', '[1,2,3]'::vector * '[4,5,6]';
SELECT '[1,2,3]'::vector || '[4,5]';
SELECT '[1,2]'::vector + '[3]';
SELECT '[1,2]'::vector - '[3]';
SELECT '[1,2]'::vector * '[3]';
SELECT '[3e38]'::vector + '[3e38]';
SELECT '[-3e38]'::vector - '[3e38]';
SELECT '[1,1e37]'::vector * '[1,1e37]';
SELECT '[1,1e-37]'::vector * '[1,1e-37]';
SELECT '[0,1e-37]'::vector * '[1e-37,0]';
SELECT vector_dims(array_fill(0, ARRAY[15999])::vector || '[1]');
SELECT array_fill(0, ARRAY[16000])::vector || '[1]';

-- distances
SELECT '[1,2]'::vector <#> '[3,4]' AS negative_inner_product,
  '[1,0]'::vector <=> '[0,2]' AS cosine,
  '[0,0]'::vector <-> '[3,4]' AS l2,
  '[0,0]'::vector <+> '[3,4]' AS l1;
SELECT inner_product('[1,2]'::vector, '[3,4]'), cosine_distance('[1,2]'::vector, '[-2,-4]'),
  l2_distance('[1,1]'::vector, '[4,5]'), l1_distance('[1,1]'::vector, '[4,5]'),
  vector_l2_squared_distance('[1,1]', '[4,5]'), vector_spherical_distance('[1,0]', '[0,1]');
-- the same vector, or a multiple of it, is at cosine distance 0, never slightly below
SELECT bool_and(v <=> v BETWEEN 0 AND 1e-6), bool_and(v <=> (v * array_fill(3, ARRAY[d])::vector)
  BETWEEN 0 AND 1e-6)
  FROM (SELECT d, (SELECT array_agg(sin(i * d)) FROM generate_series(1, d) i)::vector AS v
    FROM generate_series(1, 100) d) t;
-- no direction, no cosine
SELECT '[0,0]'::vector <=> '[1,2]', '[0,0]'::vector <=> '[0,0]', vector_spherical_distance('[2]', '[3]');
-- sums are taken in float
SELECT '[3e38]'::vector <#> '[3e38]', '[3e38]'::vector <-> '[-3e38]', '[3e38]'::vector <+> '[-3e38]',
  '[3e38]'::vector <=> '[3e38]';
SELECT '[1,2]'::vector <#> '[3]';
SELECT '[1,2]'::vector <=> '[3]';
SELECT '[1,2]'::vector <-> '[3]';
SELECT '[1,2]'::vector <+> '[3]';
SELECT vector_spherical_distance('[1,2]', '[3]');
SELECT '[1,2]'::vector <#> NULL;

-- every length, so every tail of the SIMD loops, against the sums in double
CREATE TABLE vector_lengths AS
  SELECT d, (SELECT array_agg(sin(i * 1.3 + d)::real ORDER BY i) FROM generate_series(1, d) i) AS a,
    (SELECT array_agg(cos(i * 0.7 - d)::real ORDER BY i) FROM generate_series(1, d) i) AS b
  FROM (SELECT generate_series(1, 70) UNION ALL SELECT unnest('{100,384,768,1536,16000}'::int[])) t(d);
CREATE VIEW vector_sums AS
  SELECT d, a::vector AS va, b::vector AS vb, s.*
  FROM vector_lengths, LATERAL (
    SELECT sum(x::float8 * y) AS xy, sum(x::float8 * x) AS xx, sum(y::float8 * y) AS yy,
      sum((x::float8 - y) ^ 2) AS l2, sum(abs(x::float8 - y)) AS l1
    FROM unnest(a, b) u(x, y)) s;
SELECT count(*) AS lengths,
  bool_and(abs(-xy - (va <#> vb)) < 1e-6 * d) AS inner_product,
  bool_and(abs(1 - xy / sqrt(xx * yy) - (va <=> vb)) < 1e-5) AS cosine,
  bool_and(abs(sqrt(l2) - (va <-> vb)) < 1e-5 * sqrt(d)) AS l2,
  bool_and(abs(l1 - (va <+> vb)) < 1e-5 * d) AS l1,
  bool_and(abs(sqrt(xx) - vector_norm(va)) < 1e-9 * d) AS norm,
  bool_and(vector_dims(va) = d) AS dims
  FROM vector_sums;
DROP VIEW vector_sums;

-- stored values: short headers, inline, compressed never, toasted
CREATE TABLE vector_stored (v vector);
INSERT INTO vector_stored SELECT a::vector FROM vector_lengths;
SELECT bool_and(s.v = l.a::vector AND s.v <#> l.a::vector = l.a::vector <#> l.a::vector)
  FROM vector_stored s JOIN vector_lengths l ON vector_dims(s.v) = l.d;
SELECT attstorage FROM pg_attribute WHERE attrelid = 'vector_stored'::regclass AND attname = 'v';
DROP TABLE vector_stored, vector_lengths;

-- a value out of line that comes call after call, on either side, and then another
CREATE TABLE far_away (id int, v vector(3000));
INSERT INTO far_away SELECT i, (SELECT array_agg(sin(i * 31 + j)) FROM generate_series(1, 3000) j)
  FROM generate_series(1, 6) i;
SELECT pg_relation_size('far_away') < 16384 AS out_of_line;
SELECT count(*), bool_and(a.v <#> b.v = a.v::real[]::vector <#> b.v::real[]::vector) AS ip,
  bool_and(a.v <-> b.v = a.v::real[]::vector <-> b.v::real[]::vector) AS l2,
  bool_and((a.v <-> b.v = 0) = (a.id = b.id)) AS own
  FROM far_away a, far_away b;
SELECT array_agg(id ORDER BY v <=> (SELECT v FROM far_away WHERE id = 3), id) FROM far_away;
DROP TABLE far_away;

-- norm and direction
SELECT vector_norm('[3,4]'), vector_norm('[0,0]'), vector_norm('[3e37,4e37]')::real;
SELECT l2_normalize('[3,4]'::vector), l2_normalize('[0,0]'::vector), l2_normalize('[3e38]'::vector),
  l2_normalize('[0,1e-30]'::vector);

-- bits of positive elements
SELECT binary_quantize('[1,0,-1,-0]'::vector);
SELECT binary_quantize('[-1,1,1,-1,1,-1,-1,1,1]'::vector), length(binary_quantize('[1,1,1,1,1,1,1,1]'::vector));

-- parts, counted from 1
SELECT subvector('[1,2,3,4,5]'::vector, 1, 3), subvector('[1,2,3,4,5]'::vector, 3, 2),
  subvector('[1,2,3,4,5]'::vector, -1, 3), subvector('[1,2,3,4,5]'::vector, 4, 9),
  subvector('[1,2,3,4,5]'::vector, 3, 2147483647),
  subvector('[1,2,3,4,5]'::vector, -2147483644, 2147483647);
SELECT subvector('[1,2,3]'::vector, 1, 0);
SELECT subvector('[1,2,3]'::vector, 2, -1);
SELECT subvector('[1,2,3]'::vector, 4, 1);
SELECT subvector('[1,2,3]'::vector, -1, 2);
SELECT subvector('[1,2,3]'::vector, 2147483647, 2147483647);
SELECT subvector('[1,2,3]'::vector, -2147483648, -2147483648);

\set VERBOSITY sqlstate
SELECT '[1,2]'::vector <#> '[3]';
SELECT '[1,2]'::vector + '[3]';
SELECT '[3e38]'::vector + '[3e38]';
SELECT '[1e-37]'::vector * '[1e-37]';
SELECT array_fill(0, ARRAY[16000])::vector || '[1]';
SELECT subvector('[1,2,3]'::vector, 1, 0);
