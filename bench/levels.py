"""What a method does at a given recall, between the measured points of its sweep.

The logarithm of the value is taken linear in recall between the two neighbours on the method's
frontier, alike for all methods; nothing is extrapolated.
"""

import math

kRecallLevels = (0.95, 0.99)


def frontier(points, cost):
  """The points that no other beats in both recall and cost, by ascending recall."""
  kept = []
  for point in sorted(points, key=lambda one: (-one["recall"], cost(one))):
    if not kept or cost(point) < cost(kept[-1]):
      kept.append(point)
  return kept[::-1]


def neighbours(points, level, cost):
  """The frontier's points below and at or above the level. Below is None when the cheapest point
  reaches it already, both are None when no point does."""
  below = None
  for point in frontier(points, cost):
    if point["recall"] >= level:
      return below, point
    below = point
  return None, None


def between(below, above, level, value):
  """The value at the level; that of the cheapest point when there is no point below."""
  if below is None:
    return value(above)
  share = (level - below["recall"]) / (above["recall"] - below["recall"])
  low, high = value(below), value(above)
  if low <= 0 or high <= 0:
    return low + share * (high - low)
  return math.exp(math.log(low) + share * (math.log(high) - math.log(low)))


def bracketing(points, sweep_of, wanted=kRecallLevels):
  """The points of each sweep next to the wanted levels: those worth timing when time is short."""
  chosen = []
  for name in dict.fromkeys(sweep_of(point) for point in points):
    sweep = sorted((point for point in points if sweep_of(point) == name),
                   key=lambda one: one["recall"])
    for level in wanted:
      reached = [point for point in sweep if point["recall"] >= level]
      missed = [point for point in sweep if point["recall"] < level]
      # Of a plateau the cheapest point: the first that the sweep came to.
      for group, pick in ((missed, max), (reached, min)):
        if group:
          edge = pick(point["recall"] for point in group)
          chosen.append(next(point for point in points
                             if sweep_of(point) == name and point["recall"] == edge))
  return [point for point in points if any(point is one for one in chosen)]


def timed(entry, limit):
  return [point for point in entry["points"] if point["limit"] == limit and "timing" in point]


def at_level(entry, limit, level):
  """A function of a timing value's getter that interpolates at the level, or None where the
  method does not get there. The neighbours are chosen by median latency for all values alike."""
  below, above = neighbours(timed(entry, limit), level, lambda one: one["timing"]["mean_ms"])
  if above is None:
    return None
  return lambda value: between(below, above, level, lambda one: value(one["timing"]))


def qps_at(entry, limit, level):
  get = at_level(entry, limit, level)
  return None if get is None else 1000 / get(lambda timing: timing["mean_ms"])
