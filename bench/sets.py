"""The frame of a program that measures set after set in one private cluster."""

import environment
import goals
import report
from cluster import Cluster
from dataset import DataSet


def parse(parser):
  """Adds what all these programs take to a program's own arguments, and parses them."""
  parser.add_argument("--data", required=True, help="directories of NAME.base.npy and so on")
  parser.add_argument("--workers", type=int, default=2, help="parallel workers of the build")
  parser.add_argument("--bindir", help="directory of the server's programs")
  parser.add_argument("--goals", help="a JSON file of goals to compare with")
  parser.add_argument("--out", help="write everything measured to this JSON file")
  arguments = parser.parse_args()
  arguments.sets = [item.rsplit(":", 1) for item in arguments.sets.split(",")]
  return arguments


def run(arguments, overrides, specs, measure, heading, table):
  """Measures each of arguments.sets, prints the tables, writes the JSON and judges the goals.

  measure(cluster, data) returns the result for one set, table(result) its text. overrides: settings
  of the server; specs: methods; heading: what the tables show.
  """
  with Cluster(arguments.bindir, None, overrides, specs) as cluster:
    document = {"environment": environment.describe(cluster.versions, cluster.server.settings),
                "sets": []}
    print(report.environment_text(document))
    for name, metric in arguments.sets:
      result = measure(cluster, DataSet(arguments.data, name, metric))
      document["sets"].append(result)
      print(f"\n## {name}, {metric}: {heading}\n\n" + table(result), flush=True)
  goals.finish(document, arguments)
