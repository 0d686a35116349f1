"""A pod's container as a program on the workers of a pool, as far as that can be."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from tidewheel.cli.importing.jobs import JobDraft, listed
from tidewheel.cli.importing.outcome import NotCarried

_VARIABLE = re.compile(r"\$\$|\$\(([A-Za-z_][A-Za-z0-9_.-]*)\)")
_POD_ONLY = {
    "nodeSelector": "the machines that it may run on",
    "affinity": "the machines that it may run on",
    "tolerations": "the machines that it may run on",
    "priorityClassName": "the pod's priority",
    "runtimeClassName": "the pod's runtime",
}
_HERE = "those of the pool"
_POD_LEVEL = ("hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace")


def container_target(draft: JobDraft, pod: Mapping[str, Any]) -> Mapping[str, Any]:
    """The target of a pod's only container; what differs is noted in the draft.

    Raises:
        NotCarried: It needs what a worker cannot give.
    """
    container = _only(pod)
    _refuse(pod, container)
    known: dict[str, str] = {}
    environment = _environment(draft, container.get("env") or [], known)
    words = [*_texts(container, "command"), *_texts(container, "args")]
    if not container.get("command"):
        raise NotCarried(
            "what it runs is the image's own entry point, which the manifest does not name",
            "write command into the manifest, or pass --target",
        )
    target: dict[str, Any] = {"kind": "command", "command": [expanded(word, known) for word in words]}
    if environment:
        target["environment"] = environment
    if directory := container.get("workingDir"):
        target["directory"] = directory
    _tell(draft, pod, container)
    return target


def _only(pod: Mapping[str, Any]) -> Mapping[str, Any]:
    containers = pod.get("containers") or []
    if len(containers) != 1 or not isinstance(containers[0], Mapping):
        raise NotCarried(f"its pod has {len(containers)} containers", "leave one, or pass --target")
    if pod.get("initContainers"):
        raise NotCarried("its pod has initContainers", "do their work in the program, or pass --target")
    found: Mapping[str, Any] = containers[0]
    return found


def _refuse(pod: Mapping[str, Any], container: Mapping[str, Any]) -> None:
    if container.get("envFrom"):
        raise NotCarried(
            "envFrom takes variables from an object that the manifest does not hold",
            "write each variable under env, or pass --target",
        )
    if mounts := container.get("volumeMounts") or container.get("volumeDevices"):
        paths = [str(one.get("mountPath") or one.get("devicePath")) for one in mounts if isinstance(one, Mapping)]
        raise NotCarried(
            f"it mounts {listed(paths)[:80] or 'volumes'}, and a worker mounts nothing for a job",
            "have the files on the pool's machines and take the mounts out, or pass --target",
        )
    if given := [name for name in _POD_LEVEL if pod.get(name)]:
        raise NotCarried(f"its pod has {listed(given)}", "take it out, or pass --target")


def _texts(container: Mapping[str, Any], name: str) -> list[str]:
    words = container.get(name) or []
    if not isinstance(words, Sequence) or isinstance(words, str):
        raise NotCarried(f"{name} is no list", "write a list of strings")
    return [str(word) for word in words]


def _environment(draft: JobDraft, listed_: Sequence[Any], known: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for one in listed_:
        name = str(one.get("name", ""))
        if "valueFrom" in one:
            found[name] = _referred(draft, name, one["valueFrom"] or {})
            continue
        found[name] = known[name] = expanded(str(one.get("value") or ""), known)
    return found


def _referred(draft: JobDraft, name: str, source: Mapping[str, Any]) -> dict[str, str]:
    reference = source.get("secretKeyRef")
    if not isinstance(reference, Mapping):
        kind = next(iter(source), "nothing")
        raise NotCarried(f"{name} is taken from {kind}", "write its value, or pass --target")
    secret, key = str(reference.get("name", "")), str(reference.get("key", ""))
    draft.differs(f"the secret {secret}", "a Secret of the cluster", "one of the deployment, to be put there first")
    return {"secret": secret, "key": key}


def expanded(text: str, known: Mapping[str, str]) -> str:
    """A text with ``$(NAME)`` replaced where the name is known; ``$$`` stands for ``$`` (Kubernetes, env)."""
    return _VARIABLE.sub(lambda found: known.get(found[1], found[0]) if found[1] else "$", text)


def _tell(draft: JobDraft, pod: Mapping[str, Any], container: Mapping[str, Any]) -> None:
    image = str(container.get("image", "none"))
    draft.differs("the image", f"a container of {image[:80]}", "a program of the pool's workers, which must have it")
    for name, what in _POD_ONLY.items():
        if pod.get(name):
            draft.differs(what, f"by {name}", _HERE)
    account = pod.get("serviceAccountName") or pod.get("serviceAccount")
    if account and account != "default":
        draft.differs("its rights in the cluster", f"those of the service account {account}", "none")
    if container.get("resources"):
        draft.notes.append("resources are the worker's: how many run at once is a setting of the pool's workers")
    if container.get("securityContext") or pod.get("securityContext"):
        draft.differs("the user", "by securityContext", "the user of the pool's programs")
