"""Unpacks what was downloaded, alike on every Python: ``tarfile`` got its filters within 3.11, in 3.11.4."""

from __future__ import annotations

import shutil
import tarfile
from pathlib import Path, PurePosixPath

from localstack.errors import LocalCloudError

_READABLE = 0o644
_EXECUTABLE = 0o111


def unpack(archive: Path, folder: Path) -> None:
    """Unpacks the plain files of a tar archive, and nothing outside of ``folder``.

    Owners, times and all permissions but the right to execute stay behind.

    Raises:
        LocalCloudError: An entry leads elsewhere, or is neither a file nor a folder; it is named, and nothing was
            written.
    """
    with tarfile.open(archive) as packed:
        entries = packed.getmembers()
        for entry in entries:
            _check(archive, entry)
        for entry in entries:
            if entry.isfile():
                _write(packed, entry, folder / entry.name)


def _check(archive: Path, entry: tarfile.TarInfo) -> None:
    name = PurePosixPath(entry.name)
    if name.is_absolute() or ".." in name.parts or not (entry.isfile() or entry.isdir()):
        raise LocalCloudError(f"{archive.name} is not unpacked: its entry {entry.name!r} is no plain file below it.")


def _write(packed: tarfile.TarFile, entry: tarfile.TarInfo, place: Path) -> None:
    source = packed.extractfile(entry)
    if source is None:
        raise LocalCloudError(f"{entry.name!r} cannot be read.")
    place.parent.mkdir(parents=True, exist_ok=True)
    with source, place.open("wb") as target:
        shutil.copyfileobj(source, target)
    place.chmod(_READABLE | entry.mode & _EXECUTABLE)
