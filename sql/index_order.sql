-- With avq.target_recall = 1 every kind of index gives what the exact scan gives, row for row.

CREATE SCHEMA index_order;
SET search_path = index_order, public;

-- twenty clusters; the same rows on every machine
CREATE FUNCTION made(i int, dims int) RETURNS vector LANGUAGE sql IMMUTABLE AS $$
  SELECT array_agg((hashint4(i % 20 * 1000 + j) % 1000
      + 0.4 * (hashint4(i * 1000 + j) % 1000))::real / 1000)::vector
    FROM generate_series(1, dims) j $$;
CREATE TABLE item (id int PRIMARY KEY, v vector(20));
-- lengths differ by a factor of up to eight
INSERT INTO item
  SELECT i, made(i, 20) * array_fill((1 + i % 8)::real, '{20}')::vector
    FROM generate_series(1, 2000) i;
ANALYZE item;

-- The distances of the best `take` rows, through the index or without it.
CREATE FUNCTION best(op text, query vector, take int, indexed bool) RETURNS float8[]
  LANGUAGE plpgsql AS $$
DECLARE
  answer float8[];
  step text;
  uses_index bool := false;
  statement text := format(
    'SELECT v %s %L::vector AS d FROM item ORDER BY v %s %L::vector LIMIT %s',
    op, query, op, query, take);
BEGIN
  PERFORM set_config('enable_indexscan', indexed::text, true),
          set_config('enable_seqscan', (NOT indexed)::text, true);
  FOR step IN EXECUTE 'EXPLAIN (COSTS off) ' || statement LOOP
    uses_index := uses_index OR step LIKE '%Index Scan using tested%';
  END LOOP;
  IF uses_index <> indexed THEN RAISE EXCEPTION 'wrong plan'; END IF;
  EXECUTE 'SELECT array_agg(d) FROM (' || statement || ') x' INTO answer;
  RETURN answer;
END $$;

-- Builds an index and asks 20 queries: rows of the table, and vectors between the clusters.
CREATE FUNCTION wrong_answers(opclass text, options text, take int DEFAULT 10,
                              size real DEFAULT 1) RETURNS bigint
  LANGUAGE plpgsql AS $$
DECLARE
  op text := CASE opclass WHEN 'vector_ip_ops' THEN '<#>' WHEN 'vector_l2_ops' THEN '<->'
                          ELSE '<=>' END;
  wrong bigint;
BEGIN
  EXECUTE format('CREATE INDEX tested ON item USING avq (v %s) WITH (%s)', opclass,
                 CASE WHEN options LIKE 'lists%' THEN options
                      ELSE concat_ws(', ', 'lists = 12', nullif(options, '')) END);
  SELECT count(*) FILTER (WHERE best(op, q, take, true) IS DISTINCT FROM best(op, q, take, false))
    INTO wrong
    FROM (SELECT made(i * 97, 20) FROM generate_series(1, 10) i
          UNION ALL SELECT made(-i, 20) - made(i, 20) FROM generate_series(1, 10) i) x(v),
      LATERAL (SELECT v * array_fill(size, '{20}')::vector) y(q);
  PERFORM avq_check('tested', heapallindexed => true);
  DROP INDEX tested;
  RETURN wrong;
END $$;

SET avq.target_recall = 1;

SELECT opclass, rerank, wrong_answers(opclass, 'rerank = ' || rerank)
  FROM unnest('{vector_ip_ops,vector_cosine_ops,vector_l2_ops}'::text[]) opclass,
       unnest('{auto,half,float,heap,int8}'::text[]) rerank;

-- every width of subspaces, also such as do not divide the dimensions
SELECT width, wrong_answers('vector_ip_ops', 'dims_per_subspace = ' || width) AS ip,
    wrong_answers('vector_l2_ops', 'dims_per_subspace = ' || width) AS l2
  FROM unnest('{1,2,3,4,5,6,7,8,20,64}'::int[]) width;

-- how rows are coded
SELECT options, wrong_answers('vector_ip_ops', options) AS ip,
    wrong_answers('vector_cosine_ops', options) AS cosine,
    wrong_answers('vector_l2_ops', options) AS l2
  FROM unnest('{rotate = on,rotate = off,anisotropy = 1,anisotropy = 6,
                soar_lambda = 1,"soar_lambda = 2, rerank = heap"}'::text[]) options;

-- without a scale per row the bound on a code's error is one for all rows, so that an unusual row
-- can be missed
SELECT options, wrong_answers('vector_ip_ops', options) <= 3 AS ip,
    wrong_answers('vector_cosine_ops', options) <= 3 AS cosine,
    wrong_answers('vector_l2_ops', options) <= 3 AS l2
  FROM unnest('{row_scale = off,"row_scale = off, anisotropic_threshold = 0.2",
                "row_scale = off, soar_lambda = 1, rotate = on, dims_per_subspace = 3"}'::text[])
    options;

-- one list, many lists, more lists than rows
SELECT lists, wrong_answers('vector_ip_ops', format('lists = %s', lists)) AS ip,
    wrong_answers('vector_cosine_ops', format('lists = %s', lists)) AS cosine
  FROM unnest('{1,200,2500}'::int[]) lists;

-- deeper than one pass collects
SELECT take, wrong_answers('vector_ip_ops', '', take) AS ip,
    wrong_answers('vector_cosine_ops', 'soar_lambda = 1', take) AS cosine
  FROM unnest('{1,100}'::int[]) take;

-- Euclidean distance from queries far nearer to the origin than the rows are
SELECT take, wrong_answers('vector_l2_ops', '', take, 0.01)
  FROM unnest('{10,100}'::int[]) take;

SET client_min_messages = warning;
DROP SCHEMA index_order CASCADE;
