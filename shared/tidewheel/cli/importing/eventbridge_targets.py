"""What schedules and rules of EventBridge call, as targets."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from tidewheel.cli.importing.jobs import LONGEST_ON_LAMBDA, JobDraft, cut
from tidewheel.cli.importing.outcome import NotCarried

_UNIVERSAL = ":scheduler:::aws-sdk:"
_ATTRIBUTE = "<aws.scheduler."
_TARGET_OPTION = "pass --target"
_UNSAID = {"lambda": "payload", "sqs": "body", "sns": "body", "states": "input"}
_FORMS = (
    *("EcsParameters", "KinesisParameters", "SageMakerPipelineParameters", "BatchParameters", "HttpParameters"),
    *("RedshiftDataParameters", "RunCommandParameters", "AppSyncParameters"),
)


def target_of(draft: JobDraft, target: Mapping[str, Any]) -> Mapping[str, Any]:
    """The target that an export's ``Target`` stands for; what differs is noted in the draft.

    Raises:
        NotCarried: There is no such kind of target.
    """
    arn = str(target.get("Arn", ""))
    if given := next((name for name in _FORMS if name in target), None):
        raise NotCarried(f"it calls {cut(arn, 60)} with {given}", f"there is no such kind of target: {_TARGET_OPTION}")
    for name in ("InputTransformer", "InputPath"):
        if name in target:
            raise NotCarried(f"{name} makes the input of the event", "write the input itself, as Input")
    given_input = target.get("Input")
    if isinstance(given_input, str) and _ATTRIBUTE in given_input:
        raise NotCarried(
            "its input names context attributes (<aws.scheduler.…>), which are not filled in here",
            "take them out: each call says the run's nominal time, id and attempt by itself",
        )
    if _UNIVERSAL in arn:
        return _universal(arn.partition(_UNIVERSAL)[2], _object(given_input))
    service, _, resource = _parts(arn)
    make = _MADE.get(service)
    if make is None or (service == "events" and not resource.startswith("event-bus/")):
        raise NotCarried(f"it calls {cut(arn, 60) or 'nothing'}", f"there is no such kind of target: {_TARGET_OPTION}")
    return make(draft, arn, target, given_input)


def _parts(arn: str) -> tuple[str, str, str]:
    parts = arn.split(":", 5)
    return (parts[2], parts[4], parts[5]) if len(parts) > 5 else ("", "", "")  # noqa: PLR2004 -- an ARN has six


def _object(text: object) -> Mapping[str, Any]:
    try:
        value = json.loads(text) if isinstance(text, str) else None
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise NotCarried("its input is no JSON object", "write one")
    return value


def _json(draft: JobDraft, text: object, service: str) -> Any:
    """The input as JSON; that a schedule without one sends an event of its own is a difference."""
    if not isinstance(text, str):
        ours = f"a {_UNSAID[service]} of null" if service != "states" else "an empty object"
        draft.differs("the input, which is not given", "an event that names the schedule", ours)
        return None
    try:
        return json.loads(text)
    except ValueError as error:
        raise NotCarried("its input is no JSON", "write it as JSON") from error


def _lambda(draft: JobDraft, arn: str, _target: Mapping[str, Any], text: object) -> Mapping[str, Any]:
    payload = _json(draft, text, "lambda")
    theirs = "asynchronously: Lambda itself repeats what fails, and nobody learns how it went"
    draft.differs("the call", theirs, f"it is waited for, up to {LONGEST_ON_LAMBDA}, and repeated by the job's retry")
    draft.fields["timeout"] = LONGEST_ON_LAMBDA
    return {"kind": "lambda", "function": arn} | ({} if payload is None else {"payload": payload})


def _sqs(draft: JobDraft, arn: str, target: Mapping[str, Any], text: object) -> Mapping[str, Any]:
    group = (target.get("SqsParameters") or {}).get("MessageGroupId")
    return {"kind": "sqs", "queue": arn, "body": _body(draft, text, "sqs")} | ({"group": group} if group else {})


def _sns(draft: JobDraft, arn: str, _target: Mapping[str, Any], text: object) -> Mapping[str, Any]:
    return {"kind": "sns", "topic": arn, "body": _body(draft, text, "sns")}


def _body(draft: JobDraft, text: object, service: str) -> Any:
    return text if isinstance(text, str) else _json(draft, text, service)


def _machine(draft: JobDraft, arn: str, _target: Mapping[str, Any], text: object) -> Mapping[str, Any]:
    given = _json(draft, text, "states")
    return {"kind": "stepfunctions", "machine": arn, "input": {} if given is None else given}


def _bus(draft: JobDraft, arn: str, target: Mapping[str, Any], text: object) -> Mapping[str, Any]:
    parameters = target.get("EventBridgeParameters")
    if not isinstance(parameters, Mapping):
        raise NotCarried("it passes its own event on to another bus", f"write what the event says: {_TARGET_OPTION}")
    draft.notes.append("the event's detail has a field more, `tidewheel`, which names the run")
    return {
        "kind": "eventbridge",
        "bus": arn,
        "source": str(parameters.get("Source", "")),
        "detail_type": str(parameters.get("DetailType", "")),
        "detail": _object(text) if text is not None else {},
    }


_MADE: dict[str, Callable[[JobDraft, str, Mapping[str, Any], object], Mapping[str, Any]]] = {
    "lambda": _lambda,
    "sqs": _sqs,
    "sns": _sns,
    "states": _machine,
    "events": _bus,
}


def _universal(action: str, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """A universal target: an action of the SDK with its parameters, where it is one of those above."""
    make = _ACTIONS.get(action.lower())
    if make is None:
        raise NotCarried(f"it calls the SDK's {action[:60]}", f"there is no such kind of target: {_TARGET_OPTION}")
    target, used = make(given)
    if left := sorted(set(given) - used):
        raise NotCarried(f"{action} is called with {', '.join(left)[:80]}", f"take it out, or {_TARGET_OPTION}")
    return target


def _text(given: Mapping[str, Any], name: str) -> str:
    value = given.get(name)
    if not isinstance(value, str) or not value:
        raise NotCarried(f"its input has no {name}", "add it")
    return value


def _send_message(given: Mapping[str, Any]) -> tuple[dict[str, Any], set[str]]:
    target = {"kind": "sqs", "queue": _text(given, "QueueUrl"), "body": _text(given, "MessageBody")}
    if "MessageGroupId" in given:
        target["group"] = _text(given, "MessageGroupId")
    return target, {"QueueUrl", "MessageBody", "MessageGroupId"}


def _publish(given: Mapping[str, Any]) -> tuple[dict[str, Any], set[str]]:
    target = {"kind": "sns", "topic": _text(given, "TopicArn"), "body": _text(given, "Message")}
    if "Subject" in given:
        target["subject"] = _text(given, "Subject")
    return target, {"TopicArn", "Message", "Subject"}


def _invoke(given: Mapping[str, Any]) -> tuple[dict[str, Any], set[str]]:
    target: dict[str, Any] = {"kind": "lambda", "function": _text(given, "FunctionName")}
    if "Payload" in given:
        target["payload"] = _object(given["Payload"]) if isinstance(given["Payload"], str) else given["Payload"]
    return target, {"FunctionName", "Payload", "InvocationType"}


def _start(given: Mapping[str, Any]) -> tuple[dict[str, Any], set[str]]:
    target: dict[str, Any] = {"kind": "stepfunctions", "machine": _text(given, "StateMachineArn")}
    if "Input" in given:
        target["input"] = _object(given["Input"])
    return target, {"StateMachineArn", "Input"}


def _put_events(given: Mapping[str, Any]) -> tuple[dict[str, Any], set[str]]:
    entries = given.get("Entries")
    if not isinstance(entries, list) or len(entries) != 1 or not isinstance(entries[0], dict):
        raise NotCarried("putEvents has not just one entry", "make a schedule for each")
    entry = entries[0]
    target = {
        "kind": "eventbridge",
        "bus": str(entry.get("EventBusName", "default")),
        "source": _text(entry, "Source"),
        "detail_type": _text(entry, "DetailType"),
        "detail": _object(entry["Detail"]) if "Detail" in entry else {},
    }
    return target, {"Entries"}


_ACTIONS: dict[str, Callable[[Mapping[str, Any]], tuple[dict[str, Any], set[str]]]] = {
    "sqs:sendmessage": _send_message,
    "sns:publish": _publish,
    "lambda:invoke": _invoke,
    "sfn:startexecution": _start,
    "eventbridge:putevents": _put_events,
}
