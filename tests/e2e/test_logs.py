"""What an attempt wrote, and when things happened: over the deployed API, its bucket and its permissions."""

from __future__ import annotations

import pytest

from localstack.receiver import Reply
from tidewheel.client import ApiError


def test_a_short_answer_is_read_back_and_the_timeline_tells_its_way(client, jobs, new_target):
    job = jobs.create(target=new_target(Reply(body=b"all is well")).spec())
    (execution,) = jobs.ended(job.id)
    page = client.logs_page(execution.id)
    assert (page.attempt, page.text, page.source, page.cursor) == (1, "all is well", "inline", None)
    with pytest.raises(ApiError, match="attempt 2"):
        client.logs_page(execution.id, attempt=2)
    events = {moment.event for moment in execution.timeline}
    assert events == {"due", "dispatched", "received", "claimed", "started", "ended", "finished"}
    assert execution.queue_ms is not None
    assert execution.run_ms is not None


def test_a_long_answer_is_stored_whole_and_read_back_page_by_page(client, jobs, new_target):
    text = "0123456789 ☂\n" * 50_000
    job = jobs.create(target=new_target(Reply(body=text.encode())).spec())
    (execution,) = jobs.ended(job.id)
    assert client.logs_page(execution.id).source == "stored"
    pages = list(client.logs(execution.id))
    assert len(pages) > 1
    assert "".join(pages) == text
