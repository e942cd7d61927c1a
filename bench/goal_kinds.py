"""What goals can ask, one function a kind: (met or None when not measured, what was measured)."""

import math
import statistics

import cold_pages
import levels
import report

kRowsPerBlock = 32


class Measured:
  """What a goal is judged by: a set's result, the method's entry, and another set's result."""

  def __init__(self, result, entry, other):
    self.result, self.entry, self.other = result, entry, other

  def peers(self, goal):
    found = [entry_of(self.result, name) for name in goal["peers"]]
    return [entry for entry in found if entry]


def entry_of(result, name):
  for entry in result["methods"]:
    if entry["method"] == name:
      return entry
  return None


def points_of(entry, goal):
  return [point for point in entry["points"] if point["limit"] == goal.get("limit")]


def default_point(entry, goal):
  return next((point for point in points_of(entry, goal) if point["settings"] == "default"), None)


# --- speed ----------------------------------------------------------------------------------------

def times_exact(measured, goal):
  """Some point of the sweep reaches recall and this many times the exact scan's QPS."""
  best = report.best_at(measured.entry, goal["limit"], goal["recall"])
  if best is None:
    timed = levels.timed(measured.entry, goal["limit"])
    return (False, "recall not reached") if timed else (None, "")
  one = best["timing"]
  return (one["times_exact"] >= goal["times_exact"],
          f"{one['times_exact']:.0f}×, by CPU time {report.number(one['times_exact_cpu'], 0)}×, "
          f"at recall {best['recall']:.3f}")


def times_peers(measured, goal):
  """QPS at the recall, interpolated for all alike, over that of the best peer of the round."""
  limit, level = goal["limit"], goal["recall"]
  if not levels.timed(measured.entry, limit):
    return None, ""
  own = levels.at_level(measured.entry, limit, level)
  if own is None:
    return False, "recall not reached"
  peers = [peer for peer in measured.peers(goal) if levels.timed(peer, limit)]
  if not peers:
    return None, ""
  reached = [get for get in (levels.at_level(peer, limit, level) for peer in peers) if get]
  qps = levels.qps_at(measured.entry, limit, level)
  if not reached:
    return True, f"{qps:.0f}/s, no peer reaches the recall"
  rounds = len(levels.timed(measured.entry, limit)[0]["timing"]["rounds"])

  def ratio(name):
    # In a round without a sample of CPU time there is nothing to compare.
    found = [min(get(value) for get in reached) / own(value)
             for value in (lambda timing, at=at: timing["rounds"][at][name] or math.nan
                           for at in range(rounds))]
    found = [one for one in found if not math.isnan(one)]
    return statistics.median(found) if found else None

  times, times_cpu = ratio("mean_ms"), ratio("cpu_ms")
  return (times >= goal["times_peers"], f"{times:.1f}×, by CPU time "
          f"{report.number(times_cpu, 1)}×: {qps:.0f}/s against "
          f"{1000 / min(get(lambda timing: timing['mean_ms']) for get in reached):.0f}/s")


def p99_over_p50(measured, goal):
  """Of the points next to the recall, the worse."""
  near = levels.neighbours(levels.timed(measured.entry, goal["limit"]), goal["recall"],
                           lambda one: one["timing"]["mean_ms"])
  ratios = [point["timing"]["p99_ms"] / point["timing"]["p50_ms"] for point in near if point]
  return (max(ratios) <= goal["p99_over_p50"], f"{max(ratios):.2f}") if ratios else (None, "")


def over_library(measured, goal):
  """SQL latency less the look-up's, over our own core's as a library."""
  if not measured.result.get("library"):
    return None, ""
  own = report.library_us(measured.result, goal["recall"])
  get = levels.at_level(measured.entry, measured.result["library"]["limit"], goal["recall"])
  if not own or get is None:
    return False, "recall not reached"
  lookup = measured.result["floors"]["lookup"]["mean_ms"]
  above = 1000 * (get(lambda timing: timing["mean_ms"]) - lookup)
  return above / own <= goal["over_library"], f"{above / own:.2f}: {above:.0f} over {own:.0f} µs"


def qps_falls(measured, goal):
  """QPS at the recall on the smaller set `from`, over that on this one."""
  other = measured.other and entry_of(measured.other, measured.entry["method"])
  if not other or not levels.timed(measured.entry, goal["limit"]):
    return None, ""
  many = levels.qps_at(other, goal["limit"], goal["recall"])
  few = levels.qps_at(measured.entry, goal["limit"], goal["recall"])
  if many is None or few is None:
    return False, "recall not reached"
  return many / few <= goal["qps_falls"], f"{many / few:.2f}: {many:.0f}/s to {few:.0f}/s"


# --- recall and work ------------------------------------------------------------------------------

def default_recall(measured, goal):
  """The row with no setting touched reaches it."""
  point = default_point(measured.entry, goal)
  return (point["recall"] >= goal["default_recall"], f"{point['recall']:.4f}") if point else \
      (None, "")


