#!/usr/bin/env python3
"""Measures recall, speed, size and build cost of avq, and of pgvector beside it.

See README.md in this directory for the method and for the meaning of every column.
"""

import json
import os
import subprocess
import sys

try:
  import numpy  # noqa: F401
  import psycopg2  # noqa: F401
except ImportError as error:
  sys.exit(f"{error}. On Debian: apt-get install python3-numpy python3-psycopg2, "
           "then run with /usr/bin/python3")

import arguments as command_line
import build
import calibration
import environment
import goals
import levels
import methods
import recall
import report
import timing
from cluster import Cluster, say, with_path
from dataset import DataSet


# An exact scan takes up to a fifth of a second: a burst must hold enough of them.
kExactSeconds = 3


def sweep_of(point):
  """Which sweep a point belongs to: the settings it varies."""
  return tuple(name for name, _ in point["applied"])


class Bench:
  """Measures one set after another in one cluster."""

  def __init__(self, arguments, cluster):
    self.arguments = arguments
    self.cluster = cluster
    self.cpus = os.sched_getaffinity(0)
    self.cpu = self.choose_cpu()
    self.clock = timing.Clock(cluster.server, arguments.seconds, self.cpu)

  def choose_cpu(self):
    if self.arguments.dsn or self.arguments.cpu == "any":
      return None
    return max(self.cpus) if self.arguments.cpu == "last" else int(self.arguments.cpu)

  def run_set(self, name, metric):
    arguments = self.arguments
    data = DataSet(arguments.data, name, metric)
    if arguments.queries:
      data.limit_queries(arguments.queries)
    if arguments.calibrate:
      data.hold_out(arguments.calibrate)
    result = {"set": name, "metric": metric, "rows": data.rows, "dims": data.dims,
              "queries": data.queries, "methods": [], "floors": {}}
    points = []
    for method in self.cluster.methods:
      entry = {"method": method.spec, "database": method.database, "points": [], "exact": {}}
      result["methods"].append(entry)
      self.prepare(method, data, entry)
      for limit in arguments.limits:
        swept = [self.measure_recall(method, data, limit, settings) for settings in
                 [[], *method.sweep(limit, arguments.quick, arguments.probes)]]
        entry["points"] += swept
        chosen = levels.bracketing(swept, sweep_of) if arguments.levels else swept
        points += [(method, point) for point in chosen]
      if entry.get("calibration"):
        self.check_calibration(method, data, entry)
    if not arguments.no_timing:
      self.time_set(data, result, points)
    if arguments.library:
      result["library"] = self.run_library(name, metric)
    for method in self.cluster.methods:
      connection = self.cluster.connect(method, [])
      connection.cursor().execute(f"DROP SCHEMA {method.schema} CASCADE")
      connection.close()
    return result

  def prepare(self, method, data, entry):
    say(f"{data.name} {data.metric} {method.spec}: load and build")
    entry["load_seconds"] = build.load(self.cluster.connect, method, data)
    settings = [setting.split("=", 1) for setting in self.arguments.build_set]
    entry["build"] = build.build(self.cluster.connect, method, data, settings)
    connection = self.cluster.connect(method, [])
    build.prewarm(connection)
    if data.calibration is not None and method.name == "avq":
      entry["calibration"] = calibration.calibrate(connection, data)
    connection.close()
    say(f"  built in {entry['build']['seconds']:.1f} s")

  def measure_recall(self, method, data, limit, settings):
    # Beside the default, the planner is not given the choice of a sequential scan: the point of
    # a sweep is the index. The default row shows what the planner does.
    applied = [("enable_seqscan", "off"), *settings] if settings else []
    connection = self.cluster.connect(method, applied)
    point = {"limit": limit, "settings": methods.describe(settings), "applied": applied,
             **recall.measure(connection, data, limit, settings, method.name == "avq")}
    connection.close()
    say(f"  k={limit} {point['settings']}: recall {point['recall']:.4f}")
    return point

  def check_calibration(self, method, data, entry):
    """Beside the default rows: what avq_recall says, and the recall of one step fewer probes."""
    for point in [point for point in entry["points"] if point["settings"] == "default"]:
      connection = self.cluster.connect(method, [])
      point["reported"] = calibration.reported(connection, point["limit"])
      connection.close()
      fewer = calibration.fewer_probes(point)
      point["fewer_probes"] = fewer and self.measure_recall(method, data, point["limit"], fewer)

  def run_library(self, name, metric):
    """Our own core on the same queries, on the CPU of the timed bursts."""
    arguments = self.arguments
    for directory in arguments.data.split(":"):
      if os.path.exists(os.path.join(directory, f"{name}.base.npy")):
        command = [arguments.library, directory, f"{name}:{metric}", "--json",
                   "--skip", str(arguments.calibrate)]
        if arguments.queries:
          command += ["--queries", str(arguments.queries)]
        return json.loads(subprocess.check_output(command, text=True, **self.clock.pinned()))
    return None

  def jobs(self, data, points):
    """What is timed: {key: (database, script, settings, bursts)}."""
    qid = f"\\set qid random(0, {data.queries - 1})\n"
    jobs = {}

    def add(key, method, settings, sql):
      jobs[key] = (method.database, sql + ";", with_path(method, settings), [])

    first = self.cluster.methods[0]
    add("select_1", first, [], "SELECT 1")
    add("lookup", first, [], qid + "SELECT embedding FROM queries WHERE id = :qid")
    for method in self.cluster.methods:
      for limit in self.arguments.limits:
        key = ("exact", method.database, limit)
        if key not in jobs:  # one per database: its operator decides, not the index
          add(key, method, [("enable_indexscan", "off"), ("jit", "off"),
                            ("max_parallel_workers_per_gather", 0)],
              qid + methods.statement(data, limit, ":qid"))
    for number, (method, point) in enumerate(points):
      add(number, method, point["applied"],
          qid + methods.statement(data, point["limit"], ":qid"))
    return jobs

  def time_set(self, data, result, points):
    """Bursts of all points in turns, so that a slow minute of the machine hits all alike."""
    jobs = self.jobs(data, points)
    for repeat in range(self.arguments.repeats):
      say(f"  timing {data.name} {data.metric}, round {repeat + 1} of {self.arguments.repeats}")
      if self.cpu is not None:
        self.cluster.server.pin({self.cpu})
      for key, (database, sql, settings, bursts) in jobs.items():
        seconds = kExactSeconds if isinstance(key, tuple) and not self.arguments.quick else 0
        bursts.append(self.clock.run(database, sql, settings, seed=repeat + 1,
                                     seconds=max(seconds, self.arguments.seconds)))
      self.cluster.server.pin(self.cpus)

    for floor in ("select_1", "lookup"):
      result["floors"][floor] = timing.summarize(jobs[floor][-1])
    for entry in result["methods"]:
      for limit in self.arguments.limits:
        exact = timing.summarize(jobs[("exact", entry["database"], limit)][-1])
        exact["us_per_row"] = 1000 * exact["p50_ms"] / data.rows
        exact["cpu_us_per_row"] = exact["cpu_ms"] and 1000 * exact["cpu_ms"] / data.rows
        entry["exact"][str(limit)] = exact
    for number, (method, point) in enumerate(points):
      bursts = jobs[number][-1]
      exact_bursts = jobs[("exact", method.database, point["limit"])][-1]
      point["timing"] = {**timing.summarize(bursts), **timing.ratios(bursts, exact_bursts)}


def main():
  arguments = command_line.parse(__doc__.split("\n")[0])
  overrides = {"max_parallel_maintenance_workers": str(arguments.workers)}
  overrides.update(setting.split("=", 1) for setting in arguments.server_settings)
  specs = arguments.methods.split(",")
  with Cluster(arguments.bindir, arguments.dsn, overrides, specs) as cluster:
    bindir = cluster.server.bindir
    libraries = environment.libraries(bindir)
    document = {"environment": environment.describe(cluster.versions, cluster.server.settings),
                "arguments": command_line.published(arguments), "sets": []}
    document["environment"]["libraries"] = libraries
    bench = Bench(arguments, cluster)
    for name, metric in arguments.sets:
      document["sets"].append(bench.run_set(name, metric))
      document["libraries_changed"] = libraries != environment.libraries(bindir)
      goals.save(document, arguments)  # a long run that dies keeps what it has
  print(report.markdown(document))
  goals.finish(document, arguments)


if __name__ == "__main__":
  main()
