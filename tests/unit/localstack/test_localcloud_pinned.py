"""The launcher against the MiniStack that is installed: a raised version must not run untuned unnoticed."""

from __future__ import annotations

import os
import subprocess

import pytest

from localstack.engines import ministack as ministack_engine
from localstack.engines import ministack_tuned
from localstack.places import Places

PROBE = """
import importlib.metadata, runpy, sys
launcher = runpy.run_path(sys.argv[1])
launcher["tune"]()
print(importlib.metadata.version("ministack"))
"""


@pytest.mark.ministack
def test_the_pinned_version_can_be_tuned(tmp_path):
    places = Places()
    done = subprocess.run(
        [str(places.ministack_python), "-c", PROBE, str(ministack_engine.launcher())],
        check=False,
        capture_output=True,
        text=True,
        env={"PATH": os.defpath, "HOME": str(tmp_path), "TMPDIR": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ministack_tuned.TUNED_AGAINST
