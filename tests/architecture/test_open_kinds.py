"""A kind of target and a kind of schedule, added to a copy of the tree by their own files alone, work there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.architecture.test_imports import ROOT, copied

HERE = Path(__file__).parent
ADDED = HERE / "added"
FILES = {
    "wire/targets/fax.py",
    "adapters/targets/fax.py",
    "wire/schedules/doubling.py",
    "domain/recurrence/timings/doubling.py",
}


def run(tree: Path) -> subprocess.CompletedProcess[str]:
    """What is seen of the added kinds in a tree, whose own modules come first."""
    path = os.pathsep.join(map(str, (tree / "shared", tree, ROOT)))
    return subprocess.run(
        [sys.executable, HERE / "kinds_seen.py"],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = copied(tmp_path_factory.mktemp("kinds"))
    before = set(copy.rglob("*.py"))
    shutil.copytree(ADDED, copy, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    added = {path.relative_to(copy / "shared/tidewheel").as_posix() for path in set(copy.rglob("*.py")) - before}
    assert added == FILES
    return copy


@pytest.fixture(scope="module")
def seen(tree: Path) -> dict[str, Any]:
    done = run(tree)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["tree"] == str(tree / "shared/tidewheel/__init__.py")
    return found


def test_a_job_with_them_is_accepted_stored_and_answered(seen: dict[str, Any]) -> None:
    assert seen["answered"] == {
        "schedule": {"doubling": "2026-01-01T00:00:00.000Z"},
        "target": {"kind": "fax", "number": "+33 1"},
        "next_fire_at": "2026-01-01T00:00:01.000Z",
    }
    assert seen["shown"] == ["doubling", "fax +33 1"]
    assert seen["documented"] == ["DoublingSchedule", "FaxTarget"]


def test_the_target_is_called_and_its_party_has_a_circuit(seen: dict[str, Any]) -> None:
    assert seen["called"] == "faxed to +33 1"
    assert seen["circuit"] == "fax:+33 1"


def test_the_target_is_granted_its_rights_and_ships_its_services(seen: dict[str, Any]) -> None:
    by_name, listed = seen["granted"]
    assert len(by_name) == 1
    assert by_name[0].startswith("connect:StartOutboundVoiceContact on arn:")
    assert by_name[0].endswith(":instance/tidewheel-target-*")
    assert listed == ["connect:StartOutboundVoiceContact on arn:aws:connect:us-east-1:111122223333:instance/line"]
    assert seen["shipped"]


def test_the_schedule_fires_and_is_searched_and_counted(seen: dict[str, Any]) -> None:
    assert seen["upcoming_s"] == [1, 2, 4, 8, 16]
    assert (seen["last_s"], seen["newest_s"], seen["count"]) == (64, [16, 32, 64], 7)
    assert seen["expires"] is None


def test_a_class_without_what_every_kind_must_have_is_not_accepted(tree: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(tree, tmp_path / "tree")
    module = copy / "shared/tidewheel/domain/recurrence/timings/doubling.py"
    module.write_text(module.read_text().replace("def none_left", "def never"))
    done = run(copy)
    assert done.returncode == 1
    assert "Can't instantiate abstract class Doubling" in done.stderr
