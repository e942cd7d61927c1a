-- Rows that no code can stand for (NULL; zero under cosine; absurdly long or short ones) and
-- queries that order nothing.

CREATE SCHEMA index_rows_without_code;
SET search_path = index_rows_without_code, public;
CREATE TABLE item (id int, v vector(3));
INSERT INTO item VALUES (1, '[1,2,3]'), (2, '[0,0,0]'), (3, NULL), (4, '[1e30,1e30,1e30]'),
  (5, '[-1,-2,-3]'), (6, '[1e-30,0,0]'), (7, '[2e-30,1e-30,0]'), (8, '[-3e30,0,1e30]');
CREATE INDEX item_ip ON item USING avq (v);
CREATE INDEX item_cosine ON item USING avq (v vector_cosine_ops);
CREATE INDEX item_l2 ON item USING avq (v vector_l2_ops);
-- half of the rows built in, half inserted
INSERT INTO item SELECT id + 10, v FROM item;
SELECT avq_check('item_ip', true), avq_check('item_cosine', true), avq_check('item_l2', true);
VACUUM ANALYZE item;
SELECT c.relname, rows, rows_without_code FROM pg_class c, avq_index_info(c.oid)
  WHERE relnamespace = 'index_rows_without_code'::regnamespace AND relkind = 'i'
  ORDER BY relname;

-- The ids of all rows in order, rows at equal distance (or none) sorted by id, by the index or not.
CREATE FUNCTION ordered(op text, query vector, indexed bool) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  answer text;
  step text;
  uses_index bool := false;
  rows text := format('SELECT id, v %s %L::vector AS d FROM item ORDER BY v %s %L::vector',
                      op, query, op, query);
BEGIN
  PERFORM set_config('enable_seqscan', (NOT indexed)::text, true),
          set_config('enable_indexscan', indexed::text, true);
  FOR step IN EXECUTE 'EXPLAIN (COSTS off) ' || rows LOOP
    uses_index := uses_index OR step LIKE '%Index Scan%';
  END LOOP;
  IF uses_index <> indexed THEN RAISE EXCEPTION 'wrong plan'; END IF;
  EXECUTE format(
    'SELECT string_agg(ids, '' '' ORDER BY first) FROM (
       SELECT min(place) AS first, string_agg(id::text, ''='' ORDER BY id) AS ids
         FROM (SELECT row_number() OVER () AS place, id, d FROM (%s) x) y
         GROUP BY d) z', rows)
    INTO answer;
  RETURN answer;
END $$;

SELECT ordered('<#>', '[1,2,3]', true);
SELECT ordered('<=>', '[1,2,3]', true);
SELECT ordered('<->', '[1,2,3]', true);
SELECT op, q, ordered(op, q::vector, true) = ordered(op, q::vector, false) AS as_without_index
  FROM unnest('{<#>,<=>,<->}'::text[]) op,
       unnest(ARRAY['[1,2,3]', '[-1,0,0]', '[0,0,0]', '[1e-30,1e-30,0]', '[1e-20,-1e-20,0]',
                    '[1e15,1e15,-1e15]', '[1e30,2e30,0]']) q;

-- where most rows have a code: extremes in between are found in their places
CREATE TABLE mixed (id int, v vector(4));
INSERT INTO mixed
  SELECT i, CASE WHEN i % 100 = 0 THEN NULL WHEN i % 100 = 1 THEN '[0,0,0,0]'
            ELSE ARRAY[hashint4(i) % 100, hashint4(i + 10000) % 100, i % 50, 1]::vector END
    FROM generate_series(1, 3000) i;
INSERT INTO mixed VALUES (5001, '[1e20,0,0,0]'), (5002, '[-1e20,0,0,0]'), (5003, '[0,1e-20,0,0]');
CREATE INDEX mixed_cosine ON mixed USING avq (v vector_cosine_ops) WITH (lists = 10);
CREATE INDEX mixed_ip ON mixed USING avq (v) WITH (lists = 10);
CREATE FUNCTION first_id(op text, query vector, indexed bool) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
  answer int;
BEGIN
  PERFORM set_config('enable_seqscan', (NOT indexed)::text, true),
          set_config('enable_indexscan', indexed::text, true);
  EXECUTE format('SELECT id FROM mixed ORDER BY v %s %L::vector LIMIT 1', op, query) INTO answer;
  RETURN answer;
END $$;
SELECT op, q, first_id(op, q::vector, true) = first_id(op, q::vector, false) AS as_without_index
  FROM unnest('{<#>,<=>}'::text[]) op,
       unnest(ARRAY['[1,0,0,0]', '[-1,0,0,0]', '[1,0.0001,0,0]', '[0,1,0,0]', '[3,2,1,0]']) q;
SELECT first_id('<#>', '[1,0,0,0]', true), first_id('<#>', '[-1,0,0,0]', true);

SET enable_seqscan = off;
SET enable_sort = off;

-- rows without a distance come last, NULLs after zeros
CREATE FUNCTION tail() RETURNS TABLE (kind text, rows bigint, first bigint, last bigint)
  LANGUAGE sql AS $$
  SELECT kind, count(*), min(place), max(place)
    FROM (SELECT row_number() OVER () AS place,
                 CASE WHEN v IS NULL THEN 'null' WHEN v = '[0,0,0,0]' THEN 'zero'
                      ELSE 'other' END AS kind
            FROM (SELECT v FROM mixed ORDER BY v <=> '[1,1,1,1]') x) y
    GROUP BY kind ORDER BY 3 $$;
SELECT * FROM tail();
DELETE FROM mixed WHERE id % 200 IN (0, 1, 2);
SELECT * FROM tail();
VACUUM mixed;
SELECT * FROM tail();
INSERT INTO mixed SELECT 6000 + i, NULL FROM generate_series(1, 5) i;
INSERT INTO mixed SELECT 7000 + i, '[0,0,0,0]' FROM generate_series(1, 6) i;
UPDATE mixed SET v = '[0,0,0,0]' WHERE id = 5003;
SELECT * FROM tail();
SELECT avq_check('mixed_cosine', true), avq_check('mixed_ip', true);

-- nothing but rows without a code
CREATE TABLE nothing (v vector(2));
INSERT INTO nothing SELECT CASE WHEN i % 2 = 0 THEN '[0,0]'::vector END
  FROM generate_series(1, 1000) i;
CREATE INDEX nothing_v ON nothing USING avq (v vector_cosine_ops) WITH (lists = 5);
SELECT lists, rows, rows_without_code, trained FROM avq_index_info('nothing_v');
SELECT count(*) FROM (SELECT FROM nothing ORDER BY v <=> '[1,1]') x;
DELETE FROM nothing;
VACUUM nothing;
SELECT count(*) FROM (SELECT FROM nothing ORDER BY v <=> '[1,1]') x;
SELECT avq_check('nothing_v', true);

SET client_min_messages = warning;
-- infinite distances come before those that are not numbers
CREATE TABLE beyond (id int, v vector(64));
INSERT INTO beyond
  SELECT i, ARRAY[-1e30, CASE WHEN i % 2 = 0 THEN 1e30 ELSE -1e30 END] || array_fill(0::numeric, ARRAY[62])
    FROM generate_series(1, 6) i;
CREATE INDEX ON beyond USING avq (v);
SET enable_seqscan = off;
SELECT v <#> array_fill(1e15, ARRAY[64])::vector AS distance FROM beyond
  ORDER BY v <#> array_fill(1e15, ARRAY[64])::vector;
RESET enable_seqscan;

DROP SCHEMA index_rows_without_code CASCADE;
