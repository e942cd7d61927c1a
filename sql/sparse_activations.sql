-- topk(), threshold() and density()
SELECT topk('[1,5,-2,3,5]', 1), topk('[1,5,-2,3,5]', 2), topk('[1,5,-2,3,5]', 3), topk('[1,5,-2,3,5]', 100);
SELECT topk('[-1,-3,0,-2]', 2), topk('[0,0]', 1), topk('[1,1,1,1]', 2);
SELECT topk('[1,2]', 0);
SELECT topk('[1,2]', -1);
SELECT topk(NULL, 1), topk('[1]', NULL);
SELECT threshold('[1,5,-2,3,5]', 2), threshold('[1,-1]', 0), threshold('[1,-1]', -2), threshold('[1,0]', 'NaN');
SELECT threshold('[0.1,0.2]', 0.1::real), threshold('[1]', '-Infinity'), threshold('[1]', 'Infinity');
SELECT density(v), density(v::vector) FROM unnest('{"{1:1}/4","{}/4",NULL,"{1:1,2:1,3:1,4:1}/4"}'::sparsevec[]) v;
SELECT density(v) FROM unnest('{}'::sparsevec[]) v;
-- the k largest are those of a sort, whatever the values
SELECT count(*) AS differing FROM generate_series(1, 200) i,
  LATERAL (SELECT array_agg(((i * j * 7919) % 13 - 6)::real ORDER BY j)::vector v FROM generate_series(1, 1 + i % 50) j) vectors,
  LATERAL (SELECT string_agg(n || ':' || x, ',' ORDER BY n) AS sorted FROM (
     SELECT n, x FROM unnest(v::real[]) WITH ORDINALITY u (x, n) ORDER BY x DESC, n LIMIT 1 + i % 7) best WHERE x <> 0) s
WHERE topk(v, 1 + i % 7)::text <> '{' || coalesce(sorted, '') || '}/' || vector_dims(v);
