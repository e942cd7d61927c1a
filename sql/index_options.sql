-- WITH (...) of CREATE INDEX and ALTER INDEX, and the settings of a session.

CREATE SCHEMA index_options;
SET search_path = index_options, public;
CREATE TABLE item (id int, v vector(6));
INSERT INTO item SELECT i, ARRAY[i % 7, i % 11, i % 13, i % 17, i % 19, i % 23]::vector
  FROM generate_series(1, 1000) i;

-- What an index built with these options is.
CREATE FUNCTION built(options text, opclass text DEFAULT 'vector_ip_ops')
  RETURNS TABLE (lists int, width int, scaled bool, rotated bool, eta real, soar real, rerank text)
  LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('CREATE INDEX tested ON item USING avq (v %s) WITH (%s)', opclass, options);
  RETURN QUERY SELECT i.lists, i.dims_per_subspace, i.row_scale, i.rotated, i.anisotropy,
      i.soar_lambda, i.rerank FROM avq_index_info('tested') i;
  PERFORM avq_check('tested', heapallindexed => true);
  DROP INDEX tested;
END $$;

SELECT lists FROM built('lists = 3');
SELECT lists = 1000 AS a_row_each FROM built('lists = 1000');
SELECT lists BETWEEN 1 AND 1000 AS no_more_lists_than_rows FROM built('lists = 65536');
SELECT lists >= 1 AS chosen FROM built('lists = 0');
SELECT width, (built('dims_per_subspace = ' || width)).width AS built
  FROM unnest('{0,1,2,3,5,6,7,64}'::int[]) width;
SELECT eta FROM built('anisotropy = 1');
SELECT eta FROM built('anisotropy = 4.5');
SELECT eta FROM built('anisotropy = 50');
SELECT eta >= 1 AS chosen FROM built('anisotropy = 0');
SELECT eta > 1 AS greater FROM built('anisotropic_threshold = 0.5');
SELECT a.eta < b.eta AS grows
  FROM built('anisotropic_threshold = 0.2') a, built('anisotropic_threshold = 0.6') b;
SELECT eta BETWEEN 1 AND 50 AS clamped FROM built('anisotropic_threshold = 1');
SELECT scaled FROM built('row_scale = off');
SELECT scaled FROM built('row_scale = true');
SELECT rotated FROM built('rotate = on');
SELECT rotated FROM built('rotate = off');
SELECT rotated IS NOT NULL AS chosen FROM built('rotate = auto');
SELECT soar FROM built('soar_lambda = 1.5, lists = 10');
SELECT soar FROM built('soar_lambda = 0, lists = 10');
-- Chosen by the build's sample.
SELECT soar IN (0, 1) AS chosen FROM built('soar_lambda = -1, lists = 10');
SELECT word, (built('rerank = ' || word)).rerank
  FROM unnest('{auto,half,int8,float,''float'',heap,HALF}'::text[]) word;
SELECT * FROM built('lists = 5, dims_per_subspace = 4, anisotropy = 3, row_scale = off, '
  'rotate = on, soar_lambda = 1, rerank = int8, target_recall = 0.9', 'vector_l2_ops');

-- the seed is kept, and decides
SET avq.seed = 7;
CREATE INDEX seeded ON item USING avq (v);
SELECT seed FROM avq_index_info('seeded');
RESET avq.seed;
DROP INDEX seeded;

-- refused
CREATE INDEX ON item USING avq (v) WITH (lists = -1);
CREATE INDEX ON item USING avq (v) WITH (lists = 65537);
CREATE INDEX ON item USING avq (v) WITH (lists = many);
CREATE INDEX ON item USING avq (v) WITH (dims_per_subspace = -1);
CREATE INDEX ON item USING avq (v) WITH (dims_per_subspace = 65);
CREATE INDEX ON item USING avq (v) WITH (anisotropy = 0.5);
CREATE INDEX ON item USING avq (v) WITH (anisotropy = 51);
CREATE INDEX ON item USING avq (v) WITH (anisotropic_threshold = 1.5);
CREATE INDEX ON item USING avq (v) WITH (anisotropic_threshold = -0.5);
CREATE INDEX ON item USING avq (v) WITH (anisotropy = 3, anisotropic_threshold = 0.2);
CREATE INDEX ON item USING avq (v) WITH (row_scale = perhaps);
CREATE INDEX ON item USING avq (v) WITH (rotate = 90);
CREATE INDEX ON item USING avq (v) WITH (soar_lambda = -0.5);
CREATE INDEX ON item USING avq (v) WITH (soar_lambda = -2);
CREATE INDEX ON item USING avq (v) WITH (soar_lambda = 11);
CREATE INDEX ON item USING avq (v) WITH (rerank = best);
CREATE INDEX ON item USING avq (v) WITH (target_recall = 0.4);
CREATE INDEX ON item USING avq (v) WITH (target_recall = 1.1);
CREATE INDEX ON item USING avq (v) WITH (fillfactor = 70);

-- ALTER INDEX: recall at once, what the build decides with the next build
CREATE INDEX item_v ON item USING avq (v) WITH (lists = 20);
ALTER INDEX item_v SET (target_recall = 1, lists = 10, rerank = float);
SELECT lists, rerank FROM avq_index_info('item_v');
SET enable_seqscan = off;
SELECT count(*) FROM (SELECT FROM item ORDER BY v <#> '[1,2,3,4,5,6]' LIMIT 1) x;
SELECT lists_probed FROM avq_last_scan();
SET avq.target_recall = 0.5;
SELECT count(*) FROM (SELECT FROM item ORDER BY v <#> '[1,2,3,4,5,6]' LIMIT 1) x;
SELECT rows_reranked < 500 AS fewer FROM avq_last_scan();
RESET avq.target_recall;
REINDEX INDEX item_v;
SELECT lists, rerank FROM avq_index_info('item_v');
ALTER INDEX item_v RESET (lists);
ALTER INDEX item_v SET (lists = -3);
ALTER INDEX item_v SET (anisotropy = 2, anisotropic_threshold = 0.3);
SELECT reloptions FROM pg_class WHERE oid = 'item_v'::regclass;

-- settings
SET avq.target_recall = 0.3;
SET avq.target_recall = 1.01;
SET avq.target_recall = -0.5;
SET avq.probes = -1;
SET avq.probes = 65537;
SET avq.rerank_depth = -1;
SET avq.max_probes = -1;
SET avq.seed = -1;
SET avq."order" = ascending;
SET avq.unheard_of = 1;
SELECT name, setting, boot_val, min_val, max_val, enumvals, context FROM pg_settings
  WHERE name LIKE 'avq.%' ORDER BY name COLLATE "C";

SET client_min_messages = warning;
DROP SCHEMA index_options CASCADE;
