"""Messages: in order for each incident and channel, tried again with patience, and none held up by another channel."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from tests.integration.app.house import T0, make_alarm, until

from wakeless.app.courier import CONCURRENT, Courier
from wakeless.app.feed import Feed
from wakeless.app.pressure import Pressure
from wakeless.app.telemetry import Telemetry
from wakeless.core.clock import ManualClock
from wakeless.core.errors import NotFound
from wakeless.core.ids import CountingIds
from wakeless.escalation.policy import FIRST_WAIT, GIVE_UP_AFTER
from wakeless.escalation.ports import Channel, ChannelRefused, ChannelUnavailable, Message, MessageKind, Receipt
from wakeless.pipeline.effects import Tell
from wakeless.pipeline.machine import open_run
from wakeless.store import journal
from wakeless.store.journal import Delivery
from wakeless.store.sqlite import Database, StoreUnavailable

ESCALATED, RESOLVED = MessageKind.ESCALATED, MessageKind.RESOLVED


class Pager:
    """A channel that does what the test says."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.took: list[Message] = []
        self.tried = 0
        #: What the next tries raise; then what all raise.
        self.faults: list[Exception] = []
        self.always: Exception | None = None
        self.hangs: asyncio.Event | None = None

    async def send(self, message: Message) -> Receipt:
        self.tried += 1
        if self.hangs is not None:
            await self.hangs.wait()
        if self.faults:
            raise self.faults.pop(0)
        if self.always is not None:
            raise self.always
        self.took.append(message)
        return Receipt(f"ref-{len(self.took)}")

    @property
    def told(self) -> list[tuple[str, str]]:
        return [(message.incident_id, message.kind) for message in self.took]


class Office:
    """A courier, its outbox and its channels."""

    def __init__(self, db: Database, channels: Sequence[Pager]) -> None:
        self.db = db
        self.clock = ManualClock(T0)
        self.ids = CountingIds()
        self.pagers = {one.name: one for one in channels}
        by_name: dict[str, Channel] = {**self.pagers}
        self.composes: Callable[[Delivery, str | None], Message] = self.compose
        self.courier = Courier(
            db=db,
            feed=Feed(db),
            clock=self.clock,
            channels=by_name,
            compose=lambda delivery, reference: self.composes(delivery, reference),
            telemetry=Telemetry(),
            pressure=Pressure(),
            randomness=lambda: 0.999,
        )

    def compose(self, delivery: Delivery, reference: str | None) -> Message:
        return Message(
            id=delivery.id,
            kind=delivery.kind,
            incident_id=delivery.incident_id,
            title="t",
            text=delivery.reason,
            at=self.clock.now(),
            in_reply_to=reference,
        )

    async def put(self, channel: str, incident: str = "inc-1", kind: MessageKind = ESCALATED) -> str:
        message_id = self.ids.new("msg", self.clock.now())
        tell = Tell(kind=kind, channels=(), reason="r")
        now = self.clock.now()
        await self.db.write(lambda db: journal.put_message(db, message_id, incident, channel, tell, now))
        self.courier._hear({})
        return message_id

    def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.courier._hear({})

    def statuses(self, incident: str = "inc-1") -> list[str]:
        return [str(one["status"]) for one in self.db.read(lambda db: journal.messages_of(db, incident))]

    def kinds(self, incident: str = "inc-1") -> list[str]:
        return [str(one["kind"]) for one in self.db.read(lambda db: journal.timeline_of(db, incident))]

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.courier.run())
        try:
            yield
            assert not task.done()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
def pager() -> Pager:
    return Pager("pager")


@pytest.fixture
def chat() -> Pager:
    return Pager("chat")


@pytest.fixture
async def office(db: Database, pager: Pager, chat: Pager) -> Office:
    return Office(db, [pager, chat])


async def test_a_message_is_delivered_once_and_the_timeline_says_so(office: Office, pager: Pager) -> None:
    message_id = await office.put("pager")
    async with office.at_work():
        await until(lambda: office.statuses() == ["sent"])
    assert [message.id for message in pager.took] == [message_id]
    assert office.kinds() == ["message.delivered"]


async def test_the_end_of_an_incident_never_overtakes_its_beginning(office: Office, pager: Pager) -> None:
    pager.faults = [ChannelUnavailable("busy"), ChannelUnavailable("busy")]
    await office.put("pager")
    await office.put("pager", kind=RESOLVED)
    async with office.at_work():
        await until(lambda: pager.tried == 1)
        await until(lambda: office.kinds() == ["message.delayed"])
        assert pager.took == []
        office.pass_time(FIRST_WAIT)
        await until(lambda: pager.tried == 2)
        await asyncio.sleep(0.05)
        office.pass_time(2 * FIRST_WAIT)
        await until(lambda: len(pager.took) == 2)
    assert pager.told == [("inc-1", ESCALATED), ("inc-1", RESOLVED)]


async def test_the_second_message_answers_the_first(office: Office, pager: Pager) -> None:
    await office.put("pager")
    await office.put("pager", kind=RESOLVED)
    async with office.at_work():
        await until(lambda: len(pager.took) == 2)
    assert [message.in_reply_to for message in pager.took] == [None, "ref-1"]


