// pgvector-node with pg against a server with avq.
import assert from 'node:assert';
import pg from 'pg';
import pgvector from 'pgvector/pg';

const client = new pg.Client({
  host: process.argv[2], port: Number(process.argv[3]), database: 'postgres', user: process.argv[4],
});
await client.connect();
await pgvector.registerTypes(client);
await client.query('CREATE TABLE node_items (id serial PRIMARY KEY, embedding vector(3), half halfvec(3), sparse sparsevec(3))');
await client.query('CREATE INDEX ON node_items USING avq (embedding vector_ip_ops)');
for (const row of [[1, 1, 1], [2, 2, 2], [1, 1, 2]]) {
  await client.query('INSERT INTO node_items (embedding, half, sparse) VALUES ($1, $2, $3)',
    [pgvector.toSql(row), pgvector.toSql(row), '{1:1.5,3:2}/3']);
}
await client.query('SET enable_seqscan = off');
const { rows } = await client.query('SELECT * FROM node_items ORDER BY embedding <#> $1 LIMIT 5', [pgvector.toSql([1, 1, 1])]);
assert.deepEqual(rows.map((row) => row.id), [2, 3, 1]);
assert.deepEqual(rows[1].embedding, [1, 1, 2]);
assert.deepEqual(rows[1].half, [1, 1, 2]);
await client.end();
console.log('node: ok');
