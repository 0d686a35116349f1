"""Builds what each function ships, without Docker: locked wheels of the function's platform, and our code.

Everything is named by a hash of what goes into it, under ``.local/assets``: the same inputs give the same
folder, and a second run neither builds nor needs the network.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from infra.trimming import RECIPE, trim
from tidewheel.names import Function

MAX_MEGABYTES = 60
BYTECODE = "unchecked-hash"
"""How bytecode says that it fits its source (py_compile.PycInvalidationMode)."""
KEPT_PER_FUNCTION = 6
LEFT_OUT = frozenset({"cli", "client"})
"""Rooms of the package that no function imports."""

WITHOUT_PACKAGE = frozenset({Function.ECHO})
"""Functions that import nothing of ours."""

Run = Callable[[Sequence[str]], str]
"""Runs uv with these arguments and answers what it printed."""


class AssetError(Exception):
    """An asset cannot be built; the text says what to do, in one line."""


@dataclass(frozen=True)
class Platform:
    """The interpreter and the machine that will import the wheels."""

    python: str
    wheels: str

    @property
    def is_host(self) -> bool:
        """Whether it is the one that runs this program."""
        return self == HOST


_MACHINES = {"arm64": "aarch64", "AMD64": "x86_64"}
"""Linux's names of machines that other systems call otherwise."""

HOST = Platform(f"{sys.version_info.major}.{sys.version_info.minor}", sysconfig.get_platform())
CONTAINER = Platform(HOST.python, f"{_MACHINES.get(platform.machine(), platform.machine())}-manylinux_2_17")
"""What a container of Lambda's image for this Python and this machine imports; Python 3.11's has glibc 2.26."""
LAMBDA_ARM = Platform(HOST.python, f"aarch64-manylinux_{'2_17' if HOST.python == '3.11' else '2_28'}")
"""Lambda on arm64, with the Python that runs this program: the one that ``make test`` ran with, and the only one whose
bytecode can be written here. Lambda's Python 3.11 is on Amazon Linux 2 with glibc 2.26, later ones are on Amazon Linux
2023 with glibc 2.34 (AWS Lambda, "Lambda runtimes")."""


@dataclass(frozen=True)
class Asset:
    """A folder to ship, and the hash of what went into it."""

    path: Path
    digest: str

    @property
    def megabytes(self) -> float:
        """The size of its files, as Lambda counts them against its limit."""
        return sum(file.stat().st_size for file in self.path.rglob("*") if file.is_file()) / 1e6


def find_uv(root: Path, environ: Mapping[str, str]) -> str:
    """The uv to run: ``$UV``, else the one in the project's virtual environment.

    Raises:
        AssetError: There is none.
    """
    path = environ.get("UV") or str(root / ".venv" / "bin" / "uv")
    if not Path(path).is_file():
        raise AssetError(f"uv is needed to build the functions, and {path} is not there: set UV to its path")
    return path


def uv_runner(root: Path, environ: Mapping[str, str]) -> Run:
    """Runs the real uv in the project."""

    def run(arguments: Sequence[str]) -> str:
        command = [find_uv(root, environ), *arguments]
        done = subprocess.run(command, cwd=root, check=False, capture_output=True, text=True)  # noqa: S603 -- uv
        if done.returncode:
            raise AssetError(f"uv {arguments[0]} failed: {' '.join(done.stderr.split())}")
        return done.stdout

    return run


def sources(root: Path, role: Function) -> dict[str, Path]:
    """What the function ships of this repository: path in the asset -> file here, sorted."""
    package = root / "shared" / "tidewheel"
    shared = [] if role in WITHOUT_PACKAGE else list(_code(package))
    shared = [file for file in shared if file.relative_to(package).parts[0] not in LEFT_OUT]
    functions = root / "functions"
    own = [*functions.glob("*.py"), *_code(functions / role)]
    found = {f"tidewheel/{file.relative_to(package).as_posix()}": file for file in shared}
    found |= {f"functions/{file.relative_to(functions).as_posix()}": file for file in own}
    return dict(sorted(found.items()))


def _code(folder: Path) -> Iterator[Path]:
    for file in folder.rglob("*"):
        hidden = any(part.startswith((".", "__pycache__")) for part in file.relative_to(folder).parts)
        if file.is_file() and not hidden and file.suffix not in {".md", ".pyc"}:
            yield file


def _digest(parts: Iterable[str | bytes]) -> str:
    """A hash of the parts and of where each ends."""
    total = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        total.update(len(data).to_bytes(8, "big") + data)
    return total.hexdigest()[:32]


def digest_of(dependencies: Path, files: Mapping[str, bytes]) -> str:
    """The hash that names an asset: of its dependencies and of the files of this repository in it."""
    return _digest([dependencies.name, *(part for file in files.items() for part in file)])


