"""Which files were saved, and when a save counts as complete."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from localstack.watch.files import QUIET_MS, Settling, changed, snapshot


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "code" / "deep").mkdir(parents=True)
    (tmp_path / "code" / "one.py").write_text("1")
    (tmp_path / "code" / "deep" / "two.py").write_text("2")
    return tmp_path / "code"


def test_files_of_all_depths_are_seen_and_single_files_too(folder, tmp_path):
    (tmp_path / "lock").write_text("")
    assert set(snapshot([folder, tmp_path / "lock"])) == {
        str(folder / "one.py"),
        str(folder / "deep" / "two.py"),
        str(tmp_path / "lock"),
    }


@pytest.mark.parametrize("name", [".one.py.swp", "__pycache__/one.cpython-311.pyc", "one.pyc", ".git/index"])
def test_what_no_function_ships_is_not_looked_at(folder, name):
    before = snapshot([folder])
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text("x")
    assert snapshot([folder]) == before


def test_what_is_not_there_is_left_out(folder, tmp_path):
    (folder / "gone.py").symlink_to(tmp_path / "nowhere")
    assert set(snapshot([folder, tmp_path / "nothing"])) == {str(folder / "one.py"), str(folder / "deep" / "two.py")}


def test_new_gone_written_and_replaced_files_are_changes(folder):
    before = snapshot([folder])
    (folder / "new.py").write_text("3")
    assert changed(before, snapshot([folder])) == {folder / "new.py"}
    (folder / "new.py").unlink()
    (folder / "deep" / "two.py").unlink()
    assert changed(before, snapshot([folder])) == {folder / "deep" / "two.py"}
    status = (folder / "one.py").stat()
    (folder / "fresh").write_text("9")
    os.utime(folder / "fresh", ns=(status.st_atime_ns, status.st_mtime_ns))
    (folder / "fresh").replace(folder / "one.py")  # as old and as long as before: told by its number alone
    assert folder / "one.py" in changed(before, snapshot([folder]))


class TestSettling:
    A, B = {"a": (1, 1, 1)}, {"a": (2, 1, 1)}

    def test_nothing_new_is_nothing(self):
        settling = Settling(self.A)
        assert settling.see(self.A, 0) == (frozenset(), 0)
        assert settling.see(self.A, 10_000) == (frozenset(), 10_000)

    def test_a_save_is_told_once_when_it_has_been_still_for_a_moment_with_when_it_began(self):
        settling = Settling(self.A)
        assert settling.see(self.B, 1_000)[0] == frozenset()
        assert settling.see(self.B, 1_000 + QUIET_MS - 1)[0] == frozenset()
        assert settling.see(self.B, 1_000 + QUIET_MS) == ({Path("a")}, 1_000)
        assert settling.see(self.B, 9_000)[0] == frozenset()

    def test_who_goes_on_writing_is_awaited(self):
        settling = Settling(self.A)
        for step in range(5):
            assert settling.see({"a": (2 + step, 1, 1)}, step * (QUIET_MS - 1))[0] == frozenset()
        assert settling.see({"a": (6, 1, 1)}, 5 * QUIET_MS) == ({Path("a")}, 0)

    def test_what_was_taken_back_meanwhile_is_no_change(self):
        settling = Settling(self.A)
        settling.see(self.B, 0)
        settling.see(self.A, 10)
        assert settling.see(self.A, 10 + QUIET_MS)[0] == frozenset()
        assert settling.see(self.B, 5_000)[0] == frozenset()
        assert settling.see(self.B, 5_000 + QUIET_MS) == ({Path("a")}, 5_000)
