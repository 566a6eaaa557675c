"""An uplet whose worker has vanished goes to the next one."""

from __future__ import annotations

from node.tasks import now
from node.tracking.watchdog import SILENCE


async def test_a_claim_without_a_sign_of_life_ends(admin, served):
    await admin.problem(size=1)
    await admin.data("D")
    await admin.algo()
    (uplet,) = await admin.learnuplets()
    assert (await admin.claim(uplet, "first")).status == 200
    await served.node.watchdog.look(now() + SILENCE / 2)
    assert [u["status"] for u in await admin.learnuplets()] == ["pending"]
    await served.node.watchdog.look(now() + 2 * SILENCE)
    (uplet,) = await admin.learnuplets()
    assert (uplet["status"], uplet["worker"]) == ("todo", None)
    assert (await admin.claim(uplet, "second")).status == 200
