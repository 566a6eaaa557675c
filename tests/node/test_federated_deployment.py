"""What is deployed of a federated project scores by all rows, with levels that only others have."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import numpy as np
import pytest

from federation.models import fit
from federation.statistics import Coded, Moments, Schema, Table
from node.deployments import Wanted, input_path
from node.node import Node


def of_one(carriers: tuple[str, ...], seed: int, rows: int = 400) -> Table:
    """delay = distance / 100 + 7 for ZZ."""
    rng = np.random.default_rng(seed)
    distance = rng.integers(80, 5000, rows).astype(float)
    codes = rng.integers(0, len(carriers), rows).astype(np.int32)
    late = np.array([7.0 * (carriers[code] == "ZZ") for code in codes])
    carrier = Coded(codes, carriers)
    return Table({"delay": np.round(distance / 100 + late, 1), "distance": distance, "carrier": carrier})


async def test_a_model_of_all_members_is_deployed_by_one(
    launch: Callable[..., Awaitable[Node]], join, until
) -> None:
    admin, peer = await launch("ewr", "admin"), await launch("jfk")
    await admin.federations.create("air", owner="admin")
    await join(admin, peer)
    schema = Schema.from_dict(
        {
            "attributes": [
                {"name": "delay", "type": "C", "quantum": "0.1"},
                {"name": "distance", "type": "C", "quantum": "1"},
                {"name": "carrier", "type": "T"},
            ]
        }
    )
    await admin.projects.create("delays", owner="admin", schema=schema, federation="air")
    mine, theirs = of_one(("AA", "UA"), 1), of_one(("AA", "ZZ"), 2)
    await admin.projects.learn("delays", mine)
    await until(peer, "air", lambda info: bool(info.projects))
    await peer.projects.create("delays", owner="admin", federation="air")
    await peer.projects.learn("delays", theirs)
    await until(admin, "air", lambda info: info.projects[0].rows == 800)

    inputs = ["distance", "carrier"]
    await admin.models.fit("delays", "late", "mlr", "delay", inputs)
    await admin.deployments.create("late", "admin")
    version = await admin.deployed_models.add("late", "delays", "late", owner="admin", schema={})
    assert sorted(version.origin["members"]) == ["ewr", "jfk"]
    key, _ = await admin.deployment_keys.create("late", "admin")
    job = "0" * 31 + "1"
    async with admin.files.upload("admin") as upload:
        await upload.begin(input_path(job))
        await upload.write(b"carrier,distance\nAA,1000\nUA,2000\nZZ,1000\n")
        await admin.scoring.submit(key, Wanted(mime="text/csv"), "f.csv", upload, job)
    done = await admin.scoring.finished(key, job, 30)
    assert done.error is None
    reading = await admin.files.read(await admin.scoring.output(job))
    text = b"".join([piece async for piece in reading.chunks(0, reading.file.size)]).decode()
    await reading.close()

    pooled = fit("mlr", Moments(schema).learn(mine) + Moments(schema).learn(theirs), "delay", inputs)
    asked = Table({"distance": np.array([1e3, 2e3, 1e3]), "carrier": Coded.of(["AA", "UA", "ZZ"])})
    scored = [float(cell) for cell in text.split()[1:]]
    assert scored == pytest.approx(pooled.predict(asked)["res"].tolist(), rel=1e-9)
    assert scored[2] - scored[0] == pytest.approx(7, abs=0.2)
