"""What `pipx install` gets: the wheel holds the package alone, and its command line starts in a venv of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from localstack.places import Places

ROOT = Places().root
UV = Places().tools / "uv" / "bin" / "uv"
SECONDS = 300


def run(*command, cwd=ROOT, **more):
    environ = {"PATH": os.environ["PATH"], "HOME": str(Path.home()), **more}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=environ,
        check=False,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    run(UV, "build", "--wheel", "--python", sys.executable, "--out-dir", folder)
    (built,) = folder.glob("*.whl")
    return built


def test_it_holds_the_package_and_what_is_said_of_it_alone(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.partition("/")[0] for name in names} == {"tidewheel", f"{wheel.name.rsplit('-', 3)[0]}.dist-info"}
    assert [
        name for name in names if name.startswith("tidewheel/") and not name.endswith(("/", ".py", "/py.typed"))
    ] == []
    (metadata,) = (name for name in names if name.endswith(".dist-info/METADATA"))
    said = zipfile.ZipFile(wheel).read(metadata).decode()
    assert "License-Expression: Apache-2.0" in said
    assert "License-File: LICENSE" in said
    assert "Requires-Dist: typer" in said
    assert "Requires-Dist: pytest" not in said
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_its_command_line_starts(wheel, tmp_path):
    """With what the lock names of its dependencies, and nothing of this checkout."""
    venv = {"UV_PROJECT_ENVIRONMENT": str(tmp_path / "venv")}
    run(
        UV,
        "sync",
        "--python",
        sys.executable,
        "--frozen",
        "--quiet",
        "--no-default-groups",
        "--no-install-project",
        **venv,
    )
    python = tmp_path / "venv" / "bin" / "python"
    run(UV, "pip", "install", "--quiet", "--no-deps", "--python", python, wheel)
    told = run(tmp_path / "venv" / "bin" / "tidewheel", "--help", cwd=tmp_path)
    assert "executions" in told
    where = run(python, "-c", "import tidewheel; print(tidewheel.__path__[0])", cwd=tmp_path).strip()
    assert Path(where).is_relative_to(tmp_path)
