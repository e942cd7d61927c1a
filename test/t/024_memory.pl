# A backend's memory does not grow: not over rescans in a nested loop, nor over queries, inserts,
# cancelled and failed statements in one long session. Its own memory is what the kernel says
# (RssAnon), so malloc's and C++'s count too. AVQ_ROUNDS=10 takes 1,000,000 rescans and 20,000 queries.
use strict;
use warnings FATAL => 'all';

use AvqTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'no /proc: memory cannot be seen' unless -r '/proc/self/status';

my $rounds = $ENV{AVQ_ROUNDS} || 1;
my $node = avq_node('memory');
load_set($node, 'functions', rows => 8000);
load_set($node, 'callers', rows => 100);
$node->safe_psql('postgres', <<'SQL');
CREATE INDEX functions_v ON functions USING avq (embedding vector_ip_ops);
CREATE TABLE second AS SELECT * FROM functions;
CREATE INDEX second_v ON second USING avq (embedding vector_l2_ops) WITH (soar_lambda = 1);
ANALYZE second;
SQL

$node->safe_psql('postgres', <<'SQL');
CREATE FUNCTION own_kb() RETURNS int LANGUAGE sql AS
  $$ SELECT (regexp_match(pg_read_file('/proc/self/status'), 'RssAnon:\s+(\d+)'))[1]::int $$;
SQL

# Runs SQL again and again in one session: what the session's memory grows by, in KB, after a
# tenth of it, in which caches fill (of malloc too, which keeps large blocks from the second time on).
sub growth {
  my ($sql, $times) = @_;
  my $first = int($times / 10) || 1;
  my $script = sql_file('growth', join '', "SET client_min_messages = error;\nSET enable_seqscan = off;\n",
    "$sql\n" x $first, "SELECT 'kb ' || own_kb();\n", "$sql\n" x ($times - $first), "SELECT 'kb ' || own_kb();\n");
  my ($out, $err) = ('', '');
  IPC::Run::run([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-f', $script ],
    '<', \undef, '>', \$out, '2>', \$err);
  unlink $script;
  my ($before, $after) = $out =~ /^kb (\d+)$/mg;
  die "no figures: $err" unless defined $after;
  return $after - $before;
}

my $rescans = 100_000 * $rounds;
my $sum = "SELECT sum(s.id) FROM generate_series(1, %d) i JOIN callers q ON q.id = 1 + i %% 100, LATERAL"
  . ' (SELECT t.id FROM %s t WHERE t.id <> -i ORDER BY t.embedding %s q.embedding LIMIT 1) s;';
for my $scan ([ 'functions', '<#>' ], [ 'second', '<->' ]) {
  my ($table, $operator) = @$scan;
  # Each of the series' rows is a rescan: the filter depends on it, and Memoize must not remember answers.
  my $grown = growth('SET enable_memoize = off; ' . sprintf($sum, $rescans / 20, $table, $operator), 20);
  my $scans = "SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = '${table}_v'";
  wait_for($node, "SELECT ($scans) >= $rescans", "the count of $rescans rescans");
  cmp_ok($grown, '<', 1024, "$rescans rescans of $table grow by $grown KB");
}

my $queries = 2000 * $rounds;
my %statement = (
  'searches' => "SELECT count(*) FROM (SELECT id FROM functions ORDER BY embedding <#> "
    . "(SELECT embedding FROM callers WHERE id = 1 + (random() * 99)::int) LIMIT 20) s;",
  'searches of two indexes, planned anew' => 'SELECT 1 FROM (SELECT f.id FROM functions f ORDER BY f.embedding <#> '
    . '(SELECT embedding FROM callers WHERE id = 7) LIMIT 5) a, (SELECT s.id FROM second s ORDER BY s.embedding <-> '
    . '(SELECT embedding FROM callers WHERE id = 8) LIMIT 5) b LIMIT 1;',
  'inserts and deletes' => "INSERT INTO functions (name, embedding) SELECT 'new', embedding FROM callers LIMIT 3; "
    . "DELETE FROM functions WHERE id = (SELECT max(id) FROM functions);",
  'failing inserts and searches' => "INSERT INTO functions (embedding) VALUES ('[1,2,3]'); "
    . "SELECT id FROM functions ORDER BY embedding <#> '[1,2]' LIMIT 1; INSERT INTO functions (embedding) VALUES ('[1,');",
  'cancelled searches' => "SET statement_timeout = 1; SELECT count(*) FROM (SELECT f.id FROM functions f ORDER BY "
    . 'f.embedding <#> (SELECT embedding FROM callers WHERE id = 3) LIMIT 100000) s; RESET statement_timeout;',
  'recall and calibration' =>
    "SELECT count(*) FROM avq_recall('second_v', (SELECT array_agg(embedding) FROM callers), 5);",
  'checks' => "SELECT avq_check('functions_v', true);");
my %share = ('recall and calibration' => 0.01, 'checks' => 0.01, 'cancelled searches' => 0.2);
for my $name (sort keys %statement) {
  my $times = int($queries * ($share{$name} // 1));
  my $grown = growth($statement{$name}, $times);
  cmp_ok($grown, '<', 1024, "$times times $name grow by $grown KB");
}
check_indexes($node, 'at the end');

done_testing();
