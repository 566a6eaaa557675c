"""The SDK's client of all calls, which checks each request and each answer against its own schemas."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


async def test_the_client_of_all_calls(sdk: Callable[..., Any]) -> None:
    script = await sdk(
        """
        import json
        from clearml.backend_api.session.client import APIClient
        from clearml.backend_api.session.client.client import APIError

        c = APIClient()
        project = c.projects.create(name="api/calls", description="of the client")
        task = c.tasks.create(name="by api", type="training", project=project.id)
        told = {
            "listed": [t.name for t in c.tasks.get_all(project=[project.id], only_fields=["name"])],
            "described": c.projects.get_by_id(project.id).description,
        }
        c.tasks.edit(task=task.id, comment="noted")
        c.tasks.started(task=task.id)
        c.tasks.ping(task=task.id)
        c.tasks.stop(task=task.id)
        seen = c.tasks.get_by_id(task.id)
        told["task"] = [str(seen.status), seen.comment, c.events.get_task_log(task=task.id).returned]
        try:
            c.tasks.get_by_id("x" * 32)
        except APIError as error:
            told["unknown"] = [error.code, error.subcode]
        queue = c.queues.create(name="lane")
        c.tasks.enqueue(task=task.id, queue=queue.id)
        told["queue"] = [entry.task for entry in c.queues.get_by_id(queue.id).entries] == [task.id]
        reset = c.tasks.reset(task=task.id)
        told["reset"] = [reset.dequeued, str(c.tasks.get_by_id(task.id).status)]
        c.queues.delete(queue=queue.id)
        c.tasks.delete(task=task.id)
        c.projects.delete(project=project.id)
        told["left"] = [len(c.tasks.get_all()), len(c.projects.get_all(name="calls"))]
        print(json.dumps(told))
        """
    )
    assert script.result == {
        "listed": ["by api"],
        "described": "of the client",
        "task": ["stopped", "noted", 0],
        "unknown": [400, 101],
        "queue": True,
        "reset": [{"removed": 1}, "created"],
        "left": [0, 0],
    }


async def test_workers_through_the_client(sdk: Callable[..., Any], served: Any) -> None:
    script = await sdk(
        """
        import json, time
        from clearml.backend_api.session.client import APIClient

        c = APIClient()
        queue = c.queues.create(name="lane")
        c.workers.register(worker="machine:0", queues=[queue.id], tags=["fast"], timeout=600)
        task = c.tasks.create(name="by worker", type="training")
        c.tasks.started(task=task.id)
        begin = int(time.time()) - 3600
        c.workers.status_report(
            worker="machine:0", timestamp=int(time.time() * 1000), task=task.id, queues=[queue.id],
            machine_stats={"cpu_usage": [10.0, 30.0], "memory_used": 512},
        )
        by_id = {w.id: w for w in c.workers.get_all(last_seen=600)}
        worker = by_id["machine:0"]
        told = {
            "workers": sorted(by_id),
            "worker": [worker.task.name, [q.name for q in worker.queues], worker.tags],
        }
        keys = c.workers.get_metric_keys(worker_ids=["machine:0"])
        told["keys"] = {category.name: category.metric_keys for category in keys.categories}
        span = {"from_date": begin, "to_date": int(time.time()) + 61, "interval": 60}
        items = [{"key": "cpu_usage", "category": "max"}]
        stats = c.workers.get_stats(worker_ids=["machine:0"], items=items, **span)
        (metric,) = stats.workers[0].metrics
        told["stats"] = [metric.metric, metric.stats[0].aggregation.value, max(metric.stats[0].values)]
        activity = c.workers.get_activity_report(**span)
        told["activity"] = max(activity.active.counts) >= 1
        c.workers.unregister(worker="machine:0")
        told["left"] = [w.id for w in c.workers.get_all(last_seen=600)]
        print(json.dumps(told))
        """
    )
    own = f"{served.node.name}:0"
    assert script.result == {
        "workers": sorted(["machine:0", own]),
        "worker": ["by worker", ["lane"], []],
        "keys": {"cpu": ["cpu_usage"], "memory": ["memory_used"]},
        "stats": ["cpu_usage", "max", 30.0],
        "activity": True,
        "left": [own],
    }
