#!/usr/bin/env python3
"""Compares runs with goals written down beforehand.

  goals.py GOALS.json RUN.json ...

A goals file is a list of objects: set, metric, method (else avq), what is measured (goal_kinds.py)
and the value wanted. A goal is judged by the first run that measured it.
"""

import json
import sys

import goal_kinds


def find_result(document, name, metric):
  for result in document["sets"]:
    if (result["set"], result["metric"]) == (name, metric):
      return result
  return None


def judge(document, goal):
  """(met or None when this run did not measure it, what was measured)."""
  result = find_result(document, goal["set"], goal["metric"])
  entry = result and goal_kinds.entry_of(result, goal.get("method", "avq"))
  if not entry:
    return None, ""
  other = "from" in goal and find_result(document, goal["from"], goal["metric"])
  for kind, function in goal_kinds.kKinds.items():
    if kind in goal:
      return function(goal_kinds.Measured(result, entry, other), goal)
  raise SystemExit(f"a goal of unknown kind: {goal}")


def describe(goal):
  return ", ".join(f"{name} {' or '.join(value) if isinstance(value, list) else value}"
                   for name, value in goal.items() if name not in ("set", "metric"))


def text(documents, goals, all_goals):
  """Lines of the goals; those that no run measured only when all are wanted."""
  lines = []
  for goal in goals:
    judged = [judge(document, goal) for document in documents]
    met, found = next((one for one in judged if one[0] is not None), (None, ""))
    if met is None and not all_goals:
      continue
    mark = {True: "met", False: "**missed**", None: "not measured"}[met]
    lines.append(f"- {goal['set']} {goal['metric']}: {describe(goal)}: {mark}"
                 + (f" ({found})" if found else ""))
  return "\n".join(lines)


def load(path):
  with open(path, encoding="utf-8") as file:
    return json.load(file)


def save(document, arguments):
  if arguments.out:
    with open(arguments.out, "w", encoding="utf-8") as file:
      json.dump(document, file, indent=1)


def finish(document, arguments):
  """The end of a run: its JSON, and the goals that it can judge."""
  save(document, arguments)
  if arguments.goals:
    print("\n## Goals\n\n" + text([document], load(arguments.goals), False))


if __name__ == "__main__":
  if len(sys.argv) < 3:
    sys.exit(__doc__)
  print(text([load(path) for path in sys.argv[2:]], load(sys.argv[1]), True))
