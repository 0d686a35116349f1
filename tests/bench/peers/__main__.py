"""``python -m tests.bench.peers install`` fetches what the bursts beside others need, into ``.local/peers``."""

from __future__ import annotations

import argparse
import sys

from localstack.places import Places
from tests.bench.peers import install


def main() -> int:
    """Installs."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.peers", description=__doc__)
    parser.add_argument("what", choices=["install"])
    parser.parse_args()
    install.install(Places())
    return 0


if __name__ == "__main__":
    sys.exit(main())
