"""LocalStack without Docker: its idle waits are shortened, or it runs as it is made."""

from __future__ import annotations

import tempfile
import threading
import zipfile
from collections import Counter
from types import ModuleType, SimpleNamespace

import pytest

from localstack.engines import host as host_engine
from localstack.engines import host_main, host_tuned
from localstack.engines.host_tuned import CannotTune, Prompt
from localstack.places import Places

_MAPPING = "localstack.services.lambda_.event_source_mapping"
FACTORIES, POLLERS = f"{_MAPPING}.esm_worker_factory", f"{_MAPPING}.pollers.sqs_poller"
QUEUES, PROVIDERS = "localstack.services.sqs.provider", "localstack.services.cloudformation.resource_provider"
MODELS = "localstack.services.lambda_.invocation.lambda_models"
SECONDS = 10.0


class Empty(Exception):
    pass


class Poller:
    """As the pinned LocalStack has it: a batch is handled before the next is received."""

    is_fifo_queue = False

    def __init__(self, *batches, fifo=False):
        self.batches, self.is_fifo_queue, self.maximum_batching_window = list(batches), fifo, 0
        self.handled, self.source_client = [], SimpleNamespace(receive_message=self._receive)

    def _receive(self, **_):
        return self.batches.pop(0) if self.batches else None

    def poll_events(self):
        messages = self.source_client.receive_message(WaitTimeSeconds=self.maximum_batching_window)
        if not messages:
            raise Empty
        self.handle_messages(messages)

    def handle_messages(self, messages):
        if messages == "bad":
            raise ValueError(messages)
        self.handled.append(messages)


class Held(Poller):
    """Each batch is held until the test lets go."""

    def __init__(self, *batches, **how):
        super().__init__(*batches, **how)
        self.held, self.go = threading.Semaphore(0), threading.Event()

    def handle_messages(self, messages):
        self.held.release()
        assert self.go.wait(SECONDS)
        super().handle_messages(messages)


def ended(prompt, most):
    """Waits until nothing is being worked."""
    for _ in range(most):
        assert prompt._free.acquire(timeout=SECONDS)
    for _ in range(most):
        prompt._free.release()


class TestMapping:
    def test_it_waits_for_messages_instead_of_looking(self):
        poller = Poller()
        Prompt(poller, 1, Empty, print)
        assert poller.maximum_batching_window == host_tuned.LONG_POLL_SECONDS
        poller.poll_events()  # nothing came: no reason to pause

    def test_a_window_of_its_own_is_kept(self):
        poller = Poller()
        poller.maximum_batching_window = 20
        Prompt(poller, 1, Empty, print)
        assert poller.maximum_batching_window == 20

    def test_batches_are_worked_side_by_side_and_no_more_than_so_many(self):
        poller = Held("a", "b", "c")
        Prompt(poller, 2, Empty, print)
        poller.poll_events()
        poller.poll_events()
        for _ in range(2):
            assert poller.held.acquire(timeout=SECONDS)
        third = threading.Thread(target=poller.poll_events)
        third.start()
        assert poller.batches == ["c"]  # not received before one of the others has ended
        poller.go.set()
        third.join(SECONDS)
        assert poller.held.acquire(timeout=SECONDS)
        assert poller.batches == []

    def test_what_fails_is_told_and_blocks_nobody(self):
        told, poller = [], Poller("bad", "good")
        prompt = Prompt(poller, 1, Empty, lambda text, error: told.append(text % error))
        poller.poll_events()
        poller.poll_events()
        ended(prompt, 1)
        assert poller.handled == ["good"]
        assert told == ["A batch of a queue mapping failed: bad"]

    def test_where_order_counts_one_batch_follows_another(self):
        poller = Poller("a", fifo=True)
        Prompt(poller, 5, Empty, print)
        poller.poll_events()
        assert poller.handled == ["a"]

    def test_a_poller_that_fails_is_left_to_its_worker(self):
        poller = Poller()
        poller.source_client.receive_message = None
        Prompt(poller, 1, Empty, print)
        with pytest.raises(TypeError):
            poller.poll_events()


