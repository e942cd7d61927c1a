# avq_calibrate on half of the callers: the stated recall holds for the others, at every LIMIT, as
# avq_recall says and as plain SQL does. The calibration survives a crash, reaches a standby and
# other sessions, and is gone after REINDEX.
use strict;
use warnings FATAL => 'all';

use AvqTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = avq_node('primary', streaming => 1, conf => "wal_consistency_checking = 'all'\n");
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;

load_set($primary, 'functions');
load_set($primary, 'callers');
$primary->safe_psql('postgres', <<'SQL');
CREATE TABLE known AS SELECT id, embedding FROM callers WHERE id % 2 = 0;
CREATE TABLE others AS SELECT id, embedding FROM callers WHERE id % 2 = 1;
CREATE INDEX functions_ip ON functions USING avq (embedding vector_ip_ops);
CREATE INDEX functions_cosine ON functions USING avq (embedding vector_cosine_ops);
SQL
my %operator = (functions_ip => '<#>', functions_cosine => '<=>');

sub calibrate {
  my ($index) = @_;
  return $primary->safe_psql('postgres',
    "SELECT avq_calibrate('$index', (SELECT array_agg(embedding) FROM known))");
}

sub calibrated_on {
  my ($node, $index) = @_;
  return $node->safe_psql('postgres',
    "SELECT calibrated_on, calibration_queries FROM avq_index_info('$index')");
}

# recall and lists that avq_recall measures with the others.
sub recall {
  my ($node, $index, $k, $settings) = @_;
  my $row = $node->safe_psql('postgres', ($settings // '') . <<SQL);
;SELECT recall, lists_probed FROM avq_recall('$index', (SELECT array_agg(embedding) FROM others), $k)
SQL
  my ($recall, $lists) = split /\|/, $row;
  return ($recall, $lists);
}

# --- the stated recall holds ------------------------------------------------------------------------
for my $index (sort keys %operator) {
  like(calibrated_on($primary, $index), qr/^sample\|\d+$/, "$index: the build fits to its sample");
  my $calibration = calibrate($index);
  diag("$index: $calibration");
  is(calibrated_on($primary, $index), 'queries|100', "$index: then to a hundred callers");
  for my $target (0.8, 0.95) {
    for my $k (1, 10, 100) {
      my $what = "$index, target $target, LIMIT $k";
      my $settings = "SET avq.target_recall = $target";
      my ($recall, $lists) = recall($primary, $index, $k, $settings);
      diag(sprintf('%-45s recall %.3f, %.1f lists', $what, $recall, $lists));
      # A hundred queries' mean is that uncertain.
      cmp_ok($recall, '>=', $target - ($k == 1 ? 0.05 : 0.02), "$what: recall");
      my %by_hand = measure($primary, table => 'functions', queries => 'others',
        operator => $operator{$index}, k => $k, settings => $settings);
      cmp_ok(abs($by_hand{recall} - $recall), '<', 1e-4, "$what: plain SQL says the same recall");
      cmp_ok(abs($by_hand{lists} - $lists), '<', 1e-3, "$what: and the same work");
    }
  }
}

# --- it lasts ---------------------------------------------------------------------------------------
my ($recall, $lists) = recall($primary, 'functions_ip', 100);
$primary->stop('immediate');
$primary->start;
is(calibrated_on($primary, 'functions_ip'), 'queries|100', 'a crash does not lose it');
is((recall($primary, 'functions_ip', 100))[1], $lists, 'nor what it says');
$primary->wait_for_catchup($standby);
is(calibrated_on($standby, 'functions_ip'), 'queries|100', 'a standby has it');
is((recall($standby, 'functions_ip', 100))[1], $lists, 'and probes as many lists');
fails_with($standby,
  q{SELECT avq_calibrate('functions_ip', (SELECT array_agg(embedding) FROM known))},
  '25006', qr/cannot execute avq_calibrate\(\) during recovery/, 'calibration on a standby');

# --- a session that has the index cached sees another one's calibration ------------------------------
my $lists_now = q{SELECT lists_probed FROM avq_recall('functions_ip',
  (SELECT array_agg(embedding) FROM others), 100);};
# Rows ask little of the lists that callers ask for.
my $rows_file = sql_file('rows', q{SELECT avq_calibrate('functions_ip',
  (SELECT array_agg(embedding) FROM functions WHERE id <= 200));});
my $connection = $primary->connstr('postgres');
my ($before, $after) = split /\n/, $primary->safe_psql('postgres', <<SQL);
$lists_now
\\! psql -Xqo /dev/null -d "$connection" -f $rows_file
$lists_now
SQL
is($before, $lists, 'before: what was calibrated last');
isnt($after, $before, "other queries, other work: $before lists, then $after");
is((recall($primary, 'functions_ip', 100))[1], $after, 'as in a new session');

# --- beside inserts; REINDEX starts anew -------------------------------------------------------------
my @clients = map {
  background($primary, "INSERT INTO functions (name, embedding) SELECT 'again', embedding"
      . " FROM functions WHERE id % 4 = $_;")
} 0 .. 3;
calibrate('functions_ip') for 1 .. 5;
for my $client (@clients) {
  my ($out, $err) = finish($client);
  is($err, '', 'inserts beside calibrations');
}
is(calibrated_on($primary, 'functions_ip'), 'queries|100', 'calibrated beside inserts');
check_indexes($primary, 'primary');
$primary->wait_for_catchup($standby);
check_indexes($standby, 'standby');
unlike(slurp_file($standby->logfile), qr/inconsistent page found/, 'replay is byte for byte');
$primary->safe_psql('postgres', 'REINDEX INDEX functions_ip');
like(calibrated_on($primary, 'functions_ip'), qr/^sample/, 'REINDEX fits to its own sample');

done_testing();
