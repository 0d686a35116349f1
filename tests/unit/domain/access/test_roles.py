import pytest

from tidewheel.domain.access.roles import Role, strongest


def test_each_role_includes_those_before_it_and_no_other() -> None:
    for rank, role in enumerate(Role):
        assert [other for other in Role if role.includes(other)] == list(Role)[: rank + 1]


def test_the_strongest_counts() -> None:
    assert strongest([Role.VIEWER, Role.ADMIN, Role.EDITOR]) is Role.ADMIN
    with pytest.raises(ValueError, match="empty"):
        strongest([])
