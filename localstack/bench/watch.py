"""How long it takes from saving a file to the first answer of the new code, on the local cloud that runs.

A copy of the sources is changed, never the checkout. Three saves are measured: a small handler that ships nothing but
itself; a handler of full size with its dependencies; a file of the package that nearly all functions ship. Each
includes the start of a new execution environment, and the half tenth of a second by which a save waits for a look.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import statistics
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localstack import deploy
from localstack.bench.main import machine
from localstack.demo.stack import ensure
from localstack.errors import LocalCloudError
from localstack.outputs import Outputs
from localstack.places import Places
from localstack.show import say, step
from localstack.watch.files import LOOK_MS
from localstack.watch.functions import deployment_of, put_right
from localstack.watch.main import context_of
from localstack.watch.watcher import CODE, Watcher
from tidewheel.adapters.clock import SystemClock
from tidewheel.names import Function, physical

SAMPLES = 10
GIVE_UP_MS = 120_000
_ASK_MS = 50
"""How often the function is asked: without a rest the engine would be busy with the questions."""
_ASK = {"watch-bench": True}
_SHARED = "shared/tidewheel/names.py"
_ANSWER = f"""

_asked = handler
def handler(event, context):
    return MARK if event == {_ASK!r} else _asked(event, context)
"""
_MARKED = "\nMARK = {mark}\n"
_BORROWED = "\nfrom tidewheel.names import MARK\n"


@dataclass(frozen=True)
class Case:
    """One kind of save.

    Args:
        name: In the figures.
        role: Whose answer shows the new code.
        file: What is saved.
    """

    name: str
    role: Function
    file: str

    @property
    def handler(self) -> str:
        """The file with the function's handler."""
        return f"functions/{self.role}/handler.py"


CASES = (
    Case("handler alone", Function.ECHO, "functions/echo/handler.py"),
    Case("handler with dependencies", Function.API, "functions/api/handler.py"),
    Case("file of the shared package", Function.API, _SHARED),
)


@dataclass(frozen=True)
class Copy:
    """A copy of the sources, to be changed."""

    root: Path
    original: Path

    def text(self, name: str) -> str:
        """A file as it is in the checkout."""
        return (self.original / name).read_text()

    def save(self, case: Case, mark: int) -> None:
        """Saves the file of a case so that its function answers with a number."""
        marked = _MARKED.format(mark=mark)
        if case.file == case.handler:
            self._write(case.handler, self.text(case.handler) + marked + _ANSWER)
        else:
            self._write(case.file, self.text(case.file) + marked)

    def prepare(self, case: Case) -> None:
        """Has the handler answer with the number in another file, where that is what is saved."""
        if case.file != case.handler:
            self._write(case.file, self.text(case.file) + _MARKED.format(mark=-1))
            self._write(case.handler, self.text(case.handler) + _BORROWED + _ANSWER)

    def restore(self, case: Case) -> None:
        """Puts back what a case has changed."""
        for name in {case.file, case.handler}:
            self._write(name, self.text(name))

    def _write(self, name: str, text: str) -> None:
        fresh = self.root / f"{name}.new"
        fresh.write_text(text)
        fresh.replace(self.root / name)


@contextlib.contextmanager
def copied(original: Path) -> Iterator[Copy]:
    """A copy of the sources that goes at the end."""
    with tempfile.TemporaryDirectory(prefix="tidewheel-watch-") as name:
        for folder in CODE:
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(original / folder, Path(name) / folder, ignore=ignored)
        yield Copy(Path(name), original)


@contextlib.contextmanager
def watching(watcher: Watcher, clock: SystemClock) -> Iterator[Callable[[], None]]:
    """Lets a watcher look, as ``make watch`` does; what it gives raises what went wrong there."""
    stop, failed = threading.Event(), list[Exception]()

    def run() -> None:
        try:
            while not stop.is_set():
                watcher.look()
                clock.sleep(LOOK_MS)
        except Exception as error:  # noqa: BLE001 -- raised where somebody waits
            failed.append(error)

    def check() -> None:
        if failed:
            raise failed[0]

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield check
    finally:
        stop.set()
        thread.join()
    check()


@dataclass(frozen=True)
class Bench:
    """The running stack, asked by invoking its functions."""

    outputs: Outputs
    copy: Copy
    clock: SystemClock

    def seconds(self, case: Case, mark: int, check: Callable[[], None]) -> float:
        """Saves, and waits for the new code's answer.

        Raises:
            LocalCloudError: It did not come.
        """
        began_ms = self.clock.monotonic_ms()
        self.copy.save(case, mark)
        self.await_answer(case, mark, check)
        return (self.clock.monotonic_ms() - began_ms) / 1_000

    def await_answer(self, case: Case, mark: int, check: Callable[[], None]) -> None:
        """Invokes the function again and again until it answers with the number."""
        client = deploy.client("lambda", self.outputs.endpoint)
        name = physical(deployment_of(self.outputs.minute_function), case.role)
        until_ms = self.clock.monotonic_ms() + GIVE_UP_MS
        while self.clock.monotonic_ms() < until_ms:
            check()
            answer = client.invoke(FunctionName=name, Payload=json.dumps(_ASK).encode())["Payload"].read()
            if answer == str(mark).encode():
                return
            self.clock.sleep(_ASK_MS)
        raise LocalCloudError(f"{name} did not run what was saved: see .local/engine.log, then `make up`.")


def figures(samples: Sequence[float]) -> dict[str, Any]:
    """What is told of the samples, s."""
    rounded = [round(one, 2) for one in samples]
    return {
        "samples": len(rounded),
        "median_s": round(statistics.median(samples), 2),
        "max_s": max(rounded),
        "s": rounded,
    }


def measure(outputs: Outputs, places: Places, samples: int) -> dict[str, Any]:
    """All cases; the functions run what was deployed when it is through."""
    found: dict[str, Any] = {}
    clock, before = SystemClock(), machine()
    with copied(places.root) as copy:
        with step("Packing what the functions stand on"):
            watcher = Watcher(context_of(places, outputs, copy.root, lambda: None))
        bench = Bench(outputs, copy, clock)
        try:
            with watching(watcher, clock) as check:
                for case in CASES:
                    found[case.name] = _case(bench, case, samples, check)
        finally:
            put_right(places, outputs.endpoint, outputs.minute_function)
            deploy.wake(outputs.endpoint, outputs.minute_function)
    return {"note": "from saving to the first answer", "engine": outputs.engine, "machine": before, "saves": found}


def _case(bench: Bench, case: Case, samples: int, check: Callable[[], None]) -> dict[str, Any]:
    with step(f"{samples} times: {case.name}"):
        bench.copy.prepare(case)
        if case.file != case.handler:
            bench.await_answer(case, -1, check)
        taken = [bench.seconds(case, mark, check) for mark in range(samples)]
        bench.copy.restore(case)
    say(f"{case.name}: median {statistics.median(taken):.2f} s, at most {max(taken):.2f} s")
    return figures(taken)


def options(arguments: Sequence[str]) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="python -m localstack watch-bench", description=__doc__)
    parser.add_argument("--samples", type=int, default=SAMPLES, help=f"of each kind of save ({SAMPLES})")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures; the JSON goes to stdout and ``.local/watch-bench.json``, all else to stderr."""
    wanted = options(sys.argv[2:] if arguments is None else arguments)
    places = Places()
    with contextlib.redirect_stdout(sys.stderr):
        document = measure(ensure(), places, wanted.samples)
    text = json.dumps(document, indent=2)
    (places.local / "watch-bench.json").write_text(text + "\n")
    print(text, flush=True)
    return 0
