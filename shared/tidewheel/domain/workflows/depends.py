"""Expressions over how the steps before a step ended, as Argo Workflows writes them in ``depends``.

::

    extract.Succeeded && (load.Failed || load.Skipped)

``!`` binds more tightly than ``&&``, and that more than ``||``. A step without a result stands for ``(step.Succeeded ||
step.Skipped)``. Of Argo's results, ``Omitted`` stands here for a step that never ran because one before it failed;
there is no ``Errored`` beside ``Failed``, no ``Daemoned``, and nothing that counts the items of a step.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tidewheel.domain.errors import Invalid
from tidewheel.domain.limits import MAX_DEPENDS_CHARS, MAX_DEPTH
from tidewheel.domain.workflows.ends import EdgeState

_RESULTS = {
    "Succeeded": frozenset({EdgeState.SUCCEEDED}),
    "Failed": frozenset({EdgeState.FAILED}),
    "Skipped": frozenset({EdgeState.SKIPPED}),
    "Omitted": frozenset({EdgeState.UPSTREAM_FAILED}),
}
_WITHOUT_RESULT = _RESULTS["Succeeded"] | _RESULTS["Skipped"]
_OF_ARGO = {
    "Errored": "write Failed, which every end without success counts as",
    "Daemoned": "leave it out: no step goes on in the background",
    "AnySucceeded": "write Succeeded: a step with many items ends as one",
    "AllFailed": "write Failed: a step with many items ends as one",
}
_TOKEN = re.compile(r"\s*(?:(?P<name>[A-Za-z0-9_-]+)(?:\.(?P<result>[A-Za-z]*))?|(?P<sign>&&|\|\||[!()]))")
_FIELD = "depends"


@dataclass(frozen=True, slots=True)
class Depends:
    """An expression.

    Args:
        text: As it was written.
        names: The steps that it names, each once, in the order in which they come.
        root: Its meaning.
    """

    text: str
    names: tuple[str, ...]
    root: _Expression = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> Depends:
        """Reads an expression.

        Raises:
            Invalid: It is none; the problem says at which character, from 1, and what was expected there.
        """
        if len(text) > MAX_DEPENDS_CHARS:
            problem = f"it has {len(text)} characters, more than {MAX_DEPENDS_CHARS}"
            raise Invalid(_FIELD, problem, "use a trigger rule, or steps that join some parents first")
        parser = _Parser(list(_tokens(text)), len(text) + 1)
        root = parser.whole()
        return cls(text, tuple(parser.names), root)

    @property
    def names_a_failure(self) -> bool:
        """Whether it names a step's failure, or that a step never ran because of one."""
        return any(term.ends & _FAILURES for term in _terms(self.root))


_FAILURES = _RESULTS["Failed"] | _RESULTS["Omitted"]


def holds(expression: Depends, states: Sequence[EdgeState]) -> bool | None:
    """Whether an expression holds; None if that depends on steps that have not ended.

    Args:
        expression: The expression.
        states: How each of its ``names`` ended, in their order.
    """
    return _value(expression.root, states)


@dataclass(frozen=True, slots=True)
class _Term:
    """Whether the step of a place in ``names`` ended in one of several ways."""

    place: int
    ends: frozenset[EdgeState]


@dataclass(frozen=True, slots=True)
class _Not:
    operand: _Expression


@dataclass(frozen=True, slots=True)
class _Joined:
    """All (``&&``) or any (``||``) of several."""

    all: bool
    operands: tuple[_Expression, ...]


_Expression = _Term | _Not | _Joined


def _terms(expression: _Expression) -> Iterator[_Term]:
    match expression:
        case _Term():
            yield expression
        case _Not(operand):
            yield from _terms(operand)
        case _Joined(operands=operands):
            for operand in operands:
                yield from _terms(operand)


