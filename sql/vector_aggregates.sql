-- avg and sum of vectors.

SELECT avg(v), sum(v) FROM unnest('{"[1,2,3]","[3,5,7]",NULL}'::vector[]) v;
SELECT avg(v), sum(v) FROM unnest('{}'::vector[]) v;
SELECT avg(v), sum(v) FROM unnest('{NULL,NULL}'::vector[]) v;
SELECT avg(v) FROM unnest('{"[1,2]","[3]"}'::vector[]) v;
SELECT sum(v) FROM unnest('{"[1,2]","[3]"}'::vector[]) v;

-- avg sums in double
SELECT avg(v) FROM unnest('{"[3e38]","[3e38]"}'::vector[]) v;
SELECT sum(v) FROM unnest('{"[3e38]","[3e38]"}'::vector[]) v;

-- groups, filters, distinct, windows: no state leaks into another
CREATE TABLE vector_rows (id int, g int, v vector(2));
INSERT INTO vector_rows SELECT i, i % 3, ARRAY[i, -i]::vector FROM generate_series(1, 6) i;
SELECT g, avg(v), sum(v), avg(v) FILTER (WHERE id > 3), sum(DISTINCT v)
  FROM vector_rows GROUP BY g ORDER BY g;
SELECT id, sum(v) OVER w, avg(v) OVER w, sum(v) OVER (PARTITION BY g ORDER BY id)
  FROM vector_rows WINDOW w AS (ORDER BY id ROWS 2 PRECEDING) ORDER BY id;
SELECT g, sum(v) FROM vector_rows GROUP BY ROLLUP (g) ORDER BY g;
-- the rows themselves are untouched
SELECT array_agg(v ORDER BY id) FROM vector_rows;
DROP TABLE vector_rows;

-- parallel workers, some of which see no row
CREATE TABLE vector_many (id int, v vector(3));
INSERT INTO vector_many SELECT i, ARRAY[i % 7, 1, -i % 5]::vector FROM generate_series(1, 10500) i;
ANALYZE vector_many;
SELECT avg(v) AS serial_avg, sum(v) AS serial_sum FROM vector_many;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
EXPLAIN (COSTS OFF) SELECT avg(v), sum(v) FROM vector_many;
SELECT avg(v), sum(v) FROM vector_many;
SELECT avg(v), sum(v) FROM vector_many WHERE id = 5;
SELECT avg(v), sum(v) FROM vector_many WHERE id < 0;
RESET ALL;
DROP TABLE vector_many;

-- the functions by themselves, with states that the aggregate never makes
SELECT vector_accum('{0}', '[1,2]'), vector_accum('{2,10,20}', '[1,2]');
SELECT vector_combine('{1,2}', '{3,4}'), vector_combine('{0}', '{3,4}'), vector_combine('{1,2}', '{0}'),
  vector_combine('{0}', '{0}');
SELECT vector_avg('{4,2,8}'), vector_avg('{0}') IS NULL;
SELECT vector_accum('{}', '[1,2]');
SELECT vector_accum('{1,NULL}', '[1]');
SELECT vector_accum('{1,5}', '[1,2]');
SELECT vector_accum('{1,1.7976931348623157e308}', '[3e38]') IS NOT NULL;
SELECT vector_combine('{1,1.7976931348623157e308}', '{1,1.7976931348623157e308}');
SELECT vector_combine('{{1,2}}', '{1,2}');
SELECT vector_combine('{1,2}', '{}');
SELECT vector_combine('{1,2}', '{1,2,3}');
SELECT vector_combine('{0}', array_fill(1::float8, ARRAY[16002]));
SELECT vector_combine(array_fill(1::float8, ARRAY[16002]), '{0}');
SELECT vector_avg('{1}');
SELECT vector_avg('{1,NaN}');
SELECT vector_avg('{1,1e300}');
SELECT vector_avg(array_fill(1::float8, ARRAY[16002]));
