"""Tasks end when they are told to, though a library beneath them did not pass it on."""

import asyncio

from transport.tasks import end


async def test_who_misses_a_cancellation_is_cancelled_again() -> None:
    missed = 0

    async def deaf() -> None:
        nonlocal missed
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            missed += 1
        await asyncio.Event().wait()

    async def failing() -> None:
        raise OSError

    tasks = [asyncio.create_task(deaf()), asyncio.create_task(failing())]
    await asyncio.sleep(0)
    async with asyncio.timeout(10):
        await end(tasks)
    assert missed == 1
    assert all(task.done() for task in tasks)


async def test_nothing_to_end_is_no_reason_to_wait() -> None:
    await end([])
