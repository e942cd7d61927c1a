#!/usr/bin/env python3
"""Takes a query apart: what each part of it costs, by differences between statements that lack it.

  SELECT 1                      the server and the client
  the look-up of the query      its primary key and the value
  1 list, LIMIT 1               starting the scan, routing, tables, one row
  the lists of recall 0.95      their blocks
  LIMIT 10                      nine rows more: rescored, fetched, sent

Beside each stands what our own core takes for its share of that as a library (bench/library.cpp),
and the bytes that have to be read, which are the part's floor.
"""

import argparse
import json
import os
import subprocess

import build
import calibration
import methods
import recall
import report
import sets
import timing
from cluster import say, with_path

kLevel = 0.95
kLimit = 10
kTargets = (0.88, 0.90, 0.91, 0.92, 0.93, 0.94, 0.95, 0.96, 0.97)


def parse_arguments():
  parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
  parser.add_argument("--sets", default="wordctx-100:ip,docs-384:ip,docs-384:cos")
  parser.add_argument("--library", required=True, help="the program build/library")
  parser.add_argument("--calibrate", type=int, default=200, help="queries for avq_calibrate")
  parser.add_argument("--seconds", type=float, default=1)
  parser.add_argument("--repeats", type=int, default=5)
  return sets.parse(parser)


class Breakdown:
  """One set in one cluster."""

  def __init__(self, arguments, cluster, data):
    self.arguments, self.cluster, self.data = arguments, cluster, data
    self.method = cluster.methods[0]
    self.cpus = os.sched_getaffinity(0)
    self.clock = timing.Clock(cluster.server, arguments.seconds, max(self.cpus))

  def point(self):
    """The cheapest setting of the sweep that reaches the level."""
    for target in kTargets:
      settings = [("avq.target_recall", target)]
      connection = self.cluster.connect(self.method, [("enable_seqscan", "off"), *settings])
      found = recall.measure(connection, self.data, kLimit, settings, True)
      connection.close()
      if found["recall"] >= kLevel:
        return {"target": target, **found}
    raise SystemExit(f"{self.data.name}: recall {kLevel} is not reached")

  def statements(self, point):
    """{name: (settings, sql)}, each with what the one before it lacks."""
    query = methods.statement(self.data, 1, ":qid")
    target = ("avq.target_recall", point["target"])
    wide = [target, ("avq.probes", round(point["counters"]["lists_probed"]))]
    return {"select_1": ([], "SELECT 1"),
            "lookup": ([], "SELECT embedding FROM queries WHERE id = :qid"),
            "start": ([target, ("avq.probes", 1)], query),
            "scan": (wide, query),
            "rows": (wide, methods.statement(self.data, kLimit, ":qid"))}

  def time(self, point):
    statements = self.statements(point)
    bursts = {name: [] for name in statements}
    for repeat in range(self.arguments.repeats):
      self.cluster.server.pin({max(self.cpus)})
      for name, (settings, sql) in statements.items():
        script = f"\\set qid random(0, {self.data.queries - 1})\n{sql};"
        applied = with_path(self.method, [("enable_seqscan", "off"), *settings])
        bursts[name].append(self.clock.run(self.method.database, script, applied, repeat + 1))
      self.cluster.server.pin(self.cpus)
    return {name: 1000 * timing.summarize(rounds)["mean_ms"] for name, rounds in bursts.items()}

  def library(self):
    for directory in self.arguments.data.split(":"):
      if os.path.exists(os.path.join(directory, f"{self.data.name}.base.npy")):
        command = [self.arguments.library, directory, f"{self.data.name}:{self.data.metric}",
                   "--json", "--skip", str(self.arguments.calibrate)]
        return json.loads(subprocess.check_output(command, text=True,
                                                  **self.clock.pinned()))["us_at_95"]
    raise SystemExit(f"{self.data.name} was not found")

  def shape(self, connection):
    cursor = connection.cursor()
    cursor.execute("SELECT lists, dims_per_subspace, bytes_per_copy "
                   "FROM avq_index_info('items_embedding_idx')")
    lists, width, copy_bytes = cursor.fetchone()
    return {"lists": lists, "subspaces": -(-self.data.dims // width), "width": width,
            "copy_bytes": copy_bytes}

  def run(self):
    if self.arguments.calibrate:
      self.data.hold_out(self.arguments.calibrate)
    build.load(self.cluster.connect, self.method, self.data)
    build.build(self.cluster.connect, self.method, self.data, [])
    connection = self.cluster.connect(self.method, [])
    build.prewarm(connection)
    if self.data.calibration is not None:
      calibration.calibrate(connection, self.data)
    shape = self.shape(connection)
    point = self.point()
    say(f"{self.data.name} {self.data.metric}: recall {point['recall']:.4f} at {point['counters']}")
    result = {"set": self.data.name, "metric": self.data.metric, "rows": self.data.rows,
              "dims": self.data.dims, "methods": [], "shape": shape, "point": point,
              "us": self.time(point), "library": self.library()}
    connection.cursor().execute(f"DROP SCHEMA {self.method.schema} CASCADE")
    connection.close()
    return result


def kilobytes(count):
  return f"{count / 1000:.0f}"


def table(result):
  us, own, shape = result["us"], result["library"], result["shape"]
  counters = result["point"]["counters"]
  dims = shape["subspaces"] * shape["width"]
  tables = 64 * dims + 16 * shape["subspaces"]
  codes = counters["blocks_scored"] * (16 * shape["subspaces"] + 80)
  rows = [
      ["server and client (SELECT 1)", f"{us['select_1']:.0f}", "", ""],
      ["look-up of the query", f"{us['lookup'] - us['select_1']:.0f}", "", ""],
      ["start, routing, tables, 1 list, 1 row", f"{us['start'] - us['lookup']:.0f}",
       f"{own['routing']:.1f} + {own['tables']:.1f}",
       f"{kilobytes(shape['lists'] * dims)} + {kilobytes(tables)}"],
      [f"{counters['lists_probed']:.0f} lists, {counters['blocks_scored']:.0f} blocks, "
       f"{counters['code_pages']:.0f} pages", f"{us['scan'] - us['start']:.0f}",
       f"{own['scan']:.1f} ({own['blocks']} blocks)", kilobytes(codes)],
      [f"9 more rows, {counters['rows_reranked']:.0f} rescored in all",
       f"{us['rows'] - us['scan']:.0f}", f"{own['selection']:.1f} + {own['rescoring']:.1f}",
       f"{kilobytes(counters['rows_reranked'] * shape['copy_bytes'])} + "
       f"{kilobytes(4 * kLimit * result['dims'])}"],
      ["all", f"{us['rows']:.0f}",
       f"{sum(own[part] for part in ('routing', 'tables', 'scan', 'selection', 'rescoring')):.1f}",
       ""]]
  return f"Recall {result['point']['recall']:.4f}.\n\n" + report.table(
      ["part", "SQL µs", "library µs", "kB read"], rows)


def main():
  arguments = parse_arguments()
  overrides = {"max_parallel_maintenance_workers": str(arguments.workers)}
  sets.run(arguments, overrides, ["avq"],
           lambda cluster, data: Breakdown(arguments, cluster, data).run(),
           f"one query, LIMIT {kLimit}", table)


if __name__ == "__main__":
  main()
