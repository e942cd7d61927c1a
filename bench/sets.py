"""The frame of a program that measures set after set in one private cluster."""

import environment
import goals
import report
from cluster import Cluster
from dataset import DataSet


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
