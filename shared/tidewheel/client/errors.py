"""The errors that the client raises."""

from __future__ import annotations

from collections.abc import Sequence

import httpx
from pydantic import ValidationError

from tidewheel.wire.bodies.execution import ExecutionAnswer
from tidewheel.wire.problem import Problem


class ApiError(Exception):
    """The API did not fulfil a request.

    Args:
        problem: The problem document. Where the answer has none, as a gateway's, the client makes one up.
        retry_after_s: When the service is to be asked again (s from the answer); None if it did not say.
    """

    def __init__(self, problem: Problem, retry_after_s: float | None = None) -> None:
        fields = "".join(f"; {one}" for one in problem.errors)
        super().__init__(f"{problem.status} {problem.title}: {problem.detail}{fields} ({problem.instance})")
        self.problem = problem
        self.retry_after_s = retry_after_s

    @property
    def status(self) -> int:
        """The HTTP status; 0 if there was no answer."""
        return self.problem.status


class Unsendable(ValueError):
    """What no request can hold; nothing was sent.

    Args:
        name: The parameter, or ``body``.
        problem: What is wrong with it.
        remedy: What to give instead.
    """

    def __init__(self, name: str, problem: str, remedy: str) -> None:
        super().__init__(f"{name}: {problem}; {remedy}")


class Unreachable(ApiError):
    """No try got an answer; the request may or may not have been fulfilled.

    Args:
        method: Of the request.
        url: Of the request.
        cause: The error of the last try.
    """

    def __init__(self, method: str, url: str, cause: Exception) -> None:
        said = str(cause) or type(cause).__name__
        super().__init__(_made_up(0, "The API cannot be reached", f"{method} {url}: {said}", "none"))


class WaitTimedOut(TimeoutError):
    """An execution had not ended when the time for it was over.

    Args:
        id: The execution's id.
        execution: As it was seen last; None if it did not exist yet.
    """

    def __init__(self, id: str, execution: ExecutionAnswer | None) -> None:
        super().__init__(
            f"the execution {id} has not ended: it {f'is {execution.state}' if execution else 'has not started'}"
        )
        self.id = id
        self.execution = execution


def of_response(response: httpx.Response, retry_after_s: float | None) -> ApiError:
    """The error for an answer whose status is 300 or more."""
    try:
        return ApiError(Problem.model_validate_json(response.content, extra="ignore"), retry_after_s)
    except ValidationError:
        request = response.headers.get("x-amzn-requestid", "unknown")
        detail = " ".join(response.text[:200].split()) or "the answer is empty"
        title = response.reason_phrase or "Unexpected answer"
        return ApiError(_made_up(response.status_code, title, detail, request), retry_after_s)


def unreadable(response: httpx.Response, error: ValidationError) -> ApiError:
    """The error for an answer that this release of the client cannot read."""
    detail = f"{response.url} answered what this client does not know ({error.error_count()} errors): update it"
    return ApiError(_made_up(response.status_code, "Unknown answer", detail, "unknown"))


def not_one(text: str, found: Sequence[str]) -> ApiError:
    """The error for a text that means no job, or several."""
    if not found:
        return ApiError(_made_up(404, "Not found", f"no job has this id or name: {text}", "none"))
    detail = f"{text} may be any of {', '.join(found)}: give more of the id"
    return ApiError(_made_up(409, "Several jobs may be meant", detail, "none"))


def _made_up(status: int, title: str, detail: str, request: str) -> Problem:
    instance = f"urn:tidewheel:request:{request}"
    return Problem(type="about:blank", title=title, status=status, detail=detail, instance=instance)
