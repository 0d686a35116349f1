"""Archives that are unpacked by links: the same files as an ordinary extraction gives, written once."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from localstack.engines import unpacked
from localstack.engines.unpacked import Store


def archive(files: dict[str, str], attributes: int = 0) -> zipfile.ZipFile:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression=zipfile.ZIP_DEFLATED) as made:
        for name, text in files.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = attributes
            made.writestr(entry, text)
    return zipfile.ZipFile(buffer)


def texts(folder: Path) -> dict[str, str]:
    return {str(file.relative_to(folder)): file.read_text() for file in folder.rglob("*") if file.is_file()}


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


FILES = {"app.py": "print(1)", "package/__init__.py": "", "package/data/zone": "UTC", "empty": ""}


def test_all_files_are_there(store, tmp_path):
    store.unpack(archive(FILES), tmp_path / "one")
    assert texts(tmp_path / "one") == FILES


def test_the_same_file_is_written_once(store, tmp_path):
    for name in ("one", "two"):
        store.unpack(archive(FILES), tmp_path / name)
    assert all((tmp_path / "one" / name).samefile(tmp_path / "two" / name) for name in FILES)


def test_a_changed_file_is_another(store, tmp_path):
    store.unpack(archive(FILES), tmp_path / "one")
    store.unpack(archive(FILES | {"app.py": "print(2)"}), tmp_path / "two")
    assert texts(tmp_path / "one") == FILES
    assert (tmp_path / "two" / "app.py").read_text() == "print(2)"


def test_what_is_there_is_written_over_and_not_through(store, tmp_path):
    store.unpack(archive(FILES), tmp_path / "one")
    store.unpack(archive(FILES), tmp_path / "two")
    store.unpack(archive({"app.py": "print(3)"}), tmp_path / "one")
    assert (tmp_path / "one" / "app.py").read_text() == "print(3)"
    assert texts(tmp_path / "two") == FILES


@pytest.mark.parametrize(("attributes", "wanted"), [(0x20, 0o644), (0o755 << 16, 0o755), (0o600 << 16, 0o600)])
def test_permissions_are_the_archives_where_it_has_any(store, tmp_path, attributes, wanted):
    store.unpack(archive({"tool": "#!/bin/sh"}, attributes), tmp_path / "one")
    assert (tmp_path / "one" / "tool").stat().st_mode & 0o777 == wanted


@pytest.mark.parametrize("name", ["../out.py", "/out.py", "a/../../out.py"])
def test_no_name_leads_out_of_the_folder(store, tmp_path, name):
    target = tmp_path / "deep" / "one"
    target.mkdir(parents=True)
    store.unpack(archive({name: "x"}), target)
    assert {file.name for file in tmp_path.rglob("*.py")} == {"out.py"}
    assert all(file.is_relative_to(target) for file in tmp_path.rglob("*.py"))


def test_where_nothing_can_be_linked_it_is_copied(store, tmp_path, monkeypatch):
    def refused(*_):
        raise OSError("no links here")

    monkeypatch.setattr(unpacked.Path, "hardlink_to", refused)
    store.unpack(archive(FILES), tmp_path / "one")
    assert texts(tmp_path / "one") == FILES
