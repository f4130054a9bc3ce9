import asyncio
from contextlib import ExitStack

from wakeless.app.pressure import FLOOD, OVER, Pressure


class Watch:
    """A monotonic clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def flooded(pressure: Pressure, stack: ExitStack) -> None:
    for _ in range(FLOOD):
        stack.enter_context(pressure)


async def all_turns(pressure: Pressure, pieces: int) -> list[asyncio.Task[None]]:
    tasks = [asyncio.create_task(pressure.calm()) for _ in range(pieces)]
    await asyncio.sleep(0)
    return tasks


async def test_without_a_flood_nothing_is_put_off() -> None:
    pressure = Pressure()
    for _ in range(FLOOD - 1):
        pressure.__enter__()
    tasks = await all_turns(pressure, 3)
    assert all(task.done() for task in tasks)


async def test_a_commit_that_takes_long_does_not_look_like_the_end_of_the_flood() -> None:
    watch = Watch()
    pressure = Pressure(watch)
    with ExitStack() as stack:
        flooded(pressure, stack)
        watch.now += 100 * OVER
        assert pressure.is_flood
    assert pressure.is_flood, "all of them were let go at once, and come back with the next"
    watch.now += 2 * OVER
    assert not pressure.is_flood


async def test_during_a_flood_other_work_goes_on_piece_by_piece_in_order() -> None:
    pressure = Pressure(Watch())
    with ExitStack() as stack:
        flooded(pressure, stack)
        tasks = await all_turns(pressure, 3)
        assert not any(task.done() for task in tasks)
        for expected in range(1, 4):
            await asyncio.wait_for(tasks[expected - 1], 10)
            assert [task.done() for task in tasks] == [True] * expected + [False] * (3 - expected)


async def test_what_was_put_off_goes_on_together_once_the_flood_is_over() -> None:
    watch = Watch()
    pressure = Pressure(watch)
    with ExitStack() as stack:
        flooded(pressure, stack)
        tasks = await all_turns(pressure, 50)
    watch.now += 2 * OVER
    await asyncio.wait_for(tasks[0], 10)
    await asyncio.sleep(0)
    assert all(task.done() for task in tasks)


async def test_whoever_gave_up_waiting_takes_nobodys_turn() -> None:
    pressure = Pressure(Watch())
    with ExitStack() as stack:
        flooded(pressure, stack)
        tasks = await all_turns(pressure, 3)
        tasks[0].cancel()
        await asyncio.wait_for(tasks[1], 10)
        assert not tasks[2].done()
        tasks[2].cancel()
