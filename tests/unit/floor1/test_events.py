"""The bus: nothing blocks, nothing is missed that was subscribed to, what is dropped is counted."""

from __future__ import annotations

import asyncio
import threading

import pytest

from ATPLibrary import events
from ATPLibrary.errors import DeadlineError
from ATPLibrary.events import Event, EventBus

pytestmark = pytest.mark.unit


async def test_an_event_from_another_thread_reaches_the_subscriber() -> None:
    bus = EventBus()
    with bus.subscribe(lambda e: e.source == "vm:a") as subscription:
        thread = threading.Thread(target=lambda: [bus.publish(Event("vm:b", "x")), bus.publish(Event("vm:a", "y"))])
        thread.start()
        assert (await anext(subscription)).kind == "y"
        thread.join()


async def test_an_event_between_subscribing_and_waiting_isnt_missed() -> None:
    bus = EventBus()
    with bus.subscribe() as subscription:
        bus.publish(Event("vm:a", "early"))
        assert (await anext(subscription)).kind == "early"


async def test_waiting_in_vain_says_what_for_and_what_was_seen_last() -> None:
    bus = EventBus()
    bus.publish(Event("vm:a", "qmp.STOP"))
    with pytest.raises(
        DeadlineError, match=r"Resume of VM 'a' should happen within 0\.01 s but did not\. Last seen: .*qmp\.STOP"
    ):
        await bus.wait_for(lambda e: e.kind == "qmp.RESUME", 0.01, "Resume of VM 'a'")


async def test_a_slow_subscriber_loses_the_oldest_events_and_knows_how_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "QUEUE_LENGTH", 3)
    bus = EventBus()
    with bus.subscribe() as subscription:
        for number in range(5):
            bus.publish(Event("vm:a", str(number)))
        await asyncio.sleep(0)
        assert [(await anext(subscription)).kind for _ in range(3)] == ["2", "3", "4"]
        assert subscription.dropped == 2


async def test_closing_ends_the_iteration_of_a_waiting_reader() -> None:
    bus = EventBus()
    subscription = bus.subscribe()
    reader = asyncio.create_task(anext(subscription, None))
    await asyncio.sleep(0)
    subscription.close()
    assert await asyncio.wait_for(reader, 5) is None


def test_the_newest_events_of_each_source_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "KEPT_SOURCES", 2)
    bus = EventBus()
    for number in range(events.KEPT_PER_SOURCE + 5):
        bus.publish(Event("vm:a", str(number)))
    bus.publish(Event("vm:b", "b"))
    assert [e.kind for e in bus.recent("vm:a", 2)] == ["203", "204"]
    bus.publish(Event("vm:c", "c"))
    assert bus.recent("vm:a") == []  # the source heard of longest ago made room
    assert {e.kind for e in bus.recent()} == {"b", "c"}


def test_an_event_after_its_subscribers_loop_has_gone_does_no_harm() -> None:
    bus = EventBus()

    async def subscribe() -> None:
        bus.subscribe()

    asyncio.run(subscribe())
    bus.publish(Event("vm:a", "x"))
    assert [e.kind for e in bus.recent()] == ["x"]


async def test_a_subscription_to_one_source_is_asked_about_no_others_events() -> None:
    bus, asked = EventBus(), []

    def ask(event: Event) -> bool:
        asked.append(event.source)
        return True

    with bus.subscribe(ask, "vm:a") as one, bus.subscribe() as all_:
        for source in ("vm:b", "vm:a", "host:a"):
            bus.publish(Event(source, "happened"))
        assert (await anext(one)).source == "vm:a"
        assert [(await anext(all_)).source for _ in range(3)] == ["vm:b", "vm:a", "host:a"]
    bus.publish(Event("vm:a", "happened"))
    assert asked == ["vm:a"]


async def test_closing_one_of_two_subscriptions_to_a_source_leaves_the_other() -> None:
    bus = EventBus()
    with bus.subscribe(source="vm:a") as stays:
        gone = bus.subscribe(source="vm:a")
        gone.close()
        gone.close()
        bus.publish(Event("vm:a", "happened"))
        assert (await anext(stays)).kind == "happened"


async def test_a_listener_hears_the_kinds_of_its_source_until_it_is_closed() -> None:
    bus = EventBus()
    heard: list[str] = []
    with bus.listen(lambda event: heard.append(event.kind), frozenset({"qmp.STOP", "qmp.RESET"}), "vm:a"):
        for source, kind in (("vm:a", "qmp.STOP"), ("vm:b", "qmp.STOP"), ("vm:a", "qmp.RESUME"), ("vm:a", "qmp.RESET")):
            bus.publish(Event(source, kind))
        await asyncio.sleep(0)
        bus.publish(Event("vm:a", "qmp.STOP"))  # told on the loop, which comes to it too late
    bus.publish(Event("vm:a", "qmp.STOP"))
    await asyncio.sleep(0)
    assert heard == ["qmp.STOP", "qmp.RESET"]
