"""What is deployed while one watches is what a deployment would ship."""

from __future__ import annotations

import io
import marshal
import py_compile
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from infra.assets import HOST, AssetBuilder
from localstack.watch.code import TASK_ROOT, Code, Unsound, bytecode, code_sha256, key_of, pack
from tidewheel.names import Function

HANDLER = "def handler(event, context):\n    return 'echo'\n"


@pytest.fixture
def root(tmp_path):
    for name, text in {
        "functions/echo/handler.py": HANDLER,
        "functions/api/handler.py": "from tidewheel import names\n",
        "functions/api/note.txt": "words",
        "shared/tidewheel/__init__.py": "",
        "shared/tidewheel/names.py": "A = 1\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.fixture
def installed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("store") / "packages-abc"
    (folder / "thing").mkdir(parents=True)
    (folder / "thing" / "__init__.py").write_text("B = 2\n")
    return folder


@pytest.fixture
def code(root, installed):
    made = Code(root, lambda _: installed)
    made.prepare(Function)
    return made


def read(code, role):
    (package,) = code.read([role])
    return package


def content(archive):
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        assert opened.testzip() is None
        return {name: opened.read(name) for name in opened.namelist()}


def test_a_zip_holds_dependencies_and_our_code_with_its_bytecode(code):
    found = content(code.archive(read(code, Function.API)))
    tag = sys.implementation.cache_tag
    assert set(found) == {
        "thing/__init__.py",
        "functions/api/handler.py",
        f"functions/api/__pycache__/handler.{tag}.pyc",
        "functions/api/note.txt",
        "tidewheel/__init__.py",
        f"tidewheel/__pycache__/__init__.{tag}.pyc",
        "tidewheel/names.py",
        f"tidewheel/__pycache__/names.{tag}.pyc",
    }
    assert found["tidewheel/names.py"] == b"A = 1\n"


def test_digest_and_files_are_those_of_the_asset_that_a_deployment_builds(root, code):
    def uv(arguments):
        return "" if arguments[0] == "export" else pytest.fail("nothing is to be installed")

    builder = AssetBuilder(root, HOST, uv, say=lambda _: None)
    asset = builder(Function.API)
    built = Code(root, builder.dependencies)
    built.prepare([Function.API])
    package = read(built, Function.API)
    assert package.digest == asset.digest
    shipped = {
        file.relative_to(asset.path).as_posix(): file.read_bytes() for file in asset.path.rglob("*") if file.is_file()
    }
    assert loaded(content(built.archive(package))) == loaded(shipped)


def loaded(files):
    """Bytecode as what it stands for: how it is written depends on who else holds its texts."""
    header = 16
    return {
        name: (data[:header], marshal.loads(data[header:])) if name.endswith(".pyc") else data
        for name, data in files.items()
    }


def test_bytecode_is_what_the_compiler_of_the_standard_library_writes(tmp_path):
    (tmp_path / "names.py").write_text("A = 1\n")
    py_compile.compile(
        str(tmp_path / "names.py"),
        str(tmp_path / "names.pyc"),
        f"{TASK_ROOT}/tidewheel/names.py",
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )
    wanted = {"names.pyc": (tmp_path / "names.pyc").read_bytes()}
    assert loaded({"names.pyc": bytecode("tidewheel/names.py", b"A = 1\n")}) == loaded(wanted)


def test_python_takes_the_bytecode_of_the_unpacked_zip_whatever_its_dates_say(code, tmp_path):
    folder = tmp_path / "unpacked"
    for name, data in content(code.archive(read(code, Function.ECHO))).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    (folder / "functions" / "echo" / "handler.py").write_text(HANDLER.replace("'echo'", "'source'"))
    program = "import functions.echo.handler as m; print(m.handler({}, None))"
    done = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "echo"


def test_a_changed_file_changes_exactly_the_functions_that_ship_it(root, code):
    before = {one.role: one.digest for one in code.read(Function)}

    def differing():
        return {one.role for one in code.read(Function) if one.digest != before[one.role]}

    (root / "functions" / "echo" / "handler.py").write_text(HANDLER + "# more\n")
    assert differing() == {Function.ECHO}
    (root / "functions" / "echo" / "handler.py").write_text(HANDLER)
    assert differing() == set()
    (root / "shared" / "tidewheel" / "names.py").unlink()
    assert differing() == set(Function) - {Function.ECHO}


def test_the_same_files_make_the_same_zip_and_another_content_another(root, code):
    first = code.archive(read(code, Function.ECHO))
    assert code.archive(read(code, Function.ECHO)) == first
    (root / "functions" / "echo" / "handler.py").write_text(HANDLER.replace("'echo'", "'ohce'"))
    assert content(code.archive(read(code, Function.ECHO)))["functions/echo/handler.py"] != HANDLER.encode()


def test_dependencies_are_packed_once(root, installed):
    code = Code(root, lambda _: installed)
    code.prepare(Function)
    (installed / "thing" / "__init__.py").unlink()
    assert "thing/__init__.py" in content(code.archive(read(code, Function.WORKER)))


@pytest.mark.parametrize(
    ("name", "text", "place"),
    [
        ("functions/api/handler.py", b"A = 1\ndef (\n", "functions/api/handler.py:2"),
        ("shared/tidewheel/names.py", b"  A = 1\n", "shared/tidewheel/names.py:1"),
        ("shared/tidewheel/names.py", b"A = '\xff'\n", "shared/tidewheel/names.py:1"),
        ("shared/tidewheel/names.py", b"A = 1\0\n", "shared/tidewheel/names.py:1"),
    ],
)
def test_what_is_no_python_is_refused_with_file_and_line(root, code, name, text, place):
    (root / name).write_bytes(text)
    with pytest.raises(Unsound, match="not deployed") as found:
        code.archive(read(code, Function.API))
    assert found.value.place == place


def test_a_file_that_is_put_right_is_deployed(root, code):
    (root / "functions" / "api" / "handler.py").write_text("def (")
    with pytest.raises(Unsound):
        code.archive(read(code, Function.API))
    (root / "functions" / "api" / "handler.py").write_text("A = 1\n")
    assert content(code.archive(read(code, Function.API)))["functions/api/handler.py"] == b"A = 1\n"


def test_a_file_that_goes_while_it_is_read_is_an_error_that_the_caller_sees(root, code, monkeypatch):
    monkeypatch.setattr(Path, "read_bytes", lambda path: (_ for _ in ()).throw(FileNotFoundError(path)))
    with pytest.raises(FileNotFoundError):
        code.read([Function.ECHO])


def test_code_is_told_as_cdk_and_lambda_tell_it():
    assert key_of("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert code_sha256(b"abc") == "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="


def test_a_zip_without_dependencies_can_be_opened():
    assert content(pack([("a.py", b"1")], pack([]))) == {"a.py": b"1"}
