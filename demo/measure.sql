-- Takes the ten best rows of :table by :operator for each row of :queries, by the exact scan and
-- through the index, and notes median times and recall in table measured. Either side is a function
-- with one cached plan, as a prepared statement has.
CREATE TABLE IF NOT EXISTS measured
  (relation regclass, operator text, exact_ms float8, index_ms float8, recall float8);
DROP TABLE IF EXISTS answers;
CREATE TABLE answers (exact bool, query int, ms float8, distances float8[]);
SET plan_cache_mode = force_generic_plan;

SELECT format($form$
  CREATE OR REPLACE FUNCTION take_ten() RETURNS void LANGUAGE plpgsql SET %s = off AS $body$
  DECLARE
    query record;
    began timestamptz;
    took interval;
    found float8[];
  BEGIN
    FOR query IN SELECT id, embedding FROM %s ORDER BY id LOOP
      began := clock_timestamp();
      SELECT array_agg(d) INTO found FROM
        (SELECT embedding %s query.embedding AS d FROM %s
         ORDER BY embedding %3$s query.embedding LIMIT 10) s;
      took := clock_timestamp() - began;
      INSERT INTO answers VALUES (%5$L, query.id, 1000 * extract(epoch FROM took), found);
    END LOOP;
  END $body$ $form$, setting, :'queries', :'operator', :'table', exact),
  'DO $body$ BEGIN PERFORM take_ten(); END $body$'
FROM (VALUES ('enable_seqscan', false), ('enable_indexscan', true)) side (setting, exact)
\gexec

INSERT INTO measured
SELECT :'table', :'operator',
       percentile_cont(0.5) WITHIN GROUP (ORDER BY e.ms),
       percentile_cont(0.5) WITHIN GROUP (ORDER BY i.ms),
       avg((SELECT count(*) FROM unnest(i.distances) d
            WHERE d <= (SELECT max(m) FROM unnest(e.distances) m))::float8
           / cardinality(e.distances))
FROM answers e JOIN answers i USING (query) WHERE e.exact AND NOT i.exact;
RESET plan_cache_mode;