async def test_a_delivery_is_tried_later_and_later_then_given_up(office: Office, pager: Pager) -> None:
    pager.always = ChannelUnavailable("down")
    await office.put("pager")
    async with office.at_work():
        tried = 0
        while office.statuses() == ["pending"]:
            await until(lambda: pager.tried > tried)  # noqa: B023
            tried = pager.tried
            await until(lambda: office.courier._under_way == {"pager": set()})
            at = office.db.read(lambda db: journal.next_message(db, office.clock.now()))
            if at is not None:
                office.pass_time((at - office.clock.now()).total_seconds() + 0.001)
    assert office.statuses() == ["failed"]
    assert office.clock.now() - T0 <= timedelta(seconds=GIVE_UP_AFTER)
    # Twelve quarters of an hour are three hours: tries are close together at first, and never stop for long.
    assert 90 < pager.tried < 120
    assert office.kinds() == ["message.delayed", "message.failed"]


async def test_what_a_channel_refuses_is_not_tried_again(office: Office, pager: Pager) -> None:
    pager.always = ChannelRefused("no such room")
    await office.put("pager")
    async with office.at_work():
        await until(lambda: office.statuses() == ["failed"])
    assert pager.tried == 1
    assert office.kinds() == ["message.failed"]


async def test_a_channel_that_is_gone_from_the_settings_is_a_failed_delivery(office: Office, chat: Pager) -> None:
    await office.put("old-pager")
    await office.put("chat")
    async with office.at_work():
        await until(lambda: sorted(office.statuses()) == ["failed", "sent"])
    assert chat.told == [("inc-1", ESCALATED)]
    entry = office.db.read(lambda db: journal.timeline_of(db, "inc-1"))
    assert any("no channel old-pager" in one["text"] for one in entry)


async def test_who_was_never_told_of_an_incident_is_not_told_of_its_end(office: Office, pager: Pager) -> None:
    pager.faults = [ChannelRefused("no")]
    await office.put("pager")
    await office.put("pager", kind=RESOLVED)
    async with office.at_work():
        await until(lambda: office.statuses() == ["failed", "failed"])
    assert pager.took == []
    assert pager.tried == 1


async def test_the_end_is_told_to_those_who_were_told_and_to_nobody_else(db: Database, office: Office) -> None:
    step = open_run("inc-9", make_alarm(), T0)
    await db.write(lambda one: journal.insert_run(one, step.run))
    sent, failed, pending = [await office.put(one, "inc-9") for one in ("sent", "failed", "pending")]
    await db.write(lambda one: journal.message_sent(one, sent, "ref", T0))
    await db.write(lambda one: journal.message_failed(one, failed, "refused"))
    assert pending
    assert sorted(db.read(lambda one: journal.told_channels(one, "inc-9"))) == ["pending", "sent"]


async def test_a_channel_that_is_down_holds_up_nobody_elses_messages(office: Office, pager: Pager, chat: Pager) -> None:
    pager.always = ChannelUnavailable("down")
    for number in range(5 * CONCURRENT):
        await office.put("pager", f"inc-{number:03}")
        await office.put("pager", f"inc-{number:03}", RESOLVED)
    for number in range(5):
        await office.put("chat", f"inc-{number:03}")
    async with office.at_work():
        await until(lambda: len(chat.took) == 5)
        await until(lambda: pager.tried == 5 * CONCURRENT)


async def test_a_channel_that_hangs_holds_up_nobody_elses_messages(office: Office, pager: Pager, chat: Pager) -> None:
    pager.hangs = asyncio.Event()
    for number in range(5 * CONCURRENT):
        await office.put("pager", f"inc-{number:03}")
    async with office.at_work():
        await until(lambda: pager.tried == CONCURRENT)
        await office.put("chat", "inc-001")
        await until(lambda: len(chat.took) == 1)
        assert pager.tried == CONCURRENT
        pager.hangs.set()
        await until(lambda: len(pager.took) == 5 * CONCURRENT)


async def test_a_restart_delivers_what_the_former_process_left(db: Database, office: Office, pager: Pager) -> None:
    hangs = pager.hangs = asyncio.Event()
    await office.put("pager")
    async with office.at_work():
        await until(lambda: pager.tried == 1)
    hangs.set()
    after = Office(db, [pager])
    async with after.at_work():
        await until(lambda: len(pager.took) == 1)


async def test_a_channel_with_a_fault_of_its_own_is_tried_again(office: Office, pager: Pager) -> None:
    pager.faults = [KeyError("bug")]
    await office.put("pager")
    async with office.at_work():
        await until(lambda: office.kinds() == ["message.delayed"])
        office.pass_time(FIRST_WAIT)
        await until(lambda: len(pager.took) == 1)


@pytest.mark.parametrize(
    ("fault", "kind"), [(NotFound("gone"), "message.failed"), (StoreUnavailable("disk full"), "message.delayed")]
)
async def test_a_message_that_cannot_be_written_is_given_up_only_if_that_is_final(
    office: Office, fault: Exception, kind: str
) -> None:
    def fails(delivery: Delivery, reference: str | None) -> Message:
        raise fault

    office.composes = fails
    await office.put("pager")
    async with office.at_work():
        await until(lambda: office.kinds() == [kind])


async def test_a_delivery_whose_outcome_cannot_be_written_is_repeated(
    office: Office, pager: Pager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wakeless.app.courier.SETBACK", 0.01)
    write = office.db.write
    failures = [StoreUnavailable("disk full"), StoreUnavailable("disk full")]

    async def fails(fn: object) -> object:
        if failures:
            raise failures.pop()
        return await write(fn)  # type: ignore[arg-type]

    await office.put("pager")
    monkeypatch.setattr(office.db, "write", fails)
    async with office.at_work():
        await until(lambda: office.statuses() == ["sent"])
    assert len(pager.took) == 3
    assert len({message.id for message in pager.took}) == 1
