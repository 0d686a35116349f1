"""``make bench``: how late fires are at a steady rate, on the local cloud.

One run measures every tier, so that its figures can be compared with each other. They are an emulator's, on one
machine that also runs the receiver: they show the scheduler's own share, not what AWS would do.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from localstack.bench import load, pictures
from localstack.bench.load import Load
from localstack.demo import stack
from localstack.demo.stack import Bench
from localstack.errors import LocalCloudError
from localstack.outputs import Outputs
from localstack.places import Places
from localstack.show import step
from tidewheel.adapters.clock import SystemClock
from tidewheel.client import ApiError, Client

TIERS = ("high", "normal")
_NOTE = "an emulator's figures on one machine, receiver included; not those of AWS"
_FAILED = 1


def _positive(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of 1 or more")
    return int(text)


def options(arguments: Sequence[str]) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="python -m localstack bench", description=__doc__)
    parser.add_argument("--rate", type=_positive, default=20, help="fires a second (20)")
    parser.add_argument("--seconds", type=_positive, default=60, help="for each tier (60)")
    return parser.parse_args(arguments)


def machine() -> dict[str, Any]:
    """Where the figures come from; the load is that of everything, the run itself included."""
    return {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "load_1min": round(os.getloadavg()[0], 2),
    }


def table(tiers: Mapping[str, Mapping[str, Any]]) -> Table:
    """The figures for people."""
    rows = Table(title=f"Lateness in ms ({_NOTE})", title_justify="left")
    for name in ("precision", "by", "samples", "p50", "p99", "max", "missing", "twice", "early"):
        rows.add_column(name, justify="left" if name in {"precision", "by"} else "right")
    for tier, found in tiers.items():
        for source, late in found["lateness_ms"].items():
            counts = (late[name] for name in ("samples", "p50", "p99", "max"))
            faults = (found[name] for name in ("missing", "duplicate", "early"))
            rows.add_row(tier, source.removeprefix("by_"), *(str(value) for value in (*counts, *faults)))
    return rows


def _measure(outputs: Outputs, wanted: argparse.Namespace) -> tuple[dict[str, Any], bool]:
    before, sound = machine(), True
    tiers: dict[str, Any] = {}
    with (
        stack.receiver() as receiver,
        Client(outputs.api_url, outputs.api_key, timeout=stack.SECONDS) as client,
    ):
        bench = Bench(client, receiver, SystemClock())
        with step("Warming the workers up (these runs are not counted)"):
            each_ms = bench.warm()
        for tier in TIERS:
            with step(f"{wanted.rate} fires a second of {tier} precision for {wanted.seconds} s"):
                outcome = load.run(Load(tier, wanted.rate, wanted.seconds), bench, each_ms)
            pictures.draw(Places().local, tier, outcome.samples())
            tiers[tier] = outcome.document()
            sound = sound and outcome.account.sound
    what = {"note": _NOTE, "engine": outputs.engine, "rate": wanted.rate, "seconds": wanted.seconds}
    return {**what, "machine": before, "tiers": tiers}, sound


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures; the JSON goes to stdout and ``.local/bench.json``, all else to stderr."""
    wanted = options(sys.argv[2:] if arguments is None else arguments)
    with contextlib.redirect_stdout(sys.stderr):
        try:
            document, sound = _measure(stack.ensure(), wanted)
        except ApiError as error:
            raise LocalCloudError(f"The API did not do what was asked ({error}): see .local/engine.log") from error
    text = json.dumps(document, indent=2)
    (Places().local / "bench.json").write_text(text + "\n")
    print(text, flush=True)
    Console(stderr=True).print(table(document["tiers"]))
    return 0 if sound else _FAILED
