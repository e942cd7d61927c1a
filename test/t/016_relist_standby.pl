# A standby replays re-listings to the same bytes and gives the same answers. A scan there that began
# before one goes on over the former lists; before their pages are used again it is cancelled like
# any other that stands in the way of replay (40001), or holds replay up: it never returns wrong rows.
use strict;
use warnings FATAL => 'all';

use AvqTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = avq_node('primary', streaming => 1, 
  conf => "wal_consistency_checking = 'all'\nwal_keep_size = '4GB'\n");
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->append_conf('postgresql.conf', "max_standby_streaming_delay = '100ms'\n");
$standby->start;

load_set($primary, 'words');
$primary->safe_psql('postgres', <<'SQL');
CREATE TABLE probes AS SELECT id, embedding FROM words WHERE id % 400 = 0;
CREATE TABLE growing (LIKE words INCLUDING DEFAULTS INCLUDING IDENTITY);
CREATE INDEX growing_v ON growing USING avq (embedding vector_cosine_ops);
INSERT INTO growing (name, embedding) SELECT name, embedding FROM words WHERE id <= 5000;
SQL
my @scan = (table => 'growing', queries => 'probes', operator => '<=>', k => 20);

sub same_answers {
  my ($what) = @_;
  $primary->wait_for_catchup($standby);
  my $answers = answers($primary, @scan);
  is(scalar(split /\n/, $answers), 41 * 20, "$what: 41 queries have 20 answers");
  ok($answers eq answers($standby, @scan), "$what: the standby's are the same");
  is($standby->safe_psql('postgres', "SELECT generation FROM avq_index_info('growing_v')"),
    $primary->safe_psql('postgres', "SELECT generation FROM avq_index_info('growing_v')"),
    "$what: the same generation");
  return;
}

# A cursor on the standby that takes one row, rests for some seconds, and then reads on to the end.
sub cursor_on_standby {
  my ($name) = @_;
  $primary->wait_for_catchup($standby);
  my $expected = $standby->safe_psql('postgres', 'SELECT count(*) FROM growing');
  my $cursor = background($standby, <<SQL);
\\set VERBOSITY verbose
SET application_name = 'cursor_$name';
SET enable_seqscan = off;
SET enable_sort = off;
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM growing ORDER BY embedding <=>
  (SELECT embedding FROM probes ORDER BY id LIMIT 1);
FETCH c;
SELECT pg_sleep(4);
FETCH ALL c;
COMMIT;
SQL
  wait_for($standby, "SELECT count(*) = 1 FROM pg_stat_activity WHERE application_name = "
      . "'cursor_$name' AND query LIKE '%pg_sleep%'", 'the cursor');
  return ($cursor, $expected);
}

sub whole {
  my ($out, $expected, $what) = @_;
  my @ids = grep { /^\d+$/ } split /\n/, $out;
  my %once = map { $_ => 1 } @ids;
  is(scalar(@ids) . ' ' . scalar(keys %once), "$expected $expected", "$what: each of $expected rows once");
  return;
}

same_answers('without lists');

# --- across one re-listing: the former lists are still there ---------------------------------------------
my ($cursor, $expected) = cursor_on_standby('one');
$primary->safe_psql('postgres', 'VACUUM growing');
$primary->safe_psql('postgres',
  'INSERT INTO growing (name, embedding) SELECT name, embedding FROM words WHERE id <= 100');
$primary->wait_for_catchup($standby);
is($standby->safe_psql('postgres', "SELECT generation FROM avq_index_info('growing_v')"), 2, 're-listed');
my ($out, $error) = finish($cursor);
is($error, '', 'a cursor across a re-listing has no error');
whole($out, $expected, 'a cursor across a re-listing');
same_answers('re-listed');

# --- across two: the pages are used again ------------------------------------------------------------------
$primary->safe_psql('postgres', 'SELECT pg_current_xact_id(); VACUUM growing');
($cursor, $expected) = cursor_on_standby('two');
for my $round (1, 2) {
  grow($primary, 'growing', 5000, $round == 1 ? 18000 : 76000, $round);
  $primary->safe_psql('postgres', 'VACUUM growing; SELECT pg_current_xact_id(); VACUUM growing');
}
grow($primary, 'growing', 5000, 4000, 99);
($out, $error) = finish($cursor);
if ($error eq '') {
  whole($out, $expected, 'a cursor across two re-listings that was in time');
} else {
  like($error, qr/40001.*conflict with recovery/s, 'a cursor across two re-listings is cancelled');
}
is($primary->safe_psql('postgres', "SELECT generation FROM avq_index_info('growing_v')"), 4, 're-listed twice');
same_answers('re-listed twice');

# --- a standby that waits for its readers ------------------------------------------------------------------
$standby->append_conf('postgresql.conf', "max_standby_streaming_delay = -1\n");
$standby->reload;
$primary->safe_psql('postgres', <<'SQL');
DROP TABLE growing;
CREATE TABLE growing (LIKE words INCLUDING DEFAULTS INCLUDING IDENTITY);
CREATE INDEX growing_v ON growing USING avq (embedding vector_cosine_ops);
INSERT INTO growing (name, embedding) SELECT name, embedding FROM words WHERE id <= 5000;
SQL
($cursor, $expected) = cursor_on_standby('waiting');
$primary->safe_psql('postgres', <<'SQL');
VACUUM growing;
SELECT pg_current_xact_id();
VACUUM growing;
INSERT INTO growing (name, embedding) SELECT name, embedding FROM words;
SQL
cmp_ok($primary->safe_psql('postgres', "SELECT free_pages FROM avq_index_info('growing_v')"), '<', 5,
  'the former lists are in use again on the primary');
($out, $error) = finish($cursor);
is($error, '', 'replay waits for a cursor');
whole($out, $expected, 'replay waits for a cursor');
same_answers('replay has waited');

check_indexes($primary, 'primary');
check_indexes($standby, 'standby');
$standby->promote;
grow($standby, 'growing', 5000, 80000, 1);
$standby->safe_psql('postgres', 'VACUUM growing; SELECT pg_current_xact_id(); VACUUM growing');
is($standby->safe_psql('postgres', "SELECT generation FROM avq_index_info('growing_v')"), 3,
  'a promoted standby re-lists');
check_indexes($standby, 'promoted standby');
unlike(slurp_file($standby->logfile), qr/inconsistent page found/, 'replay is byte for byte');

done_testing();
