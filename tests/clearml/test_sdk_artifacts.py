"""The real SDK keeps artifacts of a task at a node, reads them elsewhere, and deletes them with the task."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


async def test_artifacts_are_read_in_another_process(sdk: Callable[..., Any]) -> None:
    written = await sdk(
        """
        from pathlib import Path

        import numpy as np
        import pandas as pd
        from clearml import Task
        from PIL import Image

        task = Task.init("birds", "artifacts", auto_connect_frameworks=False)
        Path("folder/deep").mkdir(parents=True)
        Path("folder/deep/a.txt").write_text("A")
        Path("folder/b.txt").write_text("B")
        Path("file.txt").write_text("some text")
        for name, what in {
            "dict.x $": {"a": [1, {"b": None}]},
            "array": np.arange(6).reshape(2, 3),
            "frame": pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}),
            "file ü": "file.txt",
            "folder": "folder",
            "text": "just text",
            "image": Image.new("RGB", (4, 3)),
            "object": {1, 2, 3},
        }.items():
            task.upload_artifact(name, what, metadata={"why": name})
        task.flush(wait_for_uploads=True)
        task.close()
        """
    )
    assert written.returncode == 0, written.errors
    read = await sdk(
        """
        import json
        from pathlib import Path
        from clearml import Task

        artifacts = Task.get_task(project_name="birds", task_name="artifacts").artifacts
        folder = Path(artifacts["folder"].get_local_copy())
        frame = artifacts["frame"].get().to_dict("list")
        told = {
            "types": {name: artifact.type for name, artifact in artifacts.items()},
            "noted": all(artifact.metadata == {"why": name} for name, artifact in artifacts.items()),
            "dict": artifacts["dict.x $"].get(),
            "array": artifacts["array"].get().tolist(),
            "frame": {name: frame[name] for name in "ab"},
            "file": Path(artifacts["file ü"].get_local_copy()).read_text(),
            "folder": sorted(str(path.relative_to(folder)) for path in folder.rglob("*.txt")),
            "text": artifacts["text"].get(),
            "image": artifacts["image"].get().size,
            "object": sorted(artifacts["object"].get()),
        }
        print()
        print(json.dumps(told))
        """
    )
    assert read.result == {
        "types": {
            "dict.x $": "dict",
            "array": "numpy",
            "frame": "pandas",
            "file ü": "custom",
            "folder": "archive",
            "text": "string",
            "image": "image",
            "object": "pickle",
        },
        "noted": True,
        "dict": {"a": [1, {"b": None}]},
        "array": [[0, 1, 2], [3, 4, 5]],
        "frame": {"a": [1, 2], "b": ["x", "y"]},
        "file": "some text",
        "folder": ["b.txt", "deep/a.txt"],
        "text": "just text",
        "image": [4, 3],
        "object": [1, 2, 3],
    }


async def test_a_task_is_deleted_with_its_files(sdk: Callable[..., Any], served: Any) -> None:
    """The SDK deletes them one by one, after it has asked the node for the same."""
    script = await sdk(
        """
        import json
        from pathlib import Path

        import numpy as np
        from clearml import OutputModel, Task

        task = Task.init("zoo", "to delete", auto_connect_frameworks=False, output_uri=True)
        task.upload_artifact("dict", {"a": 1}, wait_on_upload=True)
        task.get_logger().report_image("image", "s", iteration=0, image=np.zeros((8, 8, 3), np.uint8))
        Path("weights.txt").write_text("0.5")
        OutputModel(task=task, name="net").update_weights("weights.txt", async_enable=False)
        task.flush(wait_for_uploads=True)
        task.close()
        deleted = Task.get_task(task.id).delete(raise_on_error=True)
        print()
        print(json.dumps(deleted.ok()))
        """
    )
    assert script.result is True
    assert await served.node.files.count() == 0
