-- Binary format: int16 dimensions, int16 zero, float4 elements, in network order.

SELECT vector_send('[1,-2]');

CREATE TABLE vector_out (v vector(3));
INSERT INTO vector_out VALUES ('[1,2,3]'), (NULL), ('[-0,1e-45,3.4028235e38]');
\copy vector_out TO 'results/vector_copy.bin' WITH (FORMAT binary)
CREATE TABLE vector_in (v vector(3));
\copy vector_in FROM 'results/vector_copy.bin' WITH (FORMAT binary)
SELECT * FROM vector_in;
SELECT count(*) FROM vector_in i JOIN vector_out o ON vector_send(i.v) = vector_send(o.v);

-- into other dimensions
CREATE TABLE vector_narrow (v vector(2));
\copy vector_narrow FROM 'results/vector_copy.bin' WITH (FORMAT binary)

-- the same as text and as CSV
\copy vector_out TO 'results/vector_copy.csv' WITH (FORMAT csv)
\copy vector_in FROM 'results/vector_copy.csv' WITH (FORMAT csv)
SELECT v, count(*) FROM vector_in GROUP BY v ORDER BY v;

-- bytes that no vector has: a bytea goes out as it is, and comes in as a vector
CREATE TABLE vector_bad (v vector);
\copy (SELECT '\x00000000'::bytea) TO 'results/vector_copy.bin' WITH (FORMAT binary)
\copy vector_bad FROM 'results/vector_copy.bin' WITH (FORMAT binary)
\copy (SELECT '\xffff0000'::bytea) TO 'results/vector_copy.bin' WITH (FORMAT binary)
\copy vector_bad FROM 'results/vector_copy.bin' WITH (FORMAT binary)
\copy (SELECT '\x3e810000'::bytea) TO 'results/vector_copy.bin' WITH (FORMAT binary)
\copy vector_bad FROM 'results/vector_copy.bin' WITH (FORMAT binary)
\copy (SELECT '\x000100013f800000'::bytea) TO 'results/vector_copy.bin' WITH (FORMAT binary)
\copy vector_bad FROM 'results/vector_copy.bin' WITH (FORMAT binary)
\copy (SELECT '\x000100007fc00000'::bytea) TO 'results/vector_copy.bin' WITH (FORMAT binary)
\copy vector_bad FROM 'results/vector_copy.bin' WITH (FORMAT binary)
\copy (SELECT '\x00010000ff800000'::bytea) TO 'results/vector_copy.bin' WITH (FORMAT binary)
\copy vector_bad FROM 'results/vector_copy.bin' WITH (FORMAT binary)
\copy (SELECT '\x000200003f800000'::bytea) TO 'results/vector_copy.bin' WITH (FORMAT binary)
\copy vector_bad FROM 'results/vector_copy.bin' WITH (FORMAT binary)
\copy (SELECT '\x000100003f8000003f800000'::bytea) TO 'results/vector_copy.bin' WITH (FORMAT binary)
\copy vector_bad FROM 'results/vector_copy.bin' WITH (FORMAT binary)
SELECT count(*) FROM vector_bad;
DROP TABLE vector_out, vector_in, vector_narrow, vector_bad;
