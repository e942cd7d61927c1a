# pg_upgrade from an older major version: indexes are taken over as they are, page for page, give the
# same answers, pass avq_check, and go on working. OLD_PG_CONFIG names the older installation for
# `make test`; make test-all NAMES=upgrade sets both up.
use strict;
use warnings FATAL => 'all';

use AvqTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'no older PostgreSQL: OLD_PG_CONFIG is not set' unless $ENV{AVQ_OLD_POSTGRES};

my $old = avq_node('old', install_path => $ENV{AVQ_OLD_POSTGRES});
my $new = PostgreSQL::Test::Cluster->new('new');
my @initdb = ('--encoding=UTF8', '--locale=C');
push @initdb, '--no-data-checksums' if $new->pg_version >= 18;
$new->init(extra => \@initdb);

load_set($old, 'functions', rows => 8000);
load_set($old, 'words', rows => 5000);
load_set($old, 'callers', rows => 30);
$old->safe_psql('postgres', <<'SQL');
CREATE TABLE near_words AS SELECT id, embedding FROM words WHERE id % 200 = 0;
CREATE INDEX functions_ip ON functions USING avq (embedding vector_ip_ops);
CREATE INDEX words_cosine ON words USING avq (embedding vector_cosine_ops)
  WITH (rerank = 'int8', soar_lambda = 1, target_recall = 0.9);
CREATE INDEX words_l2 ON near_words USING avq (embedding vector_l2_ops);
DELETE FROM functions WHERE id % 9 = 1;
VACUUM functions;
SELECT count(*) FROM avq_calibrate('functions_ip', (SELECT array_agg(embedding) FROM callers));
SQL
my @scans = (
  { table => 'functions', queries => 'callers', operator => '<#>', k => 20 },
  { table => 'words', queries => 'near_words', operator => '<=>', k => 20 });
my @before = map { answers($old, %$_) } @scans;
my $info = 'SELECT lists, rows, calibrated_on, generation, format_version FROM avq_index_info(%s)';
my $described = $old->safe_psql('postgres', sprintf($info, "'functions_ip'"));
$old->stop;

chdir(PostgreSQL::Test::Utils::tempdir()) or die;
command_ok(
  [ 'pg_upgrade', '--no-sync', '-d', $old->data_dir, '-D', $new->data_dir,
    '-b', $old->config_data('--bindir'), '-B', $new->config_data('--bindir'),
    '-s', $new->host, '-p', $old->port, '-P', $new->port ],
  'pg_upgrade');
$new->append_conf('postgresql.conf', "max_parallel_workers_per_gather = 0\n");
$new->start;
$new->safe_psql('postgres', 'ANALYZE');
is($new->safe_psql('postgres', sprintf($info, "'functions_ip'")), $described, 'the index is as it was');
for my $i (0 .. $#scans) {
  is(answers($new, %{ $scans[$i] }), $before[$i], "$scans[$i]{table}: the same answers");
}
check_indexes($new, 'upgraded');
grow($new, 'functions', 8000, 3000, 5);
$new->safe_psql('postgres', 'DELETE FROM functions WHERE id % 4 = 2; VACUUM functions; REINDEX INDEX words_l2');
my %all = measure($new, %{ $scans[0] }, settings => 'SET avq.target_recall = 1');
cmp_ok($all{recall}, '>=', 1, 'exact answers with all lists probed, after inserts and VACUUM');
check_indexes($new, 'upgraded, and written to');

done_testing();
