"""The backends that every contract is tested on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.world import LACKS, Backend, memory, ministack_world, moto


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs(ability): skipped where tests.support.world.LACKS names it")


@pytest.fixture(params=["memory", "moto", pytest.param("ministack", marks=pytest.mark.ministack)])
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    for marker in request.node.iter_markers("needs"):
        reason = LACKS[request.param].get(marker.args[0])
        if reason:
            pytest.skip(f"{request.param}: {reason}")
    if request.param == "ministack":
        with ministack_world(request.getfixturevalue("ministack_endpoint")) as world:
            yield world
    else:
        with {"memory": memory, "moto": moto}[request.param]() as world:
            yield world
