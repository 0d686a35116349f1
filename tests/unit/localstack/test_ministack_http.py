"""MiniStack behind another server: what is checked before it is touched, and what an end means."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from functools import partial
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from localstack.engines import ministack_http, ministack_tuned


async def _shipped(app: Any, config: Any, *, shutdown_trigger: Any = None, mode: Any = None) -> None:
    config.served.append("shipped")


def _main():
    from hypercorn.asyncio import serve  # noqa: PLC0415 -- as MiniStack does it

    return serve


class Config:
    """Of hypercorn, and of a port that may be taken."""

    backlog, keep_alive_timeout, graceful_timeout = 100, 75, 3.0
    ssl_enabled = False

    def __init__(self, **differs: Any) -> None:
        self.served: list[str] = []
        vars(self).update(differs)

    def create_sockets(self) -> SimpleNamespace:
        self.served.append("bound")
        return SimpleNamespace(insecure_sockets=["socket"])


class UvicornConfig:
    def __init__(
        self,
        app: Any,
        *,
        http: str,
        ws: str,
        interface: str,
        lifespan: str,
        proxy_headers: bool,
        date_header: bool,
        server_header: bool,
        access_log: bool,
        reset_contextvars: bool,
        log_config: None,
        log_level: str,
        backlog: int,
        timeout_keep_alive: int,
        timeout_graceful_shutdown: float,
    ) -> None:
        self.app, self.told = app, locals()


class UvicornServer:
    """Begins and ends as uvicorn does: what an app raises is logged, and not passed on."""

    made: UvicornServer
    signalled: tuple[signal.Signals, ...] = ()

    def __init__(self, config: UvicornConfig) -> None:
        self.config, self.should_exit, self.sockets = config, False, None
        UvicornServer.made = self

    @contextlib.contextmanager
    def capture_signals(self):
        raise AssertionError("its handlers end the process past the mark")
        yield

    async def serve(self, sockets: Any = None) -> None:
        self.sockets = sockets
        with self.capture_signals():
            incoming: asyncio.Queue[dict[str, str]] = asyncio.Queue()
            incoming.put_nowait({"type": "lifespan.startup"})
            with contextlib.suppress(OSError):
                app = self.config.app({"type": "lifespan"}, incoming.get, self.noted)
                lives = asyncio.ensure_future(app)
                for number in self.signalled:
                    os.kill(os.getpid(), number)
                while not (self.should_exit or lives.done()):  # noqa: ASYNC110 -- as uvicorn does it
                    await asyncio.sleep(0)
                incoming.put_nowait({"type": "lifespan.shutdown"})
                await lives

    async def noted(self, message: Any) -> None:
        assert message["type"] in {ministack_http.STARTED, ministack_http.SAVED}


def _app(fails_at=""):
    async def app(scope, receive, send):
        assert scope["type"] == "lifespan"
        for began, done in (("startup", ministack_http.STARTED), ("shutdown", ministack_http.SAVED)):
            message = await receive()
            assert message["type"] == f"lifespan.{began}"
            if began == fails_at:
                raise OSError
            await send({"type": done})

    return app


def _modules() -> dict[str, ModuleType]:
    """Modules of the shape that the pinned MiniStack, hypercorn and uvicorn have."""
    parts = {
        "ministack.app": {"main": _main},
        "hypercorn.asyncio": {"serve": _shipped},
        "hypercorn.config": {"Config": Config},
        "uvicorn": {"Config": UvicornConfig, "Server": type("Server", (UvicornServer,), {})},
        "httptools": {},
    }
    modules = {}
    for name, values in parts.items():
        modules[name] = ModuleType(name)
        vars(modules[name]).update(values)
    return modules


def _served(config, app=None, signalled=(signal.SIGTERM,), begins=None):
    """Serves until the signals have come; gives the server that did."""
    modules = _modules()
    modules["uvicorn"].Server.signalled = signalled
    ministack_http.faster(modules.__getitem__, begins or (lambda: config.served.append("began")))()
    asyncio.run(modules["hypercorn.asyncio"].serve(app or _app(), config))
    return UvicornServer.made


class TestWhatIsChecked:
    @pytest.mark.parametrize(
        ("module", "name", "instead", "told"),
        [
            ("ministack.app", "main", lambda: None, "does not serve by hypercorn.asyncio"),
            ("ministack.app", "main", None, "does not serve by hypercorn.asyncio"),
            ("hypercorn.asyncio", "serve", None, "hypercorn.asyncio.serve has other parameters"),
            ("hypercorn.asyncio", "serve", lambda app, config: None, "hypercorn.asyncio.serve has other parameters"),
            ("hypercorn.config", "Config", SimpleNamespace(backlog=1), "create_sockets, graceful_timeout, keep_alive"),
            ("uvicorn", "Config", lambda app, http: None, "uvicorn.Config has no access_log, backlog"),
            ("uvicorn", "Config", None, "uvicorn.Config has no access_log, backlog"),
            ("uvicorn", "Server", SimpleNamespace(serve=lambda: None), "does not call capture_signals"),
            ("uvicorn", "Server", None, "does not call capture_signals"),
        ],
    )
    def test_a_part_that_is_made_differently_is_named_and_nothing_touched(self, module, name, instead, told):
        modules = _modules()
        setattr(modules[module], name, instead)
        before = {key: dict(vars(value)) for key, value in modules.items()}
        with pytest.raises(ministack_http.CannotServe, match=told):
            ministack_http.faster(modules.__getitem__, lambda: None)
        assert {key: dict(vars(value)) for key, value in modules.items()} == before

    @pytest.mark.parametrize("missing", sorted(_modules()))
    def test_a_module_that_is_missing_is_named(self, missing):
        def load(name):
            if name == missing:
                raise ModuleNotFoundError(f"No module named {name!r}")
            return _modules()[name]

        with pytest.raises(ministack_http.CannotServe, match=missing):
            ministack_http.faster(load, lambda: None)

    def test_nothing_is_touched_before_it_is_put_in_force(self):
        modules = _modules()
        ministack_http.faster(modules.__getitem__, lambda: None)
        assert modules["hypercorn.asyncio"].serve is _shipped


class TestServing:
    def test_uvicorn_is_told_what_hypercorn_was(self):
        server = _served(Config(backlog=7, keep_alive_timeout=8, graceful_timeout=9.0))
        told = server.config.told
        assert (told["backlog"], told["timeout_keep_alive"], told["timeout_graceful_shutdown"]) == (7, 8, 9.0)
        assert {name: told[name] for name in ministack_http.SETTINGS} == ministack_http.SETTINGS
        assert server.sockets == ["socket"]

    def test_the_port_is_had_before_the_state_is_touched(self):
        config = Config()
        _served(config)
        assert config.served == ["bound", "began"]

    def test_a_port_that_is_taken_leaves_the_state_alone(self):
        def taken():
            raise OSError(98, "Address already in use")

        config = Config(create_sockets=taken)
        with pytest.raises(OSError, match="in use"):
            _served(config)
        assert config.served == []

    @pytest.mark.parametrize(
        "signalled",
        [(signal.SIGTERM,), (signal.SIGINT,), (signal.SIGINT, signal.SIGINT), (signal.SIGTERM, signal.SIGINT)],
    )
    def test_each_signal_asks_for_the_same_end_however_many_come(self, signalled):
        assert _served(Config(), signalled=signalled).should_exit is True

    @pytest.mark.parametrize(("fails_at", "told"), [("startup", "did not start"), ("shutdown", "not saved its state")])
    def test_an_end_without_saving_is_none(self, fails_at, told):
        with pytest.raises(RuntimeError, match=told):
            _served(Config(), _app(fails_at))

    def test_requests_reach_the_app_as_they_are(self):
        asked = []

        async def app(*how):
            asked.append(how)

        asyncio.run(ministack_http._heard(app, set())({"type": "http"}, "receive", "send"))
        assert asked == [({"type": "http"}, "receive", "send")]

    def test_tls_is_left_to_what_was_shipped(self):
        config = Config(ssl_enabled=True)
        modules = _modules()
        ministack_http.faster(modules.__getitem__, lambda: config.served.append("began"))()
        asyncio.run(modules["hypercorn.asyncio"].serve(_app(), config))
        assert config.served == ["began", "shipped"]


class TestTheMark:
    """It says that the state is whole, and goes when MiniStack begins to change it."""

    @pytest.fixture(autouse=True)
    def _state(self, monkeypatch, tmp_path):
        self.mark = tmp_path / ministack_tuned.CLEAN_END
        self.mark.touch()
        monkeypatch.setenv("STATE_DIR", str(tmp_path))
        monkeypatch.setattr(ministack_tuned, "tune", lambda: None)
        monkeypatch.setattr(ministack_tuned, "share_fairly", lambda: None)

    def launches(self, monkeypatch, modules, ends):
        """Runs the launcher on a MiniStack whose main program does something of its own."""
        serve_faster = partial(ministack_tuned.serve_faster, load=modules.__getitem__)
        monkeypatch.setattr(ministack_tuned, "serve_faster", serve_faster)
        monkeypatch.setattr(ministack_tuned.importlib, "import_module", lambda _: SimpleNamespace(main=ends))
        ministack_tuned.main()

    def serves(self, modules, app, config=None):
        modules["uvicorn"].Server.signalled = (signal.SIGTERM,)
        return lambda: asyncio.run(modules["hypercorn.asyncio"].serve(app, config or Config()))

    def test_it_is_gone_while_the_state_changes_and_there_after_a_clean_end(self, monkeypatch):
        modules = _modules()

        async def app(*how):
            assert not self.mark.exists()
            await _app()(*how)

        self.launches(monkeypatch, modules, self.serves(modules, app))
        assert self.mark.exists()

    @pytest.mark.parametrize("fails_at", ["startup", "shutdown"])
    def test_it_is_not_there_when_the_state_was_not_saved(self, monkeypatch, fails_at):
        modules = _modules()
        with pytest.raises(RuntimeError):
            self.launches(monkeypatch, modules, self.serves(modules, _app(fails_at)))
        assert not self.mark.exists()

    def test_it_stays_when_the_port_is_taken(self, monkeypatch):
        def taken():
            raise OSError(98, "Address already in use")

        modules = _modules()
        with pytest.raises(OSError, match="in use"):
            self.launches(monkeypatch, modules, self.serves(modules, _app(), Config(create_sockets=taken)))
        assert self.mark.exists()

    def test_served_as_shipped_it_goes_at_once_and_a_line_says_so(self, monkeypatch, capsys):
        modules = _modules()
        del modules["uvicorn"].Server

        def ends():
            assert not self.mark.exists()
            raise SystemExit(1)

        with pytest.raises(SystemExit):
            self.launches(monkeypatch, modules, ends)
        (line,) = capsys.readouterr().err.splitlines()
        assert "served as shipped" in line
        assert "uvicorn.Server" in line
        assert not self.mark.exists()