class Scheduler:
    def __init__(self):
        self.periods = []

    def schedule(self, func, period=None, **how):
        self.periods.append((func, period, how))


def modules() -> dict[str, ModuleType]:
    """Modules of the shape that the pinned LocalStack has."""

    class EsmWorkerFactory:
        def __init__(self, poller, **config):
            self.poller, self.esm_config = poller, config

        def get_esm_worker(self):
            return SimpleNamespace(poller=self.poller)

    class ResourceProviderExecutor:
        def deploy_loop(self, provider, max_timeout=300, sleep_time: float = 1):
            return max_timeout, sleep_time

    class S3Code:
        def prepare_for_execution(self):
            made[MODELS].unzip("here", "there")
            made[MODELS].chmod_r("there", 0o755)

    made = {name: ModuleType(name) for name in (FACTORIES, POLLERS, QUEUES, PROVIDERS, MODELS)}
    vars(made[MODELS]).update(S3Code=S3Code, unzip=print)
    vars(made[FACTORIES]).update(EsmWorkerFactory=EsmWorkerFactory)
    log = SimpleNamespace(warning=print)
    vars(made[POLLERS]).update(SqsPoller=Poller, EmptyPollResultsException=Empty, LOG=log)
    vars(made[PROVIDERS]).update(ResourceProviderExecutor=ResourceProviderExecutor)
    vars(made[QUEUES]).update(Scheduler=Scheduler)
    source = """
class QueueUpdateWorker:
    def start(self):
        self.scheduler = Scheduler()
        self.scheduler.schedule(self.update, period=1)
        self.scheduler.schedule(self.update, period=60)
    def update(self): ...
"""
    exec(source, vars(made[QUEUES]))
    return made


class TestTuning:
    @pytest.mark.parametrize(("config", "most"), [({}, 5), ({"ScalingConfig": {"MaximumConcurrency": 2}}, 2)])
    def test_queue_mappings_are_prompt(self, config, most):
        made, poller = modules(), Held(*"abcdefg")
        host_tuned.tune(made.__getitem__)
        worker = made[FACTORIES].EsmWorkerFactory(poller, **config).get_esm_worker()
        for _ in range(most):
            worker.poller.poll_events()
        for _ in range(most):
            assert poller.held.acquire(timeout=SECONDS)
        assert not poller.handle_messages.__self__._free.acquire(blocking=False)
        poller.go.set()

    def test_other_mappings_are_left_alone(self):
        made, poller = modules(), SimpleNamespace(maximum_batching_window=0)
        host_tuned.tune(made.__getitem__)
        made[FACTORIES].EsmWorkerFactory(poller).get_esm_worker()
        assert vars(poller) == {"maximum_batching_window": 0}

    def test_only_what_is_done_each_second_is_done_more_often(self):
        made = modules()
        host_tuned.tune(made.__getitem__)
        worker = made[QUEUES].QueueUpdateWorker()
        worker.start()
        assert [period for _, period, _ in worker.scheduler.periods] == [host_tuned.TICK_SECONDS, 60]

    def test_resources_are_looked_at_more_often_and_as_long(self):
        made = modules()
        host_tuned.tune(made.__getitem__)
        assert made[PROVIDERS].ResourceProviderExecutor().deploy_loop(None) == (300, host_tuned.TICK_SECONDS)

    @pytest.mark.parametrize(
        ("module", "name"),
        [
            (FACTORIES, "EsmWorkerFactory"),
            (POLLERS, "SqsPoller"),
            (POLLERS, "EmptyPollResultsException"),
            (QUEUES, "QueueUpdateWorker"),
            (QUEUES, "Scheduler"),
            (PROVIDERS, "ResourceProviderExecutor"),
            (MODELS, "S3Code"),
            (MODELS, "unzip"),
        ],
    )
    def test_what_is_gone_is_named_and_nothing_is_changed(self, module, name):
        made = modules()
        delattr(made[module], name)
        before = {key: dict(vars(value)) for key, value in made.items()}
        create = getattr(made[FACTORIES], "EsmWorkerFactory", SimpleNamespace(get_esm_worker=None)).get_esm_worker
        with pytest.raises(CannotTune, match=name):
            host_tuned.tune(made.__getitem__)
        assert {key: dict(vars(value)) for key, value in made.items()} == before
        if module != FACTORIES:
            assert made[FACTORIES].EsmWorkerFactory.get_esm_worker is create

    def test_code_that_was_unpacked_before_is_linked(self, tmp_path, monkeypatch):
        monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
        made = modules()
        host_tuned.tune(made.__getitem__)
        with zipfile.ZipFile(tmp_path / "code.zip", "w") as archive:
            archive.writestr("app.py", "print(1)")
        for name in ("one", "two"):
            made[MODELS].unzip(str(tmp_path / "code.zip"), str(tmp_path / name))
        assert (tmp_path / "one" / "app.py").samefile(tmp_path / "two" / "app.py")

    def test_code_that_is_prepared_otherwise_is_noticed(self):
        made = modules()
        made[MODELS].S3Code.prepare_for_execution = lambda _self: None
        with pytest.raises(CannotTune, match="prepare_for_execution is made differently"):
            host_tuned.tune(made.__getitem__)

    def test_other_loops_are_not_touched(self):
        made = modules()
        made[PROVIDERS].ResourceProviderExecutor.deploy_loop = lambda _self, sleep_time, once: once
        with pytest.raises(CannotTune, match="deploy_loop has other parameters"):
            host_tuned.tune(made.__getitem__)

    def test_without_the_modules_it_cannot_be_tuned(self):
        def load(name):
            raise ModuleNotFoundError(name)

        with pytest.raises(CannotTune, match="esm_worker_factory"):
            host_tuned.tune(load)


