#!/usr/bin/env python3
"""Counts the pages that a query reads when the index does not fit in memory.

  small    shared buffers far smaller than the index, queries one after the other
  evicted  the same, all buffers emptied before each query (PostgreSQL 17 and later)
  first    the first query of a new connection after that, catalogues and planning included

What is counted is the pages asked of the operating system, by EXPLAIN (ANALYZE, BUFFERS), of all
relations that the statement reads; no time is taken, for the files are in the kernel's cache.
"""

import argparse
import json

import build
import calibration
import cold_pages
import levels
import methods
import recall
import report
import sets
from cluster import say

kLimit = 10

# The first queries of a connection fill its private caches: these are left out of "small".
kSettling = 20


def parse_arguments():
  parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
  parser.add_argument("--sets", default="wordctx-100:ip,docs-384:ip,docs-384:cos")
  parser.add_argument("--methods", default="avq,hnsw:m=16:ef_construction=64,"
                      "hnsw:m=24:ef_construction=128")
  parser.add_argument("--shared-buffers", default="16MB")
  parser.add_argument("--queries", type=int, help="use only the first so many queries")
  parser.add_argument("--calibrate", type=int, default=200, metavar="N",
                      help="set the first queries apart and calibrate avq with them; 0: do not")
  parser.add_argument("--evicted", type=int, default=50, help="queries with emptied buffers")
  return sets.parse(parser)


def explain(cursor, query):
  """(pages read by the statement, by planning it)."""
  cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, TIMING off, FORMAT json) EXECUTE nearest ({query})")
  document = cursor.fetchone()[0]
  document = (json.loads(document) if isinstance(document, str) else document)[0]
  return (document["Plan"]["Shared Read Blocks"],
          document.get("Planning", {}).get("Shared Read Blocks", 0))


class Cold:
  """One set in one cluster of small buffers."""

  def __init__(self, arguments, cluster, data):
    self.arguments, self.cluster, self.data = arguments, cluster, data

  def open(self, method, settings):
    connection = self.cluster.connect(method, settings)
    cursor = connection.cursor()
    cursor.execute(f"PREPARE nearest (int) AS {methods.statement(self.data, kLimit, '$1')}")
    return cursor

  def small(self, method, settings):
    self.cluster.server.restart()
    cursor = self.open(method, settings)
    counts = [explain(cursor, query)[0] for query in range(self.data.queries)]
    cursor.connection.close()
    settled = counts[min(kSettling, len(counts) // 2):]
    return sum(settled) / len(settled)

  def evicted(self, method, settings):
    """(mean by query in a settled connection, the first query of a new one), or None."""
    admin = self.cluster.admin(method.database)
    evict = admin.cursor()
    evict.execute("SELECT count(*) FROM pg_available_extension_versions "
                  "WHERE name = 'pg_buffercache' AND version = '1.5'")
    if not evict.fetchone()[0]:
      return None
    evict.execute("CREATE EXTENSION IF NOT EXISTS pg_buffercache SCHEMA public")
    # Dirty buffers would be written first; a checkpoint has done it for all.
    evict.execute("CHECKPOINT")

    def empty():
      evict.execute("SELECT count(public.pg_buffercache_evict(bufferid)) "
                    "FROM public.pg_buffercache WHERE relfilenode IS NOT NULL")

    cursor = self.open(method, settings)
    empty()
    first = sum(explain(cursor, 0))
    counts = []
    for query in range(1, 1 + min(self.arguments.evicted, self.data.queries - 1)):
      empty()
      counts.append(explain(cursor, query)[0])
    cursor.connection.close()
    admin.close()
    return sum(counts) / len(counts), first

  def measure(self, method):
    entry = {"method": method.spec, "database": method.database, "points": []}
    build.load(self.cluster.connect, method, self.data)
    entry["build"] = build.build(self.cluster.connect, method, self.data, [])
    say(f"{self.data.name} {method.spec}: built in {entry['build']['seconds']:.1f} s")
    if self.data.calibration is not None and method.name == "avq":
      connection = self.cluster.connect(method, [])
      entry["calibration"] = calibration.calibrate(connection, self.data)
      connection.close()
    for settings in method.sweep(kLimit, False, False):
      applied = [("enable_seqscan", "off"), *settings]
      connection = self.cluster.connect(method, applied)
      found = recall.measure(connection, self.data, kLimit, settings, method.name == "avq")
      connection.close()
      entry["points"].append({"limit": kLimit, "settings": methods.describe(settings),
                              "applied": applied, **found})
    for point in levels.bracketing(entry["points"], lambda _: None, [cold_pages.kLevel]):
      evicted = self.evicted(method, point["applied"])
      point["pages"] = {"small": self.small(method, point["applied"]),
                        "evicted": evicted and evicted[0], "first": evicted and evicted[1]}
      say(f"  {point['settings']}: recall {point['recall']:.4f}, pages {point['pages']}")
    connection = self.cluster.connect(method, [])
    connection.cursor().execute(f"DROP SCHEMA {method.schema} CASCADE")
    connection.close()
    return entry

  def run(self):
    return {"set": self.data.name, "metric": self.data.metric, "rows": self.data.rows,
            "dims": self.data.dims, "queries": self.data.queries,
            "methods": [self.measure(method) for method in self.cluster.methods]}


def table(result):
  kinds = ("small", "evicted", "first")
  rows = []
  for entry in result["methods"]:
    size = report.megabytes(entry["build"]["index_bytes"])
    rows += [[entry["method"], size, point["settings"], f"{point['recall']:.4f}",
              f"{point['buffers']:.0f}", *(report.number(point["pages"][kind], 0)
                                           for kind in kinds)]
             for point in entry["points"] if "pages" in point]
    rows.append([entry["method"], size, f"**at {cold_pages.kLevel}**", cold_pages.kLevel, "",
                 *(report.number(cold_pages.at_level(entry, kind), 0) for kind in kinds)])
  return report.table(["method", "index MB", "setting", "recall", "touched", "read, small buffers",
                       "read, evicted", "first query"], rows)


def main():
  arguments = parse_arguments()
  overrides = {"shared_buffers": arguments.shared_buffers,
               "max_parallel_maintenance_workers": str(arguments.workers)}

  def measure(cluster, data):
    if arguments.calibrate:
      data.hold_out(arguments.calibrate)
    if arguments.queries:
      data.limit_queries(arguments.queries)
    return Cold(arguments, cluster, data).run()

  sets.run(arguments, overrides, arguments.methods.split(","), measure,
           f"pages per query, LIMIT {kLimit}", table)


if __name__ == "__main__":
  main()
