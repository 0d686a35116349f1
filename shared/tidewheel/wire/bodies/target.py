"""What the kinds of target on the wire have in common: their base, what they declare, checks of URLs and headers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, get_origin
from urllib.parse import SplitResult, quote, unquote, urlsplit

from pydantic import Field

from tidewheel.domain.jobs.masking import masked, masked_fields
from tidewheel.domain.jobs.secret import NAME as SECRET_NAME
from tidewheel.domain.jobs.secret import reference_of, references_in
from tidewheel.wire.model import Model, refusal, shown

MAX_URL = 2_048
MAX_HEADERS = 50
MAX_HEADER_VALUE = 4_096
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}", re.ASCII)
_HEADER_VALUE = re.compile(r"[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?|", re.ASCII)
_FRAMING = frozenset({"connection", "content-length", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"})
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]+")
_NAME_REMEDY = "use 1 to 128 letters, digits and _ . @ + = -, without a slash"
_REFERENCE = '{"secret":'
"""How a reference to a secret begins where it is text by mistake; without its spaces."""
_PLACES = "put it into a header or the body: a URL is logged on its way"
_URL_REMEDY = "use an absolute http or https URL, such as https://example.com/hook"


class SecretValue(Model):
    """A text that is kept in the deployment's secrets and read at the time of the call."""

    secret: Annotated[str, Field(pattern=f"^{SECRET_NAME.pattern}$", description="The secret's name.")]
    key: Annotated[str, Field(max_length=256, description="A field of the secret, if that is a JSON object.")] = ""
    prefix: Annotated[str, Field(max_length=256, description="What stands before it, such as `Bearer `.")] = ""


UNWATCHED = "off"
"""The value of ``circuit`` with which a job's calls neither count on a circuit nor wait for one."""

BY_NAME = "Jobs are defined after the deployment: what they may call is agreed by name."


@dataclass(frozen=True, slots=True)
class Listed:
    """A list of ARNs, given when Tidewheel is deployed, of what targets of a kind may use.

    Args:
        key: The key of the CDK context that holds it.
        pattern: What each ARN must match as a whole, as a regular expression.
        noun: What the ARNs are, for people.
        required: Whether the kind is allowed nothing unless something is listed.
    """

    key: str
    pattern: str
    noun: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Right:
    """What IAM must allow a worker so that it can call targets of a kind.

    Args:
        actions: IAM actions of one service, such as ``sqs:SendMessage``.
        resources: What follows ``arn:<partition>:<service>:<region>:<account>:`` in the ARNs that they are allowed on.
            ``{target}`` stands for ``<deployment>-target-*``, the names that are agreed for what jobs call.
        listed: The list whose ARNs take the place of these, if it names any.
        reason: Why a pattern among the resources is as narrow as it can be, for the report of cdk-nag.
    """

    actions: tuple[str, ...]
    resources: tuple[str, ...] = ()
    listed: Listed | None = None
    reason: str = BY_NAME

    def granted(self, listed: Mapping[str, Sequence[str]]) -> Sequence[str]:
        """The resources, given the ARNs of every list by its key."""
        return (self.listed and listed.get(self.listed.key)) or self.resources


class TargetModel(Model):
    """The base of the models in ``wire.targets``: ``kind`` tells them apart, as a ``Literal`` of one text.

    The class variables declare what others have to know of the kind, so that nobody else lists the kinds.
    """

    LONG_RUNNING: ClassVar[bool] = False
    """Whether only long-running workers can call it: those of any pool but ``lambda``."""

    PRIVILEGED: ClassVar[bool] = False
    """Whether a job of this kind has all rights of its worker: it runs only on pools for which it is allowed."""

    IS_CALL: ClassVar[bool] = True
    """Whether it is one call, which a step of a workflow may make as well; else it is more than that."""

    PARTY: ClassVar[str] = ""
    """The field that names whom it calls. Calls of one party share a circuit; empty: it calls nobody, and has none.
    A kind with a party lets a job do without its circuit: see ``WatchedTarget``."""

    DATA: ClassVar[frozenset[str]] = frozenset()
    """The fields whose values may refer to data of a workflow's run; whatever they are filled in with, it is sent, and
    decides neither whom the target calls nor with which rights."""

    REVEALS: ClassVar[frozenset[str]] = frozenset()
    """The fields whose references to secrets its adapter fills in. Anywhere else ``{"secret": …}`` is but an object."""

    SERVICES: ClassVar[frozenset[str]] = frozenset()
    """The AWS services, as boto3 names them, that its adapter makes clients of; the functions ship those alone."""

    RIGHTS: ClassVar[tuple[Right, ...]] = ()
    """What the workers that may run it are allowed for its sake."""

    kind: str

    @classmethod
    def lists(cls) -> Sequence[Listed]:
        """What whoever deploys Tidewheel can list for this kind."""
        return [right.listed for right in cls.RIGHTS if right.listed]

    @classmethod
    def party(cls, spec: Mapping[str, Any]) -> str:
        """Whose failures count together with those of this target; empty if no failure of it counts.

        It is asked for before each attempt, so it reads the stored spec as it is and validates nothing.

        Args:
            spec: A target of this kind in its JSON form.
        """
        named = "" if spec.get("circuit") == UNWATCHED else spec.get(cls.PARTY)
        return named if isinstance(named, str) else ""

    def masked(self) -> dict[str, Any]:
        """Its JSON form with a mask for whatever looks like a secret, as ``domain.jobs.masking`` has it."""
        return {name: self._masked(name, value) for name, value in self.model_dump(mode="json").items()}

    def _masked(self, name: str, value: Any) -> Any:
        if get_origin(type(self).model_fields[name].annotation) is not dict:
            return masked(value, references=name in self.REVEALS)
        parts = ({one: part} for one, part in value.items())  # one by one: the field is no reference itself
        found = (masked_fields(part, references=name in self.REVEALS) for part in parts)
        return {one: part for each in found for one, part in each.items()}

    def summary(self) -> str:
        """The target in a few words, for lists."""
        return self.kind