class TestMain:
    @pytest.fixture
    def started(self, monkeypatch):
        seen = Counter()

        def load(name):
            seen[name] += 1
            return SimpleNamespace(JAVA="java", main=self.runs)

        monkeypatch.setattr(host_main.importlib, "import_module", load)
        monkeypatch.setattr(host_main, "use_local_dynamodb", lambda _: None)
        tuned = {"tune": lambda: None, "CannotTune": CannotTune, "TUNED_AGAINST": "4.13.1"}
        monkeypatch.setattr(host_main, "sibling", {"host_tuned.py": tuned}.__getitem__)
        seen.tuned = tuned
        monkeypatch.setattr(host_main.sys, "meta_path", [])
        monkeypatch.setattr(host_main.os, "_exit", lambda code: seen.update({f"left {code}": 1}))
        return seen

    def runs(self):
        raise SystemExit(0)

    def test_it_leaves_as_soon_as_its_services_have_stopped(self, started):
        host_main.main()
        assert (started["localstack.runtime.main"], started["left 0"]) == (1, 1)

    def test_another_version_runs_untuned_and_says_so(self, started, capsys):
        def cannot():
            raise CannotTune("SqsPoller is gone")

        started.tuned["tune"] = cannot
        host_main.main()
        assert "runs untuned (made for 4.13.1): SqsPoller is gone" in capsys.readouterr().err
        assert started["localstack.runtime.main"] == 1


def test_the_functions_inherit_none_of_the_users_secrets(tmp_path):
    mine = {"PATH": "/bin", "GITHUB_TOKEN": "x", "AWS_SESSION_TOKEN": "x", "LOCALSTACK_AUTH_TOKEN": "x"}
    environ = host_engine.environment(tmp_path, 4700, mine, Places(tmp_path))
    assert not {"GITHUB_TOKEN", "AWS_SESSION_TOKEN", "LOCALSTACK_AUTH_TOKEN"} & set(environ)
    assert environ["GATEWAY_LISTEN"] == "127.0.0.1:4700"
    for name in ("HOME", "TMPDIR", "FILESYSTEM_ROOT"):
        assert environ[name].startswith(str(tmp_path))
