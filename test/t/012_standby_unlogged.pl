# On a standby an unlogged index has no contents: asking about it is refused in words, and says
# nothing of files.
use strict;
use warnings FATAL => 'all';

use AvqTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = avq_node('primary', streaming => 1);
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;

load_set($primary, 'words', rows => 300, unlogged => 1);
$primary->safe_psql('postgres',
  'CREATE INDEX words_v ON words USING avq (embedding vector_cosine_ops)');
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('write'));

my @calls = ("avq_index_info('words_v')", "avq_check('words_v')", "avq_check('words_v', true)");
for my $call (@calls) {
  fails_with($standby, "SELECT $call", '0A000',
    qr/cannot access unlogged index "words_v" during recovery/, "$call on a standby");
}
$standby->promote;
is($standby->safe_psql('postgres', "SELECT rows FROM avq_index_info('words_v')"), '0',
  'after the promotion it is empty and works');
check_indexes($standby, 'promoted');

done_testing();