def calibrated_recall(measured, goal):
  """The same after avq_calibrate; and where recall exceeds 0.98, one step fewer probes misses."""
  point = default_point(measured.entry, goal)
  if not point or not measured.entry.get("calibration"):
    return None, ""
  found = f"{point['recall']:.4f}"
  fewer = point.get("fewer_probes")
  if point["recall"] <= 0.98 or not fewer:
    return point["recall"] >= goal["calibrated_recall"], found
  return (fewer["recall"] < goal["calibrated_recall"],
          f"{found}; with {fewer['settings']} {fewer['recall']:.4f}")


def block_share(measured, goal):
  """A point reaches the recall scoring at most this share of the blocks. rows / 32 is the least
  number of blocks there can be, so the share is overstated where blocks are not full."""
  points = points_of(measured.entry, goal)
  blocks = math.ceil(measured.result["rows"] / kRowsPerBlock)
  shares = [point["counters"]["blocks_scored"] / blocks for point in points
            if point["recall"] >= goal["recall"] and "blocks_scored" in point["counters"]]
  if not shares:
    return (None, "") if points else (False, "recall not reached")
  return min(shares) <= goal["block_share"], f"{100 * min(shares):.1f} % of the blocks"


def pages_over(measured, goal):
  """Pages read at recall 0.95 over those of the best peer (cold.py); `pages`: small or evicted."""
  own = cold_pages.at_level(measured.entry, goal["pages"])
  others = [cold_pages.at_level(peer, goal["pages"]) for peer in measured.peers(goal)]
  others = [pages for pages in others if pages is not None]
  if own is None or not others:
    return None, ""
  return own / min(others) <= goal["pages_over"], \
      f"{own / min(others):.2f}: {own:.0f} over {min(others):.0f} pages"


# --- build and size -------------------------------------------------------------------------------

def builds(measured, goal, name):
  own = measured.entry.get("build")
  others = [peer["build"][name] for peer in measured.peers(goal) if peer.get("build")]
  return (own[name], min(others)) if own and others else (None, None)


def build_times(measured, goal):
  """This many times as fast to build as the fastest peer."""
  own, other = builds(measured, goal, "seconds")
  return (other / own >= goal["build_times"], f"{other / own:.1f}×: {own:.1f} against "
          f"{other:.1f} s") if own else (None, "")


def build_over(measured, goal):
  """Seconds of the build over those of the fastest peer: at most."""
  own, other = builds(measured, goal, "seconds")
  return (own / other <= goal["build_over"], f"{own / other:.2f}: {own:.1f} over {other:.1f} s") \
      if own else (None, "")


def build_seconds(measured, goal):
  one = measured.entry.get("build")
  return (one["seconds"] <= goal["build_seconds"], f"{one['seconds']:.1f} s") if one else \
      (None, "")


def build_memory(measured, goal):
  """Peak memory of all participants over maintenance_work_mem: at most."""
  one = measured.entry.get("build")
  used = one and report.build_memory(one)
  if used is None:
    return None, ""
  share = used / one["maintenance_work_mem"]
  return share <= goal["build_memory"], \
      f"{share:.2f}: {report.megabytes(used)} of {report.megabytes(one['maintenance_work_mem'])} MB"


def index_over(measured, goal):
  """pg_relation_size of the index over that of the smallest peer: at most."""
  own, other = builds(measured, goal, "index_bytes")
  return (own / other <= goal["index_over"], f"{own / other:.2f}: {report.megabytes(own)} over "
          f"{report.megabytes(other)} MB") if own else (None, "")


def index_over_table(measured, goal):
  one = measured.entry.get("build")
  if not one:
    return None, ""
  ratio = one["index_bytes"] / one["table_bytes"]
  return ratio <= goal["index_over_table"], f"{ratio:.2f}"


# --- inserts (insert.py) --------------------------------------------------------------------------

def insert_times(measured, goal):
  """Rows a second over those of the fastest peer, with `clients` clients; medians over rounds."""
  clients = str(goal["clients"])
  own = measured.entry.get("inserts", {}).get(clients)
  others = [peer["inserts"][clients] for peer in measured.peers(goal)
            if clients in peer.get("inserts", {})]
  if not own or not others:
    return None, ""
  other = max(others, key=lambda one: one["rate"])
  return own["rate"] / other["rate"] >= goal["insert_times"], \
      (f"{own['rate'] / other['rate']:.1f}×: {own['rate']:.0f}/s against {other['rate']:.0f}/s; "
       f"WAL {own['wal_bytes']:.0f} and {other['wal_bytes']:.0f} bytes a row")


def insert_scales(measured, goal):
  """Rows a second with `clients` clients over those with one."""
  inserts = measured.entry.get("inserts", {})
  if "1" not in inserts or str(goal["clients"]) not in inserts:
    return None, ""
  times = inserts[str(goal["clients"])]["rate"] / inserts["1"]["rate"]
  return times >= goal["insert_scales"], f"{times:.2f}×"


kKinds = {function.__name__: function for function in (
    times_exact, times_peers, p99_over_p50, over_library, qps_falls, default_recall,
    calibrated_recall, block_share, pages_over, build_times, build_over, build_seconds,
    build_memory, index_over, index_over_table, insert_times, insert_scales)}
