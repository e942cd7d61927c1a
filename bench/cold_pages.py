"""Pages read at a stated recall, from what cold.py measured."""

import levels

kLevel = 0.95


def at_level(entry, kind):
  """Interpolated between the neighbouring points, or None."""
  points = [point for point in entry["points"] if point.get("pages", {}).get(kind) is not None]
  below, above = levels.neighbours(points, kLevel, lambda one: one["pages"][kind])
  return above and levels.between(below, above, kLevel, lambda one: one["pages"][kind])
