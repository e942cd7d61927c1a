"""A data set on disk and its way into a table.

NAME.base.npy and NAME.query.npy hold rows x dims (float16 or float32); NAME.gt_ip.npy and
NAME.gt_cos.npy hold, per query, the row numbers of the exact answers, best first.
"""

import io
import os

import numpy as np

# Chunk size of a binary COPY: large enough to hide the round trips, small beside the data.
kCopyRows = 10000

kTruth = {"ip": "gt_ip", "cos": "gt_cos"}


class DataSet:
  """Vectors, queries and exact answers of one set under one metric ("ip" or "cos")."""

  def __init__(self, directory, name, metric):
    if metric not in kTruth:
      raise SystemExit(f"unknown metric {metric!r} of set {name}: expected ip or cos")
    self.name = name
    self.metric = metric

    def load(part):
      path = os.path.join(directory, f"{name}.{part}.npy")
      if not os.path.exists(path):
        raise SystemExit(f"missing {path}")
      return np.load(path)

    self.base = load("base").astype(np.float32)
    self.query = load("query").astype(np.float32)
    self.truth = load(kTruth[metric])

  @property
  def rows(self):
    return self.base.shape[0]

  @property
  def dims(self):
    return self.base.shape[1]

  @property
  def queries(self):
    return self.query.shape[0]

  def limit_queries(self, count):
    self.query = self.query[:count]
    self.truth = self.truth[:count]

  def restrict(self, ids):
    """Recomputes the exact answers for a table that holds only these rows of the base."""
    rows = self.base[ids].astype(np.float64)
    if self.metric == "cos":
      norms = np.sqrt(np.sum(rows * rows, axis=1, keepdims=True))
      rows = np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 0)
    depth = min(self.truth.shape[1], len(ids))
    truth = np.empty((self.queries, depth), dtype=np.int64)
    for query in range(self.queries):
      scores = rows @ self.query[query].astype(np.float64)
      best = np.argpartition(-scores, depth - 1)[:depth]
      truth[query] = ids[best[np.argsort(-scores[best], kind="stable")]]
    self.truth = truth

  def scores(self, query_number, ids):
    """Similarities in float64, the larger the better."""
    rows = self.base[np.asarray(ids, dtype=np.int64)].astype(np.float64)
    query = self.query[query_number].astype(np.float64)
    # A sum per row, not a matrix product: equal rows must get equal scores to the last bit.
    dots = np.sum(rows * query, axis=1)
    if self.metric == "cos":
      norms = np.sqrt(np.sum(rows * rows, axis=1)) * np.sqrt(np.sum(query * query))
      dots = np.divide(dots, norms, out=np.full_like(dots, -np.inf), where=norms > 0)
    return dots


def copy_stream(vectors, first_id):
  """Bytes of COPY ... (id, embedding) FROM STDIN (FORMAT binary), without header and trailer.

  A vector travels as int16 dimensions, int16 zero, then float4s, all in network byte order.
  """
  dims = vectors.shape[1]
  record = np.dtype([("fields", ">i2"), ("id_bytes", ">i4"), ("id", ">i4"),
                     ("vector_bytes", ">i4"), ("dims", ">i2"), ("zero", ">i2"),
                     ("values", ">f4", (dims,))])
  out = np.zeros(vectors.shape[0], dtype=record)
  out["fields"] = 2
  out["id_bytes"] = 4
  out["id"] = np.arange(first_id, first_id + vectors.shape[0])
  out["vector_bytes"] = 4 + 4 * dims
  out["dims"] = dims
  out["values"] = vectors
  return out.tobytes()


class CopyReader(io.RawIOBase):
  """A readable file that produces the COPY stream chunk by chunk."""

  def __init__(self, vectors, first_id):
    super().__init__()
    self.chunks = self._generate(vectors, first_id)
    self.pending = b""

  @staticmethod
  def _generate(vectors, first_id):
    yield b"PGCOPY\n\xff\r\n\0" + bytes(8)
    for start in range(0, vectors.shape[0], kCopyRows):
      yield copy_stream(vectors[start:start + kCopyRows], first_id + start)
    yield b"\xff\xff"

  def readable(self):
    return True

  def read(self, size=-1):
    while size < 0 or len(self.pending) < size:
      chunk = next(self.chunks, None)
      if chunk is None:
        break
      self.pending += chunk
    if size < 0:
      size = len(self.pending)
    result, self.pending = self.pending[:size], self.pending[size:]
    return result


def copy_in(cursor, table, vectors, first_id=0):
  cursor.copy_expert(f"COPY {table} (id, embedding) FROM STDIN (FORMAT binary)",
                     CopyReader(vectors, first_id), size=1 << 20)


def load(cursor, data, rows=None):
  """Creates items and queries in the current schema and fills them, items with the first rows."""
  for table, vectors in (("items", data.base[:rows]), ("queries", data.query)):
    cursor.execute(f"CREATE TABLE {table} (id int NOT NULL, embedding vector({data.dims}))")
    copy_in(cursor, table, vectors)
  cursor.execute("ALTER TABLE queries ADD PRIMARY KEY (id)")
