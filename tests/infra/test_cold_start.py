"""The bench of cold starts: it starts functions as Lambda does, or says that it cannot."""

import json
import os
import sys

import pytest

from tests.bench import cold_start
from tests.bench.cold_start import Unlike, compared

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems keep root's rights, or their page cache")


@pytest.fixture
def asset(tmp_path):
    folder = tmp_path / "asset"
    (folder / "thing" / "__pycache__").mkdir(parents=True)
    (folder / "thing" / "__init__.py").write_text("A = 1\n")
    (folder / "thing" / "handler.py").write_text("import thing\n")
    (folder / "thing" / "__pycache__" / "other.pyc").write_bytes(b"x" * 200_000)
    return folder


def test_both_ways_are_compared_in_one_run_and_given_as_json(asset):
    before = sorted(asset.rglob("*"))
    found = compared(asset, "thing.handler", 3)
    assert json.loads(json.dumps(found)) == found
    assert found.keys() == {"with_bytecode", "without_bytecode", "saved_ms_p50"}
    assert [found[way]["pyc"] for way in ("with_bytecode", "without_bytecode")] == [1, 0]
    assert all(found[way][what]["least"] > 0 for way in list(found)[:2] for what in ("wall_ms", "cpu_ms"))
    assert sorted(asset.rglob("*")) == before


def test_a_start_that_could_write_beside_the_code_does_not_count(asset, monkeypatch):
    monkeypatch.setattr(cold_start, "_chmod", lambda *_, **__: None)
    with pytest.raises(Unlike, match="write to its own folder"):
        compared(asset, "thing.handler", 1)


@pytest.mark.skipif(os.geteuid() != 0, reason="others cannot write to what is read-only anyway")
def test_root_may_not_write_either(asset, monkeypatch):
    monkeypatch.setattr(cold_start, "_without_roots_way_to_write", lambda: None)
    with pytest.raises(Unlike):
        compared(asset, "thing.handler", 1)
