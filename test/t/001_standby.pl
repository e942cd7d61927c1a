# A streaming standby gives the answers of its primary after a build and after rounds of insert,
# update, delete and VACUUM; every WAL record is replayed to the same bytes
# (wal_consistency_checking).
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

load_set($primary, 'words', rows => 8000);
load_set($primary, 'functions', rows => 8000);
load_set($primary, 'callers', rows => 50);
$primary->safe_psql('postgres', <<'SQL');
CREATE TABLE near_words AS SELECT id, embedding FROM words WHERE id % 160 = 0;
CREATE INDEX words_cosine ON words USING avq (embedding vector_cosine_ops);
CREATE INDEX functions_ip ON functions USING avq (embedding vector_ip_ops);
SQL

my @scans = (
  { table => 'words', queries => 'near_words', operator => '<=>', k => 20 },
  { table => 'functions', queries => 'callers', operator => '<#>', k => 20 });

sub same_answers {
  my ($what) = @_;
  $primary->wait_for_catchup($standby);
  for my $scan (@scans) {
    my $answers = answers($primary, %$scan);
    is(scalar(split /\n/, $answers), 1000, "$what, $scan->{table}: 50 queries have 20 answers");
    ok($answers eq answers($standby, %$scan), "$what, $scan->{table}: the standby's are the same");
  }
  return;
}

same_answers('after the build');

for my $round (1 .. 3) {
  for my $table ('words', 'functions') {
    grow($primary, $table, 8000, 1500, 1000 * $round);
    $primary->safe_psql('postgres', <<SQL);
DELETE FROM $table WHERE id > 8000 AND id % 3 = $round % 3;
UPDATE $table SET name = name || '*' WHERE id > 8000 AND id % 5 = $round;
SQL
  }
  same_answers("round $round, changed");
  $primary->safe_psql('postgres', 'VACUUM words; VACUUM functions');
  same_answers("round $round, vacuumed");
}

$primary->safe_psql('postgres', 'REINDEX INDEX words_cosine');
same_answers('after REINDEX');

check_indexes($primary, 'primary');
check_indexes($standby, 'standby');

$standby->promote;
grow($standby, 'words', 8000, 500, 9000);
check_indexes($standby, 'promoted standby');
unlike(slurp_file($standby->logfile), qr/inconsistent page found/, 'replay is byte for byte');

done_testing();
