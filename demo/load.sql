-- The sets of README.md as tables: psql -f load.sql, from this directory.
CREATE EXTENSION avq;
CREATE TABLE words (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text, embedding vector(100));
CREATE TABLE functions (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text, embedding vector(96));
CREATE TABLE callers (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text, embedding vector(96));
\copy words (name, embedding) from program 'gzip -dc words.tsv.gz'
\copy functions (name, embedding) from program 'gzip -dc functions.tsv.gz'
\copy callers (name, embedding) from program 'gzip -dc callers.tsv.gz'
VACUUM ANALYZE words, functions, callers;
