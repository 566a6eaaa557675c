"""What the node keeps of scripts that fork, start others, fail and are killed."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any


async def test_children_report_to_their_parents_task(sdk: Callable[..., Any]) -> None:
    """Forked ones, and scripts that are started; what they report goes through the SDK's own process."""
    script = await sdk(
        """
        import json, subprocess, sys
        from multiprocessing import get_context
        from clearml import Task

        def forked(i):
            task = Task.current_task()
            task.get_logger().report_scalar("loss", f"forked {i}", i, 0)
            task.flush(wait_for_uploads=True)

        STARTED = "; ".join((
            "from clearml import Task",
            "task = Task.init()",
            "task.get_logger().report_scalar('loss', 'started', 2, 0)",
            "print('from the started')",
        ))
        task = Task.init("procs", "children", auto_connect_frameworks=False)
        children = [get_context("fork").Process(target=forked, args=(i,)) for i in range(2)]
        for child in children:
            child.start()
        for child in children:
            child.join()
        subprocess.run([sys.executable, "-c", STARTED], check=True)
        task.close()
        read = Task.get_task(task.id)
        scalars = {name: curve["y"] for name, curve in read.get_reported_scalars()["loss"].items()}
        print()
        print(json.dumps([scalars, read.get_reported_console_output(20), read.get_status()]))
        """,
        background=True,
    )
    scalars, console, status = script.result
    assert scalars == {"forked 0": [0], "forked 1": [1], "started": [2]}
    assert "from the started" in "".join(console)
    assert status == "completed"


async def test_a_script_that_raises_has_failed(sdk: Callable[..., Any], admin: Any) -> None:
    script = await sdk(
        """
        from clearml import Task

        Task.init("procs", "raises", auto_connect_frameworks=False)
        raise ValueError("no owls")
        """
    )
    assert script.returncode != 0
    (task,) = (await admin("tasks.get_all", name="^raises$")).data["tasks"]
    assert task["status"] == "failed"
    log = (await admin("events.get_task_log", task=task["id"])).data["events"]
    assert any("no owls" in line["msg"] for line in log)


async def test_a_killed_script_leaves_a_task_that_can_be_stopped(sdk: Callable[..., Any], admin: Any) -> None:
    script = await sdk(
        """
        import os, signal
        from clearml import Task

        Task.init("procs", "killed", auto_connect_frameworks=False)
        os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    assert script.returncode == -signal.SIGKILL
    (task,) = (await admin("tasks.get_all", name="^killed$")).data["tasks"]
    assert task["status"] == "in_progress"
    assert (await admin("tasks.stop", task=task["id"])).data["fields"]["status"] == "stopped"
