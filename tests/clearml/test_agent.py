"""The real agent takes tasks from a queue of a node, runs them, and tells of their end."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

SECONDS = 150.0
"""How long an agent may take for a task: it starts several interpreters for each."""

QUIET = """
agent {
    worker_id: "tester:0"
    default_python: "%(python)s"
    python_binary: "%(python)s"
    venvs_dir: "%(home)s/venvs"
    vcs_cache { enabled: false }
    venvs_cache { path: "" }
    pip_download_cache { enabled: false }
    polling_interval: 0.5
    reload_config: false
}
sdk.development.worker.report_period_sec: 1
sdk.development.vcs_repo_detect_async: false
"""
"""The agent's configuration: this interpreter with what is installed beside it, nothing from elsewhere."""


@pytest.fixture
async def agent(
    sdk_environment: dict[str, str], tmp_path: Path, admin: Any
) -> AsyncIterator[Callable[[], str]]:
    """An agent that takes tasks from the queue "work"; the fixture returns what it has said so far."""
    await admin("queues.create", name="work")
    home = Path(sdk_environment["HOME"])
    configuration = home / "clearml.conf"
    configuration.write_text(QUIET % {"python": sys.executable, "home": home})
    said = tmp_path / "agent.log"
    bin_folder = Path(sys.executable).parent
    environment = sdk_environment | {
        "CLEARML_AGENT_SKIP_PYTHON_ENV_INSTALL": "1",
        "PATH": f"{bin_folder}{os.pathsep}{sdk_environment['PATH']}",
    }
    with said.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            str(bin_folder / "clearml-agent"),
            *("daemon", "--queue", "work", "--foreground", "--cpu-only"),
            cwd=home,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield lambda: said.read_text(errors="replace")
        finally:
            # The agent and what it started are one group of their own.
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


async def enqueued(admin: Any, code: str) -> str:
    """A task that runs a script, in the queue."""
    script = {
        "repository": "",
        "entry_point": "script.py",
        "working_dir": ".",
        "binary": "python3",
        "diff": dedent(code),
        "requirements": {"pip": ""},
    }
    task = (await admin("tasks.create", name="a script", type="training", script=script)).data["id"]
    await admin("tasks.enqueue", task=task, queue_name="work")
    return task


async def seen(admin: Any, task: str) -> dict[str, Any]:
    return (await admin("tasks.get_by_id", task=task)).data["task"]


async def until(served: Any, task: str, wanted: Callable[[], Awaitable[Any]], said: Callable[[], str]) -> Any:
    """What is wanted, as soon as something that happens to a task makes it true."""
    try:
        async with asyncio.timeout(SECONDS):
            with served.node.events.listen([task]) as listener:
                while not (found := await wanted()):
                    await listener.get()
                return found
    except TimeoutError:
        raise AssertionError(said()[-8000:]) from None


async def ended(served: Any, admin: Any, task: str, said: Callable[[], str]) -> dict[str, Any]:
    async def over() -> dict[str, Any] | None:
        found = await seen(admin, task)
        return found if found["status"] in ("completed", "failed", "stopped") else None

    return await until(served, task, over, said)


async def test_an_agent_runs_a_script_to_its_end(agent: Callable[[], str], served: Any, admin: Any) -> None:
    task = await enqueued(
        admin,
        """
        from clearml import Task

        task = Task.init()
        parameters = task.connect({"rate": 0.5})
        for step in range(3):
            task.get_logger().report_scalar("loss", "train", value=parameters["rate"], iteration=step)
        print("the script has come to its end")
        """,
    )
    done = await ended(served, admin, task, agent)
    assert done["status"] == "completed", agent()
    assert done["last_worker"] == "tester:0" and done["last_iteration"] == 2
    assert done["hyperparams"]["General"]["rate"]["value"] == "0.5"
    log = (await admin("events.get_task_log", task=task)).data["events"]
    assert any("the script has come to its end" in event["msg"] for event in log)
    (queue,) = (await admin("queues.get_all_ex")).data["queues"]
    assert queue["entries"] == []
    assert [worker["name"] for worker in queue["workers"]] == ["tester:0"]
    assert (await admin("workers.get_metric_keys")).data["categories"][0]["name"] == "cpu"


async def test_a_script_that_fails_is_a_task_that_failed(
    agent: Callable[[], str], served: Any, admin: Any
) -> None:
    task = await enqueued(admin, "raise SystemExit(3)")
    assert (await ended(served, admin, task, agent))["status"] == "failed"


async def test_a_task_of_the_sdk_is_stopped_while_it_runs(
    agent: Callable[[], str], served: Any, admin: Any, sdk: Callable[..., Any]
) -> None:
    script = await sdk(
        """
        import json
        from clearml import Task

        code = "import time\\nprint('running', flush=True)\\ntime.sleep(600)\\n"
        task = Task.create("birds", "a long one")
        task.set_script(entry_point="long.py", working_dir=".", diff=code)
        Task.enqueue(task, queue_name="work")
        print()
        print(json.dumps(task.id))
        """
    )

    async def runs() -> bool:
        log = (await admin("events.get_task_log", task=script.result)).data["events"]
        return any("running" in event["msg"].splitlines() for event in log)

    await until(served, script.result, runs, agent)
    asked = await admin("tasks.stop", task=script.result)
    assert asked.data["fields"]["status_message"] == "stopping"
    done = await ended(served, admin, script.result, agent)
    assert done["status"] == "stopped", agent()
