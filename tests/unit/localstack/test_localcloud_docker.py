"""LocalStack in a container, as far as that can be seen without Docker: what is asked of a program of its name."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest

from localstack import cloud
from localstack.demo import stack as demo_stack
from localstack.engines import docker as docker_engine
from localstack.engines.base import LOOPBACK, Reach
from localstack.engines.docker import COMMUNITY, CURRENT, LocalStack, gateway, image_tag, is_own
from localstack.engines.host import LocalStackHost
from localstack.engines.ministack import MiniStack
from localstack.errors import LocalCloudError
from localstack.places import REPOSITORY
from localstack.receiver import Receiver

TOKEN = "ls-secret-of-somebody"
HOSTS = "127.0.0.1\tlocalhost\nfe00::0\tip6-localnet\n{address}\thost.docker.internal\n172.18.0.2\t1a2b3c\n"
DOCKER = """#!/bin/sh
echo "$TIDEWHEEL_LOCAL_PORT $LOCALSTACK_TAG $@" >> {told}
case "$*" in
  *" exec "*) [ -f {hosts} ] && cat {hosts} || {{ echo "no container $LOCALSTACK_AUTH_TOKEN" >&2; exit 1; }};;
  *" up "*) [ -f {broken} ] && {{ echo "no licence for $LOCALSTACK_AUTH_TOKEN" >&2; exit 1; }} || true;;
  *" ps "*) echo 1a2b3c;;
  *" pull "*) exit 1;;
  "compose version") [ ! -f {broken} ] && exit 0 || exit 1;;
esac
"""


class Docker:
    """A ``docker`` on the path that notes what it is told."""

    def __init__(self, folder: Path) -> None:
        self.told, self.hosts, self.broken = (folder / name for name in ("told", "hosts", "broken"))
        program = folder / "docker"
        program.write_text(DOCKER.format(told=self.told, hosts=self.hosts, broken=self.broken))
        program.chmod(0o755)
        self.gateway("172.17.0.1")

    def gateway(self, address: str) -> None:
        self.hosts.write_text(HOSTS.format(address=address))

    @property
    def calls(self) -> list[str]:
        """Port, tag and arguments of each call but the compose file's."""
        file = f" --file {REPOSITORY}/localstack/compose.yaml"
        return [line.replace(file, "") for line in self.told.read_text().splitlines()]


