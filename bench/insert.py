#!/usr/bin/env python3
"""Measures single-row INSERTs into a prebuilt index: rate and WAL, with one client and with more.

The vectors come from a staging table, a row each by its number, so that no text is parsed. The
method "none" is the table without an index: what an insert costs at least. synchronous_commit is
off, all else of the server as in run.py; bursts of all methods take turns.
"""

import argparse
import os
import re
import statistics
import subprocess
import tempfile

import build
import dataset
import report
import sets
from cluster import say, with_path

kNoIndex = "none"

# nextval() in a subquery is computed once, and the row found by the primary key.
kScript = """INSERT INTO items SELECT id, embedding FROM staging
  WHERE id = (SELECT nextval('next_row'));
"""


def parse_arguments():
  parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
  parser.add_argument("--sets", default="wordctx-100:ip", help="NAME:METRIC,...")
  parser.add_argument("--methods", default="avq,hnsw:m=16:ef_construction=64,none")
  parser.add_argument("--start", type=int, default=100000, help="rows when the index is built")
  parser.add_argument("--clients", default="1,8")
  parser.add_argument("--inserts", type=int, default=8000, help="rows inserted in one burst")
  parser.add_argument("--repeats", type=int, default=3)
  arguments = sets.parse(parser)
  arguments.clients = [int(clients) for clients in arguments.clients.split(",")]
  return arguments


