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

  def __init__(self, directories, name, metric):
    if metric not in kTruth:
      raise SystemExit(f"unknown metric {metric!r} of set {name}: expected ip or cos")
    self.name = name
    self.metric = metric

    def load(part):
      paths = [os.path.join(one, f"{name}.{part}.npy") for one in directories.split(":")]
      for path in paths:
        if os.path.exists(path):
          return np.load(path)
      raise SystemExit(f"missing {paths[0]}")

    self.base = load("base").astype(np.float32)
    self.query = load("query").astype(np.float32)
    self.truth = load(kTruth[metric])
    self.calibration = None

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

  def hold_out(self, count):
    """Sets the first queries apart, for calibration: all else is measured on the others."""
    if not 0 < count < self.queries:
      raise SystemExit(f"{self.name} has {self.queries} queries, cannot set {count} apart")
    self.calibration = self.query[:count]
    self.query = self.query[count:]
    self.truth = self.truth[count:]

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


# The column types and their elements: all values of a float16 set are exact in either.
kElement = {"vector": ">f4", "halfvec": ">f2"}


def copy_stream(vectors, first_id, column):
  """Bytes of COPY ... (id, embedding) FROM STDIN (FORMAT binary), without header and trailer.

  A vector travels as int16 dimensions, int16 zero, then its elements, all in network byte order.
  """
  element = np.dtype(kElement[column])
  dims = vectors.shape[1]
  record = np.dtype([("fields", ">i2"), ("id_bytes", ">i4"), ("id", ">i4"),
                     ("vector_bytes", ">i4"), ("dims", ">i2"), ("zero", ">i2"),
                     ("values", element, (dims,))])
  out = np.zeros(vectors.shape[0], dtype=record)
  out["fields"] = 2
  out["id_bytes"] = 4
  out["id"] = np.arange(first_id, first_id + vectors.shape[0])
  out["vector_bytes"] = 4 + element.itemsize * dims
  out["dims"] = dims
  out["values"] = vectors
  return out.tobytes()


class CopyReader(io.RawIOBase):
  """A readable file that produces the COPY stream chunk by chunk."""

  def __init__(self, vectors, first_id, column):
    super().__init__()
    self.chunks = self._generate(vectors, first_id, column)
    self.pending = b""

  @staticmethod
  def _generate(vectors, first_id, column):
    yield b"PGCOPY\n\xff\r\n\0" + bytes(8)
    for start in range(0, vectors.shape[0], kCopyRows):
      yield copy_stream(vectors[start:start + kCopyRows], first_id + start, column)
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


def copy_in(cursor, table, vectors, first_id=0, column="vector"):
  cursor.copy_expert(f"COPY {table} (id, embedding) FROM STDIN (FORMAT binary)",
                     CopyReader(vectors, first_id, column), size=1 << 20)


def create_table(cursor, table, vectors, column, first_id=0):
  """A table of numbered vectors in the current schema."""
  cursor.execute(f"CREATE TABLE {table} (id int NOT NULL, "
                 f"embedding {column}({vectors.shape[1]}))")
  copy_in(cursor, table, vectors, first_id, column)


def load(cursor, data, rows=None, column="vector"):
  """Creates items and queries in the current schema and fills them, items with the first rows."""
  create_table(cursor, "items", data.base[:rows], column)
  create_table(cursor, "queries", data.query, column)
  cursor.execute("ALTER TABLE queries ADD PRIMARY KEY (id)")
