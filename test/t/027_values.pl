# Values that come in as text or bytes, mutated at random: each is read or refused with a data error,
# and what is read is what PostgreSQL's own real[] reads, survives both output formats, and can be
# inserted, searched for and found. AVQ_ROUNDS multiplies the cases; AVQ_SEED gives others.
use strict;
use warnings FATAL => 'all';

use AvqTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $rounds = $ENV{AVQ_ROUNDS} || 1;
my $seed = $ENV{AVQ_SEED} || 1;
my $node = avq_node('values');
my $directory = $node->data_dir;

$node->safe_psql('postgres', <<'SQL');
CREATE TABLE items (id bigint GENERATED ALWAYS AS IDENTITY, embedding vector);
CREATE TABLE indexed (id bigint GENERATED ALWAYS AS IDENTITY, embedding vector(3));
INSERT INTO indexed (embedding)
  SELECT ARRAY[sin(i), cos(i * 1.7), sin(i * 0.3) + 2]::vector FROM generate_series(1, 3000) i;
CREATE INDEX ON indexed USING avq (embedding vector_l2_ops);

CREATE FUNCTION below(n int) RETURNS int LANGUAGE sql VOLATILE AS $$ SELECT floor(random() * n)::int $$;

-- One to four edits: a character or a piece dropped, doubled, replaced or put in.
CREATE FUNCTION mutated(value text, pieces text[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE place int; length int;
BEGIN
  FOR edit IN 1 .. 1 + below(4) LOOP
    place := 1 + below(greatest(length(value), 1));
    length := CASE below(3) WHEN 0 THEN 1 + below(8) ELSE 1 END;
    value := CASE below(4)
      WHEN 0 THEN overlay(value placing '' from place for length)
      WHEN 1 THEN overlay(value placing substr(value, place, length) from place for 0)
      WHEN 2 THEN overlay(value placing pieces[1 + below(cardinality(pieces))] from place for length)
      ELSE overlay(value placing pieces[1 + below(cardinality(pieces))] from place for 0) END;
  END LOOP;
  RETURN value;
END $$;

-- What real[] makes of the text: NULL if a part is not a real; such as underflow, which vector reads as 0.
CREATE FUNCTION as_reals(value text) RETURNS real[] LANGUAGE plpgsql AS $$
DECLARE inner_part text := (regexp_match(value, '^[ \t\n\v\f\r]*\[(.*)\][ \t\n\v\f\r]*$'))[1];
  result real[];
BEGIN
  SELECT array_agg(part::real ORDER BY place) INTO result
    FROM unnest(string_to_array(inner_part, ',')) WITH ORDINALITY AS parts (part, place);
  RETURN result;
EXCEPTION WHEN data_exception THEN RETURN NULL;
END $$;

CREATE FUNCTION try_literals(cases int, OUT accepted int, OUT refused int, OUT wrong text[])
LANGUAGE plpgsql AS $$
DECLARE
  seeds text[] := ARRAY['[1,2,3]', '[0.5, -1e-3,3.25]', ' [ 1 , -0 ,1e38 ] ', '[1e-40,.5,5.]', '[-3.4028235e38,0,1]',
    '[1]', '[+1,2,2e+2]', '[0x1p3,1,2]'];
  pieces text[] := ARRAY['[', ']', ',', '.', '-', '+', 'e', 'E', '0', '1', '9', ' ', E'\t', E'\n', 'nan', 'NaN', 'inf',
    '-Infinity', '1e39', '1e-50', '0x', 'p', '{', '}', '"', '''', '\', 'é', '١', ',,', '[[', ']]', '1_0', '1e', '99999999999999999999'];
  value text; parsed vector; oracle real[]; state text; found bigint;
BEGIN
  accepted := 0; refused := 0; wrong := '{}';
  FOR i IN 1 .. cases LOOP
    value := mutated(seeds[1 + below(cardinality(seeds))], pieces);
    oracle := as_reals(value);
    parsed := NULL; state := '';
    BEGIN
      parsed := value::vector;
    EXCEPTION WHEN OTHERS THEN state := SQLSTATE;
    END;
    IF parsed IS NULL THEN
      refused := refused + 1;
      IF state NOT IN ('22P02', '22003', '22000') THEN wrong := wrong || format('%L: %s', value, state); END IF;
      IF cardinality(oracle) BETWEEN 1 AND 16000 AND NOT oracle && ARRAY['nan', 'inf', '-inf']::real[] THEN
        wrong := wrong || format('%L is refused', value);
      END IF;
    ELSE
      accepted := accepted + 1;
      IF oracle IS NOT NULL AND parsed::real[] <> oracle THEN wrong := wrong || format('%L reads as %s', value, parsed); END IF;
      IF parsed::text::vector <> parsed THEN wrong := wrong || format('%L does not survive output', value); END IF;
      IF below(20) = 0 THEN
        BEGIN
          INSERT INTO indexed (embedding) VALUES (parsed) RETURNING id INTO found;
          IF found NOT IN (SELECT id FROM indexed WHERE embedding = parsed ORDER BY embedding <-> parsed LIMIT 1000) THEN
            wrong := wrong || format('%L is not found', value);
          END IF;
        EXCEPTION WHEN data_exception THEN NULL;
        END;
      END IF;
    END IF;
  END LOOP;
END $$;

-- A binary COPY of one value, whose bytes have been changed; `file` on the server.
CREATE FUNCTION try_bytes(cases int, file text, OUT accepted int, OUT refused int, OUT wrong text[])
LANGUAGE plpgsql AS $$
DECLARE value bytea; head bytea := '\x5047434f50590aff0d0a0000000000000000000001'; object oid; parsed vector; state text;
BEGIN
  accepted := 0; refused := 0; wrong := '{}';
  FOR i IN 1 .. cases LOOP
    value := vector_send((ARRAY['[1,2,3]', '[0]', '[1e38,-1e-40,7,8]'])[1 + below(3)]::vector);
    FOR edit IN 1 .. below(3) LOOP
      value := CASE below(4)
        WHEN 0 THEN set_byte(value, below(length(value)), below(256))
        WHEN 1 THEN set_bit(value, below(8 * length(value)), below(2))
        WHEN 2 THEN substr(value, 1, greatest(1, below(length(value))))
        ELSE value || set_byte('\x00', 0, below(256)) END;
    END LOOP;
    object := lo_from_bytea(0, head || int4send(length(value)) || value || '\xffff');
    PERFORM lo_export(object, file);
    PERFORM lo_unlink(object);
    TRUNCATE items;
    state := '';
    BEGIN
      EXECUTE format('COPY items (embedding) FROM %L WITH (FORMAT binary)', file);
    EXCEPTION WHEN OTHERS THEN state := SQLSTATE;
    END;
    IF state = '' THEN
      accepted := accepted + 1;
      SELECT embedding INTO STRICT parsed FROM items;
      IF vector_send(parsed) <> value OR parsed::text::vector <> parsed THEN wrong := wrong || value::text; END IF;
    ELSE
      refused := refused + 1;
      IF state NOT IN ('22P03', '22003', '22000', '54000', '08P01') THEN wrong := wrong || format('%s: %s', value, state); END IF;
    END IF;
  END LOOP;
END $$;
SQL

# Runs a test function; what is wrong must be nothing, and both outcomes must have come about.
sub try {
  my ($call, $what, $cases) = @_;
  my ($accepted, $refused, $wrong) = split /\|/, $node->safe_psql('postgres',
    "SET enable_seqscan = off; SELECT setseed(1.0 / (1 + $seed)); SELECT * FROM $call") =~ s/^.*\n//r, 3;
  is($wrong, '{}', "$what, $cases cases: read or refused, rightly");
  cmp_ok($accepted, '>', $cases / 20, "$accepted read");
  cmp_ok($refused, '>', $cases / 20, "$refused refused");
  return;
}
for (1 .. $rounds) {
  try('try_literals(20000)', 'mutated literals', 20_000);
  # A statement locks each large object that it makes: not many more at a time.
  try("try_bytes(1500, '$directory/value')", 'mutated binary values', 1_500);
  $seed++;
}
check_indexes($node, 'after the inserts of mutated values');

done_testing();
