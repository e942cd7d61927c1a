"""Markdown of one run."""

import levels


def table(header, rows):
  lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
  return "\n".join(lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows])


def megabytes(value):
  return "" if value is None else f"{value / 1e6:.1f}"


def number(value, digits):
  return "" if value is None else f"{value:.{digits}f}"


def rate(value):
  return f"{value:.0f}" if value >= 100 else f"{value:.1f}"


def environment_text(document):
  info = document["environment"]
  lines = [f"{info['time']}, {info['cpu']}, {info['cores']} cores, {info['memory_gb']} GB, load "
           f"{info['load_at_start'][0]:.1f} at the start; commit {info['commit']}"]
  lines += [f"{name}: {version}" for name, version in info["versions"].items()]
  settings = ", ".join(f"{name}={value}" for name, value in info["settings"].items())
  lines.append(f"settings: {settings or 'those of the given server'}")
  if document.get("libraries_changed"):
    lines.append("**A library was replaced during this run: do not use its figures.**")
  return "\n".join(f"- {line}" for line in lines)


def build_memory(one):
  """Peak of all participants less what the backend had before."""
  peak = one["peak_private_bytes"]
  return None if peak is None else peak - one["private_bytes_at_start"]


def build_table(result):
  rows = []
  for entry in result["methods"]:
    one = entry["build"]
    rows.append([
        entry["method"], f"{one['seconds']:.1f}",
        "" if one["cpu_seconds"] is None else f"{one['cpu_seconds']:.1f}",
        one["workers_seen"], megabytes(build_memory(one)), megabytes(one["peak_total_bytes"]),
        megabytes(one["index_bytes"]), megabytes(one["table_bytes"]),
        f"{one['index_bytes'] / one['table_bytes']:.2f}", f"{one['index_bytes_per_row']:.0f}"])
  return table(["index", "build s", "CPU s", "workers", "build memory MB", "VmHWM MB", "index MB",
                "table MB", "index/table", "bytes/row"], rows)


def floor_table(result):
  rows = []
  for name, label in (("select_1", "SELECT 1"), ("lookup", "query look-up")):
    one = result["floors"][name]
    rows.append([label, rate(one["qps"]), f"{one['p50_ms']:.3f}", f"{one['p99_ms']:.3f}",
                 number(one["cpu_ms"], 3), ""])
  seen = set()
  for entry in result["methods"]:
    if entry["database"] in seen:
      continue
    seen.add(entry["database"])
    for limit, one in entry["exact"].items():
      rows.append([f"exact scan, {entry['database']}, LIMIT {limit}", rate(one["qps"]),
                   f"{one['p50_ms']:.3f}", f"{one['p99_ms']:.3f}", number(one["cpu_ms"], 3),
                   f"{one['us_per_row']:.3f} ({number(one['cpu_us_per_row'], 3)} CPU)"])
  return table(["floor", "QPS", "p50 ms", "p99 ms", "CPU ms", "µs/row"], rows)


kPointHeader = ["k", "method", "setting", "plan", "recall", "by id", "rows", "disorder", "buffers",
                "QPS", "p50 ms", "p99 ms", "CPU ms", "first ms", "× exact", "× p50", "× CPU",
                "load"]


def point_row(method, point):
  row = [point["limit"], method, point["settings"], point["plan"].replace("items_embedding_", ""),
         f"{point['recall']:.4f}", f"{point['recall_by_id']:.4f}", f"{point['returned']:.2f}",
         point["out_of_order"], f"{point['buffers']:.0f}"]
  one = point.get("timing")
  if one:
    row += [rate(one["qps"]), f"{one['p50_ms']:.3f}", f"{one['p99_ms']:.3f}",
            number(one["cpu_ms"], 3), f"{one['first_ms']:.1f}", f"{one['times_exact']:.0f}",
            f"{one['times_exact_p50']:.0f}", number(one["times_exact_cpu"], 0),
            f"{one['load']:.1f}"]
  return row + [""] * (len(kPointHeader) - len(row))


def point_table(result):
  rows = [point_row(entry["method"], point)
          for entry in result["methods"] for point in entry["points"]]
  rows.sort(key=lambda row: row[0])
  return table(kPointHeader, rows)


