# docs/reference.md names every object of the extensions; the commands of README.md do what they say.
use strict;
use warnings FATAL => 'all';

use AvqTest;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use JSON::PP qw(decode_json);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $top = abs_path(dirname(__FILE__) . '/../..');
my $reference = slurp_file("$top/docs/reference.md");
my $readme = slurp_file("$top/README.md");
my $node = avq_node('documentation');

# --- the reference ------------------------------------------------------------------------------

my $objects = $node->safe_psql('postgres', <<'SQL');
WITH member AS (SELECT classid, objid FROM pg_depend WHERE refclassid = 'pg_extension'::regclass
  AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'avq') AND deptype = 'e')
SELECT proname FROM pg_proc JOIN member ON objid = pg_proc.oid AND classid = 'pg_proc'::regclass
UNION SELECT oprname FROM pg_operator JOIN member ON objid = pg_operator.oid AND classid = 'pg_operator'::regclass
UNION SELECT opcname FROM pg_opclass JOIN member ON objid = pg_opclass.oid AND classid = 'pg_opclass'::regclass
UNION SELECT relname FROM pg_class JOIN member ON objid = pg_class.oid AND classid = 'pg_class'::regclass
UNION SELECT amname FROM pg_am JOIN member ON objid = pg_am.oid AND classid = 'pg_am'::regclass
UNION SELECT attname FROM pg_attribute WHERE attrelid = 'pg_stat_avq_indexes'::regclass AND attnum > 0
UNION SELECT unnest(proargnames) FROM pg_proc WHERE proname IN ('avq_index_info', 'avq_last_scan', 'avq_list_stats')
SQL
my $settings = $node->safe_psql('postgres', "LOAD 'avq'; SELECT name FROM pg_settings WHERE name LIKE 'avq.%'");
my @missing;
for my $name (split(/\n/, $objects), split(/\n/, $settings)) {
  # Internal functions of the second and third type are described by those of the first.
  (my $of_vector = $name) =~ s/^(halfvec|sparsevec)(_|$)/vector$2/;
  $of_vector =~ s/^array_to_(halfvec|sparsevec)$/array_to_vector/;
  (my $escaped = $name) =~ s/\|/\\|/g;
  push @missing, $name
    unless grep { $reference =~ /`[^`]*(?<![\w.])\Q$_\E(?!\w)[^`]*`/ } $name, $of_vector, $escaped;
}
is("@missing", '', 'every object is in the reference');

# --- versions -----------------------------------------------------------------------------------

my $version = $node->safe_psql('postgres', "SELECT extversion FROM pg_extension WHERE extname = 'avq'");
my $meta = decode_json(slurp_file("$top/META.json"));
for my $extension ('avq', 'avq_pgvector') {
  like(slurp_file("$top/$extension.control"), qr/^default_version = '\Q$version\E'/m, "$extension.control");
  is($meta->{provides}{$extension}{version}, $version, "META.json: $extension");
  ok(-e "$top/$meta->{provides}{$extension}{$_}", "META.json: $extension: $_") for 'file', 'docfile';
}
is($meta->{version}, $version, 'META.json');
is($meta->{'meta-spec'}{version}, '1.0.0', 'META.json: as PGXN wants it');
ok($meta->{$_}, "META.json: $_") for 'name', 'abstract', 'maintainer', 'license';
like(slurp_file("$top/debian/changelog"), qr/^avq \(\Q$version\E\)/, 'debian/changelog');
like(slurp_file("$top/CHANGELOG.md"), qr/^## \Q$version\E/m, 'CHANGELOG.md');

# --- the README's commands -------------------------------------------------------------------------

my @blocks = $readme =~ /^```sql\n(.*?)^```/msg;
cmp_ok(scalar @blocks, '>=', 5, 'blocks of SQL');
$node->safe_psql('postgres', 'CREATE DATABASE newcomer');
my $first = $blocks[0];
my $out = $node->safe_psql('newcomer', $first);
is($out, "2\n1", 'the first one, as it stands');

# The others speak of a table of 384 dimensions and some queries.
$node->safe_psql('newcomer', <<'SQL');
DROP TABLE items;
CREATE TABLE items (id bigint PRIMARY KEY, embedding vector(384));
INSERT INTO items SELECT i, (SELECT array_agg(sin(i * j)) FROM generate_series(1, 384) j)::vector
  FROM generate_series(1, 1000) i;
CREATE INDEX ON items USING avq (embedding);
CREATE TABLE queries AS SELECT id, embedding FROM items WHERE id % 7 = 0;
SQL
for my $block (@blocks[ 1 .. $#blocks ]) {
  next if $block =~ /avq_pgvector|avq\.vector/;  # 030_pgvector.pl
  my ($status, undef, $error) = $node->psql('newcomer', $block);
  my ($head) = $block =~ /^(.*)$/m;
  is("$status$error", '0', $head);
}
for my $statement ($readme =~ /`((?:SET|SELECT|ALTER) [^`]*)`/g) {
  next if $statement =~ /\.\.\.|\$1|^ALTER TABLE$/;
  my ($status, undef, $error) = $node->psql('newcomer', $statement);
  is("$status$error", '0', $statement) unless $error =~ /SET LOCAL can only/;
}

# Every file that the README and the pages beside it point to is there.
for my $page ('README.md', glob("$top/docs/*.md")) {
  my $path = $page =~ m{^/} ? $page : "$top/$page";
  my @dead = grep { !/^https?:/ && !-e dirname($path) . "/$_" } slurp_file($path) =~ /\]\(([^)#]+)[^)]*\)/g;
  is("@dead", '', "links of $page lead somewhere");
}

done_testing();
