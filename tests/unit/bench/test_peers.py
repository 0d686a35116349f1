"""The peers: pinned, fetched on request alone, and their calls look like Tidewheel's to the receiver."""

from __future__ import annotations

import io
import json
import re
from types import SimpleNamespace

import pytest

from localstack.errors import LocalCloudError
from localstack.places import Places
from localstack.receiver import Receiver
from tests.bench.peers import call, install
from tests.bench.peers.peers import PEERS, Peer
from tests.bench.systems import Wanted

DUE = 1_795_000_000_000


def pinned(text):
    return dict(re.findall(r"^([\w.-]+)(?:\[\w+\])?==([^\s;\\]+)", text, re.MULTILINE))


def test_the_lock_holds_what_is_asked_for_and_a_hash_of_each():
    asked, locked = ((install.HERE / f"peers.{kind}").read_text() for kind in ("in", "lock"))
    assert pinned(asked).items() <= pinned(locked).items()
    assert {"celery", "apscheduler"} <= pinned(asked).keys()
    for one in re.split(r"^(?=[\w.-]+(?:\[\w+\])?==)", locked, flags=re.MULTILINE)[1:]:
        assert "--hash=sha256:" in one


def test_what_is_not_installed_is_told_with_the_remedy(tmp_path):
    with pytest.raises(LocalCloudError, match=r"python -m tests\.bench\.peers install"):
        install.program("celery", Places(root=tmp_path))


def test_another_lock_counts_as_not_installed(tmp_path, monkeypatch):
    places = Places(root=tmp_path)
    install.home(places).mkdir(parents=True)
    install._stamp(places).touch()
    assert install.program("celery", places) == tmp_path / ".local" / "peers" / "bin" / "celery"
    other = tmp_path / "other.lock"
    other.write_text("celery==1\n")
    monkeypatch.setattr(install, "LOCK", other)
    with pytest.raises(LocalCloudError):
        install.program("celery", places)


@pytest.mark.allow_hosts(["127.0.0.1"])
def test_a_call_says_when_it_was_due_and_keeps_its_connection():
    with Receiver() as receiver:
        assert [call.post(receiver.url("burst-1"), f"burst-1-{n}", DUE) for n in range(2)] == [200, 200]
        kept = call._kept.__dict__.pop("connection")
        kept.close()
        first, second = receiver.arrivals()
    assert (first.tag, first.key, first.attempt) == ("burst-1", "burst-1-0", 1)
    assert (first.due_ms, first.nominal_ms) == (DUE, DUE)
    assert second.key == "burst-1-1"


def asked(answer):
    return SimpleNamespace(stdin=io.StringIO(), stdout=io.StringIO(answer))


def test_a_burst_is_asked_for_in_a_line():
    wanted = Wanted(3, DUE, "http://127.0.0.1:9/x", "x", "")
    Peer("celery", {}, (child := asked("created\n"))).create(wanted)
    assert json.loads(child.stdin.getvalue()) == {
        "count": 3,
        "due_ms": DUE,
        "url": "http://127.0.0.1:9/x",
        "tag": "x",
        "precision": "",
    }


def test_a_peer_that_ends_instead_is_told():
    with pytest.raises(LocalCloudError, match="celery"):
        Peer("celery", {}, asked("")).create(Wanted(3, DUE, "http://127.0.0.1:9/x", "x", ""))


def test_its_processes_are_those_of_its_groups(monkeypatch):
    rows = [SimpleNamespace(pid=pid, group=group) for pid, group in ((5, 5), (6, 5), (7, 7), (8, 8))]
    monkeypatch.setattr("tests.bench.peers.peers.processes.process_table", lambda: rows)
    assert Peer("celery", {5: "workers", 7: "broker"}, asked("")).roles() == {5: "workers", 6: "workers", 7: "broker"}


def test_a_bigger_burst_is_begun_earlier():
    assert Peer("x", {}, asked("")).lead_ms(10) < Peer("x", {}, asked("")).lead_ms(1_000)


def test_peers_are_named_by_what_differs():
    assert set(PEERS) == {"celery", "celery-threads", "apscheduler", "apscheduler-sqlite"}
