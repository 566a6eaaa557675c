"""The unmodified SDK sees the uplets of Morpheo's workers."""

from __future__ import annotations

from node.uplets.kinds import UpletKind
from node.uplets.results import Learned


async def test_the_sdk_finds_a_learnuplet_with_its_figure_and_its_model(served, sdk):
    uplets, key = served.node.uplets, served.node.first_key
    await uplets.add_problem("birds", "W", ["T"], 1, key)
    await uplets.add_algo("A", "birds", "tree", key)
    await uplets.add_data(["D1", "D2"], ["birds"], key)
    ((ready, _),) = await uplets.ready(UpletKind.LEARN, 10)
    await uplets.claim(UpletKind.LEARN, ready.uuid, "w1", key)
    await uplets.finish_learning(ready.uuid, Learned(0.75, [], []), key)
    seen = await sdk("""
        import json
        from clearml import Task
        tasks = Task.get_tasks(project_name="Morpheo/birds")
        done, ready = sorted(tasks, key=lambda task: task.name)
        (model,) = done.models["output"]
        print(json.dumps({
            "tasks": [(task.name, str(task.task_type), task.get_status()) for task in (done, ready)],
            "figures": done.get_reported_single_values(),
            "rank": done.get_parameter("learnuplet/rank"),
            "model": [model.id, model.name],
        }))
    """)
    assert seen.result == {
        "tasks": [["tree 0", "training", "completed"], ["tree 1", "training", "queued"]],
        "figures": {"perf": 0.75},
        "rank": "0",
        "model": [ready.model_end.replace("-", ""), "model of tree 0"],
    }
