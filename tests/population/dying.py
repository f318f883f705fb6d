"""A run in a process of its own that kills itself, without warning, at the n-th of its steps.

python -m tests.population.dying IN OUT N WORKERS
"""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

from app.jobs.evaluate_population import Request, evaluate_population
from app.population.embedded import EmbeddedEngine
from app.population.outputs import TableWriter
from app.population.pipeline import Limits

_done: list[int] = []


def step(last: int) -> None:
    _done.append(len(_done) + 1)
    if _done[-1] == last:
        os.kill(os.getpid(), signal.SIGKILL)


def dying(function: Callable[..., Any], last: int) -> Callable[..., Any]:
    """The function with a step before it, and one after each thing it yields."""

    def called(*arguments: Any, **named: Any) -> Any:
        step(last)
        result = function(*arguments, **named)
        return each(result) if isinstance(result, Iterator) else result

    def each(results: Iterator[Any]) -> Iterator[Any]:
        for result in results:
            step(last)
            yield result

    return called


def main() -> None:
    folder, out, last, workers = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    for owner, names in (
        (EmbeddedEngine, ("scan", "suspects", "keep", "keep_medications", "derive")),
        (TableWriter, ("add", "close")),
        (Path, ("replace", "unlink")),
    ):
        for name in names:
            setattr(owner, name, _method(getattr(owner, name), last))
    limits = Limits(part_bytes=20_000, shard_patients=5)
    evaluate_population(Request(folder, out, date(2026, 6, 30), workers=workers, limits=limits))
    print(len(_done))


def _method(function: Callable[..., Any], last: int) -> Callable[..., Any]:
    wrapped = dying(function, last)

    def method(self: Any, *arguments: Any, **named: Any) -> Any:
        return wrapped(self, *arguments, **named)

    return method


if __name__ == "__main__":
    main()
