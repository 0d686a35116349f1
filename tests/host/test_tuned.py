"""The launcher against the LocalStack that is installed: a raised version must not run untuned unnoticed."""

from __future__ import annotations

from localstack.engines import host as host_engine
from localstack.engines import host_tuned
from tests.support.host import in_venv, needs_host

PROBE = """
import importlib.metadata, json, os, runpy, sys
from pathlib import Path
os.environ.update(FILESYSTEM_ROOT=sys.argv[1], HOME=sys.argv[1], AWS_EC2_METADATA_DISABLED="true")
sys.stdout = sys.stderr
launcher = runpy.run_path(sys.argv[2])
sys.meta_path.insert(0, launcher["_Finder"])
launcher["sibling"]("host_tuned.py")["tune"]()
print(json.dumps(importlib.metadata.version("localstack-core")), file=sys.__stdout__)
"""


@needs_host
def test_the_pinned_version_can_be_tuned(tmp_path):
    assert in_venv(PROBE, tmp_path, str(host_engine.launcher())) == host_tuned.TUNED_AGAINST
