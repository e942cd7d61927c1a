"""Latency of one prepared statement, by pgbench over one connection."""

import glob
import math
import os
import statistics
import subprocess
import tempfile
import time

import psycopg2

# Custom plans (five of them), catalogue caches and the library's load fall into the first
# transactions of a connection. The very first is reported apart, as first_ms. Of a burst of few
# slow transactions a fifth is left out.
kWarmUp = 10
kWarmUpShare = 0.2

kPollSeconds = 0.02
kLookUps = 10


class CpuWatch:
  """CPU time of the one pgbench backend of a server on this machine, sampled while it runs.

  On a busy machine a long query is preempted and a short one is not, so wall clocks distort the
  ratio of the two; the kernel's own account of time on a CPU does not.
  """

  def __init__(self, dsn):
    self.connection = psycopg2.connect(dsn)
    self.connection.autocommit = True
    self.path = None
    self.samples = []  # (seconds since the epoch, nanoseconds of CPU)

  def sample(self):
    if self.path is None:
      cursor = self.connection.cursor()
      cursor.execute("SELECT pid FROM pg_stat_activity WHERE application_name = 'pgbench' "
                     "ORDER BY backend_start DESC LIMIT 1")
      row = cursor.fetchone()
      if row is None:
        return
      self.path = f"/proc/{row[0]}/schedstat"
    try:
      with open(self.path, encoding="ascii") as file:
        self.samples.append((time.time(), int(file.read().split()[0])))
    except OSError:
      # pgbench looks at the server through a first, short connection. One that ends later is the
      # burst's own, and its samples stay.
      if len(self.samples) < kLookUps:
        self.path, self.samples = None, []

  def per_transaction_ms(self, ends):
    """Mean CPU of the transactions that ended between the first and the last sample."""
    self.connection.close()
    if len(self.samples) < 2:
      return None
    (begin, cpu_begin), (end, cpu_end) = self.samples[0], self.samples[-1]
    count = sum(begin < moment <= end for moment in ends)
    return (cpu_end - cpu_begin) / 1e6 / count if count else None


class Clock:
  """Runs pgbench against one server. Errors: SystemExit with pgbench's message.

  Client and backend share one CPU when the server can be pinned: between two idle virtual CPUs
  every message pays two wake-ups of 30 to 50 µs, or none when another program keeps them awake.
  """

  def __init__(self, server, seconds, cpu):
    self.server = server
    self.seconds = seconds
    self.cpu = cpu

  def pinned(self):
    return {} if self.cpu is None else {"preexec_fn":
                                        lambda: os.sched_setaffinity(0, {self.cpu})}

  def run(self, database, script, settings, seed, seconds=None):
    """One burst, summarized."""
    dsn = self.server.connection_string(database)
    with tempfile.TemporaryDirectory(prefix="avq-pgbench-") as directory:
      path = os.path.join(directory, "script.sql")
      with open(path, "w", encoding="utf-8") as file:
        file.write(script)
      options = " ".join(f"-c {name}={value}" for name, value in settings)
      watch = CpuWatch(dsn)
      process = subprocess.Popen(
          [os.path.join(self.server.bindir, "pgbench"), "-M", "prepared", "-n", "-c", "1",
           "-T", str(seconds or self.seconds), f"--random-seed={seed}", "-f", path, "-l",
           "--log-prefix=log", dsn],
          cwd=directory, env={**os.environ, "PGOPTIONS": options},
          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, **self.pinned())
      while process.poll() is None:
        time.sleep(kPollSeconds)
        watch.sample()
      if process.returncode:
        raise SystemExit(f"pgbench failed: {process.stderr.read()}\n{script}")
      process.stderr.close()
      latencies, ends = [], []
      for log in glob.glob(os.path.join(directory, "log.*")):
        with open(log, encoding="utf-8") as file:
          for line in file:
            # client, transaction, elapsed microseconds, script, end in seconds, microseconds
            fields = line.split()
            latencies.append(int(fields[2]) / 1000)
            ends.append(int(fields[4]) + int(fields[5]) / 1e6)
      return summarize_burst(latencies, watch.per_transaction_ms(ends))


def percentile(ordered, share):
  return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def summarize_burst(latencies, cpu_ms):
  skip = min(kWarmUp, math.ceil(kWarmUpShare * len(latencies)), len(latencies) - 1)
  steady = sorted(latencies[skip:])
  mean = statistics.fmean(steady)
  return {"qps": 1000 / mean, "mean_ms": mean, "p50_ms": percentile(steady, 0.5),
          "p99_ms": percentile(steady, 0.99), "cpu_ms": cpu_ms, "first_ms": latencies[0],
          "transactions": len(steady), "load": os.getloadavg()[0]}


def median(values):
  known = [value for value in values if value is not None]
  return statistics.median(known) if known else None


def summarize(bursts):
  """Medians over the repeats of one point; the spread of QPS says how far to trust it."""
  result = {name: median(burst[name] for burst in bursts) for name in bursts[0]}
  result["transactions"] = sum(burst["transactions"] for burst in bursts)
  rates = [burst["qps"] for burst in bursts]
  result["qps_min"], result["qps_max"] = min(rates), max(rates)
  result["repeats"] = len(bursts)
  # By round: ratios between methods are taken within one.
  result["rounds"] = [{name: burst[name] for name in ("mean_ms", "cpu_ms")} for burst in bursts]
  return result


def ratios(bursts, exact_bursts):
  """Speed over the exact scan of the same round: by mean latency, by its median, by CPU time."""
  def over(name):
    return median(exact[name] / one[name] if exact[name] and one[name] else None
                  for one, exact in zip(bursts, exact_bursts))
  return {"times_exact": over("mean_ms"), "times_exact_p50": over("p50_ms"),
          "times_exact_cpu": over("cpu_ms")}