class Inserts:
  """One set in one cluster."""

  def __init__(self, arguments, cluster, data):
    self.arguments, self.cluster, self.data = arguments, cluster, data
    bursts = len(arguments.clients) * arguments.repeats
    needed = arguments.start + bursts * arguments.inserts
    if needed > data.rows:
      raise SystemExit(f"{data.name} has {data.rows} rows, {needed} are needed")

  def prepare(self, method, indexed):
    start = self.arguments.start
    connection = self.cluster.connect(method, [])
    cursor = connection.cursor()
    cursor.execute(f"CREATE SCHEMA {method.schema}")
    dataset.create_table(cursor, "items", self.data.base[:start], method.column)
    dataset.create_table(cursor, "staging", self.data.base[start:], method.column, start)
    cursor.execute("ALTER TABLE staging ADD PRIMARY KEY (id)")
    # Numbers are handed out by the hundred, lest the sequence be what is measured.
    cursor.execute(f"CREATE SEQUENCE next_row MINVALUE 0 START {start} CACHE 100")
    cursor.execute(f"ALTER TABLE items SET (parallel_workers = {self.arguments.workers})")
    cursor.execute("VACUUM (ANALYZE, FREEZE) items")
    cursor.execute("VACUUM (ANALYZE, FREEZE) staging")
    if indexed:
      cursor.execute(method.index_sql(self.data))
      say(f"{self.data.name} {method.spec}: index built on {start} rows")
      build.prewarm_relation(cursor, "items_embedding_idx")
    for relation in ("items", "staging", "staging_pkey"):
      build.prewarm_relation(cursor, relation)
    # A full page image is written at the first change after a checkpoint: all methods start alike.
    cursor.execute("CHECKPOINT")
    connection.close()

  def burst(self, method, clients, admin):
    """Rows a second, and WAL bytes by row, those of full page images apart where they are known."""
    admin.execute("SELECT pg_current_wal_insert_lsn()")
    begin = admin.fetchone()[0]
    with tempfile.TemporaryDirectory(prefix="avq-pgbench-") as directory:
      path = os.path.join(directory, "script.sql")
      with open(path, "w", encoding="utf-8") as file:
        file.write(kScript)
      settings = with_path(method, [("synchronous_commit", "off")])
      run = subprocess.run(
          [os.path.join(self.cluster.server.bindir, "pgbench"), "-M", "prepared", "-n",
           "-c", str(clients), "-j", str(min(clients, os.cpu_count())),
           "-t", str(self.arguments.inserts // clients), "-f", path,
           self.cluster.server.connection_string(method.database)],
          cwd=directory, capture_output=True, text=True, check=False,
          env={**os.environ,
               "PGOPTIONS": " ".join(f"-c {name}={value}" for name, value in settings)})
    if run.returncode:
      raise SystemExit(f"pgbench failed: {run.stderr}")
    inserted = int(re.search(r"actually processed: (\d+)", run.stdout).group(1))
    rate = float(re.search(r"tps = ([0-9.]+)", run.stdout).group(1))
    admin.execute("SELECT pg_current_wal_insert_lsn(), pg_current_wal_insert_lsn() - %s::pg_lsn",
                  (begin,))
    end, total = admin.fetchone()
    return {"rate": rate, "wal_bytes": float(total) / inserted,
            "full_page_bytes": self.full_page_bytes(admin, begin, end, inserted)}

  @staticmethod
  def full_page_bytes(admin, begin, end, inserted):
    admin.execute("SELECT to_regproc('pg_get_wal_stats') IS NOT NULL")
    if not admin.fetchone()[0]:
      return None
    # The stretch ends where records have been written; with asynchronous commit that takes a bit.
    admin.execute("SELECT pg_switch_wal()")
    admin.execute("SELECT sum(fpi_size) FROM pg_get_wal_stats(%s, %s)", (begin, end))
    return float(admin.fetchone()[0] or 0) / inserted

  def run(self):
    result = {"set": self.data.name, "metric": self.data.metric, "start": self.arguments.start,
              "dims": self.data.dims, "methods": []}
    plans = []
    for method in self.cluster.methods:
      indexed = method.options.pop("table", None) != kNoIndex
      self.prepare(method, indexed)
      entry = {"method": method.spec if indexed else kNoIndex, "points": [], "inserts": {}}
      result["methods"].append(entry)
      plans.append((method, entry))
    connection = self.cluster.admin("postgres")
    admin = connection.cursor()
    admin.execute("SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_walinspect'")
    if admin.fetchone()[0]:
      admin.execute("CREATE EXTENSION IF NOT EXISTS pg_walinspect")
    for clients in self.arguments.clients:
      for repeat in range(self.arguments.repeats):
        for method, entry in plans:
          bursts = entry["inserts"].setdefault(str(clients), {"rounds": []})["rounds"]
          bursts.append(self.burst(method, clients, admin))
          say(f"  {clients} clients, round {repeat + 1}, {entry['method']}: "
              f"{bursts[-1]['rate']:.0f}/s, {bursts[-1]['wal_bytes']:.0f} bytes of WAL a row")
    connection.close()
    for method, entry in plans:
      for one in entry["inserts"].values():
        for name in ("rate", "wal_bytes", "full_page_bytes"):
          known = [burst[name] for burst in one["rounds"] if burst[name] is not None]
          one[name] = statistics.median(known) if known else None
      connection = self.cluster.connect(method, [])
      connection.cursor().execute(f"DROP SCHEMA {method.schema} CASCADE")
      connection.close()
    return result


def table(result):
  rows = []
  for entry in result["methods"]:
    alone = next(iter(entry["inserts"].values()))["rate"]
    for clients, one in entry["inserts"].items():
      rows.append([entry["method"], clients, f"{one['rate']:.0f}", f"{one['rate'] / alone:.2f}",
                   f"{one['wal_bytes']:.0f}", report.number(one["full_page_bytes"], 0)])
  return report.table(["method", "clients", "rows/s", "× first", "WAL bytes/row",
                       "of them full pages"], rows)


def main():
  arguments = parse_arguments()
  # The table without an index lives where the first method does.
  first = arguments.methods.split(",")[0]
  specs = [f"{first}:table={kNoIndex}" if spec == kNoIndex else spec
           for spec in arguments.methods.split(",")]
  overrides = {"max_parallel_maintenance_workers": str(arguments.workers)}
  sets.run(arguments, overrides, specs,
           lambda cluster, data: Inserts(arguments, cluster, data).run(),
           f"inserts after {arguments.start:,} rows", table)


if __name__ == "__main__":
  main()
