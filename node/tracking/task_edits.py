"""Edits of what a task was given and has made: pure functions from a task and an edit to its changed fields.

Keys (of parameters, configurations, artifacts, models) are taken as they are, whatever characters they have.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal

from node.tracking.documents import Document
from node.tracking.errors import BadFieldValue
from node.tracking.task_states import Step

Fields = dict[str, Any]
Edit = Callable[[Document], Fields]
Replace = Literal["none", "section", "all"]

USER_PROPERTIES: Final = "properties"
"""The section of the parameters that people note beside a task; it does not see them."""

_ITEM = ("section", "name", "value", "type", "description")


def hyperparams(items: Sequence[Mapping[str, Any]], replace: Replace = "none") -> Edit:
    """Set parameters, each {section, name, value?, type?, description?}. replace: nothing else, or the whole
    sections that are named here, or all there are."""
    sections: dict[str, dict[str, Any]] = {}
    for item in items:
        section, name = _key(item, "section"), _key(item, "name")
        sections.setdefault(section, {})[name] = _item(item)

    def edit(task: Document) -> Fields:
        if replace == "all":
            return {"hyperparams": sections}
        before = task.get("hyperparams", {})
        if replace == "section":
            return {"hyperparams": {**before, **sections}}
        return {
            "hyperparams": {
                **before,
                **{name: {**before.get(name, {}), **new} for name, new in sections.items()},
            }
        }

    return edit


def without_hyperparams(keys: Sequence[Mapping[str, Any]]) -> Edit:
    """Remove parameters, each {section, name}; without a name the whole section."""

    def edit(task: Document) -> Fields:
        sections = {name: dict(section) for name, section in task.get("hyperparams", {}).items()}
        for key in keys:
            section = _key(key, "section")
            if key.get("name") is None:
                sections.pop(section, None)
            elif section in sections:
                sections[section].pop(key["name"], None)
        return {"hyperparams": sections}

    return edit


def parameters_step(items: Sequence[Mapping[str, Any]]) -> Step:
    """What an edit of these parameters is for a task: its user properties may change whatever its status."""
    properties = all(item.get("section") == USER_PROPERTIES for item in items)
    return Step.PING if properties else Step.EDIT_PARAMETERS


def configuration(items: Sequence[Mapping[str, Any]], *, replace: bool = False) -> Edit:
    """Set configurations, each {name, value?, type?, description?}; `replace`: these are all."""
    given = {_key(item, "name"): _item(item) for item in items}
    return lambda task: {"configuration": given if replace else {**task.get("configuration", {}), **given}}


def without_configuration(names: Sequence[str]) -> Edit:
    """Remove configurations."""
    return lambda task: {
        "configuration": {k: v for k, v in task.get("configuration", {}).items() if k not in names}
    }


def artifacts(items: Sequence[Mapping[str, Any]]) -> Edit:
    """Add artifacts, or replace those of the same key and mode (output, if none is said)."""
    given = {_artifact_key(item): dict(item) | {"mode": item.get("mode") or "output"} for item in items}

    def edit(task: Document) -> Fields:
        before = {_artifact_key(item): item for item in task.get("execution", {}).get("artifacts", ())}
        return _execution(task, artifacts=[*{**before, **given}.values()])

    return edit


def without_artifacts(keys: Sequence[Mapping[str, Any]]) -> Edit:
    """Remove artifacts by their key and mode."""
    gone = {_artifact_key(key) for key in keys}
    return lambda task: _execution(
        task,
        artifacts=[
            item for item in task.get("execution", {}).get("artifacts", ()) if _artifact_key(item) not in gone
        ],
    )


def model(kind: Literal["input", "output"], name: str, model: str) -> Edit:
    """Add a model that the task reads or writes, or put another in the place of that name."""

    def edit(task: Document) -> Fields:
        models = task.get("models", {})
        known = {item["name"]: item for item in models.get(kind, ())}
        return {"models": {**models, kind: [*{**known, name: {"name": name, "model": model}}.values()]}}

    return edit


def without_models(keys: Sequence[Mapping[str, Any]]) -> Edit:
    """Remove models, each {type: input or output, name}."""
    gone = {(key.get("type"), key.get("name")) for key in keys}
    return lambda task: {
        "models": {
            kind: [item for item in items if (kind, item["name"]) not in gone]
            for kind, items in task.get("models", {}).items()
        }
    }


def runtime(changes: Mapping[str, Any], gone: Sequence[str] = ()) -> Edit:
    """Set runtime properties, and remove others."""
    return lambda task: {
        "runtime": {k: v for k, v in {**task.get("runtime", {}), **changes}.items() if k not in gone}
    }


def requirements(wanted: Mapping[str, Any]) -> Edit:
    """What the script needs."""
    return lambda task: {"script": {**task.get("script", {}), "requirements": dict(wanted)}}


def tags(add: Sequence[str], remove: Sequence[str]) -> Edit:
    """Add tags, then remove tags."""
    return lambda task: {
        "tags": [tag for tag in dict.fromkeys([*task.get("tags", ()), *add]) if tag not in remove]
    }


def named_parameters(given: Any) -> Any:
    """Maps of hyperparams as they are stored: each parameter knows its section and name."""
    if not isinstance(given, dict) or not all(isinstance(section, dict) for section in given.values()):
        raise BadFieldValue(
            "hyperparams is not a map of sections of parameters", "send {section: {name: {}}}"
        )
    return {
        section: {
            name: _item({**_mapping(item), "section": section, "name": name}) for name, item in items.items()
        }
        for section, items in given.items()
    }


def named_configuration(given: Any) -> Any:
    """A map of configurations as it is stored: each knows its name."""
    if not isinstance(given, dict):
        raise BadFieldValue("configuration is not a map of configurations", "send {name: {value}}")
    return {name: _item({**_mapping(item), "name": name}) for name, item in given.items()}


def _execution(task: Document, **changes: Any) -> Fields:
    return {"execution": {**task.get("execution", {}), **changes}}


def _artifact_key(item: Mapping[str, Any]) -> tuple[str, str]:
    return _key(item, "key"), item.get("mode") or "output"


def _key(item: Mapping[str, Any], name: str) -> str:
    key = item.get(name)
    if not isinstance(key, str) or not key:
        raise BadFieldValue(f"{key!r} is no {name}", "give each a text that is not empty")
    return key


def _mapping(item: Any) -> Mapping[str, Any]:
    if not isinstance(item, dict):
        raise BadFieldValue(f"{item!r} is not a parameter", "send it as {value, type?, description?}")
    return item


def _item(item: Mapping[str, Any]) -> Fields:
    """A parameter as it is stored: its value is a text."""
    kept = {name: item[name] for name in _ITEM if item.get(name) is not None}
    if "value" in kept and not isinstance(kept["value"], str):
        kept["value"] = str(kept["value"])
    return kept
