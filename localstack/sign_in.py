"""The local cloud's own API key, which its outputs hold."""

from __future__ import annotations

import os
import subprocess
import sys

from localstack.errors import LocalCloudError
from localstack.places import Places
from localstack.pool import account_environment
from localstack.show import step
from tidewheel.wire.targets import PRIVILEGED

_SECONDS = 120.0
KEY_NAME = "make up"


def key(places: Places, endpoint: str, former: str) -> str:
    """The token of a key of role admin for the tenant ``default``: the former one if it is valid, else a new one.

    Args:
        places: Where the checkout is.
        endpoint: The engine's.
        former: The token that the outputs held before; empty for none.

    Raises:
        LocalCloudError: It could not be made.
    """
    kinds = [part for kind in sorted(PRIVILEGED) for part in ("--kind", kind)]
    return make(places, endpoint, "--role", "admin", "--name", KEY_NAME, "--keep", *kinds, former=former)


def make(places: Places, endpoint: str, *arguments: str, former: str = "") -> str:
    """What ``tidewheel admin init`` prints with these arguments, on the local cloud's account.

    Raises:
        LocalCloudError: It failed.
    """
    with step("Making a key for the API"):
        done = subprocess.run(
            [sys.executable, "-m", "tidewheel.wiring.admin", *arguments],
            env=account_environment(places, endpoint, os.environ),
            input=former,
            capture_output=True,
            text=True,
            check=False,
            timeout=_SECONDS,
        )
    if done.returncode:
        raise LocalCloudError("The API's key could not be made: run `make up` again.", done.stderr)
    return done.stdout.strip()
