#!/usr/bin/env python3
"""Trains the layer of docs/sparse_activations.md on demo/words.tsv.gz and writes it as text.

    python3 demo/layer/train.py [--hidden 2048] [--epochs 30] [--seed 1]

A feed-forward layer y = W2 relu(W1 x + b1) + b2, as in a transformer, is taught to take noise off word
vectors: its input is a vector of length 1 with noise of length 1 added, its answer the vector. Adam, no
penalty on activations: that few are positive comes of the training. Needs numpy; minutes on two cores.

Writes demo/layer/neurons.tsv.gz, a line a neuron: W1's row with b1 behind it, a tab, W2's column; and
demo/layer/bias.tsv.gz, b2. Weights are rounded to three digits.
"""
import argparse
import gzip
import pathlib

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent


def read_words():
  rows = []
  with gzip.open(HERE.parent / "words.tsv.gz", "rt") as lines:
    for line in lines:
      rows.append(np.fromstring(line.rstrip("\n").split("\t")[1][1:-1], dtype=np.float32, sep=","))
  words = np.stack(rows)
  return words / np.linalg.norm(words, axis=1, keepdims=True)


class Adam:
  def __init__(self, shapes):
    self.first = [np.zeros(shape, np.float32) for shape in shapes]
    self.second = [np.zeros(shape, np.float32) for shape in shapes]
    self.steps = 0

  def step(self, weights, gradients, rate):
    self.steps += 1
    for weight, gradient, first, second in zip(weights, gradients, self.first, self.second):
      first += 0.1 * (gradient - first)
      second += 0.001 * (gradient * gradient - second)
      scale = np.sqrt(second / (1 - 0.999**self.steps)) + 1e-8
      weight -= rate * first / (1 - 0.9**self.steps) / scale


def train(words, hidden, epochs, random):
  dims = words.shape[1]
  weights = [
      random.normal(size=(hidden, dims)).astype(np.float32) * np.float32((2 / dims) ** 0.5),
      np.zeros(hidden, np.float32),
      random.normal(size=(hidden, dims)).astype(np.float32) * np.float32((1 / hidden) ** 0.5),
      np.zeros(dims, np.float32),
  ]
  adam = Adam([weight.shape for weight in weights])
  batch, total = 256, epochs * (len(words) // 256)
  for step in range(total):
    rows = words[random.integers(len(words), size=batch)]
    inputs = rows + random.normal(size=rows.shape).astype(np.float32) * np.float32(dims**-0.5)
    w1, b1, w2, b2 = weights
    active = np.maximum(inputs @ w1.T + b1, 0)
    error = (active @ w2 + b2 - rows) * np.float32(2 / batch)
    back = (error @ w2.T) * (active > 0)
    rate = 1e-3 * min(1, 10 * (1 - step / total))
    adam.step(weights, [back.T @ inputs, back.sum(0), active.T @ error, error.sum(0)], rate)
    if step % 500 == 0:
      loss = float((error**2).sum()) * batch / 4
      print(f"step {step} of {total}: loss {loss:.4f}, {(active > 0).mean():.3f} of the neurons active")
  return weights


def text(vector):
  return "[" + ",".join(f"{value:.3g}" for value in vector) + "]"


def write(name, lines):
  with gzip.GzipFile(HERE / name, "wb", mtime=0) as out:
    out.write("".join(line + "\n" for line in lines).encode())


def main():
  parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
  parser.add_argument("--hidden", type=int, default=2048)
  parser.add_argument("--epochs", type=int, default=30)
  parser.add_argument("--seed", type=int, default=1)
  arguments = parser.parse_args()
  words = read_words()
  held_out = np.arange(len(words)) % 20 == 0
  weights = train(words[~held_out], arguments.hidden, arguments.epochs,
                  np.random.default_rng(arguments.seed))
  w1, b1, w2, b2 = weights
  first = np.hstack([w1, b1[:, None]])
  write("neurons.tsv.gz", [text(first[i]) + "\t" + text(w2[i]) for i in range(len(w2))])
  write("bias.tsv.gz", [text(b2)])


if __name__ == "__main__":
  main()