def best_at(entry, limit, level):
  """The fastest point that reaches the recall, or None. By CPU time where it is known: under
  load the wall clock would choose by luck."""
  good = [point for point in entry["points"]
          if point["limit"] == limit and point["recall"] >= level and "timing" in point]
  return min(good, default=None,
             key=lambda point: point["timing"]["cpu_ms"] or point["timing"]["mean_ms"])


def summary_cell(entry, limit, level):
  """Interpolated QPS, and the two points between which it lies."""
  get = levels.at_level(entry, limit, level)
  if get is None:
    return "not reached"
  below, above = levels.neighbours(levels.timed(entry, limit), level,
                                   lambda one: one["timing"]["mean_ms"])
  ends = " – ".join(f"{point['recall']:.3f}: {rate(point['timing']['qps'])}"
                    for point in (below, above) if point)
  return f"{rate(levels.qps_at(entry, limit, level))} ({ends})"


def summary_table(result, limits):
  rows = [[limit, entry["method"],
           *(summary_cell(entry, limit, level) for level in levels.kRecallLevels)]
          for limit in limits for entry in result["methods"]]
  return table(["k", "method",
                *(f"QPS at recall {level:.2f}" for level in levels.kRecallLevels)], rows)


def library_table(result):
  """Our core as a library, and SQL latency less the look-up's over it at equal recall."""
  points = result["library"]["points"]
  lookup = result["floors"]["lookup"]["mean_ms"] if result["floors"] else None
  rows = []
  for level in levels.kRecallLevels:
    own = library_us(result, level)
    for entry in result["methods"]:
      get = levels.at_level(entry, result["library"]["limit"], level)
      if own and get and lookup:
        above = 1000 * (get(lambda timing: timing["mean_ms"]) - lookup)
        rows.append([level, f"{own:.1f}", entry["method"], f"{above:.1f}", f"{above / own:.2f}"])
  shown = levels.frontier(points, lambda one: one["us"])
  return table(["recall", "library µs", "method", "SQL µs less look-up", "ratio"], rows) + \
      "\n\n" + table(["recall", "probes", "rescored", "library µs"],
                     [[f"{one['recall']:.4f}", one["probes"], one["depth"], f"{one['us']:.1f}"]
                      for one in shown])


def library_us(result, level):
  below, above = levels.neighbours(result["library"]["points"], level, lambda one: one["us"])
  return above and levels.between(below, above, level, lambda one: one["us"])


def counter_table(result):
  """What the scan itself counted, mean per query."""
  parts = []
  for entry in result["methods"]:
    names = list(dict.fromkeys(name for point in entry["points"] for name in point["counters"]))
    if names:
      rows = [[point["limit"], point["settings"],
               *(f"{point['counters'].get(name, 0):.1f}" for name in names)]
              for point in entry["points"]]
      parts.append(f"Work per query, {entry['method']}:\n\n"
                   + table(["k", "setting", *names], rows))
  return "\n\n".join(parts)


def build_notes(result):
  lines = []
  for entry in result["methods"]:
    one = entry["build"]
    lines.append(f"- `{one['sql']}`")
    total = sum(one["phases"].values())
    if total:
      lines.append("  - phases: " + ", ".join(
          f"{name} {seconds:.2f} s ({100 * seconds / total:.0f} %)"
          for name, seconds in one["phases"].items()))
    lines += [f"  - {name}: {value}" for name, value in one.get("index_info", {}).items()]
  return "\n".join(lines)


def markdown(document):
  parts = ["# Benchmark", environment_text(document)]
  limits = document["arguments"]["limits"]
  for result in document["sets"]:
    parts.append(f"## {result['set']}, {result['metric']}: {result['rows']:,} rows × "
                 f"{result['dims']}, {result['queries']} queries")
    parts += [build_table(result), build_notes(result)]
    if result["floors"]:
      parts += [floor_table(result), summary_table(result, limits)]
    if result.get("library"):
      parts.append(library_table(result))
    parts += [point_table(result), counter_table(result)]
  return "\n\n".join(part for part in parts if part)