def _value(expression: _Expression, states: Sequence[EdgeState]) -> bool | None:
    """Kleene's logic of three values: what is not known decides nothing that the rest decides."""
    match expression:
        case _Term(place, ends):
            return None if states[place] is EdgeState.UNDECIDED else states[place] in ends
        case _Not(operand):
            value = _value(operand, states)
            return None if value is None else not value
    values = [_value(operand, states) for operand in expression.operands]
    if (not expression.all) in values:
        return not expression.all
    return None if None in values else expression.all


@dataclass(frozen=True, slots=True)
class _Token:
    """A name with its result, a sign, or the end (empty sign); ``at`` counts characters from 1."""

    at: int
    sign: str = ""
    name: str = ""
    result: str | None = None


def _tokens(text: str) -> Iterator[_Token]:
    place = 0
    while text[place:].strip():
        found = _TOKEN.match(text, place)
        if found is None:
            at = place + len(text[place:]) - len(text[place:].lstrip())
            raise _fault(at + 1, f"{text[at]!r} begins nothing", "write step.Result, &&, ||, !, ( or )")
        place = found.end()
        if found["sign"]:
            yield _Token(found.start("sign") + 1, sign=found["sign"])
        else:
            yield _Token(found.start("name") + 1, name=found["name"], result=found["result"])


def _fault(at: int, problem: str, remedy: str) -> Invalid:
    return Invalid(_FIELD, f"at character {at}: {problem}", remedy)


class _Parser:
    """Reads tokens by descent; each method leaves the place behind what it has read."""

    def __init__(self, tokens: Sequence[_Token], end: int) -> None:
        self._tokens = [*tokens, _Token(end)]
        self._place = 0
        self._depth = 0
        self.names: dict[str, int] = {}

    def whole(self) -> _Expression:
        root = self._joined("||")
        rest = self._tokens[self._place]
        if rest.sign == ")":
            raise _fault(rest.at, "nothing was opened that this ) closes", "take it out, or open a ( before it")
        if rest.sign or rest.name:
            raise _fault(rest.at, f"{rest.sign or rest.name!r} follows a term", "write && or || between terms")
        return root

    def _joined(self, sign: str) -> _Expression:
        operands = [self._operand(sign)]
        while self._tokens[self._place].sign == sign:
            self._place += 1
            operands.append(self._operand(sign))
        return operands[0] if len(operands) == 1 else _Joined(sign == "&&", tuple(operands))

    def _operand(self, sign: str) -> _Expression:
        return self._joined("&&") if sign == "||" else self._unary()

    def _unary(self) -> _Expression:
        token = self._tokens[self._place]
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _fault(token.at, f"more than {MAX_DEPTH} levels lie in each other", "simplify it")
        self._place += 1
        if token.sign == "!":
            found: _Expression = _Not(self._unary())
        elif token.sign == "(":
            found = self._joined("||")
            self._close(token)
        elif token.name:
            found = self._term(token)
        else:
            seen = repr(token.sign) if token.sign else "the end"
            raise _fault(token.at, f"{seen} stands where a term is expected", "write step.Result, ! or (")
        self._depth -= 1
        return found

    def _close(self, opened: _Token) -> None:
        token = self._tokens[self._place]
        if token.sign != ")":
            seen = repr(token.sign or token.name) if token.sign or token.name else "the end"
            raise _fault(token.at, f"{seen} stands where the ( at {opened.at} is to be closed", "write && or ||, or )")
        self._place += 1

    def _term(self, token: _Token) -> _Term:
        place = self.names.setdefault(token.name, len(self.names))
        if token.result is None:
            return _Term(place, _WITHOUT_RESULT)
        ends = _RESULTS.get(token.result)
        if ends is None:
            at = token.at + len(token.name) + 1
            known = f"write one of {', '.join(_RESULTS)}"
            raise _fault(at, f"{token.result!r} is no result of a step", _OF_ARGO.get(token.result, known))
        return _Term(place, ends)
