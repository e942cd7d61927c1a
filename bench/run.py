#!/usr/bin/env python3
"""Measures recall, speed, size and build cost of avq, and of pgvector beside it.

See README.md in this directory for the method and for the meaning of every column.
"""

import argparse
import json
import os
import sys
import time

try:
  import numpy  # noqa: F401
  import psycopg2
except ImportError as error:
  sys.exit(f"{error}. On Debian: apt-get install python3-numpy python3-psycopg2, "
           "then run with /usr/bin/python3")

import build
import environment
import methods
import recall
import report
import server
import timing
from dataset import DataSet


def parse_arguments():
  parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
  parser.add_argument("--data", required=True, help="directory of NAME.base.npy and so on")
  parser.add_argument("--sets", default="wordctx-100:ip,docs-384:ip,docs-384:cos,calls-96:ip",
                      help="NAME:METRIC,... with METRIC ip or cos")
  parser.add_argument("--methods", default="avq,hnsw,ivfflat",
                      help="METHOD[:option=value]...,...; those not installed are skipped")
  parser.add_argument("--limits", default="1,10,100", help="values of LIMIT")
  parser.add_argument("--queries", type=int, help="use only the first so many queries")
  parser.add_argument("--seconds", type=int, default=2, help="length of one timed burst")
  parser.add_argument("--repeats", type=int, default=3, help="bursts per point, in turns")
  parser.add_argument("--quick", action="store_true", help="short sweep, one burst of a second")
  parser.add_argument("--probes", action="store_true", help="sweep avq.probes too (LIMIT 10)")
  parser.add_argument("--no-timing", action="store_true", help="recall, size and build only")
  parser.add_argument("--bindir", help="directory of the server's programs")
  parser.add_argument("--dsn", help="measure in this server instead of a private one; it must "
                      "have no databases db_avq and db_pgvector")
  parser.add_argument("--no-pin", action="store_true", help="let client and backend use any CPU; "
                      "by default timed ones share a CPU in a private server")
  parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE",
                      dest="server_settings", help="a setting of the private server")
  parser.add_argument("--build-set", action="append", default=[], metavar="NAME=VALUE",
                      help="a setting of the session that builds the index")
  parser.add_argument("--goals", help="a JSON file of goals to compare with")
  parser.add_argument("--out", help="write everything measured to this JSON file")
  arguments = parser.parse_args()
  if arguments.quick:
    arguments.seconds = arguments.repeats = 1
  arguments.limits = [int(limit) for limit in arguments.limits.split(",")]
  if max(arguments.limits) > 100:
    parser.error("the exact answers end at 100: no larger LIMIT")
  return arguments


def published(arguments):
  """What the JSON says of the arguments: how it was measured, not where."""
  private = ("data", "bindir", "dsn", "out", "goals")
  return {name: value for name, value in vars(arguments).items() if name not in private}


def say(text):
  print(time.strftime("%H:%M:%S ") + text, file=sys.stderr, flush=True)


