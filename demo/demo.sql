-- make demo runs this in a fresh private server: psql -f demo.sql, from this directory.
\set QUIET on
\pset footer off
\pset border 1
\pset null '-'
SET client_min_messages = warning;

\ir load.sql

\echo
\echo '1. Words by cosine distance: 16,494 words of technical English, 100 dimensions.'
\echo '   CREATE INDEX words_cosine ON words USING avq (embedding vector_cosine_ops);'
SELECT clock_timestamp() AS began \gset
CREATE INDEX words_cosine ON words USING avq (embedding vector_cosine_ops);
SELECT '   built in ' || round(extract(epoch FROM clock_timestamp() - :'began')::numeric, 1) || ' s.' AS line \gset
\echo :line
\echo '   SELECT name FROM words ORDER BY embedding <=> $1 LIMIT 9;'
\echo
SELECT q.name AS word, string_agg(near.name, ', ' ORDER BY near.distance) AS "nearest words"
FROM (VALUES (1, 'green'), (2, 'Monday'), (3, 'France'), (4, 'three'), (5, 'father'), (6, 'river'),
             (7, 'temperature'), (8, 'mutex')) AS chosen (place, name)
JOIN words q USING (name),
LATERAL (SELECT w.name, w.embedding <=> q.embedding AS distance
         FROM words w ORDER BY w.embedding <=> q.embedding LIMIT 9) near
WHERE near.name <> q.name
GROUP BY place, q.name ORDER BY place;

\echo '2. Maximum inner product: which functions does this C function call?'
\echo '   20,000 called functions; a score is the inner product with the caller. Functions that'
\echo '   everybody calls have long vectors: <#> sees that, cosine cannot, and drifts to rare names.'
\echo '   CREATE INDEX functions_ip ON functions USING avq (embedding vector_ip_ops);'
CREATE INDEX functions_ip ON functions USING avq (embedding vector_ip_ops);
\echo
SELECT CASE operator WHEN '<#>' THEN caller ELSE '' END AS caller, operator AS by, found AS functions
FROM (
  SELECT place, q.name AS caller, '<#>' AS operator,
         string_agg(best.name, ' ' ORDER BY best.distance) AS found
  FROM unnest(ARRAY['elektor_remove', 'cadet_read', 'asus_report_input', 'watermark_store'])
       WITH ORDINALITY chosen (name, place)
  JOIN callers q USING (name),
  LATERAL (SELECT f.name, f.embedding <#> q.embedding AS distance
           FROM functions f ORDER BY f.embedding <#> q.embedding LIMIT 5) best
  GROUP BY place, q.name
  UNION ALL
  SELECT place, q.name, '<=>', string_agg(best.name, ' ' ORDER BY best.distance)
  FROM unnest(ARRAY['elektor_remove', 'cadet_read', 'asus_report_input', 'watermark_store'])
       WITH ORDINALITY chosen (name, place)
  JOIN callers q USING (name),
  LATERAL (SELECT f.name, f.embedding <=> q.embedding AS distance
           FROM functions f ORDER BY f.embedding <=> q.embedding LIMIT 5) best
  GROUP BY place, q.name) answers
ORDER BY place, operator;

\echo '3. The plan is an ordinary index scan:'
\echo
\pset tuples_only on
EXPLAIN (COSTS OFF) SELECT name FROM functions
ORDER BY embedding <#> (SELECT embedding FROM callers WHERE name = 'cadet_read') LIMIT 10;
\pset tuples_only off

\echo '4. Beside the exact scan (the sequential scan with the same operator, serial, no JIT): the best'
\echo '   10 rows for each of 300 words and 200 callers, one client, everything in memory. Recall'
\echo '   counts rows at least as good as the exact tenth. No setting was touched.'
\echo
CREATE TABLE spread AS SELECT id, embedding FROM words WHERE id % 54 = 0 LIMIT 300;
\set table words
\set operator <=>
\set queries spread
\ir measure.sql
\set table functions
\set operator <#>
\set queries callers
\ir measure.sql

SELECT m.relation AS "table", m.operator AS by, c.reltuples::int AS rows,
       round(m.exact_ms::numeric, 2) AS "exact ms", round(m.index_ms::numeric, 3) AS "index ms",
       round((m.exact_ms / m.index_ms)::numeric) || ' x' AS faster,
       round(m.recall::numeric, 3) AS "recall@10",
       pg_size_pretty(pg_table_size(c.oid)) AS "table size",
       pg_size_pretty(pg_relation_size(i.indexrelid)) AS "index size"
FROM measured m JOIN pg_class c ON c.oid = m.relation
JOIN pg_index i ON i.indrelid = c.oid AND NOT i.indisprimary
ORDER BY m.relation::text DESC;
