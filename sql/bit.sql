-- Distances of bit strings.
SELECT B'1010' <~> B'1001', B'1010' <%> B'1001', B'0' <~> B'0', B'0' <%> B'0', B'' <~> B'', B'' <%> B'';
SELECT B'1' <~> B'10';
SELECT B'1' <%> B'10';
SELECT hamming_distance(B'111', B'000'), jaccard_distance(B'111', B'000');
-- of every length up to beyond two words, against counting characters
SELECT n AS wrong FROM generate_series(1, 150) n,
  LATERAL (SELECT string_agg((i * i % 3 = n % 3)::int::text, '' ORDER BY i) a,
                  string_agg((i * n % 5 < 2)::int::text, '' ORDER BY i) b FROM generate_series(1, n) i) s,
  LATERAL (SELECT count(*) FILTER (WHERE x <> y) differ, count(*) FILTER (WHERE x = '1' AND y = '1') both_set,
                  count(*) FILTER (WHERE x = '1' OR y = '1') either
           FROM unnest(string_to_array(a, NULL), string_to_array(b, NULL)) c (x, y)) c
WHERE (a::varbit::bit(150) <~> b::varbit::bit(150)) <> differ
  OR (a::varbit::bit(150) <%> b::varbit::bit(150))
     <> CASE WHEN both_set = 0 THEN 1 ELSE 1 - both_set / either::float8 END;
