# A role without superuser rights but CREATE on the database installs avq and uses all of it; a
# maintenance_work_mem that cannot hold the training fails with advice.
use strict;
use warnings FATAL => 'all';

use AvqTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = avq_node('privileges');
load_set($node, 'words', rows => 2000);
load_set($node, 'functions', rows => 20000);
$node->safe_psql('postgres', <<'SQL');
CREATE ROLE app LOGIN;
CREATE ROLE other LOGIN;
CREATE DATABASE shop;
GRANT CREATE ON DATABASE shop TO app;
SQL
$node->safe_psql('shop', 'GRANT CREATE ON SCHEMA public TO app');

my @as_app = (extra_params => [ '-U', 'app' ]);
my $answer = $node->safe_psql('shop', <<'SQL', @as_app);
CREATE EXTENSION avq;
CREATE TABLE items (id serial PRIMARY KEY, embedding vector(3));
INSERT INTO items (embedding)
  SELECT ARRAY[i % 7, i % 11, 1 + i % 13]::real[]::vector FROM generate_series(1, 1001) i;
CREATE INDEX items_ip ON items USING avq (embedding vector_ip_ops);
SET enable_seqscan = off;
SELECT embedding <#> '[1,1,1]' FROM items ORDER BY embedding <#> '[1,1,1]' LIMIT 1;
SELECT avq_check('items_ip', true);
SELECT count(*) FROM avq_index_info('items_ip');
DELETE FROM items WHERE id % 2 = 0;
VACUUM items;
SET avq.target_recall = 0.99;
REINDEX INDEX items_ip;
SELECT count(*) FROM (SELECT id FROM items ORDER BY embedding <#> '[1,1,1]' LIMIT 10000) s;
SQL
is($answer, "-29\n\n1\n501", 'a plain role installs, builds, searches, checks and vacuums');

my ($status, $out, $error) =
  $node->psql('shop', 'SELECT count(*) FROM items', extra_params => [ '-U', 'other' ]);
like($error, qr/permission denied/, 'rights on the table hold');
($status, $out, $error) =
  $node->psql('shop', 'REINDEX INDEX items_ip', extra_params => [ '-U', 'other' ]);
like($error, qr/must be owner|permission denied for index/, 'so does ownership of the index');

fails_with($node, <<'SQL', '54000', qr/maintenance_work_mem/, 'maintenance_work_mem too small');
SET maintenance_work_mem = '1MB';
CREATE INDEX ON functions USING avq (embedding vector_ip_ops);
SQL
$node->safe_psql('postgres', 'CREATE INDEX ON functions USING avq (embedding vector_ip_ops)');
check_indexes($node, 'with enough memory');

done_testing();
