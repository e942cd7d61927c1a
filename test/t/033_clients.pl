# pgvector's client libraries against a server that has only avq: pgvector-python with psycopg 3, SQLAlchemy and
# Django, pgvector-node with pg. Where their packages cannot be installed it says so and passes: AVQ_CLIENTS_DIR
# names a directory to keep them in.
use strict;
use warnings FATAL => 'all';

use AvqTest;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $programs = abs_path(dirname(__FILE__) . '/../clients');
my $packages = $ENV{AVQ_CLIENTS_DIR} // PostgreSQL::Test::Utils::tempdir();
# The packages' tools write where the server's user may not.
local $ENV{HOME} = $packages;
my $node = avq_node('clients');
my $connection = $node->connstr('postgres');
$node->safe_psql('postgres', 'CREATE TABLE here (v vector(3)); CREATE INDEX ON here USING avq (v)');

sub skipped {
  my ($why) = @_;
  diag("skipped: $why");
  return $why;
}

sub quietly { return system(join(' ', @_) . " >$packages/log 2>&1") == 0; }

SKIP: {
  my $python = "$packages/python";
  my $ready = -x "$python/bin/python"
    && quietly("$python/bin/python -c 'import pgvector.django, pgvector.sqlalchemy, psycopg, sqlalchemy, django'");
  $ready ||= quietly("python3 -m venv $python")
    && quietly("timeout 240 $python/bin/pip --disable-pip-version-check --retries 1 install -q numpy pgvector"
      . " 'psycopg[binary]' SQLAlchemy Django");
  skip skipped('Python packages cannot be installed here'), 3 unless $ready;
  for my $client ('psycopg', 'sqlalchemy', 'django') {
    my ($out, $error) = run_command([ "$python/bin/python", "$programs/${client}_client.py", $connection ]);
    like($out, qr/ok$/, "$client") or diag($error);
  }
}

SKIP: {
  skip skipped('no node and npm'), 1 unless quietly('node --version && npm --version');
  my $ready = -d "$packages/node_modules/pgvector"
    || quietly("cd $packages && timeout 240 npm install --no-audit --no-fund --fetch-retries 1 --fetch-retry-mintimeout 1000 pg pgvector");
  skip skipped('Node packages cannot be installed here'), 1 unless $ready;
  quietly("cp $programs/node_client.mjs $packages/");
  my ($out, $error) = run_command([ 'node', "$packages/node_client.mjs", $node->host, $node->port,
    getpwuid($<) . '' ]);
  like($out, qr/ok$/, 'node') or diag($error);
}

check_indexes($node, 'clients');
done_testing();
