"""What the kinds of schedule on the wire have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field

from tidewheel.domain.errors import Invalid
from tidewheel.domain.recurrence.timing import Timing
from tidewheel.wire.model import Model

ZoneName = Annotated[str, Field(min_length=1, max_length=64, examples=["Europe/Paris"])]
"""A time zone by its IANA name; which there are is checked with the whole schedule."""


class ScheduleModel(Model):
    """The base of the models in ``wire.schedules``."""

    KIND: ClassVar[str]
    """The field that makes a schedule one of this kind: no other kind has it."""

    TIMING: ClassVar[type[Timing]]
    """The class in ``domain.recurrence.timings`` that it stands for."""

    @abstractmethod
    def timing(self, job_id: str, now_ms: int, start_ms: int | None, before: Timing | None) -> Timing:
        """What it stands for.

        Args:
            job_id: The job whose schedule it is to be.
            now_ms: The time of the request (ms).
            start_ms: The job's start (ms since the epoch), or None.
            before: What the job has now, if it has a schedule; what the body leaves open may stay as it is there.

        Raises:
            Invalid: It stands for nothing that a job may have.
        """

    @classmethod
    @abstractmethod
    def of(cls, timing: Any) -> Self:
        """The inverse of ``timing``, given an instance of ``TIMING``."""

    @abstractmethod
    def summary(self) -> str:
        """The schedule in a few words, for lists."""

    @classmethod
    def refusals(cls, written: Mapping[str, Any]) -> Iterable[Invalid]:
        """What is wrong with a schedule of this kind that no single field shows, and that does not depend on the time.

        Args:
            written: The JSON object as it was sent; its fields may be of any type.
        """
        del written
        return ()