def _say(line: str) -> None:
    print(line, file=sys.stderr)  # noqa: T201 -- progress of a command-line build


@dataclass(frozen=True)
class AssetBuilder:
    """Builds the assets of one platform."""

    root: Path
    platform: Platform
    run: Run
    say: Callable[[str], None] = field(default=_say)

    @property
    def store(self) -> Path:
        """Where built folders are kept."""
        return self.root / ".local" / "assets"

    def __call__(self, role: Function) -> Asset:
        """The asset of one function, built unless it is there.

        Raises:
            AssetError: uv is missing or fails, or the asset is too large.
        """
        dependencies = self.dependencies(role)
        files = {name: file.read_bytes() for name, file in sources(self.root, role).items()}
        digest = digest_of(dependencies, files)
        asset = Asset(self.store / f"{role}-{digest}", digest)
        with self._new(asset.path) as folder:
            if folder:
                self._assemble(folder, dependencies, files)
                self._report(role, Asset(folder, digest))
        os.utime(asset.path)
        self._forget_older(role)
        return asset

    def _forget_older(self, role: Function) -> None:
        """Every edit makes a new folder; of those not used for longest, only a few stay."""
        folders = sorted(self.store.glob(f"{role}-*"), key=lambda path: path.stat().st_mtime, reverse=True)
        for folder in folders[KEPT_PER_FUNCTION:]:
            shutil.rmtree(folder, ignore_errors=True)

    def dependencies(self, role: Function) -> Path:
        """The function's locked dependencies, installed and trimmed; named by the hash of what they are.

        Raises:
            AssetError: uv is missing or fails.
        """
        group = f"fn-{role.replace('_', '-')}"
        export = ["export", "--quiet", "--frozen", "--no-emit-project", "--no-default-groups"]
        requirements = self.run([*export, "--no-header", "--no-annotate", "--only-group", group])
        parts = (
            requirements,
            self.platform.python,
            self.platform.wheels,
            RECIPE,
            BYTECODE,
        )
        target = self.store / f"packages-{_digest(parts)}"
        with self._new(target) as folder:
            if folder:
                self._install(folder, requirements)
                trim(folder)
                self._compile(folder, folder)
        return target

    def _install(self, folder: Path, requirements: str) -> None:
        if not requirements.strip():
            return
        listed = folder / "requirements.txt"
        listed.write_text(requirements)
        where = ["--python", sys.executable, "--target", str(folder), "--only-binary", ":all:"]
        if not self.platform.is_host:
            where += ["--python-version", self.platform.python, "--python-platform", self.platform.wheels]
        self.run(["pip", "install", "--quiet", "--require-hashes", *where, "--requirements", str(listed)])
        listed.unlink()

    def _assemble(self, folder: Path, dependencies: Path, files: Mapping[str, bytes]) -> None:
        shutil.copytree(dependencies, folder, copy_function=os.link, dirs_exist_ok=True)
        for name, content in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        self._compile(folder, folder / "tidewheel", folder / "functions")

    def _compile(self, top: Path, *folders: Path) -> None:
        """Bytecode beside the source, where it will be read: Lambda's own folder cannot be written to.

        It is not checked against the source, whose date packing changes. Of the same source it is always the same: the
        seed decides in what order the members of a constant set are written.
        """
        told = ["-qq", "-s", str(top), "-p", "/var/task", "--invalidation-mode", BYTECODE]
        command = [sys.executable, "-m", "compileall", *told, *(str(folder) for folder in folders if folder.is_dir())]
        environ = {"PATH": os.environ.get("PATH", os.defpath), "PYTHONHASHSEED": "0"}
        subprocess.run(command, env=environ, check=False, capture_output=True)  # noqa: S603 - a template is no code

    def _report(self, role: Function, asset: Asset) -> None:
        size = asset.megabytes
        self.say(f"asset {role}: python {self.platform.python}, {self.platform.wheels}, {size:.1f} MB")
        if size > MAX_MEGABYTES:
            raise AssetError(f"asset {role} has {size:.0f} MB, and {MAX_MEGABYTES} MB are allowed")

    @contextmanager
    def _new(self, target: Path) -> Iterator[Path | None]:
        """A folder to fill that becomes the target in one step, or None when the target is there."""
        if target.is_dir():
            yield None
            return
        self.store.mkdir(parents=True, exist_ok=True)
        building = Path(tempfile.mkdtemp(prefix=".building-", dir=self.store))
        try:
            yield building
            building.chmod(0o755)
            self._settle(building, target)
        finally:
            shutil.rmtree(building, ignore_errors=True)

    @staticmethod
    def _settle(building: Path, target: Path) -> None:
        try:
            building.rename(target)
        except OSError:
            if not target.is_dir():  # else another build of the same inputs was first, and as good
                raise
