"""The real SDK writes, reads, finds and removes models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


async def test_models_are_written_and_read(sdk: Callable[..., Any], admin: Any) -> None:
    script = await sdk(
        """
        import json
        from pathlib import Path
        from clearml import InputModel, OutputModel, Task

        task = Task.init("models", "writes one", auto_connect_frameworks=False, output_uri=True)
        Path("weights.txt").write_text("0.5")
        model = OutputModel(task=task, name="net", framework="custom", label_enumeration={"owl": 1})
        model.update_weights("weights.txt", auto_delete_file=False, async_enable=False)
        model.set_metadata("depth", "3", "int")
        model.publish()
        task.close()
        again = InputModel(model_id=model.id)
        text = Path(again.get_local_copy()).read_text()
        print()
        print(json.dumps([model.id, text]))
        """
    )
    key, text = script.result
    assert text == "0.5"
    model = (await admin("models.get_by_id", model=key)).data["model"]
    assert (model["name"], model["framework"], model["ready"]) == ("net", "custom", True)
    assert model["labels"] == {"owl": 1} and model["metadata"]["depth"]["value"] == "3"
