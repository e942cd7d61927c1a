"""The access methods compared, their index definitions and the settings swept.

A method is written NAME[_halfvec][:option=value]..., for example hnsw:m=24:ef_construction=128.
Each spec gets a schema with its own copy of the table, so that the planner never has two indexes to
choose from and all of them can be measured in turns.
"""

import math
import re

# The extensions that bring each method, and the database they are measured in: avq and pgvector
# both define the type vector.
kExtension = {"avq": "avq", "hnsw": "vector", "ivfflat": "vector"}

kDatabase = {"avq": "db_avq", "vector": "db_pgvector"}

# NAME_halfvec is the same access method on a column of pgvector's half-precision type, which it
# indexes up to 4,000 dimensions where `vector` ends at 2,000. The sets are float16: nothing is lost.
kHalf = "_halfvec"

kOperator = {"ip": "<#>", "cos": "<=>"}
kOperatorClass = {"ip": "ip_ops", "cos": "cosine_ops"}

kTargets = (0.80, 0.85, 0.90, 0.92, 0.94, 0.95, 0.96, 0.97, 0.98, 0.985, 0.99, 0.993, 0.996, 0.998)
kProbes = (1, 2, 5, 10, 15, 20, 30, 40, 60, 80, 120, 160, 240)
kEfSearch = (20, 40, 60, 80, 120, 160, 200, 300, 400, 600, 800, 1000)


class Method:
  """One column of the comparison: an access method with its index options."""

  def __init__(self, spec):
    self.spec = spec
    self.name, *options = spec.split(":")
    self.column = "halfvec" if self.name.endswith(kHalf) else "vector"
    self.name = self.name.removesuffix(kHalf)
    if self.name not in kExtension:
      raise SystemExit(f"unknown method {self.name!r}: expected {', '.join(kExtension)}")
    self.options = dict(option.split("=", 1) for option in options)
    self.extension = kExtension[self.name]
    self.database = kDatabase[self.extension]
    self.schema = "m_" + re.sub(r"[^a-z0-9]+", "_", spec.lower())

  def index_sql(self, data):
    options = dict(self.options)
    if self.name == "ivfflat":
      # More than pgvector's advice of n/1000 below a million rows. On 100,000 x 384 rows it was
      # nearly twice as fast at recall 0.93, so it is the fairer opponent.
      options.setdefault("lists", str(round(math.sqrt(data.rows))))
    clause = ", ".join(f"{name} = {value}" for name, value in options.items())
    return (f"CREATE INDEX items_embedding_idx ON items USING {self.name} "
            f"(embedding {self.column}_{kOperatorClass[data.metric]})"
            + (f" WITH ({clause})" if clause else ""))

  def sweep(self, limit, quick, probes):
    """Settings to measure besides the default, as lists of (name, value)."""
    if self.name == "hnsw":
      values = kEfSearch[1:11:3] if quick else kEfSearch
      return [[("hnsw.ef_search", value)] for value in values]
    if self.name == "ivfflat":
      values = kProbes[1:11:3] if quick else kProbes
      return [[("ivfflat.probes", value)] for value in values]
    targets = (0.90, 0.95, 0.99) if quick else kTargets
    settings = [[("avq.target_recall", value)] for value in targets]
    if probes and limit == 10:
      settings += [[("avq.probes", value)] for value in kProbes]
    return settings


def statement(data, limit, query):
  """The measured statement; query is :qid for pgbench or $1 for PREPARE."""
  return (f"SELECT id FROM items ORDER BY embedding {kOperator[data.metric]} "
          f"(SELECT embedding FROM queries WHERE id = {query}) LIMIT {limit}")


def describe(settings):
  return ", ".join(f"{name}={value}" for name, value in settings) or "default"
