from __future__ import annotations

from mes.contracts.events import PAYLOADS
from mes.events.topics import topics_of


def test_every_event_is_news_for_some_page() -> None:
    assert [event_type for event_type in PAYLOADS if not topics_of(event_type)] == []
