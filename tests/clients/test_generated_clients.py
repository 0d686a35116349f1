"""Clients that generators make of the API's document: they are made without a warning, their types hold, they work."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from localstack.places import Places
from tests.support.api_bench import ApiBench
from tests.support.wsgi import TOKEN, application, served
from tidewheel.wire.openapi import document

HERE = Path(__file__).parent
TOOLS = Places().tools / "clients"
PYTHON, NODE_MODULES = TOOLS / "python" / "bin", TOOLS / "typescript" / "node_modules"
NODE = Places().root / ".venv" / "bin" / "node"
SECONDS = 300
EXPECTED = {"name": "generated", "runs": ["queued"], "missing": 404}


def run(*command: Any, cwd: Path, **more: str) -> str:
    """What a program printed that succeeded; it sees no proxy and no setting of whoever runs the tests."""
    environ = {"PATH": f"{NODE.parent}{os.pathsep}{os.environ['PATH']}", "HOME": str(cwd), **more}
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=cwd, env=environ, check=False, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def api() -> Iterator[str]:
    with served(application(ApiBench())) as url:
        yield url


def written(folder: Path, content: Mapping[str, Any]) -> Path:
    path = folder / "openapi.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def python_client(folder: Path, content: Mapping[str, Any]) -> None:
    """Makes the package ``generated``; whatever the generator leaves out or warns of fails."""
    config = folder / "config.yml"
    config.write_text("post_hooks: []\n")  # nobody reads it: it needs no formatting
    run(
        PYTHON / "openapi-python-client",
        "generate",
        *("--path", written(folder, content), "--output-path", folder / "generated", "--meta", "none"),
        *("--config", config, "--fail-on-warning"),
        cwd=folder,
    )


def typescript_client(folder: Path, content: Mapping[str, Any]) -> None:
    """Makes the client, checks its types and those of the program that uses it, and compiles both."""
    for name in ("use.ts", "tsconfig.json"):
        shutil.copy(HERE / "typescript" / name, folder)
    (folder / "node_modules").symlink_to(NODE_MODULES)
    made = ("-i", written(folder, content), "-o", folder / "client", "-c", "@hey-api/client-fetch", "--no-log-file")
    run(NODE_MODULES / ".bin" / "openapi-ts", *made, cwd=folder)
    run(NODE_MODULES / ".bin" / "tsc", "-p", folder, cwd=folder)


def told(text: str) -> dict[str, Any]:
    """What a program got, without what is of its own: three times one id, and a time."""
    found: dict[str, Any] = json.loads(text)
    assert len(set(found.pop("ids"))) == 1
    assert found.pop("created_at").startswith("2025-11-20T16:47:00")
    return found


def test_a_python_client_creates_reads_and_lists(api: str, tmp_path: Path) -> None:
    python_client(tmp_path, document())
    text = run(PYTHON / "python", HERE / "use.py", api, TOKEN, cwd=tmp_path, PYTHONPATH=str(tmp_path))
    assert told(text) == EXPECTED


def test_a_typescript_client_creates_reads_and_lists(api: str, tmp_path: Path) -> None:
    typescript_client(tmp_path, document())
    assert told(run(NODE, tmp_path / "built" / "use.js", api, TOKEN, cwd=tmp_path)) == EXPECTED


def a_lie() -> Mapping[str, Any]:
    """The document, but that it says of the time at which a job was created that it is a number."""
    lying = deepcopy(document())
    lying["components"]["schemas"]["JobAnswer"]["properties"]["created_at"] = {"type": "integer"}
    return lying


def test_a_document_that_lies_is_noticed(api: str, tmp_path: Path) -> None:
    """A test of these tests."""
    python_client(tmp_path, a_lie())
    with pytest.raises(AssertionError, match="isoformat"):
        run(PYTHON / "python", HERE / "use.py", api, TOKEN, cwd=tmp_path, PYTHONPATH=str(tmp_path))
