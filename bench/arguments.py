"""The command line of run.py."""

import argparse


def parse(description):
  parser = argparse.ArgumentParser(description=description)
  parser.add_argument("--data", required=True, help="directories of NAME.base.npy and so on, "
                      "separated by colons")
  parser.add_argument("--sets", default="wordctx-100:ip,docs-384:ip,docs-384:cos,calls-96:ip",
                      help="NAME:METRIC,... with METRIC ip or cos")
  parser.add_argument("--methods", default="avq,hnsw,ivfflat",
                      help="METHOD[:option=value]...,...; those not installed are skipped")
  parser.add_argument("--limits", default="1,10,100", help="values of LIMIT")
  parser.add_argument("--queries", type=int, help="use only the first so many queries")
  parser.add_argument("--calibrate", type=int, default=0, metavar="N", help="calibrate avq with "
                      "the first N queries, and measure everything on the others")
  parser.add_argument("--workers", type=int, default=0, help="parallel workers of a build")
  parser.add_argument("--library", metavar="PROGRAM", help="build/library, to be timed beside")
  parser.add_argument("--seconds", type=int, default=2, help="length of one timed burst")
  parser.add_argument("--repeats", type=int, default=3, help="bursts per point, in turns")
  parser.add_argument("--levels", action="store_true", help="time only the default and the points "
                      "of a sweep next to recall 0.95 and 0.99")
  parser.add_argument("--quick", action="store_true", help="short sweep, one burst of a second")
  parser.add_argument("--probes", action="store_true", help="sweep avq.probes too (LIMIT 10)")
  parser.add_argument("--no-timing", action="store_true", help="recall, size and build only")
  parser.add_argument("--bindir", help="directory of the server's programs")
  parser.add_argument("--dsn", help="measure in this server instead of a private one; it must "
                      "have no databases db_avq and db_pgvector")
  parser.add_argument("--cpu", default="last", help="the CPU that client and backend share while "
                      "timed, in a private server: a number, last, or any for no pinning")
  parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE",
                      dest="server_settings", help="a setting of the private server")
  parser.add_argument("--build-set", action="append", default=[], metavar="NAME=VALUE",
                      help="a setting of the session that builds the index")
  parser.add_argument("--goals", help="a JSON file of goals to compare with")
  parser.add_argument("--out", help="write everything measured to this JSON file")
  arguments = parser.parse_args()
  if arguments.quick:
    arguments.seconds = arguments.repeats = 1
  arguments.limits = [int(limit) for limit in arguments.limits.split(",")]
  if max(arguments.limits) > 100:
    parser.error("the exact answers end at 100: no larger LIMIT")
  arguments.sets = [item.rsplit(":", 1) for item in arguments.sets.split(",")]
  if any(len(item) != 2 for item in arguments.sets):
    parser.error("--sets wants NAME:METRIC,...")
  return arguments


def published(arguments):
  """What the JSON says of the arguments: how it was measured, not where."""
  private = ("data", "bindir", "dsn", "out", "goals", "library")
  return {name: value for name, value in vars(arguments).items() if name not in private}
