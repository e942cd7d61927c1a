#!/usr/bin/env python3
"""Draws recall against queries per second from a run's JSON, one SVG per set, metric and LIMIT.

Needs nothing beyond Python: the SVG is written directly.
"""

import argparse
import json
import math
import os
from xml.sax.saxutils import escape

kWidth, kHeight = 640, 420
kLeft, kRight, kTop, kBottom = 70, 150, 40, 50
kColours = ("#0b6e4f", "#c1440e", "#2f4b9b", "#8a6d00", "#7a1f6b", "#444444")
kMarks = ("circle", "square", "triangle", "diamond")

# Recall axis: -log10(1 - recall + kFloor), which spreads the end that matters; 1.0 is drawable.
kFloor = 2e-3
kRecallTicks = (0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 1.0)


def stretch(recall):
  return -math.log10(1 - recall + kFloor)


class Canvas:
  """Axes of one plot. x is recall on a stretched scale, y is queries per second, logarithmic."""

  def __init__(self, recalls, rates):
    self.low = stretch(max(tick for tick in kRecallTicks[:-1]
                           if tick <= max(min(recalls), kRecallTicks[0])))
    self.high = stretch(1.0)
    self.bottom = math.floor(math.log10(min(rates)))
    self.top = max(math.ceil(math.log10(max(rates))), self.bottom + 1)
    self.parts = []

  def x(self, recall):
    share = (stretch(recall) - self.low) / (self.high - self.low)
    return kLeft + share * (kWidth - kLeft - kRight)

  def y(self, rate):
    share = (math.log10(rate) - self.bottom) / (self.top - self.bottom)
    return kHeight - kBottom - share * (kHeight - kTop - kBottom)

  def line(self, x1, y1, x2, y2, colour="#dddddd", dash=""):
    dash = f' stroke-dasharray="{dash}"' if dash else ""
    self.parts.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
                      f'stroke="{colour}"{dash}/>')

  def text(self, x, y, words, anchor="middle", extra=""):
    self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{extra}>'
                      f'{escape(words)}</text>')

  def axes(self, title, limit):
    right, floor = kWidth - kRight, kHeight - kBottom
    for tick in kRecallTicks:
      if stretch(tick) >= self.low:
        self.line(self.x(tick), kTop, self.x(tick), floor)
        self.text(self.x(tick), floor + 16, f"{tick:g}")
    for power in range(self.bottom, self.top + 1):
      self.line(kLeft, self.y(10**power), right, self.y(10**power))
      self.text(kLeft - 8, self.y(10**power) + 4, f"{10**power:,g}", "end")
    self.text((kLeft + right) / 2, 22, title, extra=' font-weight="bold"')
    self.text((kLeft + right) / 2, kHeight - 10, f"recall@{limit}")
    middle = (kTop + floor) / 2
    self.text(18, middle, "queries per second, one client",
              extra=f' transform="rotate(-90 18 {middle:.1f})"')

  def mark(self, kind, x, y, colour, tip):
    shapes = {
        "circle": f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4"',
        "square": f'<rect x="{x - 3.5:.1f}" y="{y - 3.5:.1f}" width="7" height="7"',
        "triangle": f'<path d="M{x:.1f} {y - 5:.1f}l5 9h-10z"',
        "diamond": f'<path d="M{x:.1f} {y - 5:.1f}l5 5l-5 5l-5 -5z"'}
    self.parts.append(f'{shapes[kind]} fill="{colour}"><title>{escape(tip)}</title>'
                      + {"circle": "</circle>", "square": "</rect>"}.get(kind, "</path>"))

  def series(self, number, label, points):
    colour, kind = kColours[number % len(kColours)], kMarks[number % len(kMarks)]
    visible = [point for point in points if stretch(point["recall"]) >= self.low - 1e-9]
    frontier = pareto(visible)
    places = [(self.x(point["recall"]), self.y(point["timing"]["qps"])) for point in frontier]
    if len(places) > 1:
      self.parts.append('<polyline fill="none" stroke="%s" stroke-width="2" points="%s"/>' % (
          colour, " ".join(f"{x:.1f},{y:.1f}" for x, y in places)))
    for point in visible:
      rate = point["timing"]["qps"]
      self.mark(kind, self.x(point["recall"]), self.y(rate), colour,
                f'{label}, {point["settings"]}: recall {point["recall"]:.4f}, {rate:.0f}/s')
    row = kTop + 14 + 20 * number
    self.mark(kind, kWidth - kRight + 18, row, colour, label)
    self.text(kWidth - kRight + 30, row + 4, label, "start")

  def svg(self):
    body = "\n".join(self.parts)
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {kWidth} {kHeight}" '
            'font-family="sans-serif" font-size="12">\n'
            f'<rect width="{kWidth}" height="{kHeight}" fill="#ffffff"/>\n{body}\n</svg>\n')


def pareto(points):
  """The points that no other beats in both recall and speed, by recall."""
  best, kept = 0, []
  for point in sorted(points, key=lambda one: (-one["recall"], -one["timing"]["qps"])):
    if point["timing"]["qps"] > best:
      best = point["timing"]["qps"]
      kept.append(point)
  return kept[::-1]


def timed(entry, limit):
  return [point for point in entry["points"] if point["limit"] == limit and "timing" in point]


def draw(results, limit):
  """One SVG of all methods measured on one set and metric, or None without timed points."""
  series = {}
  for result in results:
    for entry in result["methods"]:
      # Methods of several runs are drawn together; a later run replaces the same method.
      if timed(entry, limit):
        series[entry["method"]] = entry
  points = [point for entry in series.values() for point in timed(entry, limit)]
  if not points:
    return None
  rates = [point["timing"]["qps"] for point in points]
  exact = {entry["database"]: entry["exact"][str(limit)]["qps"] for entry in series.values()}
  canvas = Canvas([point["recall"] for point in points], rates + list(exact.values()))
  first = results[0]
  canvas.axes(f"{first['set']}, {first['metric']}, {first['rows']:,} × {first['dims']}", limit)
  for database, rate in exact.items():
    canvas.line(kLeft, canvas.y(rate), kWidth - kRight, canvas.y(rate), "#888888", "5 4")
    canvas.text(kWidth - kRight + 6, canvas.y(rate) + 4, f"exact ({database})", "start")
  for number, (label, entry) in enumerate(series.items()):
    canvas.series(number, label, timed(entry, limit))
  return canvas.svg()


def main():
  parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
  parser.add_argument("runs", nargs="+", help="JSON files written by run.py --out")
  parser.add_argument("--to", default=".", help="directory of the SVG files")
  arguments = parser.parse_args()
  groups = {}
  for path in arguments.runs:
    with open(path, encoding="utf-8") as file:
      for result in json.load(file)["sets"]:
        groups.setdefault((result["set"], result["metric"]), []).append(result)
  os.makedirs(arguments.to, exist_ok=True)
  for (name, metric), results in groups.items():
    limits = {point["limit"] for result in results for entry in result["methods"]
              for point in entry["points"]}
    for limit in sorted(limits):
      svg = draw(results, limit)
      if svg:
        path = os.path.join(arguments.to, f"{name}-{metric}-{limit}.svg")
        with open(path, "w", encoding="utf-8") as file:
          file.write(svg)
        print(path)


if __name__ == "__main__":
  main()
