"""What each function ships, as a zip that is quick to make: the dependencies are packed once, our code goes on top."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import io
import marshal
import threading
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import CodeType

from infra.assets import digest_of, sources
from tidewheel.names import Function

PACKING = 1
"""Of zlib: for 30 MB of a worker, 0.5 s and 12 MB; not packed at all, the upload takes longer than that saves."""
TASK_ROOT = "/var/task"
"""Where Lambda lays the code: what tracebacks show, as in the bytecode that a deployment ships."""
_UNCHECKED_HASH = 1
"""Flags of bytecode that is never compared with its source (PEP 552)."""


class Unsound(Exception):
    """A file is no Python; ``place`` is the file and the line."""

    def __init__(self, place: str, problem: str) -> None:
        super().__init__(f"{place}: {problem}: not deployed")
        self.place = place


@dataclass(frozen=True)
class Package:
    """What one function ships: its dependencies' folder, and our files by their path in the asset."""

    role: Function
    dependencies: Path
    files: Mapping[str, bytes]
    digest: str

    @property
    def key(self) -> str:
        """By which the deployed code can be told."""
        return key_of(self.digest)


def key_of(digest: str) -> str:
    """What CDK makes of an asset's digest: the name of its zip in the bucket, without ``.zip``."""
    return hashlib.sha256(digest.encode()).hexdigest()


def code_sha256(archive: bytes) -> str:
    """What Lambda calls the code of a function that runs this zip."""
    return base64.b64encode(hashlib.sha256(archive).digest()).decode()


def source_of(name: str) -> str:
    """Where in the repository a file of an asset lies."""
    return f"shared/{name}" if name.startswith("tidewheel/") else name


def bytecode(name: str, content: bytes) -> bytes:
    """The content of the ``.pyc`` of a file in an asset, for the interpreter that runs this program.

    Raises:
        Unsound: It cannot be compiled.
    """
    try:
        code: CodeType = compile(content, f"{TASK_ROOT}/{name}", "exec", dont_inherit=True)
    except SyntaxError as error:
        raise Unsound(f"{source_of(name)}:{error.lineno or 1}", error.msg) from error
    except ValueError as error:  # a null byte, up to Python 3.11
        raise Unsound(f"{source_of(name)}:1", str(error)) from error
    header = importlib.util.MAGIC_NUMBER + _UNCHECKED_HASH.to_bytes(4, "little") + importlib.util.source_hash(content)
    return header + marshal.dumps(code)


def pack(files: Iterable[tuple[str, bytes]], onto: bytes = b"") -> bytes:
    """A zip of these files, added to the zip ``onto``. The same files make the same zip."""
    buffer = io.BytesIO()
    buffer.write(onto)
    with zipfile.ZipFile(buffer, "a", compression=zipfile.ZIP_DEFLATED, compresslevel=PACKING) as archive:
        for name, content in files:
            entry = zipfile.ZipInfo(name)
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content, compresslevel=PACKING)
    return buffer.getvalue()


class Code:
    """The functions' code as it lies in a checkout.

    Args:
        root: The folder with ``functions`` and ``shared``.
        dependencies: Gives the folder of a function's installed dependencies, named by what they are.
    """

    def __init__(self, root: Path, dependencies: Callable[[Function], Path]) -> None:
        self._root = root
        self._install = dependencies
        self._dependencies: dict[Function, Path] = {}
        self._packed: dict[Path, bytes] = {}
        self._compiled: dict[str, tuple[bytes, bytes]] = {}
        self._lock = threading.Lock()

    def prepare(self, roles: Iterable[Function]) -> None:
        """Packs the dependencies of these functions, which takes a second or two."""
        for role in roles:
            self._dependencies[role] = folder = self._install(role)
            if folder not in self._packed:
                found = sorted(file for file in folder.rglob("*") if file.is_file())
                self._packed[folder] = pack((file.relative_to(folder).as_posix(), file.read_bytes()) for file in found)

    def read(self, roles: Iterable[Function]) -> list[Package]:
        """What these functions would ship now; each file is read once, so that all have the same of it.

        Raises:
            OSError: A file went between being listed and being read.
        """
        contents: dict[Path, bytes] = {}
        packages = []
        for role in roles:
            files = sources(self._root, role)
            contents |= {path: path.read_bytes() for path in files.values() if path not in contents}
            shipped = {name: contents[path] for name, path in files.items()}
            folder = self._dependencies[role]
            packages.append(Package(role, folder, shipped, digest_of(folder, shipped)))
        return packages

    def archive(self, package: Package) -> bytes:
        """The zip to deploy, bytecode included.

        Raises:
            Unsound: A file is no Python.
        """
        compiled = {
            Path(importlib.util.cache_from_source(name)).as_posix(): self._bytecode(name, content)
            for name, content in package.files.items()
            if name.endswith(".py")
        }
        return pack([*package.files.items(), *compiled.items()], self._packed[package.dependencies])

    def _bytecode(self, name: str, content: bytes) -> bytes:
        with self._lock:
            before = self._compiled.get(name)
        if before is not None and before[0] == content:
            return before[1]
        made = bytecode(name, content)
        with self._lock:
            self._compiled[name] = (content, made)
        return made
