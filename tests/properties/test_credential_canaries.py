"""Keys and tokens of callers show in the answer that makes a key, and in no table, other answer, audit log or line."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import replace

import pytest

from functions.authorizer import handler
from tests.support import issuing
from tests.support.api_bench import event, signed_in
from tests.support.canaries import CORE, Echo, Heeded, deployed, job, looked_at, shows
from tidewheel.adapters.memory import CountedEntropy, MemoryApiKeys, SettableClock, World
from tidewheel.adapters.tokens.verifier import JwtVerifier
from tidewheel.engine.access.sign_in import SignIn
from tidewheel.wire.endpoints import OPERATIONS


class MixedEntropy(CountedEntropy):
    """Numbered bytes that look like nothing else, so that a key's secret is known again."""

    def bytes(self, count: int) -> bytes:
        """See ``ports.Entropy``."""
        return hashlib.shake_256(super().bytes(count)).digest(count)


def test_a_keys_secret_is_in_the_answer_that_makes_it_alone() -> None:
    with deployed({}, Echo()) as deployment:
        bench = deployment.bench
        bench.ports = replace(bench.ports, entropy=MixedEntropy(), sign_in_here=True)
        made = deployment.ask("createKey", body={"name": "x", "role": "admin"}, headers={"Idempotency-Key": "k1"})
        rotated = deployment.ask("rotateKey", made.json["id"], {"overlap": "1h"}, headers={"Idempotency-Key": "k2"})
        tokens = [answer.json["token"] for answer in (made, rotated)]
        secrets = [token.rpartition("_")[2] for token in tokens]
        earlier = len(deployment.answers)
        deployment.ask("createKey", body={"name": "x", "role": "admin"}, headers={"Idempotency-Key": "k1"})
        deployment.ask("rotateKey", made.json["id"], {"overlap": "1h"}, headers={"Idempotency-Key": "k2"})
        for token in tokens:
            for header in (f"Bearer {token}", token, f"Basic {token}", f"Bearer {token}x", f"Bearer {token[:-1]}"):
                answer = bench.send(signed_in(event("GET", "/v1/me", headers={"Authorization": header}), None))
                assert answer.status == (200 if header == f"Bearer {token}" else 401)
                deployment.answers.append((OPERATIONS[0], answer))
        id = deployment.ask("createJob", body=job({"kind": "http", "url": "https://example.com/hook"})).json["id"]
        looked_at(deployment, id, deployment.ask("runJob", id).json["id"])
        read = [answer.text + repr(answer.headers) for _, answer in deployment.answers[earlier:]]
        for text in (*read, deployment.stored(), deployment.logged()):
            assert not any(secret[:12] in text for secret in secrets)


MADE_UP = [
    f"Bearer {CORE}",
    f"Bearer tw_{'0' * 16}_{CORE}",
    f"Basic {CORE}",
    CORE,
    f"Bearer {issuing.token(kid=CORE)}",
    f"Bearer {issuing.token(iss=CORE)}",
    f"Bearer {issuing.token(aud=CORE)}",
    f"Bearer {issuing.token(sub=CORE, exp=1)}",
    f"Bearer {issuing.token(org=f'{CORE} is none')}",
    f"Bearer {issuing.token(groups=[CORE])}",
    f"Bearer {issuing.token(header={'jku': f'https://example.com/{CORE}', 'crit': [CORE]})}",
    f"Bearer {issuing.token(alg='HS256', key=CORE * 2)}",
]


@pytest.mark.parametrize("header", MADE_UP, ids=range(len(MADE_UP)))
def test_what_the_authorizer_refuses_is_in_no_line(header: str, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, heeded = SettableClock(issuing.NOW_S * 1_000), Heeded()
    verifier = JwtVerifier([issuing.ISSUER], issuing.Published().fetch, clock)
    sign_in = SignIn(MemoryApiKeys(World()), clock, verifier)
    monkeypatch.setattr(handler, "_sign_in", lambda: sign_in)
    logging.getLogger().addHandler(heeded)
    try:
        with pytest.raises(handler.Refusal) as refused:
            handler.handler({"methodArn": "a/b/c", "headers": {"Authorization": header}}, None)  # type: ignore[arg-type]
    finally:
        logging.getLogger().removeHandler(heeded)
    told = "\n".join([*heeded.lines, str(refused.value)])
    assert "signing in was refused" in told
    assert not shows(told)
    assert header.rpartition(".")[2][:16] not in told
