-- The forward pass of docs/sparse_activations.md: psql -f forward.sql, after layer.sql.
CREATE INDEX neurons_w ON neurons USING avq (w vector_ip_ops);

-- Pre-activations of all neurons, in their order: W1 x + b1.
CREATE FUNCTION pre_activations(x vector) RETURNS vector LANGUAGE sql STABLE AS $$
  SELECT array_agg(-(w <#> x) ORDER BY id)::vector FROM neurons $$;

-- The output by the k neurons that are most active: W2 relu(W1 x + b1) + b2, the other neurons left out.
CREATE FUNCTION forward(x vector, k int) RETURNS vector LANGUAGE sql STABLE AS $$
  SELECT sum(out * array_fill(greatest(activation, 0)::real, ARRAY[100])::vector) + (SELECT bias FROM layer)
  FROM (SELECT out, -(w <#> x) AS activation FROM neurons ORDER BY w <#> x LIMIT k) most_active $$;
