"""The real SDK keeps versions of datasets at a node."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


async def test_a_dataset_and_a_child_version(sdk: Callable[..., Any], served: Any) -> None:
    script = await sdk(
        """
        import json
        from pathlib import Path
        from clearml import Dataset

        Path("d/sub").mkdir(parents=True)
        Path("d/a.txt").write_text("A")
        Path("d/sub/b.txt").write_text("B")
        Path("c.txt").write_text("C")
        named = {"dataset_project": "data", "dataset_name": "birds"}

        def files(folder):
            return sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*.txt"))

        first = Dataset.create(**named, dataset_version="1.0.0", dataset_tags=["owls"])
        told = {"added": first.add_files("d")}
        first.upload()
        first.finalize()
        told["first"] = files(Dataset.get(dataset_id=first.id).get_local_copy())
        second = Dataset.create(**named, parent_datasets=[first.id])
        second.add_files("c.txt")
        second.remove_files("a.txt")
        second.finalize(auto_upload=True)
        newest = Dataset.get(**named)
        told["second"] = [newest.id == second.id, newest.version, newest.list_files()]
        told["changes"] = [newest.list_added_files(), newest.list_removed_files()]
        told["copy"] = files(newest.get_mutable_local_copy("copy"))
        told["old"] = Dataset.get(**named, dataset_version="1.0.0").id == first.id
        told["graph"] = newest.get_dependency_graph() == {first.id: [], second.id: [first.id]}
        listed = Dataset.list_datasets(dataset_project="data")
        told["listed"] = sorted([item["name"], item["version"], item["tags"]] for item in listed)
        Dataset.delete(dataset_id=second.id)
        told["left"] = [item["id"] == first.id for item in Dataset.list_datasets("data")]
        Dataset.delete(**named, entire_dataset=True, force=True)
        told["deleted"] = Dataset.list_datasets("data")
        print()
        print(json.dumps(told))
        """
    )
    assert script.result == {
        "added": 2,
        "first": ["a.txt", "sub/b.txt"],
        "second": [True, "1.0.1", ["c.txt", "sub/b.txt"]],
        "changes": [["c.txt"], ["a.txt"]],
        "copy": ["c.txt", "sub/b.txt"],
        "old": True,
        "graph": True,
        "listed": [["birds", "1.0.0", ["owls"]], ["birds", "1.0.1", []]],
        "left": [True],
        "deleted": [],
    }
    assert await served.node.files.count() == 0


async def test_a_dataset_is_renamed(sdk: Callable[..., Any], admin: Any) -> None:
    script = await sdk(
        """
        import json
        from pathlib import Path
        from clearml import Dataset

        Path("a.txt").write_text("A")
        made = Dataset.create(dataset_project="data", dataset_name="birds")
        made.add_files("a.txt")
        made.finalize(auto_upload=True)
        Dataset.rename("finches", dataset_project="data", dataset_name="birds")
        found = Dataset.get(dataset_project="data", dataset_name="finches")
        told = {"same": found.id == made.id, "files": found.list_files()}
        try:
            told["old"] = Dataset.get(dataset_project="data", dataset_name="birds").id
        except ValueError:
            told["old"] = None
        print()
        print(json.dumps(told))
        """
    )
    assert script.result == {"same": True, "files": ["a.txt"], "old": None}
    listed = await admin("projects.get_all", name="datasets/", search_hidden=True, only_fields=["name"])
    assert [project["name"] for project in listed.data["projects"]] == ["data/.datasets/finches"]