class Bench:
  """One server, the databases in it and the points measured."""

  def __init__(self, arguments, host):
    self.arguments = arguments
    self.server = host
    self.cpus = os.sched_getaffinity(0)
    self.cpu = None if arguments.no_pin or arguments.dsn else max(self.cpus)
    self.clock = timing.Clock(host, arguments.seconds, self.cpu)
    self.methods = []
    self.versions = {}

  def connect(self, method, settings):
    options = " ".join(f"-c {name}={value}" for name, value in self.with_path(method, settings))
    connection = psycopg2.connect(self.server.connection_string(method.database),
                                  options=options)
    connection.autocommit = True
    return connection

  @staticmethod
  def with_path(method, settings):
    return [("search_path", f"{method.schema},public"), *settings]

  def admin(self, database):
    connection = psycopg2.connect(self.server.connection_string(database))
    connection.autocommit = True
    return connection

  def create_databases(self):
    """Keeps the methods whose extension this server has, each in its extension's database."""
    admin = self.admin("postgres")
    cursor = admin.cursor()
    cursor.execute("SELECT name FROM pg_available_extensions")
    available = {row[0] for row in cursor.fetchall()}
    wanted = [methods.Method(spec) for spec in self.arguments.methods.split(",")]
    for method in wanted:
      if method.extension not in available:
        say(f"skipped {method.spec}: extension {method.extension} is not installed here")
        continue
      if method.extension not in self.versions:
        cursor.execute(f"CREATE DATABASE {method.database}")
        database = self.admin(method.database)
        inner = database.cursor()
        inner.execute(f"CREATE EXTENSION {method.extension}")
        inner.execute("SELECT extversion FROM pg_extension WHERE extname = %s",
                      (method.extension,))
        self.versions[method.extension] = inner.fetchone()[0]
        database.close()
      self.methods.append(method)
    cursor.execute("SELECT version()")
    self.versions["server"] = cursor.fetchone()[0]
    admin.close()
    if not self.methods:
      raise SystemExit("none of the methods is installed in this server")

  def drop_databases(self):
    admin = self.admin("postgres")
    for extension in set(self.versions) & set(methods.kDatabase):
      admin.cursor().execute(f"DROP DATABASE {methods.kDatabase[extension]}")
    admin.close()

  def run_set(self, name, metric):
    arguments = self.arguments
    data = DataSet(arguments.data, name, metric)
    if arguments.queries:
      data.limit_queries(arguments.queries)
    result = {"set": name, "metric": metric, "rows": data.rows, "dims": data.dims,
              "queries": data.queries, "methods": [], "floors": {}}
    points = []
    for method in self.methods:
      entry = {"method": method.spec, "database": method.database, "points": [], "exact": {}}
      result["methods"].append(entry)
      self.prepare(method, data, entry)
      for limit in arguments.limits:
        for settings in [[], *method.sweep(limit, arguments.quick, arguments.probes)]:
          point = self.measure_recall(method, data, limit, settings)
          entry["points"].append(point)
          points.append((method, point))
    if not arguments.no_timing:
      self.time_set(data, result, points)
    for method in self.methods:
      connection = self.connect(method, [])
      connection.cursor().execute(f"DROP SCHEMA {method.schema} CASCADE")
      connection.close()
    return result

  def prepare(self, method, data, entry):
    say(f"{data.name} {data.metric} {method.spec}: load and build")
    entry["load_seconds"] = build.load(self.connect, method, data)
    settings = [setting.split("=", 1) for setting in self.arguments.build_set]
    entry["build"] = build.build(self.connect, method, data, settings)
    connection = self.connect(method, [])
    build.prewarm(connection)
    connection.close()
    say(f"  built in {entry['build']['seconds']:.1f} s")

  def measure_recall(self, method, data, limit, settings):
    # Beside the default, the planner is not given the choice of a sequential scan: the point of
    # a sweep is the index. The default row shows what the planner does.
    applied = [("enable_seqscan", "off"), *settings] if settings else []
    connection = self.connect(method, applied)
    point = {"limit": limit, "settings": methods.describe(settings), "applied": applied,
             **recall.measure(connection, data, limit, settings, method.name == "avq")}
    connection.close()
    say(f"  k={limit} {point['settings']}: recall {point['recall']:.4f}")
    return point

  def time_set(self, data, result, points):
    """Bursts of all points in turns, so that a slow minute of the machine hits all alike."""
    qid = f"\\set qid random(0, {data.queries - 1})\n"
    jobs = {}

    def add(key, method, settings, sql):
      jobs[key] = (method.database, sql, self.with_path(method, settings), [])

    first = self.methods[0]
    add("select_1", first, [], "SELECT 1;")
    add("lookup", first, [], qid + "SELECT embedding FROM queries WHERE id = :qid;")
    exact_of = {}
    for method in self.methods:
      # One exact scan per extension: its operator decides, not the index.
      owner = exact_of.setdefault(method.database, method)
      for limit in self.arguments.limits if owner is method else []:
        add(("exact", method.database, limit), method,
            [("enable_indexscan", "off"), ("max_parallel_workers_per_gather", 0), ("jit", "off")],
            qid + methods.statement(data, limit, ":qid") + ";")
    for number, (method, point) in enumerate(points):
      add(number, method, point["applied"],
          qid + methods.statement(data, point["limit"], ":qid") + ";")

    for repeat in range(self.arguments.repeats):
      say(f"  timing {data.name} {data.metric}, round {repeat + 1} of {self.arguments.repeats}")
      if self.cpu is not None:
        self.server.pin({self.cpu})
      for database, sql, settings, bursts in jobs.values():
        bursts.append(self.clock.run(database, sql, settings, seed=repeat + 1))
      self.server.pin(self.cpus)

    for floor in ("select_1", "lookup"):
      result["floors"][floor] = timing.summarize(jobs[floor][3])
    for entry in result["methods"]:
      for limit in self.arguments.limits:
        exact = timing.summarize(jobs[("exact", entry["database"], limit)][3])
        exact["us_per_row"] = 1000 * exact["p50_ms"] / data.rows
        exact["cpu_us_per_row"] = exact["cpu_ms"] and 1000 * exact["cpu_ms"] / data.rows
        entry["exact"][str(limit)] = exact
    for number, (method, point) in enumerate(points):
      bursts = jobs[number][3]
      point["timing"] = timing.summarize(bursts)
      exact_bursts = jobs[("exact", method.database, point["limit"])][3]
      point["timing"].update(timing.ratios(bursts, exact_bursts))


def main():
  arguments = parse_arguments()
  sets = [item.rsplit(":", 1) for item in arguments.sets.split(",")]
  if any(len(item) != 2 for item in sets):
    raise SystemExit("--sets wants NAME:METRIC,...")
  overrides = dict(setting.split("=", 1) for setting in arguments.server_settings)
  host = (server.GivenServer(arguments.dsn, arguments.bindir) if arguments.dsn
          else server.PrivateServer(arguments.bindir, overrides))
  try:
    bench = Bench(arguments, host)
    bench.create_databases()
    libraries = environment.libraries(host.bindir)
    document = {"environment": environment.describe(bench.versions, host.settings),
                "arguments": published(arguments), "sets": []}
    for name, metric in sets:
      document["sets"].append(bench.run_set(name, metric))
      if arguments.out:  # after every set: a long run that dies keeps what it has
        with open(arguments.out, "w", encoding="utf-8") as file:
          json.dump(document, file, indent=1)
    document["libraries_changed"] = libraries != environment.libraries(host.bindir)
    document["environment"]["libraries"] = libraries
    bench.drop_databases()
  finally:
    host.stop()
  if arguments.out:
    with open(arguments.out, "w", encoding="utf-8") as file:
      json.dump(document, file, indent=1)
  goals = json.load(open(arguments.goals, encoding="utf-8")) if arguments.goals else []
  print(report.markdown(document, goals))


if __name__ == "__main__":
  main()
