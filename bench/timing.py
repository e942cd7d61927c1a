"""Latency of one prepared statement, by pgbench over one connection."""

import glob
import os
import statistics
import subprocess
import tempfile

# Custom plans (five of them), catalogue caches and the library's load fall into the first
# transactions of a connection. They are reported apart, as first_ms.
kWarmUp = 10


class Clock:
  """Runs pgbench against one server. Errors: SystemExit with pgbench's message."""

  def __init__(self, server, seconds):
    self.server = server
    self.seconds = seconds

  def run(self, database, script, settings, seed, seconds=None):
    """One burst; returns latencies of single transactions in ms, the first ones included."""
    with tempfile.TemporaryDirectory(prefix="avq-pgbench-") as directory:
      path = os.path.join(directory, "script.sql")
      with open(path, "w", encoding="utf-8") as file:
        file.write(script)
      options = " ".join(f"-c {name}={value}" for name, value in settings)
      result = subprocess.run(
          [os.path.join(self.server.bindir, "pgbench"), "-M", "prepared", "-n", "-c", "1",
           "-T", str(seconds or self.seconds), f"--random-seed={seed}", "-f", path, "-l",
           "--log-prefix=log", self.server.connection_string(database)],
          cwd=directory, env={**os.environ, "PGOPTIONS": options}, capture_output=True, text=True)
      if result.returncode:
        raise SystemExit(f"pgbench failed: {result.stderr}\n{script}")
      latencies = []
      for log in glob.glob(os.path.join(directory, "log.*")):
        with open(log, encoding="utf-8") as file:
          # client, transaction, elapsed microseconds, script, time
          latencies += [int(line.split()[2]) / 1000 for line in file]
      return latencies


def percentile(ordered, share):
  return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def summarize_burst(latencies):
  steady = sorted(latencies[kWarmUp:] or latencies[-1:])
  mean = statistics.fmean(steady)
  return {"qps": 1000 / mean, "mean_ms": mean, "p50_ms": percentile(steady, 0.5),
          "p99_ms": percentile(steady, 0.99), "first_ms": latencies[0],
          "transactions": len(steady), "load": os.getloadavg()[0]}


def summarize(bursts):
  """Medians over the repeats of one point; the spread of QPS says how far to trust it."""
  result = {name: statistics.median(burst[name] for burst in bursts) for name in bursts[0]}
  result["transactions"] = sum(burst["transactions"] for burst in bursts)
  rates = [burst["qps"] for burst in bursts]
  result["qps_min"], result["qps_max"] = min(rates), max(rates)
  result["repeats"] = len(bursts)
  return result


def ratios(bursts, exact_bursts):
  """Speed over the exact scan of the same round: by mean latency and by median latency."""
  rounds = list(zip(bursts, exact_bursts))
  return {
      "times_exact": statistics.median(one["qps"] / exact["qps"] for one, exact in rounds),
      "times_exact_p50": statistics.median(exact["p50_ms"] / one["p50_ms"]
                                           for one, exact in rounds)}
