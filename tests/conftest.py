"""What every tier stands on: no network, no AWS account, no luck.

Sockets are closed to all tests but those that talk to the local cloud, which may reach this machine alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support import histories, machine
from tests.support.engines import ministack

TESTS = Path(__file__).parent
LOOPBACK = "127.0.0.1"
LOOPBACK_TIERS = ("e2e", "fuzz", "clients")  # beside whatever is marked ``ministack``

for name in [name for name in os.environ if name.startswith(("AWS_", "TIDEWHEEL_"))]:
    del os.environ[name]  # an AWS_ENDPOINT_URL would lead past moto; a profile, to somebody's account
os.environ |= {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}

settings.register_profile("tidewheel", derandomize=True, deadline=None, database=None)
settings.load_profile("tidewheel")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Closes the sockets before pytest-socket reads its options; an event loop's own pair stays open."""
    config.option.disable_socket = True
    config.option.allow_unix_socket = True
    side_by_side = getattr(config.option, "numprocesses", None) and not hasattr(config, "workerinput")
    if side_by_side and machine.VARIABLE not in os.environ:
        machine.tell(machine.measured())  # before its workers begin, which must agree on what there is to test


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says which random histories were played."""
    reports = [one for kind in ("passed", "failed") for one in terminalreporter.stats.get(kind, [])]
    for line in histories.told(one for one in reports if one.when == "call"):
        terminalreporter.write_line(line)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Opens the loopback address to the tests that need it, and to no others."""
    for item in items:
        tier = item.path.relative_to(TESTS).parts[0] if item.path.is_relative_to(TESTS) else ""
        if tier in LOOPBACK_TIERS or item.get_closest_marker("ministack"):
            item.add_marker(pytest.mark.allow_hosts([LOOPBACK]))


@pytest.fixture(scope="session")
def ministack_endpoint() -> Iterator[str]:
    """A private MiniStack: one for each session, and so for each worker of pytest-xdist."""
    with ministack() as url:
        yield url
