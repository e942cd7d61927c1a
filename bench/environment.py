"""What a figure depends on: machine, versions, the commit and the libraries measured."""

import hashlib
import os
import platform
import subprocess
import time

kHere = os.path.dirname(os.path.abspath(__file__))


def command(*words, cwd=None):
  """Output of a command, or None when it is missing or fails."""
  try:
    return subprocess.check_output(words, cwd=cwd, text=True,
                                   stderr=subprocess.DEVNULL).strip()
  except (OSError, subprocess.CalledProcessError):
    return None


def cpu_model():
  with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
    for line in file:
      if line.startswith("model name"):
        return line.split(":", 1)[1].strip()
  return platform.machine()


def commit():
  """The commit measured, marked when the sources differ from it."""
  head = command("git", "rev-parse", "--short=12", "HEAD", cwd=kHere)
  changed = command("git", "status", "--porcelain", "--", "../src", cwd=kHere)
  return head and head + (" + changes in src" if changed else "")


def describe(versions, settings):
  return {
      "time": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
      "cpu": cpu_model(), "cores": os.cpu_count(),
      "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
      "kernel": platform.release(), "load_at_start": os.getloadavg(), "commit": commit(),
      "versions": versions, "settings": settings}


def libraries(bindir):
  """Digests of the libraries measured: a rebuild in the middle of a run would mix two of them."""
  directory = command(os.path.join(bindir, "pg_config"), "--pkglibdir")
  result = {}
  for name in ("avq.so", "vector.so"):
    path = directory and os.path.join(directory, name)
    if path and os.path.exists(path):
      with open(path, "rb") as file:
        result[name] = hashlib.sha256(file.read()).hexdigest()[:16]
  return result
