"""`make bench`: every benchmark, printed as ratios measured in one run on this machine."""

from __future__ import annotations

import argparse
import importlib

BENCHMARKS = ("evaluation", "panel", "population")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", default=BENCHMARKS, help=f"of {', '.join(BENCHMARKS)}")
    for name in parser.parse_args().names:
        print(f"== {name}", flush=True)
        importlib.import_module(f"benchmarks.{name}").main()


if __name__ == "__main__":
    main()
