import marshal
import os
import platform
import shutil
import sys
from dataclasses import dataclass, field
from importlib.util import MAGIC_NUMBER

import boto3
import pytest

from infra.assets import (
    CONTAINER,
    HOST,
    KEPT_PER_FUNCTION,
    LAMBDA_ARM,
    AssetBuilder,
    AssetError,
    find_uv,
    sources,
    uv_runner,
)
from infra.trimming import AWS_SERVICES, trim
from tests.support.calls import surroundings
from tidewheel.names import Function
from tidewheel.wire.targets import MODELS
from tidewheel.wiring.callers import found

FILES = {
    "shared/tidewheel/__init__.py": "",
    "shared/tidewheel/names.py": "A = 1",
    "shared/tidewheel/README.md": "words",
    "shared/tidewheel/__pycache__/names.cpython-311.pyc": "old",
    "shared/tidewheel/cli/main.py": "",
    "shared/tidewheel/client/http.py": "",
    "shared/tidewheel/wire/jobs.py": "",
    "functions/api/handler.py": "api",
    "functions/api/.env": "secret",
    "functions/worker/handler.py": "worker",
    "functions/echo/handler.py": "echo",
}


@dataclass
class FakeUv:
    """Answers one requirement, and installs it as one module."""

    requirement: str = "thing==1.0 --hash=sha256:00"
    calls: list[list[str]] = field(default_factory=list)
    failure: str | None = None

    def __call__(self, arguments):
        self.calls.append(list(arguments))
        if arguments[0] == "export":
            return self.requirement
        if self.failure:
            raise AssetError(self.failure)
        folder = self._option("--target")
        os.makedirs(f"{folder}/thing-1.0.dist-info")  # noqa: PTH103 -- a text by nature here
        for name, text in (("thing.py", "B = 2"), ("thing-1.0.dist-info/RECORD", "of this machine")):
            with open(f"{folder}/{name}", "w") as file:  # noqa: PTH123
                file.write(text)
        return ""

    def _option(self, name):
        return self.calls[-1][self.calls[-1].index(name) + 1]

    @property
    def installs(self):
        return [call for call in self.calls if call[0] == "pip"]


@pytest.fixture
def uv():
    return FakeUv()


@pytest.fixture
def said():
    return []


