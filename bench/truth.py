"""Exact answers of a set, and what a set looks like."""

import numpy as np

kDepth = 100
kBlock = 20000


def unit(rows):
  norms = np.sqrt(np.einsum("ij,ij->i", rows, rows))[:, None]
  return np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 0)


def exact(rows, queries, metric, depth=kDepth):
  """Per query the numbers of the best rows in float64, best first, ties by row number."""
  queries = queries.astype(np.float64)
  if metric == "cos":
    queries = unit(queries)
  best = np.empty((len(queries), 0))
  numbers = np.empty((len(queries), 0), dtype=np.int64)
  for at in range(0, len(rows), kBlock):
    block = rows[at:at + kBlock].astype(np.float64)
    if metric == "cos":
      block = unit(block)
    scores = queries @ block.T
    keep = min(depth, len(block))
    # All that tie with the last one kept would do as well; argpartition takes any of them.
    found = np.argpartition(-scores, keep - 1, axis=1)[:, :keep]
    best = np.concatenate([best, np.take_along_axis(scores, found, 1)], axis=1)
    numbers = np.concatenate([numbers, found + at], axis=1)
    order = np.lexsort((numbers, -best), axis=1)[:, :depth]
    best = np.take_along_axis(best, order, 1)
    numbers = np.take_along_axis(numbers, order, 1)
  return numbers.astype(np.int32)


def describe(rows, queries, sample=200):
  """Lengths, and how the nearest rows lie round some rows: the local intrinsic dimension is the
  maximum likelihood estimate from the distances of the 100 nearest (Levina and Bickel 2004)."""
  generator = np.random.default_rng(0)
  chosen = generator.choice(len(rows), sample, replace=False)
  centres = rows[chosen].astype(np.float32)
  squared = np.concatenate([
      np.einsum("ij,ij->i", block, block)[None, :] - 2 * centres @ block.T
      for block in (rows[at:at + kBlock].astype(np.float32)
                    for at in range(0, len(rows), kBlock))], axis=1)
  squared += np.einsum("ij,ij->i", centres, centres)[:, None]
  nearest = np.sqrt(np.maximum(np.sort(squared, axis=1)[:, 1:kDepth + 1], 1e-12))
  dimension = -1 / np.mean(np.log(nearest[:, :-1] / nearest[:, -1:]), axis=1)
  norms = np.sqrt(np.einsum("ij,ij->i", rows, rows, dtype=np.float64))
  return (f"{len(rows)} rows x {rows.shape[1]}, {len(queries)} queries; norms "
          f"{norms.min():.3f} / {norms.mean():.3f} / {norms.max():.3f}; median distance of the "
          f"1st, 10th, 100th nearest {np.median(nearest[:, 0]):.3f}, "
          f"{np.median(nearest[:, 9]):.3f}, {np.median(nearest[:, -1]):.3f}; local dimension "
          f"{np.median(dimension):.1f}")
