"""A private PostgreSQL server in a temporary directory, or the address of a given one."""

import os
import pwd
import shutil
import subprocess
import tempfile
import time

import psycopg2

# What a run needs beyond initdb's defaults. Everything is cached, serial and without JIT, so that
# one statement is one core's work; durability settings stay as they ship.
kSettings = {
    "shared_buffers": "2GB",
    "maintenance_work_mem": "1GB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "1h",
    "autovacuum": "off",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    "max_parallel_maintenance_workers": "0",
    "listen_addresses": "",
    "max_connections": "20",
}


def find_bindir(bindir):
  """The directory of initdb and pgbench: the argument, or what pg_config says."""
  if bindir:
    return bindir
  path = shutil.which("pg_config")
  if path:
    return subprocess.check_output([path, "--bindir"], text=True).strip()
  raise SystemExit("no pg_config on the PATH: name the server's programs with --bindir")


def unprivileged_account():
  """Whom to run the server as: PostgreSQL refuses root."""
  if os.geteuid() != 0:
    return None
  for name in ("postgres", "nobody"):
    try:
      return pwd.getpwnam(name)
    except KeyError:
      continue
  raise SystemExit("running as root and no user postgres or nobody to run the server as")


class GivenServer:
  """A server that somebody else runs, named by a connection string."""

  def __init__(self, dsn, bindir):
    self.dsn = dsn
    self.bindir = find_bindir(bindir)
    self.settings = {}

  def connection_string(self, database):
    return f"{self.dsn} dbname={database}"

  def pin(self, cpus):
    pass

  def stop(self):
    pass


class PrivateServer:
  """Owns a cluster from initdb to its removal. Errors: SystemExit with the server's own log."""

  def __init__(self, bindir, overrides):
    self.bindir = find_bindir(bindir)
    self.settings = {**kSettings, **overrides}
    self.directory = tempfile.mkdtemp(prefix="avq-bench-")
    self.data = os.path.join(self.directory, "data")
    self.log = os.path.join(self.directory, "server.log")
    self.process = None
    self.account = unprivileged_account()
    if self.account:
      os.chown(self.directory, self.account.pw_uid, self.account.pw_gid)
    try:
      self._create()
    except BaseException:
      self.stop()
      raise

  def _as_account(self):
    options = {"cwd": self.directory}
    if self.account:
      options.update(user=self.account.pw_uid, group=self.account.pw_gid, extra_groups=[])
    return options

  def _create(self):
    initdb = subprocess.run(
        [os.path.join(self.bindir, "initdb"), "-D", self.data, "-U", "bench", "-A", "trust",
         "-E", "UTF8", "--locale=C"], capture_output=True, text=True, **self._as_account())
    if initdb.returncode:
      raise SystemExit(f"initdb failed:\n{initdb.stdout}{initdb.stderr}")
    self._start()

  def _start(self):
    command = [os.path.join(self.bindir, "postgres"), "-D", self.data, "-k", self.directory]
    for name, value in self.settings.items():
      command += ["-c", f"{name}={value}"]
    with open(self.log, "ab") as log:
      self.process = subprocess.Popen(command, stdout=log, stderr=log, **self._as_account())
    for _ in range(300):
      if self.process.poll() is not None:
        break
      try:
        psycopg2.connect(self.connection_string("postgres")).close()
        return
      except psycopg2.OperationalError:
        time.sleep(0.1)
    with open(self.log, encoding="utf-8", errors="replace") as log:
      raise SystemExit("the server did not start:\n" + log.read()[-2000:])

  def connection_string(self, database):
    return f"host={self.directory} user=bench dbname={database}"

  def pin(self, cpus):
    """The CPUs of backends started from now on."""
    os.sched_setaffinity(self.process.pid, cpus)

  def restart(self):
    """With empty shared buffers."""
    self._shut_down()
    self._start()

  def _shut_down(self):
    if self.process and self.process.poll() is None:
      self.process.send_signal(2)  # SIGINT: fast shutdown
      try:
        self.process.wait(60)
      except subprocess.TimeoutExpired:
        self.process.send_signal(3)  # SIGQUIT: immediate shutdown
        self.process.wait(60)

  def stop(self):
    self._shut_down()
    shutil.rmtree(self.directory, ignore_errors=True)
