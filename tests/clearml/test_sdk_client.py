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