@pytest.fixture
def project(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.fixture
def build(project, uv, said):
    return AssetBuilder(project, LAMBDA_ARM, uv, said.append)


def _shipped(asset):
    """All but bytecode."""
    files = {file.relative_to(asset.path).as_posix() for file in asset.path.rglob("*") if file.is_file()}
    return {file for file in files if not file.endswith(".pyc")}


def _bytecode(asset):
    return {file.relative_to(asset.path).as_posix(): file.read_bytes() for file in asset.path.rglob("*.pyc")}


def test_an_asset_holds_the_dependencies_the_package_and_one_handler(build):
    assert _shipped(build(Function.API)) == {
        "thing.py",
        "tidewheel/__init__.py",
        "tidewheel/names.py",
        "tidewheel/wire/jobs.py",
        "functions/api/handler.py",
    }


def test_a_sample_target_ships_nothing_of_the_package(project):
    assert list(sources(project, Function.ECHO)) == ["functions/echo/handler.py"]


def test_a_function_that_is_not_written_yet_is_built_all_the_same(build):
    assert "functions/watchdog/handler.py" not in _shipped(build(Function.WATCHDOG))


def test_the_wheels_are_those_of_the_function_and_not_of_this_machine(build, uv):
    build(Function.API)
    export, install = uv.calls
    assert {"--frozen", "--no-emit-project", "--no-default-groups"} <= set(export)
    assert export[-2:] == ["--only-group", "fn-api"]
    assert {"--require-hashes", "--only-binary", ":all:"} <= set(install)
    assert install[install.index("--python-version") + 1] == HOST.python
    glibc = {"3.11": "2_17"}.get(HOST.python, "2_28")
    assert install[install.index("--python-platform") + 1] == f"aarch64-manylinux_{glibc}"


def test_a_laptop_installs_for_itself(project, uv, said):
    asset = AssetBuilder(project, HOST, uv, said.append)(Function.API)
    (install,) = uv.installs
    assert "--python-platform" not in install
    assert install[install.index("--python") + 1] == sys.executable
    cached = f"thing.{sys.implementation.cache_tag}.pyc"
    assert (asset.path / "__pycache__" / cached).is_file()


def test_a_container_on_a_laptop_gets_linux_wheels_of_this_python(project, uv, said):
    asset = AssetBuilder(project, CONTAINER, uv, said.append)(Function.API)
    (install,) = uv.installs
    assert install[install.index("--python-version") + 1] == HOST.python
    machine = {"arm64": "aarch64", "AMD64": "x86_64"}.get(platform.machine(), platform.machine())
    assert install[install.index("--python-platform") + 1] == f"{machine}-manylinux_2_17"
    assert (asset.path / "__pycache__" / f"thing.{sys.implementation.cache_tag}.pyc").is_file()


def test_bytecode_is_shipped_for_each_module_that_lambda_neither_writes_nor_checks(build):
    asset = build(Function.API)
    found = _bytecode(asset)
    modules = {name for name in _shipped(asset) if name.endswith(".py")}
    named = {name.replace("__pycache__/", "").replace(f".{sys.implementation.cache_tag}.pyc", ".py") for name in found}
    assert named == modules
    for content in found.values():
        magic, flags, code = content[:4], int.from_bytes(content[4:8], "little"), marshal.loads(content[16:])
        assert (magic, flags) == (MAGIC_NUMBER, 0b01)  # by a hash that nobody checks: PEP 552
        assert code.co_filename.startswith("/var/task/")


def test_the_same_inputs_give_the_same_bytecode_wherever_and_whenever_they_are_built(
    build, project, tmp_path_factory, uv
):
    members = ", ".join(f"'word-{number}'" for number in range(50))
    (project / "shared/tidewheel/names.py").write_text(f"def f(x):\n    return x in {{{members}}}\n")
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    shutil.copytree(project, elsewhere, dirs_exist_ok=True)
    again = AssetBuilder(elsewhere, LAMBDA_ARM, uv, lambda _: None)
    assert _bytecode(build(Function.API)) == _bytecode(again(Function.API))


def test_the_second_time_nothing_is_built(build, uv, said):
    first = build(Function.API)
    second = build(Function.API)
    assert first == second
    assert len(uv.installs) == 1
    assert len(said) == 1
    assert said[0].startswith(f"asset api: python {HOST.python}, aarch64-manylinux_")


def test_the_same_inputs_give_the_same_hash_in_another_place(build, project, tmp_path_factory, uv):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    project.joinpath("shared").rename(elsewhere / "shared")
    project.joinpath("functions").rename(elsewhere / "functions")
    moved = AssetBuilder(elsewhere, LAMBDA_ARM, uv, lambda _: None)(Function.API)
    for name in ("shared", "functions"):
        (elsewhere / name).rename(project / name)
    assert build(Function.API).digest == moved.digest


@pytest.mark.parametrize("changed", ["shared/tidewheel/names.py", "functions/api/handler.py"])
def test_changed_code_is_a_new_asset_with_the_old_dependencies(build, project, uv, changed):
    before = build(Function.API)
    (project / changed).write_text("C = 3")
    assert build(Function.API).digest != before.digest
    assert len(uv.installs) == 1


@pytest.mark.parametrize("changed", ["shared/tidewheel/cli/main.py", "functions/worker/handler.py"])
def test_what_is_not_shipped_changes_nothing(build, project, changed):
    before = build(Function.API)
    (project / changed).write_text("C = 3")
    assert build(Function.API) == before


def test_a_renamed_file_is_another_asset(build, project):
    before = build(Function.API)
    (project / "shared/tidewheel/names.py").rename(project / "shared/tidewheel/other.py")
    assert build(Function.API).digest != before.digest


def test_changed_requirements_are_installed_anew(build, uv):
    before = build(Function.API)
    uv.requirement = "thing==1.1 --hash=sha256:11"
    assert build(Function.API).digest != before.digest
    assert len(uv.installs) == 2


def test_another_platform_is_another_asset(build, project, uv, said):
    other = AssetBuilder(project, HOST, uv, said.append)(Function.API)
    assert build(Function.API).digest != other.digest


def test_functions_with_the_same_dependencies_share_the_installation(build, uv):
    build(Function.API)
    build(Function.WORKER)
    assert len(uv.installs) == 1


def test_a_function_without_dependencies_installs_nothing(build, uv):
    uv.requirement = "\n"
    build(Function.ECHO)
    assert uv.installs == []


def test_a_failed_installation_leaves_nothing_behind(build, uv):
    uv.failure = "uv pip failed: no network"
    with pytest.raises(AssetError, match="no network"):
        build(Function.API)
    assert list(build.store.iterdir()) == []
    uv.failure = None
    assert build(Function.API).path.is_dir()


def test_an_asset_that_is_too_large_is_refused(build, monkeypatch):
    monkeypatch.setattr("infra.assets.MAX_MEGABYTES", 0)
    with pytest.raises(AssetError, match="0 MB are allowed"):
        build(Function.API)


def test_old_builds_are_forgotten(build, project):
    for number in range(KEPT_PER_FUNCTION + 3):
        (project / "functions/api/handler.py").write_text(f"N = {number}")
        last = build(Function.API)
    kept = list(build.store.glob("api-*"))
    assert len(kept) == KEPT_PER_FUNCTION
    assert last.path in kept


def test_trimming_keeps_what_is_imported_and_the_services_that_are_used(tmp_path):
    kept = [
        "botocore/data/s3/2006-03-01/service-2.json.gz",
        "botocore/data/sqs/2012-11-05/service-2.json.gz",
        "botocore/data/endpoints.json",
        "botocore/client.py",
        "boto3/data/dynamodb/2012-08-10/resources-1.json",
        "thing-1.0.dist-info/METADATA",
    ]
    dropped = [
        "bin/tool",
        "botocore/data/ec2/2016-11-15/service-2.json.gz",
        "boto3/data/ec2/2016-11-15/resources-1.json",
        "boto3/examples/s3.rst",
        "thing/tests/test_thing.py",
        "thing/__pycache__/thing.pyc",
        "thing-1.0.dist-info/RECORD",
        ".lock",
    ]
    for name in kept + dropped:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    trim(tmp_path)
    assert {file.relative_to(tmp_path).as_posix() for file in tmp_path.rglob("*") if file.is_file()} == set(kept)


def test_uv_is_looked_for_in_the_environment_and_then_beside_python(tmp_path):
    beside = tmp_path / ".venv" / "bin" / "uv"
    with pytest.raises(AssetError, match="set UV to its path"):
        find_uv(tmp_path, {})
    beside.parent.mkdir(parents=True)
    beside.touch()
    assert find_uv(tmp_path, {}) == str(beside)
    given = tmp_path / "uv"
    given.touch()
    assert find_uv(tmp_path, {"UV": str(given)}) == str(given)
    with pytest.raises(AssetError, match="missing"):
        find_uv(tmp_path, {"UV": str(tmp_path / "missing")})


def test_what_uv_complains_about_is_told_in_one_line(tmp_path):
    uv = tmp_path / "uv"
    uv.write_text("#!/bin/sh\n[ \"$1\" = export ] && echo fine && exit 0\necho 'no such' >&2\necho wheel >&2\nexit 2\n")
    uv.chmod(0o755)
    run = uv_runner(tmp_path, {"UV": str(uv)})
    assert run(["export"]) == "fine\n"
    with pytest.raises(AssetError, match=r"^uv pip failed: no such wheel$"):
        run(["pip", "install"])


@pytest.mark.parametrize("kind", MODELS)
def test_a_target_kind_declares_the_services_that_it_makes_clients_of(kind, monkeypatch):
    asked, made_when_called = set(), {"lambda": {"lambda"}}

    def client(service, config):
        asked.add(service)

    monkeypatch.setattr(boto3, "client", client)
    caller = found()[kind](surroundings())
    getattr(caller, "close", int)()
    assert asked == MODELS[kind].SERVICES - made_when_called.get(kind, set())


def test_what_the_functions_ship_of_boto3_is_what_is_used():
    wanted = {"dynamodb", "lambda", "s3", "secretsmanager", "sqs", "sts"}
    assert wanted | {"sns", "events", "stepfunctions", "rds-data"} == AWS_SERVICES
