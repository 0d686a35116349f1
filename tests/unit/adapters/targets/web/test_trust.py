"""Private CAs: what a bundle says, what it makes trusted, and what it is refused for."""

from __future__ import annotations

import ssl

import pytest

from tests.support.authorities import Issued, issued, shake_hands
from tests.support.connections import OK, Lines, http_call, target_over
from tidewheel.adapters.memory import MemorySecrets
from tidewheel.adapters.targets.web.pool import CA_BUNDLES
from tidewheel.adapters.targets.web.trust import Untrustworthy, context_of
from tidewheel.domain.executions.execution import Answer
from tidewheel.domain.executions.states import Result

ROOT = issued("Root", authority=True)
MIDDLE = issued("Middle", ROOT, authority=True)
LEAF = issued("a.example", MIDDLE)
OTHER = issued("Other", authority=True)
ALONE = issued("a.example")


@pytest.mark.parametrize(
    ("trusted", "shown"),
    [
        (ROOT.pem, (LEAF, MIDDLE)),
        (MIDDLE.pem, (LEAF,)),
        (MIDDLE.pem, (LEAF, MIDDLE)),
        (OTHER.pem + ROOT.pem, (LEAF, MIDDLE)),
        (ROOT.pem + MIDDLE.pem, (LEAF,)),
        (ALONE.pem, (ALONE,)),
        (f"# Autorité de Zoë\n{ROOT.pem}\n\nrest", (LEAF, MIDDLE)),
        (ROOT.pem.replace("\n", "\r\n"), (LEAF, MIDDLE)),
        (ROOT.pem.replace("\n", "\\n"), (LEAF, MIDDLE)),
        (ROOT.pem.replace("\n", " ").replace("----- ", "-----\n"), (LEAF, MIDDLE)),
        (ROOT.pem.replace("CERTIFICATE", "X509 CERTIFICATE"), (LEAF, MIDDLE)),
    ],
    ids=[
        "root",
        "middle",
        "middle again",
        "two",
        "unsent middle",
        "itself",
        "comment",
        "crlf",
        "escaped",
        "one line",
        "label",
    ],
)
def test_who_was_signed_by_one_of_them_is_trusted(trusted: str, shown: tuple[Issued, ...]) -> None:
    shake_hands(context_of(trusted), "a.example", *shown)


@pytest.mark.parametrize(("trusted", "host"), [(OTHER.pem, "a.example"), (ROOT.pem, "b.example")])
def test_nobody_else_is(trusted: str, host: str) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(context_of(trusted), host, LEAF, MIDDLE)


REFUSED = {
    "": "holds no certificate in PEM",
    "corp": "holds no certificate in PEM",
    ROOT.pem[:100]: "holds no certificate in PEM",
    ROOT.pem.replace("CERTIFICATE", "CERTIFICATE REQUEST"): "holds no certificate in PEM",
    ROOT.pem + ROOT.key_pem: "holds a private key",
    ROOT.pem + MIDDLE.pem.replace("M", "N", 3): "holds a certificate that cannot be read: number 2",
    "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----": "holds a certificate that cannot be read: number 1",
    "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----": "holds a certificate that cannot be read: number 1",
}


@pytest.mark.parametrize(("bundle", "why"), REFUSED.items(), ids=range(len(REFUSED)))
def test_what_is_no_bundle_is_refused_and_nobody_is_called(bundle: str, why: str) -> None:
    with pytest.raises(Untrustworthy, match=why):
        context_of(bundle)
    lines = Lines([OK])
    with target_over(lines, {"corp": bundle}) as target:
        answer = target.call(http_call(url="https://a.example/", ca={"secret": "corp", "key": "", "prefix": ""}))
    assert answer.reason.startswith(f"the secret 'memory/acme/corp' {why}")
    assert (answer.result, answer.retryable) == (Result.FAILED, True)  # somebody may correct the secret
    assert "PRIVATE" not in answer.reason
    assert lines.made == []


def test_without_its_secret_nobody_is_called() -> None:
    with target_over(Lines()) as target:
        answer = target.call(http_call(url="https://a.example/", ca={"secret": "corp"}))
    assert answer.reason == "there is no secret 'memory/acme/corp'"


def test_a_bundle_that_was_corrected_is_read_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers keep a secret for some minutes."""
    known = {False: "not yet", True: ROOT.pem}
    monkeypatch.setattr(MemorySecrets, "get", lambda *_, newest=False: known[newest])
    with target_over(Lines([OK])) as target:
        assert target.call(http_call(url="https://a.example/", ca={"secret": "corp"})).status == 200


def test_a_bundle_is_read_once_and_its_connections_are_its_own() -> None:
    lines = Lines([OK, OK], [OK, OK], [OK, OK])
    secrets = {"one": ROOT.pem, "same": ROOT.pem, "json": f'{{"ca": "{OTHER.pem.replace(chr(10), chr(92) + "n")}"}}'}
    with target_over(lines, secrets) as target:
        for ca in ({"secret": "one"}, {"secret": "same"}, {"secret": "json", "key": "ca"}, None):
            call = http_call(url="https://a.example/", **({"ca": ca} if ca else {}))
            assert target.call(call) == Answer(Result.SUCCEEDED, 200, "ok")
    assert [line.requests for line in lines.made] == [2, 1, 1]
    one, other, public = (line.contexts[0] for line in lines.made)
    assert [len(context.get_ca_certs()) for context in (one, other)] == [1, 1]
    assert len(public.get_ca_certs()) > 10


def test_a_bundle_that_changed_is_trusted_from_the_next_call_on_and_the_oldest_are_forgotten() -> None:
    bundles = [issued(f"Root {number}", authority=True).pem for number in range(CA_BUNDLES + 2)]
    lines = Lines(*([OK] for _ in bundles))
    with target_over(lines, {str(number): pem for number, pem in enumerate(bundles)}) as target:
        for number in range(len(bundles)):
            assert target.call(http_call(url="https://a.example/", ca={"secret": str(number)})).status == 200
        assert [line.closed for line in lines.made] == [True] * 2 + [False] * CA_BUNDLES
    assert all(line.closed for line in lines.made)
