"""On both databases the same: a deployment's whole life, and what its short name shows elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

FILE = "x,y\n1,1\n2,0\n0,-1\n"


async def test_a_deployments_life(serve: Any, store_url: str, tmp_path: Path) -> None:
    async with serve(tmp_path / "home", database_url=store_url) as served:
        native, node = served.native, served.node
        await native.ok("POST", "/api/deployments", {"name": "x", "group_size": 2, "price": 7})
        await native.ok("POST", "/api/deployments/x/versions", {"project": "sums", "model": "plane"})
        client = await served.client_of("x", label="Zoë")
        job = (await client.post(FILE, "fichier é.csv", name="名前")).data
        assert (job["status"], job["billedUsage"]) == ("success", 14)
        assert (await client.result(job["id"])).body.startswith(b"res\n")
        renamed = await client("PUT", f"/api/v1/jobs/{job['id']}", {"name": None})
        assert renamed.data["name"] == "fichier é.csv"
        assert [one["id"] for one in (await client("GET", "/api/v1/jobs/latest")).data] == [job["id"]]

        task = UUID(job["id"]).hex
        await node.tasks.reset(task, "admin", force=True)
        assert (await client("GET", f"/api/v1/jobs/{task}")).data["status"] == "incomplete"
        await node.tasks.enqueue(task, "admin")
        again = await node.jobs.get(task)
        while not again.finished:
            again = await node.jobs.wait(task, 10, seen=again)
        assert (await client.result(task)).body.startswith(b"res\n")

        await node.tasks.delete(task, force=True)
        await native.ok("DELETE", "/api/deployments/x")
        assert (await native("GET", "/api/deployments/x")).status == 404
        (line,) = (await native.ok("GET", "/api/usage"))["usage"]
        assert (line["label"], line["records"], line["units"], line["dollars"]) == ("Zoë", 3, 14, 0.014)
        assert node.files.used == 0
