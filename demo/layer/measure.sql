-- The table of docs/sparse_activations.md: psql -f measure.sql, after forward.sql.
CREATE TABLE passes AS
SELECT id, x, threshold(pre_activations(x), 0) AS active, forward(x, 2048) AS dense
FROM inputs WHERE id % 4 = 1;

SELECT count(*) AS inputs, round(density(active)::numeric, 3) AS active_share FROM passes;

SELECT k,
  round(avg((SELECT sum(a) FROM unnest(topk(active::vector, k)::vector::real[]) a)
            / (SELECT sum(a) FROM unnest(active::vector::real[]) a))::numeric, 3) AS activation_kept,
  round(avg((forward(x, k) <-> dense) / vector_norm(dense))::numeric, 3) AS output_error,
  round(avg(1 - (forward(x, k) <=> dense))::numeric, 3) AS output_cosine
FROM passes, unnest(ARRAY[32, 64, 128, 256, 512, 1024]) k GROUP BY k ORDER BY k;
SELECT k, round(recall::numeric, 3) AS recall, round(100 * 32 * blocks_scored::numeric / 2048) AS percent_scored
FROM unnest(ARRAY[32, 64, 128, 256, 512]) k,
  LATERAL avq_recall('neurons_w', (SELECT array_agg(x) FROM passes), k);
