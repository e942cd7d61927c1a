"""avq_calibrate with queries that are set apart, and whether the probes it chose were needed."""

import time

import build
import dataset
import recall

# "One step fewer probes" is this factor: where a stated recall is exceeded, that many fewer lists
# must miss it, or it was bought by waste.
kStep = 1.25


def calibrate(connection, data):
  """Fits the index to the queries that were set apart. Returns what it said, or None where this
  avq has no such function."""
  cursor = connection.cursor()
  if not recall.has_function(cursor, "avq_calibrate"):
    return None
  dataset.create_table(cursor, "calibration", data.calibration, "vector")
  started = time.monotonic()
  cursor.execute("SELECT * FROM avq_calibrate('items_embedding_idx', "
                 "(SELECT array_agg(embedding ORDER BY id) FROM calibration))")
  rows = cursor.fetchall()
  names = [column.name for column in cursor.description]
  return {"queries": len(data.calibration), "seconds": time.monotonic() - started,
          "result": [dict(zip(names, map(build.plain, row))) for row in rows]}


def reported(connection, limit):
  """What avq_recall measures by itself on the queries that the run measures with; None without
  the function."""
  cursor = connection.cursor()
  if not recall.has_function(cursor, "avq_recall"):
    return None
  cursor.execute("SELECT * FROM avq_recall('items_embedding_idx', "
                 "(SELECT array_agg(embedding ORDER BY id) FROM queries), %s)", (limit,))
  names = [column.name for column in cursor.description]
  return [dict(zip(names, map(build.plain, row))) for row in cursor.fetchall()]


def fewer_probes(point):
  """Settings with one step fewer probes than the point's scans took, or None."""
  lists = point["counters"].get("lists_probed")
  fewer = lists and int(lists / kStep)
  return [("avq.probes", fewer)] if fewer else None
