"""A server with the databases and connections that a measurement needs."""

import sys
import time

import psycopg2

import methods
import server


def say(text):
  print(time.strftime("%H:%M:%S ") + text, file=sys.stderr, flush=True)


class Cluster:
  """Owns the server for the length of a with block. Its databases are ours alone."""

  def __init__(self, bindir, dsn, overrides, specs):
    self.specs = specs
    self.server = (server.GivenServer(dsn, bindir) if dsn
                   else server.PrivateServer(bindir, overrides))
    self.methods = []
    self.versions = {}

  def __enter__(self):
    try:
      self._create_databases()
    except BaseException:
      self.server.stop()
      raise
    return self

  def __exit__(self, *_):
    if isinstance(self.server, server.GivenServer):
      admin = self.admin("postgres")
      for extension in set(self.versions) & set(methods.kDatabase):
        admin.cursor().execute(f"DROP DATABASE {methods.kDatabase[extension]} WITH (FORCE)")
      admin.close()
    self.server.stop()

  def connect(self, method, settings):
    """A connection that sees the method's own tables."""
    options = " ".join(f"-c {name}={value}" for name, value in with_path(method, settings))
    return self._open(method.database, options)

  def admin(self, database):
    return self._open(database, "")

  def _open(self, database, options):
    connection = psycopg2.connect(self.server.connection_string(database), options=options)
    connection.autocommit = True
    return connection

  def _create_databases(self):
    """Keeps the methods whose extension this server has, each in its extension's database."""
    admin = self.admin("postgres")
    cursor = admin.cursor()
    cursor.execute("SELECT name FROM pg_available_extensions")
    available = {row[0] for row in cursor.fetchall()}
    for method in [methods.Method(spec) for spec in self.specs]:
      if method.extension not in available:
        say(f"skipped {method.spec}: extension {method.extension} is not installed here")
        continue
      if method.extension not in self.versions:
        cursor.execute(f"CREATE DATABASE {method.database}")
        self.versions[method.extension] = self._create_extension(method)
      self.methods.append(method)
    cursor.execute("SELECT version()")
    self.versions["server"] = cursor.fetchone()[0]
    admin.close()
    if not self.methods:
      raise SystemExit("none of the methods is installed in this server")

  def _create_extension(self, method):
    database = self.admin(method.database)
    cursor = database.cursor()
    cursor.execute(f"CREATE EXTENSION {method.extension}")
    cursor.execute("SELECT extversion FROM pg_extension WHERE extname = %s", (method.extension,))
    version = cursor.fetchone()[0]
    database.close()
    return version


def with_path(method, settings):
  return [("search_path", f"{method.schema},public"), *settings]
