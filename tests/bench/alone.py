"""What the benches have in common that deploy a stack of their own: the stack, and where their figures go."""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from localstack.demo.account import Lateness
from localstack.places import Places
from localstack.receiver import Arrival
from tests.e2e.stack import Stack, deployed


@contextmanager
def stack_of_its_own(bench: str, engine: str) -> Iterator[tuple[Stack, Path]]:
    """A deployed stack and its folder, both gone after the block. Until then what is printed goes to stderr.

    Args:
        bench: The bench's name, for the folder.
        engine: The engine's name.
    """
    with (
        contextlib.redirect_stdout(sys.stderr),
        tempfile.TemporaryDirectory(prefix=f"tidewheel-{bench}-") as folder,
        deployed(engine, Path(folder)) as stack,
    ):
        yield stack, Path(folder)


def due_in(arrivals: Iterable[Arrival], from_ms: int, until_ms: int, tag: str | None = None) -> dict[str, Any]:
    """The figures of the lateness of what was due in a span of time, of one tag or of all.

    Args:
        arrivals: What came.
        from_ms: The span's begin, ms since the epoch.
        until_ms: Its end, which is not in it.
        tag: Of the receiver.
    """
    chosen = (one for one in arrivals if tag in {None, one.tag} and from_ms <= one.due_ms < until_ms)
    return asdict(Lateness.of([one.lateness_ms for one in chosen]))


def tell(figures: Mapping[str, Any]) -> None:
    """Prints figures as JSON to stdout."""
    print(json.dumps(figures, indent=2))  # noqa: T201


def keep(part: str, figures: Mapping[str, Any]) -> None:
    """Writes figures into ``.local/bench.json``, beside those of the other parts of ``make bench``."""
    path = Places().local / "bench.json"
    before = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps({**before, part: figures}, indent=2) + "\n")
