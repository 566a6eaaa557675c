"""The real SDK runs pipelines whose steps are tasks of a node."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


async def test_a_pipeline_of_functions(sdk: Callable[..., Any]) -> None:
    script = await sdk(
        """
        import json
        from clearml import PipelineController, Task

        def load(n):
            return list(range(int(n)))

        def double(values):
            return [2 * value for value in values]

        pipe = PipelineController("of functions", "pipes", "1.0", pool_frequency=0.01)
        pipe.add_parameter("n", 3)
        pipe.add_function_step(
            "load", load, function_kwargs={"n": "${pipeline.n}"}, function_return=["values"]
        )
        pipe.add_function_step(
            "double", double, function_kwargs={"values": "${load.values}"}, function_return=["doubled"]
        )
        pipe.start_locally(run_pipeline_steps_locally=True)
        steps = pipe.get_processed_nodes()
        last = Task.get_task(steps["double"].executed)
        told = {
            "steps": {name: step.status for name, step in steps.items()},
            "result": last.artifacts["doubled"].get(),
            "child": last.parent == pipe.id,
            "pipeline": Task.get_task(pipe.id).get_status(),
        }
        print()
        print(json.dumps(told))
        """
    )
    assert script.result == {
        "steps": {"load": "completed", "double": "completed"},
        "result": [0, 2, 4],
        "child": True,
        "pipeline": "completed",
    }


async def test_a_pipeline_of_decorated_functions(sdk: Callable[..., Any], admin: Any) -> None:
    script = await sdk(
        """
        import json
        from clearml import PipelineDecorator

        @PipelineDecorator.component(return_values=["values"])
        def load(n):
            return list(range(n))

        @PipelineDecorator.component(return_values=["total"])
        def total(values):
            return sum(values)

        @PipelineDecorator.pipeline(name="decorated", project="pipes", version="0.1")
        def flow(n=4):
            return int(total(load(n)))

        if __name__ == "__main__":
            PipelineDecorator.run_locally()
            result = flow(5)
            print()
            print(json.dumps(result))
        """
    )
    assert script.result == 10
    tasks = (await admin("tasks.get_all", search_hidden=True, only_fields=["name", "status"])).data["tasks"]
    assert {task["name"]: task["status"] for task in tasks} == dict.fromkeys(
        ("decorated", "load", "total"), "completed"
    )
