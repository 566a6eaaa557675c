"""What a job that selects tells of itself: the MLContext it was given and the first validation rows."""

from __future__ import annotations

import json

from node.tasks import Task


def selection_details(task: Task) -> dict[str, str]:
    """The documented details of a selection: names as JSON lists, extra parameters one by one, and the first
    rows as a DataFrame in JSON."""
    given = task.parameters
    details = {
        "modelid": str(given["model"]),
        "targetAttributeNames": json.dumps([given["target"]]),
        "inputAttributeNames": json.dumps(given["inputs"]),
    }
    details |= {name: str(given[key]) for name, key in _QUERY.items() if given.get(key) is not None}
    details |= {name: str(value) for name, value in (given.get("parameters") or {}).items()}
    sample = given.get("sample")
    if sample is not None:
        frame = {"attributeNames": sample["names"], "data": sample["rows"]}
        letters = sample.get("types")
        if letters is not None:
            frame["attributeTypes"] = [letters[name] for name in sample["names"]]
        details["dataframe"] = json.dumps(frame)
    return details


_QUERY = {"algo": "algorithm", "task": "task", "path": "path", "dsid": "source"}


def selection_job_type(task: Task) -> str:
    """SymetryML's name of the job."""
    if task.parameters.get("task") is not None:
        return "AutoSelectJob"
    criterion = (task.parameters.get("parameters") or {}).get("sml_model_assessment_type")
    return "ReduceJob" if criterion == "aicc" else "SelectModelJob"
