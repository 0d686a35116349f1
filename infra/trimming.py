"""What an installed set of packages carries that a function never needs."""

from __future__ import annotations

import shutil
from pathlib import Path

from tidewheel.wire.targets import MODELS

OWN_SERVICES = frozenset({"dynamodb", "lambda", "s3", "secretsmanager", "sqs", "sts"})
"""What Tidewheel itself calls, as boto3 names it."""

AWS_SERVICES = OWN_SERVICES.union(*(model.SERVICES for model in MODELS.values()))
"""The services whose descriptions the functions ship: Tidewheel's own, and those that the kinds of target declare;
botocore brings some four hundred."""

JUNK_FOLDERS = frozenset({"__pycache__", "tests", "examples"})
INSTALLER_FILES = frozenset({"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json"})
"""Written by the installer, partly about this machine; a package's own METADATA and licence stay."""

RECIPE = repr([sorted(part) for part in (AWS_SERVICES, JUNK_FOLDERS, INSTALLER_FILES)])
"""Changes when what is left out changes, so that older results are not taken for this one's."""


def trim(packages: Path) -> None:
    """Removes from a folder of installed packages what Lambda never needs."""
    for folder in _junk(packages):
        shutil.rmtree(folder, ignore_errors=True)
    for file in packages.glob("*.dist-info/*"):
        if file.name in INSTALLER_FILES:
            file.unlink()
    (packages / ".lock").unlink(missing_ok=True)


def _junk(packages: Path) -> list[Path]:
    found = [path for path in packages.rglob("*") if path.name in JUNK_FOLDERS and path.is_dir()]
    for library in ("botocore", "boto3"):
        services = (packages / library / "data").glob("*/")
        found += [path for path in services if path.is_dir() and path.name not in AWS_SERVICES]
    return [packages / "bin", *found]
