-- Rights of the check, and space that VACUUM gives back to inserts.

CREATE SCHEMA index_review;
SET search_path = index_review, public;

-- avq_check runs the functions of an index as the table's owner, whoever calls it
CREATE ROLE regress_avq_owner;
GRANT USAGE, CREATE ON SCHEMA index_review TO regress_avq_owner;
SET ROLE regress_avq_owner;
CREATE FUNCTION as_owner(v vector) RETURNS vector LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  IF current_user <> 'regress_avq_owner' THEN
    RAISE EXCEPTION 'the function runs with the rights of its caller';
  END IF;
  RETURN v;
END $$;
CREATE TABLE owned (id int, v vector(2));
INSERT INTO owned VALUES (1, '[1,2]'), (2, '[3,4]'), (3, NULL);
CREATE INDEX owned_v ON owned USING avq ((as_owner(v)::vector(2)));
CREATE INDEX owned_part ON owned USING avq (v) WHERE vector_dims(as_owner(v)) = 2;
SELECT avq_check('owned_v', true);
RESET ROLE;
SELECT avq_check('owned_v', true), avq_check('owned_part', true);
-- afterwards the caller is who he was
SELECT current_user = session_user AS own_rights;
DO $$
BEGIN
  PERFORM avq_check('owned_v', true);
  ASSERT current_user = session_user;
  CREATE TEMP TABLE made_after_check ();
END $$;

-- rows of one cluster die and come back again and again: their second codes, which lie in the other
-- cluster's list, take the slots of those that died
CREATE TABLE spilled (id int, v vector(8));
ALTER TABLE spilled SET (autovacuum_enabled = off);
CREATE FUNCTION cluster_row(i int, which int) RETURNS vector(8) LANGUAGE sql IMMUTABLE AS $$
  SELECT array_agg((which * 20 + (hashint4(i * 1000 + j) % 1000)::real / 1000)::real)::vector
    FROM generate_series(1, 8) j $$;
INSERT INTO spilled SELECT i, cluster_row(i, 1) FROM generate_series(1, 2000) i;
INSERT INTO spilled SELECT i, cluster_row(i, -1) FROM generate_series(2001, 4000) i;
CREATE INDEX spilled_v ON spilled USING avq (v vector_l2_ops) WITH (lists = 2, soar_lambda = 1);
CREATE TABLE sizes (round int, pages bigint);
DELETE FROM spilled WHERE id > 2000;
VACUUM (INDEX_CLEANUP ON) spilled;
INSERT INTO spilled SELECT i, cluster_row(i, -1) FROM generate_series(2001, 4000) i;
INSERT INTO sizes SELECT 1, code_pages FROM avq_index_info('spilled_v');
DELETE FROM spilled WHERE id > 2000;
VACUUM (INDEX_CLEANUP ON) spilled;
INSERT INTO spilled SELECT i, cluster_row(i, -1) FROM generate_series(2001, 4000) i;
DELETE FROM spilled WHERE id > 2000;
VACUUM (INDEX_CLEANUP ON) spilled;
INSERT INTO spilled SELECT i, cluster_row(i, -1) FROM generate_series(2001, 4000) i;
INSERT INTO sizes SELECT 3, code_pages FROM avq_index_info('spilled_v');
SELECT max(pages) - min(pages) AS grown FROM sizes;
SELECT avq_check('spilled_v', true);

-- so do slots that own no copy: without rerank copies, and of NULL vectors
CREATE TABLE plain (id int, v vector(8));
ALTER TABLE plain SET (autovacuum_enabled = off);
INSERT INTO plain SELECT i, cluster_row(i, 1) FROM generate_series(1, 4000) i;
INSERT INTO plain SELECT i FROM generate_series(4001, 8000) i;
CREATE INDEX plain_v ON plain USING avq (v) WITH (lists = 2, rerank = heap);
SELECT code_pages AS built FROM avq_index_info('plain_v') \gset
DELETE FROM plain WHERE id % 2 = 0;
VACUUM (INDEX_CLEANUP ON) plain;
INSERT INTO plain SELECT i, CASE WHEN i <= 4000 THEN cluster_row(i, 1) END
  FROM generate_series(2, 8000, 2) i;
DELETE FROM plain WHERE id % 2 = 0;
VACUUM (INDEX_CLEANUP ON) plain;
INSERT INTO plain SELECT i, CASE WHEN i <= 4000 THEN cluster_row(i, 1) END
  FROM generate_series(2, 8000, 2) i;
SELECT code_pages - :built AS grown FROM avq_index_info('plain_v');
SELECT avq_check('plain_v', true);

SET client_min_messages = warning;
DROP SCHEMA index_review CASCADE;
DROP ROLE regress_avq_owner;
