#!/usr/bin/env python3
"""Measures how soon a cancelled statement ends, in every phase of every kind of statement.

Each statement is started again and again, cancelled at a random moment, and the time taken from
pg_cancel_backend() to its error. Builds and VACUUMs are told by the phase that their progress view
shows just before. What has ended before it was cancelled does not count.
"""

import argparse
import random
import sys
import threading
import time

try:
  import psycopg2
  import psycopg2.errors
except ImportError as error:
  sys.exit(f"{error}. On Debian: apt-get install python3-numpy python3-psycopg2")

import build
import report
import sets
from cluster import say

kPhases = {
    "build": "SELECT phase FROM pg_stat_progress_create_index",
    "vacuum": "SELECT phase FROM pg_stat_progress_vacuum",
}


def parse_arguments():
  parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
  parser.add_argument("--sets", default="docs-384:ip")
  parser.add_argument("--method", default="avq", help="avq[:option=value]...")
  parser.add_argument("--tries", type=int, default=60, help="cancels per kind of statement")
  parser.add_argument("--only", default="", help="only statements whose name has this in it")
  parser.add_argument("--seed", type=int, default=1)
  return sets.parse(parser)


class Statement:
  """One kind of statement. before: not measured; phases: a key of kPhases, or None."""

  def __init__(self, name, sql, before="", phases=None, settings=()):
    self.name, self.sql, self.before, self.phases = name, sql, before, phases
    self.settings = list(settings)


def statements(method, data):
  create = method.index_sql(data)
  drop = "DROP INDEX IF EXISTS items_embedding_idx"
  rows = "(SELECT * FROM items WHERE id %% 8 = 1)".replace("%%", "%")
  operator = {"ip": "<#>", "cos": "<=>"}[data.metric]
  scan = (f"SELECT count(*) FROM (SELECT i.id FROM items i ORDER BY i.embedding {operator} "
          "(SELECT embedding FROM queries WHERE id = 0) LIMIT 10000000) s")
  index = ("DO $$ BEGIN IF to_regclass('items_embedding_idx') IS NULL THEN EXECUTE "
           f"$q${create}$q$; END IF; END $$")
  young = (f"DROP TABLE IF EXISTS young; CREATE TABLE young AS SELECT * FROM items LIMIT 300; "
           f"{create.replace('items_embedding_idx ON items', 'young_idx ON young')}; "
           "INSERT INTO young SELECT * FROM items OFFSET 300")
  serial = [("max_parallel_maintenance_workers", 0)]
  return [
      Statement("CREATE INDEX", create, drop, "build", serial),
      Statement("CREATE INDEX, parallel", create, drop, "build"),
      Statement("scan of all lists", scan, index, settings=[("avq.target_recall", 1),
                                                           ("enable_seqscan", "off")]),
      Statement("exact scan", scan, index, settings=[("enable_indexscan", "off")]),
      Statement("INSERT", f"INSERT INTO items SELECT id + 10000000, embedding FROM {rows} r", index),
      Statement("VACUUM, deleting", "VACUUM (INDEX_CLEANUP ON) items",
                f"{index}; DELETE FROM items WHERE id >= 10000000; "
                f"INSERT INTO items SELECT id + 10000000, embedding FROM {rows} r; "
                "DELETE FROM items WHERE id >= 10000000", "vacuum"),
      Statement("VACUUM, re-listing", "VACUUM young", young, "vacuum"),
      Statement("avq_calibrate", "SELECT count(*) FROM avq_calibrate('items_embedding_idx', "
                "(SELECT array_agg(embedding) FROM queries))", index),
      Statement("avq_recall", "SELECT count(*) FROM avq_recall('items_embedding_idx', "
                "(SELECT array_agg(embedding) FROM queries), 100)", index),
      Statement("avq_check", "SELECT avq_check('items_embedding_idx', true)", index),
  ]


class Canceller:
  """Starts statements in one session and cancels them from another."""

  def __init__(self, cluster, method, seed):
    self.cluster, self.method = cluster, method
    self.random = random.Random(seed)
    self.admin = cluster.admin(method.database).cursor()

  def prepare(self, cursor, statement):
    for sql in filter(None, statement.before.split("; ")) if "$$" not in statement.before else [
        statement.before]:
      cursor.execute(sql)

  def run(self, cursor, statement, wait):
    """(seconds from cancel to end, phase), or None where it ended by itself; and its length."""
    ended = {}

    def execute():
      try:
        cursor.execute(statement.sql)
        ended["canceled"] = False
      except psycopg2.errors.QueryCanceled:
        ended["canceled"] = True
      ended["at"] = time.monotonic()

    pid = cursor.connection.get_backend_pid()
    thread = threading.Thread(target=execute)
    started = time.monotonic()
    thread.start()
    phase = ""
    if wait is not None:
      time.sleep(wait)
      if statement.phases:
        self.admin.execute(kPhases[statement.phases] + f" WHERE pid = {pid}")
        row = self.admin.fetchone()
        phase = row[0] if row else ""
      cancelled = time.monotonic()
      self.admin.execute("SELECT pg_cancel_backend(%s)", (pid,))
    thread.join()
    length = ended["at"] - started
    if wait is None or not ended["canceled"]:
      return None, length
    return (ended["at"] - cancelled, phase), length

  def measure(self, statement, tries):
    connection = self.cluster.connect(self.method, statement.settings)
    cursor = connection.cursor()
    self.prepare(cursor, statement)
    _, length = self.run(cursor, statement, None)
    delays = {}
    for _ in range(tries):
      self.prepare(cursor, statement)
      delay, taken = self.run(cursor, statement, self.random.random() * length)
      if delay is not None:
        delays.setdefault(delay[1], []).append(delay[0])
      # Later ones may be shorter: what the first has done need not be done again.
      length = max(0.9 * length, taken) if delay is None else length
    connection.close()
    say(f"{statement.name}: {length:.2f} s alone, cancelled {sum(map(len, delays.values()))} times")
    return {"statement": statement.name, "seconds": length,
            "phases": [{"phase": phase, "cancels": len(times),
                        "median_ms": 1000 * sorted(times)[len(times) // 2],
                        "most_ms": 1000 * max(times)} for phase, times in sorted(delays.items())]}


def table(result):
  rows = [[entry["statement"], f"{entry['seconds']:.2f}", phase["phase"], phase["cancels"],
           f"{phase['median_ms']:.1f}", f"{phase['most_ms']:.1f}"]
          for entry in result["statements"] for phase in entry["phases"]]
  return report.table(["statement", "s alone", "phase", "cancels", "median ms", "most ms"], rows)


def main():
  arguments = parse_arguments()

  def measure(cluster, data):
    method = cluster.methods[0]
    build.load(cluster.connect, method, data)
    canceller = Canceller(cluster, method, arguments.seed)
    return {"set": data.name, "metric": data.metric, "rows": data.rows, "dims": data.dims,
            "statements": [canceller.measure(statement, arguments.tries)
                           for statement in statements(method, data)
                           if arguments.only in statement.name]}

  sets.run(arguments, {"max_parallel_maintenance_workers": str(arguments.workers)},
           [arguments.method], measure, "milliseconds from cancel to end", table)


if __name__ == "__main__":
  main()