@pytest.fixture
def docker(tmp_path, monkeypatch):
    for name in (docker_engine.TOKEN_VARIABLE, docker_engine.TAG_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return Docker(tmp_path)


class TestImage:
    @pytest.mark.parametrize(
        ("environ", "tag"),
        [
            ({}, COMMUNITY),
            ({"LOCALSTACK_AUTH_TOKEN": " "}, COMMUNITY),
            ({"LOCALSTACK_AUTH_TOKEN": TOKEN}, CURRENT),
            ({"LOCALSTACK_AUTH_TOKEN": TOKEN, "LOCALSTACK_TAG": "2026.03.0"}, "2026.03.0"),
            ({"LOCALSTACK_TAG": "4.13.1"}, "4.13.1"),
        ],
    )
    def test_the_newest_that_the_account_allows_unless_one_is_named(self, environ, tag):
        assert image_tag(environ) == tag


class TestCompose:
    TEXT = (REPOSITORY / "localstack" / "compose.yaml").read_text()

    def test_nothing_is_published_but_on_the_loopback_address(self):
        ports = re.findall(r'^      - "(.*:\d+)"$', self.TEXT, re.MULTILINE)
        assert ports == ["127.0.0.1:${TIDEWHEEL_LOCAL_PORT:-4566}:4566"]

    def test_the_token_is_passed_on_and_not_written_down(self):
        assert re.findall(r"^ *LOCALSTACK_AUTH_TOKEN:(.*)$", self.TEXT, re.MULTILINE) == [
            " # as it is in the environment; not set where it is not set there"
        ]

    @pytest.mark.parametrize("service", ["secretsmanager", "sns", "stepfunctions", "events", "sts", "ssm"])
    def test_what_targets_and_the_cdk_call_is_on(self, service):
        (services,) = re.findall(r"^ *SERVICES: (\S+)$", self.TEXT, re.MULTILINE)
        assert service in services.split(",")


class TestRequire:
    def test_docker_with_compose_is_enough(self, docker):
        LocalStack(4700).require()

    def test_without_compose_it_says_so(self, docker):
        docker.broken.touch()
        with pytest.raises(LocalCloudError, match="compose plugin"):
            LocalStack(4700).require()


class TestStart:
    def test_without_a_token_the_community_image_starts_on_the_port(self, docker):
        assert LocalStack(4700).start() == 0
        assert docker.calls == [f"4700 {COMMUNITY} compose up --detach --wait --wait-timeout 180"]

    def test_with_one_the_current_image_is_asked_for_and_the_last_is_good_enough(self, docker, monkeypatch):
        monkeypatch.setenv("LOCALSTACK_AUTH_TOKEN", TOKEN)
        LocalStack(4700).start()
        pulled, started = docker.calls
        assert pulled == "4700 latest compose pull --quiet"
        assert started.startswith("4700 latest compose up ")

    def test_a_failure_names_the_image_and_never_the_token(self, docker, monkeypatch):
        monkeypatch.setenv("LOCALSTACK_AUTH_TOKEN", TOKEN)
        docker.broken.touch()
        with pytest.raises(LocalCloudError, match="LocalStack latest did not start") as raised:
            LocalStack(4700).start()
        assert raised.value.detail == "no licence for <LOCALSTACK_AUTH_TOKEN>"
        assert TOKEN not in str(raised.value)

    def test_it_runs_while_its_container_does_and_down_removes_all(self, docker):
        assert LocalStack(4700).running(0)
        LocalStack(4700).stop(0)
        assert docker.calls[-1].endswith("compose down --volumes --timeout 10")


class TestReach:
    @pytest.mark.parametrize("kind", [MiniStack, LocalStackHost])
    def test_functions_that_are_processes_need_nothing(self, kind):
        assert kind(1).reach == LOOPBACK

    def test_an_engine_that_runs_no_authorizers_has_the_api_function_sign_in(self):
        assert (MiniStack(1).context, LocalStackHost(1).context) == ((), ("sign_in=function",))

    def test_the_containers_hosts_file_knows_this_machine(self):
        assert gateway(HOSTS.format(address="172.17.0.1")) == "172.17.0.1"

    def test_an_address_of_version_4_is_taken_where_there_are_two(self):
        assert gateway("fd00::1 host.docker.internal\n192.168.65.254 host.docker.internal x\n") == "192.168.65.254"

    @pytest.mark.parametrize("hosts", ["", "127.0.0.1 localhost\n", "0.0.0.0 host.docker.internal\n", "#"])
    def test_without_one_it_says_what_is_needed(self, hosts):
        with pytest.raises(LocalCloudError, match=r"knows no address of host\.docker\.internal"):
            gateway(hosts)

    def test_under_docker_engine_it_is_an_address_of_this_machine_and_is_listened_on(self, docker, monkeypatch):
        monkeypatch.setattr(docker_engine, "is_own", lambda address: address == "172.17.0.1")
        assert LocalStack(1).reach == Reach("172.17.0.1", "172.17.0.1")

    def test_under_docker_desktop_it_is_not_and_docker_forwards_to_the_loopback_address(self, docker, monkeypatch):
        docker.gateway("192.168.65.254")
        monkeypatch.setattr(docker_engine, "is_own", lambda _: False)
        assert LocalStack(1).reach == Reach("127.0.0.1", "192.168.65.254")

    def test_only_that_address_is_allowed_to_the_functions_besides_public_ones(self, docker):
        assert LocalStack(1).context == ("containers=true", "sign_in=function", "allowed_networks=172.17.0.1/32")

    def test_a_container_that_does_not_answer_is_told_without_the_token(self, docker, monkeypatch):
        monkeypatch.setenv("LOCALSTACK_AUTH_TOKEN", TOKEN)
        docker.hosts.unlink()
        with pytest.raises(LocalCloudError, match="container does not answer") as raised:
            _ = LocalStack(1).reach
        assert raised.value.detail == "no container <LOCALSTACK_AUTH_TOKEN>"

    @pytest.mark.allow_hosts(["127.0.0.1"])
    def test_an_own_address_is_told_from_a_foreign_one(self):
        assert is_own("127.0.0.1")
        assert not is_own("192.0.2.1")

    @pytest.mark.allow_hosts(["127.0.0.1"])
    def test_a_receiver_listens_at_one_address_and_is_called_by_another(self):
        with Receiver(reach=Reach(listen="127.0.0.1", host="192.168.65.254")) as receiver:
            url = httpx.URL(receiver.url("a"))
            assert (url.host, url.path) == ("192.168.65.254", "/a")
            assert httpx.post(url.copy_with(host="127.0.0.1")).text == "ok"

    @pytest.mark.allow_hosts(["127.0.0.1"])
    def test_the_demos_receiver_is_where_the_engine_that_runs_reaches_it(self, docker, monkeypatch):
        class Here(LocalStack):
            reach = Reach("127.0.0.1", "10.9.8.7")

        monkeypatch.setattr(cloud, "current", lambda _: ("note", Here(1)))
        with demo_stack.receiver() as receiver:
            assert receiver.url("a").startswith("http://10.9.8.7:")
