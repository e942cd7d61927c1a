"""pgvector-python with psycopg 3 against a server with avq: the types in both formats, COPY, searches."""
import sys

import numpy as np
import psycopg
from pgvector import Bit, HalfVector, SparseVector
from pgvector.psycopg import register_vector



def plain(value):
  """A vector as a list: versions of the library differ in what they return."""
  return [float(x) for x in (value.to_list() if hasattr(value, "to_list") else value)]


with psycopg.connect(sys.argv[1], autocommit=True) as connection:
  register_vector(connection)
  connection.execute("CREATE TABLE items (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
                     " embedding vector(3), half halfvec(3), sparse sparsevec(3), bits bit(3))")
  for binary in (False, True):
    with connection.cursor(binary=binary) as cursor:
      cursor.execute(
          "INSERT INTO items (embedding, half, sparse, bits) VALUES (%s, %s, %s, %s) RETURNING *",
          (np.array([1, 2, 3]), HalfVector([1, 2, 3]), SparseVector([0, 2, 0]), Bit("101")))
      row = cursor.fetchone()
      assert plain(row[1]) == [1, 2, 3], row
      assert plain(row[2]) == [1, 2, 3], row
      assert plain(row[3]) == [0, 2, 0], row
      assert binary or row[4] == "101", row  # PostgreSQL's own type: as psycopg returns it
  embeddings = np.random.default_rng(1).normal(size=(2000, 3)).astype(np.float32)
  with connection.cursor() as cursor:
    with cursor.copy("COPY items (embedding) FROM STDIN WITH (FORMAT BINARY)") as copy:
      copy.set_types(["vector"])
      for embedding in embeddings:
        copy.write_row([embedding])
  connection.execute("CREATE INDEX ON items USING avq (embedding vector_ip_ops)")
  connection.execute("SET enable_seqscan = off")
  query = np.array([0.5, -1, 2], np.float32)
  found = connection.execute(
      "SELECT embedding FROM items ORDER BY embedding <#> %s LIMIT 5", (query,)).fetchall()
  stored = np.vstack([embeddings, [[1, 2, 3], [1, 2, 3]]])
  expected = np.sort(stored @ query)[::-1][:5]
  assert np.allclose([np.array(plain(row[0])) @ query for row in found], expected), (found, expected)
  plan = connection.execute("EXPLAIN SELECT id FROM items ORDER BY embedding <#> %s LIMIT 5", (query,))
  assert "items_embedding_idx" in str(plan.fetchall())
  assert np.allclose(plain(connection.execute("SELECT avg(embedding) FROM items").fetchone()[0]),
                     stored.mean(axis=0), atol=1e-5)
print("psycopg: ok")
