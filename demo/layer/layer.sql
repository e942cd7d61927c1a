-- The layer of docs/sparse_activations.md as tables: psql -f layer.sql, from this directory.
CREATE TABLE neurons (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, w vector(101), out vector(100));
CREATE TABLE layer (bias vector(100));
\copy neurons (w, out) from program 'gzip -dc neurons.tsv.gz'
\copy layer from program 'gzip -dc bias.tsv.gz'
CREATE TABLE inputs (id int PRIMARY KEY, x vector(101));
-- The words that training has not seen, with length 1, noise as in training, and the 1 for the bias.
SELECT setseed(0.5);
INSERT INTO inputs
SELECT id, (x + noise)::vector || '[1]'::vector
FROM (SELECT id, l2_normalize(embedding) AS x,
             (SELECT array_agg(sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random()) * 0.1)
              FROM generate_series(1, 100) i WHERE i > 0 * id)::vector AS noise
      FROM words WHERE (id - 1) % 20 = 0 ORDER BY id) noisy;
VACUUM ANALYZE neurons, inputs;
