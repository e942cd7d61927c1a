#!/usr/bin/env python3
"""Measures what growth, deletes and VACUUM leave of an index, against a fresh build.

The index is built on the first rows of a set, then the table grows fifteenfold and is vacuumed,
which re-lists the index. With --churn it then loses a random half of its rows, is vacuumed, grows
again and is vacuumed. After each step: recall against exact answers over the rows then live, work
per query and size; at the end the same for a fresh index on the same rows.
"""

import argparse
import time

import numpy as np

import arguments as command_line
import build
import dataset
import environment
import goals
import recall
import report
from cluster import Cluster, say
from dataset import DataSet


def parse_arguments():
  parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
  parser.add_argument("--data", required=True, help="directory of NAME.base.npy and so on")
  parser.add_argument("--set", default="wordctx-100:ip", help="NAME:METRIC")
  parser.add_argument("--method", default="avq", help="METHOD[:option=value]...")
  parser.add_argument("--start", type=int, default=10000, help="rows when the index is built")
  parser.add_argument("--grow", type=int, default=140000, help="rows inserted then")
  parser.add_argument("--churn", type=int, default=0, metavar="ROWS",
                      help="delete half, VACUUM, insert so many rows, VACUUM")
  parser.add_argument("--one-vacuum", action="store_true",
                      help="with --churn: VACUUM after the deletes alone")
  parser.add_argument("--seeds", metavar="N,...", help="everything once for each: the rows in an"
                      " order drawn by it, the index trained with it; default: the set's order")
  parser.add_argument("--out", help="write everything measured to this JSON file")
  parser.add_argument("--limit", type=int, default=10)
  parser.add_argument("--probes", type=int, default=0,
                      help="lists scanned at every step; 0 = what each index has fitted, which"
                      " differs by its sample")
  parser.add_argument("--bindir", help="directory of the server's programs")
  arguments = parser.parse_args()
  arguments.seeds = [int(seed) for seed in arguments.seeds.split(",")] if arguments.seeds else [None]
  return arguments


class Churn:
  """One table in one cluster, and the rows of the report."""

  def __init__(self, arguments, cluster, seed):
    self.cluster = cluster
    self.method = cluster.methods[0]
    self.limit = arguments.limit
    self.probes = arguments.probes
    self.data = DataSet(arguments.data, *arguments.set.rsplit(":", 1))
    self.settings = []
    if seed is not None:
      self.settings.append(("avq.seed", seed))
      order = np.random.default_rng(seed).permutation(self.data.rows)
      self.data.base = self.data.base[order]
    needed = arguments.start + arguments.grow + arguments.churn
    if needed > self.data.rows:
      raise SystemExit(f"{self.data.name} has {self.data.rows} rows, {needed} are needed")
    self.live = np.arange(0)
    self.steps = []

  def execute(self, sql):
    connection = self.cluster.connect(self.method, self.settings)
    started = time.monotonic()
    connection.cursor().execute(sql)
    connection.close()
    return time.monotonic() - started

  def insert(self, count):
    """Row by row as far as the index is concerned: COPY calls its insert for each."""
    first = self.next_id
    connection = self.cluster.connect(self.method, [])
    started = time.monotonic()
    dataset.copy_in(connection.cursor(), "items", self.data.base[first:first + count], first)
    connection.close()
    self.live = np.concatenate([self.live, np.arange(first, first + count)])
    self.next_id += count
    return time.monotonic() - started

  def start(self, count):
    connection = self.cluster.connect(self.method, [])
    cursor = connection.cursor()
    cursor.execute(f"CREATE SCHEMA {self.method.schema}")
    dataset.load(cursor, self.data, count)
    cursor.execute("VACUUM (ANALYZE) items")
    cursor.execute("VACUUM (ANALYZE) queries")
    connection.close()
    self.live, self.next_id = np.arange(count), count
    return self.execute(self.method.index_sql(self.data))

  def delete_half(self):
    generator = np.random.default_rng(1)
    gone = generator.permutation(self.live)[:len(self.live) // 2]
    connection = self.cluster.connect(self.method, [])
    connection.cursor().execute("DELETE FROM items WHERE id = ANY(%s)", (gone.tolist(),))
    connection.close()
    self.live = np.setdiff1d(self.live, gone)

  def measure(self, step, seconds):
    self.data.restrict(self.live)
    settings = [("enable_seqscan", "off")]
    if self.probes:
      settings.append(("avq.probes", self.probes))
    connection = self.cluster.connect(self.method, settings)
    found = recall.measure(connection, self.data, self.limit, [], self.method.name == "avq")
    state = build.index_state(connection.cursor(), self.method)
    connection.close()
    say(f"{step}: {seconds:.1f} s, recall {found['recall']:.4f}")
    self.steps.append({"step": step, "seconds": seconds, "rows": len(self.live), **found, **state})

  def table(self):
    names = list(dict.fromkeys(name for step in self.steps for name in step["counters"]))
    rows = [[step["step"], f"{step['seconds']:.1f}", step["rows"], f"{step['recall']:.4f}",
             f"{step['returned']:.2f}", f"{step['buffers']:.0f}",
             report.megabytes(step["index_bytes"]), report.megabytes(step["table_bytes"]),
             *(f"{step['counters'].get(name, 0):.1f}" for name in names)] for step in self.steps]
    return report.table(["step", "s", "rows", f"recall@{self.limit}", "returned", "buffers",
                         "index MB", "table MB", *names], rows)


def run(arguments, cluster, seed):
  churn = Churn(arguments, cluster, seed)
  churn.measure(f"build on {arguments.start}", churn.start(arguments.start))
  churn.measure(f"insert {arguments.grow}", churn.insert(arguments.grow))
  if not arguments.one_vacuum:
    churn.measure("VACUUM", churn.execute("VACUUM items"))
  if arguments.churn:
    churn.delete_half()
    churn.measure("delete half, VACUUM", churn.execute("VACUUM items"))
    churn.measure(f"insert {arguments.churn}", churn.insert(arguments.churn))
    if not arguments.one_vacuum:
      churn.measure("VACUUM", churn.execute("VACUUM items"))
  churn.measure("fresh build (REINDEX)", churn.execute("REINDEX INDEX items_embedding_idx"))
  churn.execute(f"DROP SCHEMA {churn.method.schema} CASCADE")
  return churn


def main():
  arguments = parse_arguments()
  with Cluster(arguments.bindir, None, {}, [arguments.method]) as cluster:
    document = {"environment": environment.describe(cluster.versions, cluster.server.settings),
                "arguments": command_line.published(arguments), "runs": []}
    for seed in arguments.seeds:
      churn = run(arguments, cluster, seed)
      document["runs"].append({"seed": seed, "steps": churn.steps})
      goals.save(document, arguments)
      if seed is not None:
        print(f"seed {seed}\n")
      print(churn.table() + "\n", flush=True)


if __name__ == "__main__":
  main()
