#!/usr/bin/env python3
"""Makes a larger set from a real one: more rows, more dimensions, or both. See README.md, "Larger
sets", for what survives and what does not.

  enlarge.py --data DIR --from wordctx-100 --rows 1000000 --to OUT      OUT/wordctx-100-1000000.*
  enlarge.py --data DIR --from docs-384 --rows 200000 --dims 768 --to OUT
"""

import argparse
import os

import numpy as np

import truth

# A new row lies between a real row and one of this many neighbours of it.
kNeighbours = 10

# Neighbours are looked for among the rows that share the nearest of n / kCell random rows.
kCell = 400

# Share of a new row's distance from its parent that is noise in random directions: it keeps new
# rows off the straight line between two real ones.
kStray = 0.5

# Share of a widened vector's squared length that is noise, its own in every row and query.
kNoise = 0.1

kBlock = 4096


def parse_arguments():
  parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
  parser.add_argument("--data", required=True, help="directory of the real set")
  parser.add_argument("--from", required=True, dest="source", help="name of the real set")
  parser.add_argument("--rows", type=int, help="rows wanted; fewer than there are: the first ones")
  parser.add_argument("--dims", type=int, help="dimensions wanted, more than there are")
  parser.add_argument("--to", required=True, help="directory to write to")
  parser.add_argument("--name", help="name of the new set; else FROM-ROWS, or FROM's stem-DIMS")
  parser.add_argument("--metrics", default="ip,cos")
  parser.add_argument("--seed", type=int, default=1)
  arguments = parser.parse_args()
  if not arguments.name:
    stem = arguments.source.rpartition("-")[0] if arguments.dims else arguments.source
    arguments.name = f"{stem}-{arguments.dims or arguments.rows}"
  return arguments


def lengths(rows):
  return np.sqrt(np.einsum("ij,ij->i", rows, rows))[:, None]


def cells(rows, generator):
  """Row numbers by Voronoi cell of random rows."""
  count = max(1, len(rows) // kCell)
  seeds = rows[generator.choice(len(rows), count, replace=False)]
  half = (lengths(seeds)**2 / 2).T
  nearest = np.concatenate([np.argmax(rows[at:at + kBlock] @ seeds.T - half, axis=1)
                            for at in range(0, len(rows), kBlock)])
  order = np.argsort(nearest, kind="stable")
  return np.split(order, np.flatnonzero(np.diff(nearest[order])) + 1)


def neighbour_of(rows, generator):
  """For each row one of its nearest neighbours within its cell; itself when it is alone there."""
  chosen = np.arange(len(rows))
  for members in cells(rows, generator):
    depth = min(kNeighbours, len(members) - 1)
    if depth < 1:
      continue
    for at in range(0, len(members), kBlock):
      part = members[at:at + kBlock]
      distances = (lengths(rows[members])**2).T - 2 * rows[part] @ rows[members].T
      distances[np.arange(len(part)), np.arange(at, at + len(part))] = np.inf
      near = np.argpartition(distances, depth - 1, axis=1)[:, :depth]
      pick = generator.integers(depth, size=len(part))
      chosen[part] = members[near[np.arange(len(part)), pick]]
  return chosen


def between_neighbours(rows, count, generator):
  """`count` new rows, of lengths between those of their two real rows."""
  made = np.empty((count, rows.shape[1]), dtype=np.float32)
  done = 0
  while done < count:
    parents = generator.permutation(len(rows))[:count - done]
    others = neighbour_of(rows, generator)[parents]
    share = generator.uniform(0.25, 0.75, (len(parents), 1)).astype(np.float32)
    step = share * (rows[others] - rows[parents])
    noise = generator.standard_normal(step.shape, dtype=np.float32)
    noise *= lengths(step) / np.maximum(lengths(noise), 1e-30)
    new = rows[parents] + np.sqrt(1 - kStray**2) * step + kStray * noise
    wanted = (1 - share) * lengths(rows[parents]) + share * lengths(rows[others])
    made[done:done + len(new)] = new * (wanted / np.maximum(lengths(new), 1e-30))
    done += len(parents)
  return made


def more_rows(rows, count, generator):
  """The real rows, and new ones, shuffled; or the first real rows."""
  if count <= len(rows):
    return rows[:count]
  made = between_neighbours(rows, count - len(rows), generator)
  return np.concatenate([rows, made])[generator.permutation(count)]


def widening(dims, wider, generator):
  """dims orthonormal directions of the wider space, as rows."""
  basis, _ = np.linalg.qr(generator.standard_normal((wider, dims)))
  return np.ascontiguousarray(basis.T, dtype=np.float32)


def widen(rows, directions, generator):
  """Lengths survive; inner products survive times (1 - kNoise), but for the noise."""
  wide = np.empty((len(rows), directions.shape[1]), dtype=np.float16)
  for at in range(0, len(rows), kBlock):
    part = rows[at:at + kBlock] @ directions
    noise = generator.standard_normal(part.shape, dtype=np.float32)
    noise *= lengths(part) / np.maximum(lengths(noise), 1e-30)
    wide[at:at + kBlock] = np.sqrt(1 - kNoise) * part + np.sqrt(kNoise) * noise
  return wide


def main():
  arguments = parse_arguments()
  generator = np.random.default_rng(arguments.seed)
  rows, queries = (np.load(os.path.join(arguments.data, f"{arguments.source}.{part}.npy"))
                   .astype(np.float32) for part in ("base", "query"))
  before = truth.describe(rows, queries)
  rows = more_rows(rows, arguments.rows or len(rows), generator)
  if arguments.dims:
    directions = widening(rows.shape[1], arguments.dims, generator)
    rows, queries = (widen(part, directions, generator) for part in (rows, queries))
  rows, queries = rows.astype(np.float16), queries.astype(np.float16)
  target = os.path.join(arguments.to, arguments.name)
  np.save(target + ".base.npy", rows)
  np.save(target + ".query.npy", queries)
  for metric in arguments.metrics.split(","):
    np.save(f"{target}.gt_{metric}.npy", truth.exact(rows, queries, metric))
  print(f"{arguments.source}: {before}\n{arguments.name}: {truth.describe(rows, queries)}")


if __name__ == "__main__":
  main()
