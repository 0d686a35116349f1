"""What was downloaded is unpacked alike on every Python that is supported, and nowhere else."""

from __future__ import annotations

import io
import tarfile

import pytest

from localstack.engines.archive import unpack
from localstack.errors import LocalCloudError


def packed(folder, *entries):
    """An archive of entries, each a name with what else is said of it."""
    archive = folder / "some.tgz"
    with tarfile.open(archive, "w:gz") as file:
        for name, more in entries:
            entry = tarfile.TarInfo(name)
            for attribute, value in {"size": 2, **more}.items():
                setattr(entry, attribute, value)
            file.addfile(entry, io.BytesIO(b"ok"))
    return archive


def test_files_are_unpacked_with_their_right_to_execute_and_no_other(tmp_path):
    folder = {"type": tarfile.DIRTYPE, "size": 0}
    archive = packed(tmp_path, ("package", folder), ("package/a/run", {"mode": 0o4755}), ("package/b", {"mode": 0o622}))
    unpack(archive, tmp_path / "to")
    assert (tmp_path / "to" / "package" / "b").read_bytes() == b"ok"
    assert (tmp_path / "to" / "package" / "a" / "run").stat().st_mode & 0o7777 == 0o755
    assert (tmp_path / "to" / "package" / "b").stat().st_mode & 0o7777 == 0o644


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("/etc/passwd", {}),
        ("package/../../up", {}),
        ("package/link", {"type": tarfile.SYMTYPE, "linkname": "../../up", "size": 0}),
        ("package/hard", {"type": tarfile.LNKTYPE, "linkname": "/etc/passwd", "size": 0}),
        ("package/device", {"type": tarfile.CHRTYPE, "size": 0}),
        ("package/pipe", {"type": tarfile.FIFOTYPE, "size": 0}),
    ],
)
def test_what_leads_elsewhere_is_refused_before_anything_is_written(tmp_path, name, more):
    archive = packed(tmp_path, ("package/good", {}), (name, more))
    with pytest.raises(LocalCloudError, match="no plain file"):
        unpack(archive, tmp_path / "to")
    assert not (tmp_path / "to").exists()
    assert not (tmp_path.parent / "up").exists()
