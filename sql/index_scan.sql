-- What a scan returns: every row once, nearest first, whatever is asked around it.

CREATE SCHEMA index_scan;
SET search_path = index_scan, public;
CREATE FUNCTION made(i int, dims int) RETURNS vector LANGUAGE sql IMMUTABLE AS $$
  SELECT array_agg((hashint4(i % 40 * 1000 + j) % 1000
      + 0.4 * (hashint4(i * 1000 + j) % 1000))::real / 1000)::vector
    FROM generate_series(1, dims) j $$;
CREATE TABLE item (id int PRIMARY KEY, v vector(16));
INSERT INTO item SELECT i, made(i, 16) FROM generate_series(1, 4000) i;
INSERT INTO item VALUES (4001, NULL), (4002, NULL);
ANALYZE item;
CREATE INDEX item_v ON item USING avq (v) WITH (lists = 40);
SET enable_seqscan = off;
SET enable_sort = off;

-- every row once, though few lists are opened at first; NULLs last
SET avq.probes = 1;
CREATE TEMP TABLE seen AS
  SELECT row_number() OVER () AS place, id, d
    FROM (SELECT id, v <#> made(-1, 16) AS d FROM item ORDER BY v <#> made(-1, 16)) x;
SELECT count(*), count(DISTINCT id), min(place) FILTER (WHERE d IS NULL) AS first_null FROM seen;
SELECT lists_probed FROM avq_last_scan();
DROP TABLE seen;

-- the same with codes in two lists
CREATE INDEX item_spilled ON item USING avq (v vector_cosine_ops)
  WITH (lists = 40, soar_lambda = 1);
SELECT count(*), count(DISTINCT id)
  FROM (SELECT id FROM item ORDER BY v <=> made(-1, 16)) x;
DROP INDEX item_spilled;

-- rows found late come late; sorting again, as README says, mends that
SELECT count(*) > 0 AS late
  FROM (SELECT d < lag(d) OVER (ORDER BY place) AS late FROM
    (SELECT row_number() OVER () AS place, d FROM
      (SELECT v <#> made(-1, 16) AS d FROM item ORDER BY d LIMIT 2000) s) t) x WHERE late;
SELECT count(*) AS late
  FROM (SELECT d < lag(d) OVER (ORDER BY place) AS late FROM
    (SELECT row_number() OVER () AS place, d FROM
      (SELECT d FROM (SELECT id, v <#> made(-1, 16) AS d FROM item ORDER BY d LIMIT 2000) s
        ORDER BY d + 0) u) t) x WHERE late;

-- strict: never a step back, at the cost of rows
SET avq."order" = strict;
CREATE TEMP TABLE seen AS
  SELECT row_number() OVER () AS place, id, d
    FROM (SELECT id, v <#> made(-1, 16) AS d FROM item ORDER BY v <#> made(-1, 16)) x;
SELECT count(*) < 4002 AS some_left_out, count(*) = count(DISTINCT id) AS once,
    count(*) FILTER (WHERE d IS NULL) AS nulls FROM seen;
SELECT count(*) AS late
  FROM (SELECT d < lag(d) OVER (ORDER BY place) AS late FROM seen) x WHERE late;
DROP TABLE seen;
RESET avq."order";

-- max_probes ends a scan early; lists not opened are missing, NULLs are not
SET avq.max_probes = 3;
SELECT count(*) BETWEEN 3 AND 2000 AS part, count(*) FILTER (WHERE v IS NULL) AS nulls
  FROM (SELECT v FROM item ORDER BY v <#> made(-1, 16)) x;
SELECT lists_probed FROM avq_last_scan();
RESET avq.max_probes;
RESET avq.probes;

-- rerank_depth: so many candidates before the first row
SET avq.rerank_depth = 50;
SELECT count(*) FROM (SELECT FROM item ORDER BY v <#> made(-1, 16) LIMIT 1) x;
SELECT rows_reranked FROM avq_last_scan();
SET avq.rerank_depth = 2000;
SET avq.probes = 40;
SELECT count(*) FROM (SELECT FROM item ORDER BY v <#> made(-1, 16) LIMIT 1) x;
SELECT rows_reranked >= 2000 AS many FROM avq_last_scan();
RESET avq.probes;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM item ORDER BY v <#> made(-1, 16)) x;
RESET avq.rerank_depth;

-- a selective filter still gets its rows, and an impossible one ends
SELECT count(*) FROM (SELECT FROM item WHERE id + 0 > 3950 ORDER BY v <#> made(-1, 16) LIMIT 20) x;
SELECT count(*) FROM (SELECT FROM item WHERE id + 0 = 77 ORDER BY v <#> made(-1, 16) LIMIT 20) x;
SELECT count(*) FROM (SELECT FROM item WHERE id + 0 < 0 ORDER BY v <#> made(-1, 16) LIMIT 20) x;
SELECT count(*) FROM (SELECT FROM item WHERE v IS NULL ORDER BY v <#> made(-1, 16) LIMIT 20) x;
SELECT count(*) FROM (SELECT FROM item ORDER BY v <#> made(-1, 16) LIMIT 0) x;
SELECT count(*) FROM (SELECT FROM item ORDER BY v <#> made(-1, 16) OFFSET 3990) x;

-- one scan started again and again: each row's own nearest
SET avq.target_recall = 1;
SELECT count(*), count(*) FILTER (WHERE near.d = exact.d) AS exactly
  FROM (SELECT * FROM item WHERE id <= 60) a,
    LATERAL (SELECT b.v <#> a.v AS d FROM item b ORDER BY b.v <#> a.v LIMIT 1) near,
    LATERAL (SELECT min(c.v <#> a.v) AS d FROM item c) exact;
-- with queries that are NULL in between
SELECT q.i, (SELECT count(*) FROM (SELECT FROM item ORDER BY v <#> q.v LIMIT 5) x)
  FROM (VALUES (1, made(1, 16)), (2, NULL), (3, made(3, 16))) q(i, v) ORDER BY i;
RESET avq.target_recall;

-- cursors
BEGIN;
DECLARE plain NO SCROLL CURSOR FOR
  SELECT id > 0 AS found FROM item ORDER BY v <#> made(7, 16) LIMIT 3;
FETCH 2 FROM plain;
FETCH 5 FROM plain;
FETCH 1 FROM plain;
FETCH BACKWARD 1 FROM plain;
ROLLBACK;
BEGIN;
DECLARE walk SCROLL CURSOR FOR SELECT id FROM item ORDER BY v <#> made(7, 16);
CREATE TEMP TABLE fetched (id int) ON COMMIT DROP;
DO $$
DECLARE
  walk refcursor := 'walk';
  r int;
BEGIN
  FOR i IN 1..30 LOOP
    FETCH walk INTO r;
    INSERT INTO fetched VALUES (r);
  END LOOP;
  FOR i IN 1..29 LOOP
    FETCH PRIOR FROM walk INTO r;
    INSERT INTO fetched VALUES (r);
  END LOOP;
END $$;
SELECT count(*), count(DISTINCT id) FROM fetched;
MOVE 5000 IN walk;
FETCH walk;
COMMIT;

-- prepared: custom plans, then a generic one
PREPARE nearest(vector, int) AS SELECT id FROM item ORDER BY v <#> $1 LIMIT $2;
SET plan_cache_mode = force_generic_plan;
EXPLAIN (COSTS off) EXECUTE nearest(NULL, 1);
EXECUTE nearest(made(2, 16) * made(2, 16), 1) \gset generic_
CREATE TEMP TABLE unordered AS EXECUTE nearest(NULL, 5000);
SELECT count(*), count(DISTINCT id) FROM unordered;
DROP TABLE unordered;
SET plan_cache_mode = force_custom_plan;
EXECUTE nearest(made(2, 16) * made(2, 16), 1) \gset custom_
SELECT id = :generic_id AND id = :custom_id AS same
  FROM item ORDER BY v <#> (made(2, 16) * made(2, 16)) LIMIT 1;

-- settings untouched: recall of the best ten of rows' and of foreign queries
RESET enable_sort;
SELECT foreign_query, avg(hits) >= 9 AS recall_is_enough
  FROM (SELECT i > 20 AS foreign_query,
               (SELECT count(*) FROM unnest(n) x WHERE x <= e[10]) AS hits
          FROM generate_series(1, 40) i,
            made(CASE WHEN i > 20 THEN -i ELSE i END, 16) q,
            LATERAL (SELECT array_agg(d) FROM
              (SELECT v <#> q AS d FROM item ORDER BY v <#> q LIMIT 10) x) near(n),
            LATERAL (SELECT array_agg(d ORDER BY d) FROM
              (SELECT v <#> q AS d FROM item WHERE v IS NOT NULL) x) exact(e)) y
  GROUP BY 1 ORDER BY 1;

SET client_min_messages = warning;
DROP SCHEMA index_scan CASCADE;
