"""Quality of the answers: recall against the exact ones, order, completeness, work done."""

import json

import numpy as np

import methods

# Ties: a row counts as right when its score is within this share of the k-th exact score.
# Rounding in float64 is far below it, the distance of distinct float16 vectors far above.
kTieTolerance = 1e-9

# The operators compute in float4, so neighbours may swap within this share of the score.
kOrderTolerance = 1e-5

kBufferSample = 50


def measure(connection, data, limit, settings, counters):
  """One pass over all queries in the given connection, which was opened with the settings."""
  cursor = connection.cursor()
  counters = counters and has_function(cursor, "avq_last_scan")
  cursor.execute(f"PREPARE nearest (int) AS {methods.statement(data, limit, '$1')}")
  hits = ties = returned = short = disordered = repeated = 0
  work = {}
  for query in range(data.queries):
    cursor.execute(f"EXECUTE nearest ({query})")
    ids = [row[0] for row in cursor.fetchall()]
    unique = list(dict.fromkeys(ids))
    repeated += len(ids) - len(unique)
    returned += len(ids)
    short += len(ids) < limit
    exact = data.truth[query][:limit]
    hits += len(set(unique) & set(exact.tolist()))
    bar = data.scores(query, exact).min()
    if unique:
      scores = data.scores(query, unique)
      ties += min(limit, int(np.count_nonzero(scores >= bar - kTieTolerance * abs(bar))))
      steps = np.diff(scores)
      disordered += int(np.count_nonzero(steps > kOrderTolerance * np.abs(scores[:-1])))
    if counters:
      add_counters(cursor, work)
  check_settings(cursor, settings)
  asked = data.queries * limit
  return {
      "recall": ties / asked, "recall_by_id": hits / asked, "returned": returned / data.queries,
      "short_queries": short, "repeated_rows": repeated, "out_of_order": disordered,
      "counters": {name: total / data.queries for name, total in work.items()},
      **plan(cursor, data)}


def has_function(cursor, name):
  # By name alone: there is one for each type.
  cursor.execute("SELECT EXISTS (SELECT FROM pg_proc WHERE proname = %s)", (name,))
  return cursor.fetchone()[0]


def add_counters(cursor, work):
  """Adds the counters of this backend's last scan: one row, or rows of (name, value)."""
  cursor.execute("SELECT * FROM avq_last_scan()")
  rows = cursor.fetchall()
  names = [column.name for column in cursor.description]
  if len(names) == 2 and rows and isinstance(rows[0][0], str):
    pairs = rows
  else:
    pairs = zip(names, rows[0]) if rows else ()
  for name, value in pairs:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
      work[name] = work.get(name, 0) + value


def check_settings(cursor, settings):
  """A setting that the library refused at its load would be measured as the default."""
  for name, value in settings:
    if isinstance(value, (int, float)):
      cursor.execute("SELECT current_setting(%s)", (name,))
      shown = cursor.fetchone()[0]
      if float(shown) != float(value):
        raise SystemExit(f"{name} is {shown}, not {value}: the server refused the setting")


def plan(cursor, data):
  """Which access path the statement takes and how many buffers it touches."""
  buffers = 0
  sample = range(0, data.queries, max(1, data.queries // kBufferSample))
  for query in sample:
    cursor.execute("EXPLAIN (ANALYZE, BUFFERS, TIMING off, FORMAT json) "
                   f"EXECUTE nearest ({query})")
    top = cursor.fetchone()[0]
    top = (json.loads(top) if isinstance(top, str) else top)[0]["Plan"]
    buffers += top["Shared Hit Blocks"] + top["Shared Read Blocks"]
  return {"plan": access_path(top), "buffers": buffers / len(sample)}


def access_path(node):
  """The scan of items: the index's name, or the kind of scan."""
  if node.get("Relation Name") == "items":
    return node.get("Index Name", node["Node Type"])
  for child in node.get("Plans", ()):
    found = access_path(child)
    if found:
      return found
  return None
