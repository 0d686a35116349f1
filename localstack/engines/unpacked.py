"""Unpacks functions' archives by links to files that were unpacked before.

A function is thousands of small files, nearly all of them the same in its next version and in each of its environments.
To write them anew takes a slow disk over a second each time; to link them, less than a tenth. Run inside the engines,
so it imports nothing of this project.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import zipfile
from pathlib import Path, PurePosixPath


class Store:
    """Files by what an archive says of them.

    Args:
        folder: Where they are kept, on the file system that archives are unpacked to. Functions must not change what
            they run, as on AWS, where it is read only.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def unpack(self, archive: zipfile.ZipFile, target: Path) -> None:
        """Does as ``ZipFile.extractall``, but for the permissions, which come from the archive."""
        for entry in archive.infolist():
            name = PurePosixPath(entry.filename)
            if entry.is_dir() or name.is_absolute() or ".." in name.parts:
                archive.extract(entry, target)  # which knows what to do with names that lead elsewhere
                continue
            place = target / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.unlink(missing_ok=True)
            _link(self._kept(archive, entry), place)

    def _kept(self, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Path:
        """Told by name, size and checksum: what was packed need not be unpacked to know that it is here."""
        mode = (entry.external_attr >> 16) & 0o777 or 0o644
        told = f"{entry.filename}\0{entry.file_size}\0{entry.CRC:08x}\0{mode:o}"
        kept = self._folder / hashlib.sha256(told.encode()).hexdigest()
        if not kept.exists():
            self._folder.mkdir(parents=True, exist_ok=True)
            handle, fresh = tempfile.mkstemp(dir=self._folder)
            with os.fdopen(handle, "wb") as file, archive.open(entry) as packed:
                shutil.copyfileobj(packed, file)
            Path(fresh).chmod(mode)
            Path(fresh).replace(kept)
        return kept


def of_this_engine() -> Store:
    """The store of the engine that this runs in: in its temporary folder, which is its own."""
    return Store(Path(tempfile.gettempdir()) / "unpacked")


def _link(kept: Path, place: Path) -> None:
    try:
        place.hardlink_to(kept)
    except OSError:  # a file system without links, or with no more of them for this file
        shutil.copy(kept, place)
