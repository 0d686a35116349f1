"""A long run of the fuzzer: ``python -m tests.fuzz [--url URL --token TOKEN] [--examples N] [--seed N]``.

Without a URL the API in memory is driven, on the loopback address.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from wsgiref.simple_server import WSGIRequestHandler, make_server

from tests.fuzz.expected import NEGATIVE, POSITIVE
from tests.support.api_bench import ApiBench
from tests.support.wsgi import TOKEN, application

_CONFIG = """\
[checks.negative_data_rejection]
expected-statuses = {negative}

[checks.positive_data_acceptance]
expected-statuses = {positive}
"""


class _Silent(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def served() -> str:
    """Serves the API in memory as long as the process lives; returns its URL."""
    server = make_server("127.0.0.1", 0, application(ApiBench()), handler_class=_Silent)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


def main() -> int:
    """Runs it; the status is that of the fuzzer: 0 if it found nothing."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--url", help="a deployment's URL with its stage, as `make up` prints it")
    parser.add_argument("--token", default=TOKEN, help="an API key")
    parser.add_argument("--examples", default="100", help="random cases of each operation, at most")
    parser.add_argument("--seed", default="1")
    asked = parser.parse_args()
    url = (asked.url or served()).rstrip("/")
    program = Path(sys.executable).with_name("schemathesis")
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "schemathesis.toml"
        config.write_text(_CONFIG.format(negative=list(NEGATIVE), positive=list(POSITIVE)))
        how = ["--url", url, "-H", f"Authorization: Bearer {asked.token}", "--max-examples", asked.examples]
        how += ["--seed", asked.seed, "--continue-on-failure", "--request-timeout", "30"]
        command = [str(program), "--config-file", str(config), "run", f"{url}/v1/openapi.json", *how]
        return subprocess.run(command, check=False, cwd=folder).returncode


if __name__ == "__main__":
    sys.exit(main())
