-- Refused with a clear error, and nothing lost.

CREATE SCHEMA index_errors;
SET search_path = index_errors, public;
CREATE TABLE item (id int, v vector(3));
CREATE INDEX item_v ON item USING avq (v);
INSERT INTO item VALUES (1, '[1,2,3]'), (2, '[4,5,6]');

-- rows
INSERT INTO item VALUES (3, '[1,2]');
INSERT INTO item VALUES (3, '[1,2,3,4]');
INSERT INTO item VALUES (3, '[1,NaN,2]');
INSERT INTO item VALUES (3, '[1,-Infinity,2]');
INSERT INTO item VALUES (3, '[1e39,0,0]');
UPDATE item SET v = '[1,2,3,4]' WHERE id = 1;
COPY item FROM stdin;
3	[7,8,9]
4	[7,8]
\.
COPY item FROM stdin;
3	[7,8,nan]
\.
COPY item FROM stdin (FORMAT csv);
3,"[7,8,9]"
\.

-- queries
SET enable_seqscan = off;
SELECT id FROM item ORDER BY v <#> '[1,2]';
SELECT id FROM item ORDER BY v <#> '[1,2,3,4]' LIMIT 1;
SELECT id FROM item ORDER BY v <#> '[1,nan,3]';
PREPARE nearest(vector) AS SELECT id FROM item ORDER BY v <#> $1;
EXECUTE nearest('[1,2]');
EXECUTE nearest('[1,1,1]');

-- an error in a subtransaction takes nothing with it
BEGIN;
INSERT INTO item VALUES (5, '[1,0,0]');
SAVEPOINT before;
INSERT INTO item VALUES (6, '[9,9,9]');
INSERT INTO item VALUES (6, '[9,9]');
ROLLBACK TO before;
SELECT id FROM item ORDER BY v <#> '[1,2]';
ROLLBACK TO before;
SELECT id FROM item ORDER BY v <#> '[1,1,1]';
INSERT INTO item VALUES (7, '[0,0,2]');
COMMIT;
SELECT id FROM item ORDER BY v <#> '[1,1,1]';
SELECT avq_check('item_v', heapallindexed => true);

-- a function that catches the error goes on
CREATE FUNCTION tries(query vector) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  RETURN (SELECT string_agg(id::text, ' ')
            FROM (SELECT id FROM item ORDER BY v <#> query LIMIT 2) x);
EXCEPTION WHEN data_exception THEN RETURN 'caught: ' || SQLERRM;
END $$;
SELECT tries('[1,1]'), tries('[1,1,1]'), tries('[1]');

-- columns and shapes that cannot be indexed
CREATE TABLE loose (id int, v vector, a float4[], w vector(3));
CREATE INDEX ON loose USING avq (v);
CREATE INDEX ON loose USING avq (a);
CREATE INDEX ON loose USING avq (id);
CREATE INDEX ON loose USING avq (w, w);
CREATE INDEX ON loose USING avq (w) INCLUDE (id);
CREATE UNIQUE INDEX ON loose USING avq (w);
CREATE INDEX ON loose USING avq (w DESC);
CREATE INDEX ON loose USING avq (w NULLS FIRST);
CREATE INDEX ON loose USING avq (w vector_l1_ops);
\set VERBOSITY sqlstate
ALTER TABLE loose ADD EXCLUDE USING avq (w WITH =);  -- 17 words it otherwise
\set VERBOSITY default
CREATE INDEX loose_w ON loose USING avq (w);
CLUSTER loose USING loose_w;

-- rows of other lengths under an index on a cast
INSERT INTO loose (id, v) VALUES (1, '[1,2]'), (2, '[1,2,3]');
CREATE INDEX ON loose USING avq ((v::vector(3)));

-- memory
\set VERBOSITY sqlstate
CREATE TABLE many AS SELECT i AS id, ARRAY[i % 7, i % 11, i % 13, i]::vector(4) AS v
  FROM generate_series(1, 20000) i;
SET maintenance_work_mem = '1MB';
CREATE INDEX ON many USING avq (v) WITH (lists = 5000);
RESET maintenance_work_mem;
\set VERBOSITY default
CREATE FUNCTION refusal(statement text, OUT message text, OUT hint text) LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE statement;
EXCEPTION WHEN program_limit_exceeded THEN
  GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
  message := regexp_replace(message, 'is \d+ MB,', 'is ... MB,');
END $$;
SET maintenance_work_mem = '1MB';
SELECT * FROM refusal('CREATE INDEX ON many USING avq (v) WITH (lists = 5000)');
RESET maintenance_work_mem;

-- a cancelled build leaves nothing behind
SET statement_timeout = '20ms';
CREATE INDEX many_v ON many USING avq (v) WITH (lists = 5000);
RESET statement_timeout;
CREATE INDEX many_v ON many USING avq (v vector_l2_ops);
SELECT avq_check('many_v', heapallindexed => true);
SELECT id FROM many ORDER BY v <-> '[1,1,1,19999]' LIMIT 1;

SET client_min_messages = warning;
DROP SCHEMA index_errors CASCADE;
