# Damaged index files: every damage to the structure is reported as such (XX002; 0A000 for a format
# version that is not known), naming the index and REINDEX, by avq_check and, where a scan meets it,
# by the scan; no damage, not even random bytes, takes the server down; REINDEX mends.
use strict;
use warnings FATAL => 'all';

use AvqTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use constant PAGE => 8192;
# docs/format.md: what a page is stands in 16 bytes behind the standard header, with the kind at
# byte 12, the generation at 13 and the page id at 14; the payload, for the meta page its magic, begins
# at byte 48.
use constant { KIND => 24 + 12, GENERATION => 24 + 13, PAGE_ID => 24 + 14, PAYLOAD => 48 };
my %kind = (meta => 1, model => 2, directory => 3, codes => 4, copies => 5);

my $node = avq_node('damage', no_checksums => 1);
load_set($node, 'functions', rows => 3000);
load_set($node, 'callers', rows => 20);

# Each kind of damage gets a table and an index of its own: name => code given the file's bytes by
# reference. `check` alone: a scan need not meet it.
sub block_of {
  my ($bytes, $name) = @_;
  for my $block (0 .. length($$bytes) / PAGE - 1) {
    return $block if ord(substr($$bytes, $block * PAGE + KIND, 1)) == $kind{$name};
  }
  die "no $name page";
}

sub overwrite {
  my ($bytes, $at, $with) = @_;
  substr($$bytes, $at, length($with)) = $with;
  return;
}

my %damage = (
  meta_magic => sub { overwrite($_[0], PAYLOAD, "\0\0\0\0") },
  meta_version => sub { overwrite($_[0], PAYLOAD + 4, pack('S', 999)) },
  meta_shape => sub { overwrite($_[0], PAYLOAD + 32, "\xff\xff\xff\xff") },
  meta_zeroed => sub { overwrite($_[0], 0, "\0" x PAGE) },
  cut_to_meta => sub { ${ $_[0] } = substr(${ $_[0] }, 0, PAGE) },
  cut_in_half => sub { ${ $_[0] } = substr(${ $_[0] }, 0, PAGE * int(length(${ $_[0] }) / PAGE / 2)) },
  cut_to_nothing => sub { ${ $_[0] } = '' });
for my $name (qw(model directory codes copies)) {
  $damage{"${name}_kind"} = sub {
    overwrite($_[0], PAGE * block_of($_[0], $name) + KIND, chr(9));
  };
  $damage{"${name}_page_id"} = sub {
    overwrite($_[0], PAGE * block_of($_[0], $name) + PAGE_ID, "\0\0");
  };
  $damage{"${name}_zeroed"} = sub {
    overwrite($_[0], PAGE * block_of($_[0], $name), "\0" x PAGE);
  };
}
for my $name (qw(model directory codes)) {
  $damage{"${name}_generation"} = sub {
    overwrite($_[0], PAGE * block_of($_[0], $name) + GENERATION, chr(2));
  };
}
# Two slots of the first block that own a copy, by its header and its column of copy addresses.
$damage{copies_shared} = sub {
  my $block = PAGE * block_of($_[0], 'codes') + PAYLOAD;
  my $owns = unpack('L', substr(${ $_[0] }, $block + 4, 4));
  my ($one, $other) = grep { $owns >> $_ & 1 } 0 .. 31;
  my $column = $block + 16 + 32 * (2 + 6);
  overwrite($_[0], $column + 4 * $other, substr(${ $_[0] }, $column + 4 * $one, 4));
};
$damage{model_values} = sub {
  overwrite($_[0], PAGE * block_of($_[0], 'model') + 2000, "\x55" x 64);
};

# Random damage, the same in every run: a byte, a few, or a stretch, in pages of every kind alike.
my $state = 12345;
sub random_below {
  my ($bound) = @_;
  $state = ($state * 1103515245 + 12345) % 2**31;
  return int($state / 65536) % $bound;
}
my %random;
for my $n (1 .. 40) {
  $random{"random_$n"} = sub {
    my ($bytes) = @_;
    my @names = sort keys %kind;
    my $name = $names[ $n % @names ];
    my @blocks = grep { ord(substr($$bytes, $_ * PAGE + KIND, 1)) == $kind{$name} }
      0 .. length($$bytes) / PAGE - 1;
    my $block = $blocks[ random_below(scalar @blocks) ];
    for (1 .. 1 + $n % 4) {
      my $length = (1, 1, 4, 200)[ random_below(4) ];
      my $at = PAGE * $block + random_below(PAGE - $length);
      overwrite($bytes, $at, join '', map { chr(random_below(256)) } 1 .. $length);
    }
  };
}

my %all = (%damage, %random);
my %path;
for my $name (sort keys %all) {
  $node->safe_psql('postgres', <<SQL);
CREATE TABLE t_$name AS SELECT * FROM functions;
CREATE INDEX i_$name ON t_$name USING avq (embedding vector_ip_ops);
SQL
  $path{$name} = index_files($node, "i_$name");
}
$node->stop;
for my $name (sort keys %all) {
  my $bytes = slurp_file($path{$name});
  $all{$name}->(\$bytes);
  open(my $file, '>:raw', $path{$name}) or die "$path{$name}: $!";
  print $file $bytes;
  close($file);
}
$node->start;

# Scan, insert, check. Returns the errors.
sub provoke {
  my ($name) = @_;
  my %error;
  my %statement = (
    scan => "SELECT t.id FROM callers q, LATERAL (SELECT id FROM t_$name "
      . 'ORDER BY embedding <#> q.embedding LIMIT 50) t',
    insert => "INSERT INTO t_$name (id, name, embedding) "
      . 'SELECT id, name, embedding FROM functions LIMIT 200',
    vacuum => "VACUUM (INDEX_CLEANUP ON) t_$name",
    check => "SELECT avq_check('i_$name', true)");
  for my $action (qw(scan check insert vacuum)) {
    my ($status, $out, $error) = $node->psql('postgres', <<SQL, on_error_stop => 1);
\\set VERBOSITY verbose
SET enable_seqscan = off;
SET avq.probes = 65536;
DELETE FROM t_$name WHERE id <= 10;
$statement{$action};
SQL
    $error{$action} = $error;
  }
  return %error;
}

for my $name (sort keys %damage) {
  my $sqlstate = $name eq 'meta_version' ? '0A000' : 'XX002';
  my $sound = qr/ERROR:  $sqlstate: .*HINT:.*REINDEX/s;
  my %error = provoke($name);
  like($error{check}, $sound, "$name: avq_check reports corruption and REINDEX");
  like($error{check}, qr/i_$name/, "$name: avq_check names the index");
  next if $name =~ /^copies/;
  like($error{scan}, $sound, "$name: a scan reports corruption and REINDEX");
  like($error{scan}, qr/i_$name/, "$name: a scan names the index");
}

my $quiet = 0;
for my $name (sort keys %random) {
  my %error = provoke($name);
  for my $action (sort keys %error) {
    next if $error{$action} eq '';
    like($error{$action}, qr/ERROR:  (?:XX001|XX002): /, "$name: $action fails as corruption");
  }
  $quiet++ if $error{check} eq '';
}
is($quiet, 0, 'avq_check finds all random damage');

unlike(slurp_file($node->logfile), qr/terminated by signal|PANIC|TRAP/, 'no crash');
for my $name (sort keys %all) {
  $node->safe_psql('postgres', "REINDEX INDEX i_$name");
}
check_indexes($node, 'after REINDEX');

done_testing();