class WatchedTarget(TargetModel):
    """The base of the kinds whose party is a whole field."""

    circuit: Literal["on", "off"] = Field(
        "on",
        exclude_if=lambda circuit: circuit == "on",  # a worker or an API of an earlier release knows no such field
        description="`off`: the job is called although others that call the same fail, and its failures stop nobody.",
    )


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port  # read for its check alone
    except ValueError:
        return None
    return parts


def check_url(url: str) -> str:
    """The URL in ASCII, if it can be called.

    A host in other characters becomes its name in the DNS (UTS 46, non-transitional); they are percent-encoded as UTF-8
    in path and query (RFC 3987, 3.1). What is ASCII stays as it is, so nothing is encoded twice.
    """
    if _REFERENCE in unquote(url).replace(" ", ""):
        raise refusal("the URL holds a reference to a secret, which would be sent as it stands", _PLACES)
    parts = _split(url)
    clean = url.isprintable() and " " not in url and "\\" not in url
    if "@" in (url if parts is None else parts.netloc):
        raise refusal("the URL holds a user or password", "send credentials in a header")
    if parts is None or not clean or parts.scheme not in {"http", "https"} or not parts.hostname:
        raise refusal(f"{shown(masked(url))} is not a URL that can be called", _URL_REMEDY)
    if parts.fragment:
        raise refusal("the URL has a fragment, which is never sent", "leave out what follows #")
    return url if url.isascii() else _in_ascii(url)


def _in_ascii(url: str) -> str:
    scheme, _, rest = url.partition("://")
    netloc = re.split(r"[/?]", rest, maxsplit=1)[0]
    host, colon, port = netloc.partition(":")
    path = _BEYOND_ASCII.sub(lambda found: quote(found[0]), rest[len(netloc) :])
    encoded = f"{scheme}://{_in_dns(host)}{colon}{port}{path}"
    if len(encoded) > MAX_URL:
        raise refusal(f"the URL has {len(encoded)} characters once it is percent-encoded", f"use {MAX_URL} at most")
    return encoded


def _in_dns(host: str) -> str:
    """A host's name in the DNS."""
    if host.isascii():
        return host
    import idna  # noqa: PLC0415 - its tables take some ms, and few hosts need them

    try:
        return idna.encode(host, uts46=True, std3_rules=True).decode("ascii")
    except idna.IDNAError as error:
        raise refusal(f"{shown(host)} cannot be a host's name", "write it as it is registered, or as xn--…") from error


def check_secrets(value: Any) -> Any:
    """A JSON value, if all that it refers to may be the name of a secret."""
    for reference in references_in(value):
        if not SECRET_NAME.fullmatch(reference.name):
            raise refusal(f"{shown(reference.name)} is no name of a secret", _NAME_REMEDY)
    return value


def check_header_values(headers: Any) -> Any:
    """The headers, if every value is a text or refers to a secret. ``check_headers`` checks the rest."""
    if isinstance(headers, Mapping):
        for name, value in headers.items():
            if not isinstance(value, str | SecretValue) and reference_of(value) is None:
                raise refusal(f"the value of {name} is no text", 'write a text, or {"secret": "<name>"}')
            if isinstance(value, str) and value.replace(" ", "").startswith(_REFERENCE):
                raise refusal(f"the value of {name} is the text of a reference to a secret", "write the object itself")
            check_secrets(value)
    return headers


def check_headers(headers: dict[str, str | SecretValue]) -> dict[str, str | SecretValue]:
    """The headers, if they can be sent. Messages do not show values, which may be secrets."""
    if len({name.lower() for name in headers}) < len(headers):
        raise refusal("a header is given twice in different case", "name each header once")
    for name, value in headers.items():
        if not _TOKEN.fullmatch(name):
            raise refusal(f"{shown(name)} is not a header's name", "use letters, digits and -")
        if name.lower() in _FRAMING:
            raise refusal(f"{name} belongs to the connection", f"leave {name} out: it is set when the call is made")
        text = value.prefix.rstrip(" ") if isinstance(value, SecretValue) else value
        if len(text) > MAX_HEADER_VALUE or not _HEADER_VALUE.fullmatch(text):
            remedy = f"use up to {MAX_HEADER_VALUE} visible ASCII characters on one line, without spaces around them"
            raise refusal(f"the value of {name} cannot be sent", remedy)
    return headers
