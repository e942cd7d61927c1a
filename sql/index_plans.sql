-- When the planner takes the index, and when it does not.

CREATE SCHEMA index_plans;
SET search_path = index_plans, public;
SET max_parallel_workers_per_gather = 0;
CREATE TABLE item (id int PRIMARY KEY, kind int, v vector(100));
INSERT INTO item
  SELECT i, i % 1000, array_agg((hashint4(i * 101 + j) % 1000)::real)::vector
    FROM generate_series(1, 10000) i, generate_series(1, 100) j GROUP BY i;
CREATE INDEX item_kind ON item (kind);
CREATE INDEX item_ip ON item USING avq (v);
CREATE INDEX item_l2 ON item USING avq (v vector_l2_ops);
VACUUM ANALYZE item;

-- What a statement's plan scans, and how.
CREATE FUNCTION scans(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  step text;
  found text[];
BEGIN
  FOR step IN EXECUTE 'EXPLAIN (COSTS off) ' || statement LOOP
    found := found || substring(step FROM '[A-Z][A-Za-z ]* Scan .*');
  END LOOP;
  RETURN array_to_string(found, ', ');
END $$;
SELECT array_agg(i % 7)::vector AS q FROM generate_series(1, 100) i \gset

-- taken
SELECT scans(format('SELECT id FROM item ORDER BY v <#> %L LIMIT 1', :'q'));
SELECT scans(format('SELECT id FROM item ORDER BY v <#> %L LIMIT 10', :'q'));
SELECT scans(format('SELECT id FROM item ORDER BY v <#> %L LIMIT 100', :'q'));
SELECT scans(format('SELECT id FROM item ORDER BY v <-> %L LIMIT 10', :'q'));
SELECT scans(format('SELECT id FROM item ORDER BY v <#> %L::vector ASC NULLS LAST LIMIT 10', :'q'));
SELECT scans(format('SELECT id FROM item WHERE kind < 500 ORDER BY v <#> %L LIMIT 10', :'q'));
SELECT scans('SELECT id FROM item ORDER BY v <#> (SELECT v FROM item WHERE id = 5) LIMIT 10');

-- not taken: no distance to order by, or in another order, or by a class without an index
SELECT scans(format('SELECT id FROM item ORDER BY v <#> %L DESC LIMIT 10', :'q'));
SELECT scans(format('SELECT id FROM item ORDER BY v <#> %L NULLS FIRST LIMIT 10', :'q'));
SELECT scans(format('SELECT id FROM item ORDER BY -(v <#> %L) LIMIT 10', :'q'));
SELECT scans(format('SELECT id FROM item ORDER BY v <=> %L LIMIT 10', :'q'));
SELECT scans(format('SELECT id FROM item ORDER BY v <+> %L LIMIT 10', :'q'));
SELECT scans('SELECT id FROM item ORDER BY v LIMIT 10');
SELECT scans('SELECT v FROM item LIMIT 10');
SELECT scans('SELECT count(*) FROM item');
SELECT scans('SELECT id FROM item WHERE v IS NULL');
SELECT scans(format('SELECT id FROM item WHERE v <#> %L < 0', :'q'));
SELECT scans(format('SELECT id FROM item WHERE v = %L', :'q'));

-- not taken: a btree index finds the few rows at once
SELECT scans(format('SELECT id FROM item WHERE id = 7 ORDER BY v <#> %L LIMIT 10', :'q'));
SELECT scans(format('SELECT id FROM item WHERE kind = 7 ORDER BY v <#> %L LIMIT 10', :'q'));

-- not taken: a table of a page
CREATE TABLE tiny (id int, v vector(3));
INSERT INTO tiny SELECT i, ARRAY[i, 1, 2]::vector FROM generate_series(1, 20) i;
CREATE INDEX tiny_v ON tiny USING avq (v);
ANALYZE tiny;
SELECT scans('SELECT id FROM tiny ORDER BY v <#> ''[1,2,3]'' LIMIT 5');

-- vectors stored out of line: taken, though the table's own pages are few
CREATE FUNCTION wide(i int) RETURNS vector LANGUAGE sql IMMUTABLE AS $$
  SELECT array_agg((hashint4(i * 2003 + j) % 1000)::real)::vector FROM generate_series(1, 2000) j $$;
CREATE TABLE outside (id int, v vector(2000)) WITH (autovacuum_enabled = off);
INSERT INTO outside SELECT i, wide(i) FROM generate_series(1, 600) i;
CREATE INDEX outside_ip ON outside USING avq (v);
CREATE INDEX outside_cosine ON outside USING avq (v vector_cosine_ops);
CREATE INDEX outside_l2 ON outside USING avq (v vector_l2_ops);
SELECT scans(format('SELECT id FROM outside ORDER BY v <#> %L LIMIT 10', wide(0)));
VACUUM ANALYZE outside;
SELECT pg_relation_size('outside') / current_setting('block_size')::int < 10 AS few_pages;
SELECT scans(format('SELECT id FROM outside ORDER BY v <#> %L LIMIT 10', wide(0)));
SELECT scans(format('SELECT id FROM outside ORDER BY v <=> %L LIMIT 10', wide(0)));
SELECT scans(format('SELECT id FROM outside ORDER BY v <-> %L LIMIT 10', wide(0)));
SELECT scans('SELECT id FROM outside ORDER BY v <#> (SELECT v FROM outside WHERE id = 5) LIMIT 10');
-- but not for most of the rows, nor for all, nor where there are few
SELECT scans(format('SELECT id FROM outside ORDER BY v <#> %L LIMIT 500', wide(0)));
SELECT scans(format('SELECT id FROM outside ORDER BY v <#> %L', wide(0)));
CREATE TABLE few_outside (id int, v vector(2000)) WITH (autovacuum_enabled = off);
INSERT INTO few_outside SELECT i, wide(i) FROM generate_series(1, 10) i;
CREATE INDEX few_outside_ip ON few_outside USING avq (v);
ANALYZE few_outside;
SELECT scans(format('SELECT id FROM few_outside ORDER BY v <#> %L LIMIT 10', wide(0)));

-- what a call costs: more where the vector lies out of line, by its width, a cast or domain below
-- it notwithstanding; nothing of the kind where the column keeps it in the table
CREATE DOMAIN wide_vector AS vector(2000);
CREATE TABLE stored (outside vector(2000), named wide_vector, any_width vector, inside vector(1000));
ALTER TABLE stored ALTER COLUMN inside SET STORAGE PLAIN;
CREATE FUNCTION call_cost(call text) RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE
  plain json;
  called json;
BEGIN
  EXECUTE 'EXPLAIN (FORMAT json) SELECT 1 FROM stored' INTO plain;
  EXECUTE format('EXPLAIN (FORMAT json) SELECT %s FROM stored', call) INTO called;
  RETURN ((called -> 0 -> 'Plan' ->> 'Total Cost')::numeric
        - (plain -> 0 -> 'Plan' ->> 'Total Cost')::numeric)
      / (called -> 0 -> 'Plan' ->> 'Plan Rows')::numeric;
END $$;
SELECT call_cost('outside <#> wide(0)') > 1 AS outside, call_cost('named <=> wide(0)') > 1 AS named,
    call_cost('any_width::vector(2000) <-> wide(0)') > 1 AS coerced,
    call_cost('l1_distance(outside, outside)') > 2 AS both,
    call_cost('any_width <#> wide(0)') < 0.1 AS any_width,
    call_cost('inside <#> inside') < 0.1 AS inside;

-- with nothing else allowed, still no index without an order
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SET enable_indexonlyscan = off;
SELECT scans('SELECT id FROM tiny');
SELECT scans('SELECT id FROM tiny WHERE v IS NOT NULL');
SELECT scans('SELECT id FROM tiny ORDER BY v <#> ''[1,2,3]''');
SELECT count(*) FROM tiny;

SET client_min_messages = warning;
DROP SCHEMA index_plans CASCADE;
