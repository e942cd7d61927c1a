"""Compares a run with goals written down beforehand.

A goals file is a list of objects: set, metric, method and one of
- recall, times_exact, limit: some point of the sweep reaches both;
- default_recall, limit: the row with no setting touched reaches it;
- recall, limit, block_share: a point reaches the recall scoring at most that share of the blocks;
- index_over_table, build_seconds: at most.
"""

import math

import report

kRowsPerBlock = 32


def find_entry(document, goal):
  """(the set's result, the method's entry in it), or None."""
  for result in document["sets"]:
    if (result["set"], result["metric"]) == (goal["set"], goal["metric"]):
      for entry in result["methods"]:
        if entry["method"] == goal.get("method", "avq"):
          return result, entry
  return None


def block_share(entry, point, rows):
  """Share of the code blocks scored. rows / 32 is the least number of blocks there can be, so the
  share is overstated where blocks are not full."""
  scored = point["counters"].get("blocks_scored")
  return None if scored is None else scored / math.ceil(rows / kRowsPerBlock)


def judge(result, entry, goal):
  """(met or None when it could not be measured, what was measured)."""
  points = [point for point in entry["points"] if point["limit"] == goal.get("limit")]
  if "default_recall" in goal:
    found = [point["recall"] for point in points if point["settings"] == "default"]
    return (found[0] >= goal["default_recall"], f"{found[0]:.4f}") if found else (None, "")
  if "times_exact" in goal:
    best = report.best_at(entry, goal["limit"], goal["recall"])
    if best is None:
      timed = any("timing" in point for point in points)
      return (False, "recall not reached") if timed else (None, "")
    one = best["timing"]
    return (one["times_exact"] >= goal["times_exact"],
            f"{one['times_exact']:.0f}×, by CPU time {report.number(one['times_exact_cpu'], 0)}×, "
            f"at recall {best['recall']:.3f}")
  if "block_share" in goal:
    shares = [block_share(entry, point, result["rows"]) for point in points
              if point["recall"] >= goal["recall"]]
    shares = [share for share in shares if share is not None]
    if not shares:
      return (None, "") if points else (False, "recall not reached")
    return min(shares) <= goal["block_share"], f"{100 * min(shares):.1f} % of the blocks"
  one = entry["build"]
  if "index_over_table" in goal:
    ratio = one["index_bytes"] / one["table_bytes"]
    return ratio <= goal["index_over_table"], f"{ratio:.2f}"
  if "build_seconds" in goal:
    return one["seconds"] <= goal["build_seconds"], f"{one['seconds']:.1f} s"
  return None, ""


def text(document, goals):
  lines = []
  for goal in goals:
    measured = find_entry(document, goal)
    met, found = judge(*measured, goal) if measured else (None, "")
    mark = {True: "met", False: "**missed**", None: "not measured"}[met]
    wanted = ", ".join(f"{name} {value}" for name, value in goal.items()
                       if name not in ("set", "metric"))
    lines.append(f"- {goal['set']} {goal['metric']}: {wanted}: {mark}" +
                 (f" ({found})" if found else ""))
  return "\n".join(lines)
