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


async def test_models_are_found_read_by_tasks_archived_and_removed(
    sdk: Callable[..., Any], served: Any
) -> None:
    script = await sdk(
        """
        import json
        from pathlib import Path
        from clearml import InputModel, Model, OutputModel, Task

        task = Task.init("nets", "writer", auto_connect_frameworks=False, output_uri=True)
        Path("weights.txt").write_text("0.5")
        Path("folder").mkdir()
        Path("folder/a.txt").write_text("A")
        net = OutputModel(task=task, name="net one", tags=["good"], config_dict={"a": 1})
        net.update_weights("weights.txt", auto_delete_file=False, async_enable=False)
        net.set_metadata("depth", "3", "int")
        pack = OutputModel(task=task, name="pack")
        pack.update_weights_package(weights_path="folder", auto_delete_file=False, async_enable=False)
        task.flush(wait_for_uploads=True)
        written = sorted(model.name for model in task.get_models()["output"])
        task.close()
        net.publish()
        reader = Task.init("nets", "reader", auto_connect_frameworks=False)
        read = InputModel(model_id=net.id)
        reader.connect(read)
        reader.connect(InputModel.import_model("https://example.com/x.onnx", name="imported"), name="other")
        reader.close()
        inputs = sorted(model.name for model in Task.get_task(reader.id).get_models()["input"])

        def found(**how):
            return sorted(model.name for model in Model.query_models(project_name="nets", **how))

        told = {
            "written": written,
            "inputs": inputs,
            "net": [read.tags, read.config_dict, read.published],
            "named": found(model_name="net one", tags=["good"], only_published=True),
            "deep": found(metadata={"depth": "3"}),
        }
        Model(net.id).archive()
        told["archived"] = [found(), found(include_archived=True)]
        Model(net.id).unarchive()
        told["removed"] = [Model.remove(m.id, force=True, raise_on_errors=True) for m in (pack, net)]
        told["left"] = found()
        print()
        print(json.dumps(told))
        """
    )
    assert script.result == {
        "written": ["net one", "pack"],
        "inputs": ["imported", "net one"],
        "net": [["good"], {"a": 1}, True],
        "named": ["net one"],
        "deep": ["net one"],
        "archived": [["imported", "pack"], ["imported", "net one", "pack"]],
        "removed": [True, True],
        "left": ["imported"],
    }
    assert await served.node.files.count() == 0


async def test_an_archive_is_taken_apart_where_it_was_not_made(sdk: Callable[..., Any], admin: Any) -> None:
    """The process that uploaded it has it already: the SDK gives it the archive itself."""
    script = await sdk(
        """
        import json, zipfile
        from clearml import OutputModel, Task

        task = Task.init("models", "packs", auto_connect_frameworks=False, output_uri=True)
        with zipfile.ZipFile("net.zip", "w") as archive:
            archive.writestr("weights.txt", "0.5")
        model = OutputModel(task=task, name="zipped")
        model.update_weights("net.zip", auto_delete_file=False, async_enable=False)
        task.close()
        print()
        print(json.dumps(model.id))
        """
    )
    script = await sdk(
        """
        import json, sys
        from pathlib import Path
        from clearml import InputModel

        model = InputModel(model_id=sys.argv[1])
        folder = Path(model.get_local_copy(extract_archive=True, force_download=True))
        print()
        print(json.dumps([sorted(path.name for path in folder.iterdir()), folder.is_dir()]))
        """,
        script.result,
    )
    assert script.result == [["weights.txt"], True]
