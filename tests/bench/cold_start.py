"""How long the functions take to start, as Lambda's ``Init Duration`` counts it, with and without bytecode.

Lambda starts an environment from the unpacked asset, whose files nobody has read yet and nobody can write (AWS Lambda,
"Lambda execution environment": the code lies below ``/var/task``, and ``/tmp`` is the only place to write), starts the
interpreter and imports the handler. So does this: the asset of this machine is copied, made read-only and forgotten by
the page cache before each start, the interpreter has no packages of its own, and a start that could have written beside
the code is an error. What it cannot show: the time in which Lambda fetches the asset, and another processor.

``python -m tests.bench.cold_start`` prints JSON; a start with bytecode and one without take turns in one run.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from infra.assets import HOST, AssetBuilder, uv_runner
from tidewheel.names import Function

ROOT = Path(__file__).parents[2]
SAMPLES = 10
MEASURED = (Function.API, Function.SCHEDULER, Function.WORKER)
BYTECODE = "__pycache__"
_INIT = """
import sys
sys.path.insert(0, sys.argv[1])
import importlib
importlib.import_module(sys.argv[2])
import json, resource
used = resource.getrusage(resource.RUSAGE_SELF)
try:
    open(sys.argv[1] + "/written", "w").close()
    written = True
except OSError:
    written = False
print(json.dumps({"cpu_ms": (used.ru_utime + used.ru_stime) * 1000, "written": written}))
"""
_PR_CAPBSET_DROP, _CAP_DAC_OVERRIDE = 24, 1  # linux/prctl.h, linux/capability.h


class Unlike(Exception):
    """This machine cannot start a function as Lambda does; the text says why."""


def _without_roots_way_to_write() -> None:
    """Runs in the child: what is read-only must be so for root too."""
    if os.geteuid() == 0 and sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_CAPBSET_DROP, _CAP_DAC_OVERRIDE, 0, 0, 0)


def _forget(folder: Path) -> None:
    """Has the page cache forget what it holds of a folder."""
    for file in folder.rglob("*"):
        if file.is_file():
            descriptor = os.open(file, os.O_RDONLY)
            try:
                os.fsync(descriptor)  # only what is written back can be forgotten
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(descriptor)


def _chmod(folder: Path, *, writable: bool) -> None:
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod((0o755 if writable else 0o555) if path.is_dir() else 0o444)


def started(folder: Path, module: str) -> Mapping[str, float]:
    """One start: ms until the handler is imported, and ms of processor time.

    Raises:
        Unlike: The code could be written to.
    """
    _forget(folder)
    interpreter = getattr(sys, "_base_executable", sys.executable)
    environ = {"PATH": os.defpath, "AWS_LAMBDA_FUNCTION_NAME": "cold", "AWS_REGION": "us-east-1", "TZ": ":UTC"}
    start_s = time.perf_counter()
    child = subprocess.run(
        [interpreter, "-I", "-S", "-c", _INIT, str(folder), module],
        env=environ | {"LAMBDA_TASK_ROOT": str(folder), "_HANDLER": f"{module}.handler"},
        preexec_fn=_without_roots_way_to_write,
        stdout=subprocess.PIPE,
        check=True,
    )
    wall_ms = (time.perf_counter() - start_s) * 1000
    said = json.loads(child.stdout)
    if said["written"]:
        raise Unlike("the function could write to its own folder, which Lambda's cannot")
    return {"wall_ms": wall_ms, "cpu_ms": said["cpu_ms"]}


@contextmanager
def _variants(asset: Path) -> Iterator[Mapping[str, Path]]:
    """Two read-only copies of an asset: as it is shipped, and without bytecode."""
    with tempfile.TemporaryDirectory(prefix="tidewheel-cold-") as top:
        folders = {name: Path(top) / name for name in ("with_bytecode", "without_bytecode")}
        for name, folder in folders.items():
            ignore = shutil.ignore_patterns(BYTECODE) if name == "without_bytecode" else None
            shutil.copytree(asset, folder, ignore=ignore)
            _chmod(folder, writable=False)
        try:
            yield folders
        finally:
            for folder in folders.values():
                _chmod(folder, writable=True)


def compared(asset: Path, module: str, samples: int = SAMPLES) -> dict[str, Any]:
    """The starts of one function, both ways, in turns.

    Raises:
        Unlike: This machine cannot start it as Lambda does.
    """
    found: dict[str, list[Mapping[str, float]]] = {}
    shape: dict[str, Any] = {}
    with _variants(asset) as folders:
        for number in range(samples):
            for name in list(folders) if number % 2 else reversed(folders):
                found.setdefault(name, []).append(started(folders[name], module))
        for name, folder in folders.items():
            files = [file for file in folder.rglob("*") if file.is_file()]
            bytecode = sum(file.suffix == ".pyc" for file in files)
            shape[name] = {"megabytes": round(sum(file.stat().st_size for file in files) / 1e6, 1), "pyc": bytecode}
    figures = {name: {**shape[name], **_figures(starts)} for name, starts in found.items()}
    both = [figures[name]["wall_ms"]["p50"] for name in ("without_bytecode", "with_bytecode")]
    return {**dict(sorted(figures.items())), "saved_ms_p50": round(both[0] - both[1], 1)}


def _figures(starts: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    figures = {}
    for what in ("wall_ms", "cpu_ms"):
        values = [one[what] for one in starts]
        figures[what] = {
            "p50": round(statistics.median(values), 1),
            "least": round(min(values), 1),
            "most": round(max(values), 1),
        }
    return figures


def measure(samples: int = SAMPLES, functions: Sequence[Function] = MEASURED) -> dict[str, Any]:
    """The starts of several functions, on this machine's interpreter.

    Raises:
        AssetError: An asset could not be built.
        Unlike: This machine cannot start them as Lambda does.
    """
    build = AssetBuilder(ROOT, HOST, uv_runner(ROOT, os.environ))
    found = {str(role): compared(build(role).path, f"functions.{role}.handler", samples) for role in functions}
    return {"python": HOST.python, "samples": samples, "functions": found}


def main() -> int:
    """Measures; JSON to stdout."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.cold_start", description="Cold starts, as JSON.")
    parser.add_argument("--samples", type=int, default=SAMPLES)
    parser.add_argument("functions", nargs="*", type=Function, default=list(MEASURED), metavar="FUNCTION")
    given = parser.parse_args()
    print(json.dumps(measure(given.samples, given.functions), indent=2))  # noqa: T201 - a command-line program
    return 0


if __name__ == "__main__":
    sys.exit(main())
