"""What a build costs in memory and CPU time, over the backend and its parallel workers."""

import os
import threading

kPollSeconds = 0.02


def read(path):
  try:
    with open(path, encoding="ascii", errors="replace") as file:
      return file.read()
  except OSError:
    return ""


def status(pid):
  """VmHWM and RssAnon of a process in bytes; empty when it is not visible here."""
  fields = dict(line.split(":", 1) for line in read(f"/proc/{pid}/status").splitlines()
                if ":" in line)
  return {name: int(fields[name].split()[0]) * 1024
          for name in ("VmHWM", "RssAnon") if name in fields}


def process_seconds(pid):
  """CPU time of a process on this machine: what a busy machine cannot distort much."""
  fields = read(f"/proc/{pid}/stat").rpartition(")")[2].split()
  if len(fields) < 13:
    return None
  return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def shared_segments(pid):
  """Bytes of the dynamic shared memory segments that a backend has mapped: where parallel builds
  keep what the participants share. The server's main segment is not among them."""
  paths = {line.split(None, 5)[5] for line in read(f"/proc/{pid}/maps").splitlines()
           if "/dev/shm/PostgreSQL." in line and not line.endswith("(deleted)")}
  total = 0
  for path in paths:
    try:
      total += os.stat(path).st_blocks * 512
    except OSError:
      pass
  return total


class BuildWatch:
  """Peak memory and CPU time of a backend and its parallel workers while the context is open.

  peak_private: anonymous memory of all participants together plus their dynamic shared memory,
  sampled; `at_start` is what the backend had before. VmHWM of the backend, the kernel's own
  high-water mark, counts touched shared buffers too. All stay None where the processes are not
  visible.
  """

  def __init__(self, pid):
    self.pid = pid
    self.parent = None
    fields = read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    if len(fields) > 1:
      self.parent = int(fields[1])
    self.at_start = self.peak_private = self.peak_total = None
    self.cpu = {}  # by process
    self.cpu_at_start = process_seconds(pid)
    self.done = threading.Event()
    self.thread = threading.Thread(target=self._poll, daemon=True)

  def _workers(self):
    title = f"parallel worker for PID {self.pid}"
    children = read(f"/proc/{self.parent}/task/{self.parent}/children").split()
    return [int(child) for child in children if title in read(f"/proc/{child}/cmdline")]

  def _sample(self):
    own = status(self.pid)
    if not own:
      return
    total = own["RssAnon"] + shared_segments(self.pid)
    for worker in self._workers():
      total += status(worker).get("RssAnon", 0)
      self.cpu[worker] = process_seconds(worker) or self.cpu.get(worker, 0)
    self.cpu[self.pid] = process_seconds(self.pid)
    self.peak_total = own["VmHWM"]
    if self.at_start is None:
      self.at_start = total
    self.peak_private = max(self.peak_private or 0, total)

  def _poll(self):
    while not self.done.wait(kPollSeconds):
      self._sample()

  def __enter__(self):
    self._sample()
    self.thread.start()
    return self

  def __exit__(self, *_):
    self.done.set()
    self.thread.join()
    self._sample()

  def summary(self):
    known = [seconds for seconds in self.cpu.values() if seconds is not None]
    return {"peak_private_bytes": self.peak_private, "private_bytes_at_start": self.at_start,
            "peak_total_bytes": self.peak_total, "workers_seen": max(len(self.cpu) - 1, 0),
            "cpu_seconds": sum(known) - self.cpu_at_start if known else None}
