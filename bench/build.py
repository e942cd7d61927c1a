"""Loads a set, builds one index on it and says what that cost."""

import os
import re
import time

import dataset
import memory
import recall

def load(connect, method, data):
  """Creates the method's schema with items and queries in it; returns seconds."""
  connection = connect(method, [])
  cursor = connection.cursor()
  cursor.execute(f"CREATE SCHEMA {method.schema}")
  started = time.monotonic()
  dataset.load(cursor, data, column=method.column)
  seconds = time.monotonic() - started
  cursor.execute("VACUUM (ANALYZE, FREEZE) items")
  cursor.execute("VACUUM (ANALYZE, FREEZE) queries")
  connection.close()
  return seconds


def index_state(cursor, method):
  """Sizes now, and what the index says of itself."""
  cursor.execute("SELECT pg_relation_size('items_embedding_idx'), pg_table_size('items')")
  index_bytes, table_bytes = cursor.fetchone()
  result = {"index_bytes": index_bytes, "table_bytes": table_bytes}
  if method.name == "avq":
    result["index_info"] = row_of(cursor, "SELECT * FROM avq_index_info('items_embedding_idx')")
  return result


def build(connect, method, data, index_settings):
  """CREATE INDEX in a fresh backend, so that its memory is the build's own."""
  connection = connect(method, [("client_min_messages", "debug1"), *index_settings])
  cursor = connection.cursor()
  cursor.execute("CHECKPOINT")
  cursor.execute("SELECT pg_backend_pid()")
  pid = cursor.fetchone()[0]
  del connection.notices[:]
  sql = method.index_sql(data)
  load = os.getloadavg()[0]
  cursor.execute("SHOW max_parallel_maintenance_workers")
  workers = int(cursor.fetchone()[0])
  # The planner sizes the number of workers by the main table, which is small where vectors are
  # TOASTed: every method is given the same.
  cursor.execute(f"ALTER TABLE items SET (parallel_workers = {workers})")
  cursor.execute("SELECT pg_size_bytes(current_setting('maintenance_work_mem'))")
  work_mem = cursor.fetchone()[0]
  with memory.BuildWatch(pid) as watch:
    started = time.monotonic()
    cursor.execute(sql)
    seconds = time.monotonic() - started
  notices = [notice.strip() for notice in connection.notices]
  cursor.execute("CHECKPOINT")
  state = index_state(cursor, method)
  connection.close()
  return {
      "sql": sql, "seconds": seconds, "load": load, "workers_allowed": workers,
      "maintenance_work_mem": work_mem, **watch.summary(), **state, "index_bytes_per_row": state["index_bytes"] / data.rows, "messages": notices,
      "phases": phases(notices)}


def phases(messages):
  """Seconds by phase from a message "...; seconds: NAME 1.23, NAME 4.56" of the build."""
  for message in messages:
    found = re.search(r"seconds: (.*)", message)
    if found:
      return {name.strip(): float(value)
              for name, value in re.findall(r"([a-z ]+) (\d+\.\d+)", found.group(1))}
  return {}


def row_of(cursor, sql):
  """A row, or rows of (name, value), as a dictionary; empty without the function."""
  if not recall.has_function(cursor, "avq_index_info"):
    return {}
  cursor.execute(sql)
  rows = cursor.fetchall()
  names = [column.name for column in cursor.description]
  if len(names) == 2 and len(rows) != 1:
    return {str(name): plain(value) for name, value in rows}
  return {name: plain(value) for name, value in zip(names, rows[0])} if rows else {}


def plain(value):
  return value if isinstance(value, (bool, int, float, str, type(None))) else str(value)


def prewarm(connection):
  """Reads table and index into shared buffers; the measuring passes do it too, but later."""
  for relation in ("items", "items_embedding_idx", "queries", "queries_pkey"):
    prewarm_relation(connection.cursor(), relation)


def prewarm_relation(cursor, relation):
  cursor.execute("SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_prewarm'")
  if cursor.fetchone()[0]:
    cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_prewarm SCHEMA public")
    cursor.execute("SELECT public.pg_prewarm(%s::regclass)", (relation,))
