"""A synchronous client of one node's native REST interface, on the standard library alone.

Answers are the node's JSON as it stands, except a job, which is a :class:`Job`: jobs are what programs wait
for. Every failure is a :class:`SufficeError` with a code, a message and a remedy. Rendering and the command
line live elsewhere.

    >>> client = Client("http://127.0.0.1:8080", access_key, secret_key)      # doctest: +SKIP
    >>> job = client.wait_for(client.learn("flights", "/data/flights.csv"))  # doctest: +SKIP
    >>> client.fit("flights", "delay", target="arr_delay", inputs=["dep_delay"])  # doctest: +SKIP
"""

# ruff: noqa: N818 (the names say what happened; "Error" would add nothing)

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import IO, Any
from urllib.parse import urlencode

from suffice.deployment_client import DeploymentCalls
from suffice.encoder_client import EncoderCalls
from suffice.federation_client import FederationCalls
from suffice.source_client import SourceCalls
from suffice.wire import (
    ANSWER_SECONDS,
    AuthenticationFailed,
    CannotReachNode,
    Json,
    NodeRefused,
    SufficeError,
    given,
    part,
)

__all__ = [
    "AuthenticationFailed",
    "CannotReachNode",
    "Client",
    "Job",
    "JobFailed",
    "Json",
    "NodeRefused",
    "SufficeError",
]

FINISHED = frozenset({"completed", "failed", "stopped", "closed", "published"})
POLL_SECONDS = 10.0  # one long poll; the node answers sooner when something changes


class JobFailed(SufficeError):
    """The job that was waited for ended in another way than ``completed``."""

    def __init__(self, job: Job) -> None:
        reason = job.error or f"it is {job.status}"
        super().__init__("job_" + job.status, f"{job.kind} job {job.id} did not complete: {reason}")
        self.job = job


@dataclass(frozen=True, slots=True)
class Job:
    """One task of the node. ``current`` of ``maximum`` says how far it is (0 of 0: not known yet)."""

    id: str
    kind: str
    status: str
    number: int = 0
    project: str | None = None
    current: float = 0
    maximum: float = 0
    created: float | str | None = None
    started: float | str | None = None
    completed: float | str | None = None
    result: Json | None = None
    error: str | None = None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Job:
        """Keys that a newer node adds are left out."""
        known = {field.name for field in fields(cls)}
        return cls(**{key: value for key, value in data.items() if key in known})

    @property
    def finished(self) -> bool:
        return self.status in FINISHED


class Client(FederationCalls, EncoderCalls, SourceCalls, DeploymentCalls):
    """One node, one access key. Not bound to a connection: usable from several threads, nothing to close.

    ``url`` is the node's address (``http://host:port``); raises :class:`SufficeError` if it is not one.
    """

    # The node

    def node(self) -> Json:
        return self._get("/api/node")

    def metric(self, name: str, **labels: str) -> float:
        """One figure of the node's ``/metrics`` (Prometheus); raises :class:`SufficeError` if it has none."""
        wanted = ",".join(f'{label}="{value}"' for label, value in labels.items())
        start = f"{name}{{{wanted}}} " if wanted else f"{name} "
        for line in self._fetch("GET", "/metrics").decode().splitlines():
            if line.startswith(start):
                return float(line.removeprefix(start))
        raise SufficeError("no_metric", f"{self.url} has no metric {start}.")

    def backup(self, file: IO[bytes]) -> None:
        """Write a backup of the node, as it runs, to a file (for an admin)."""
        self._save("/api/backup", file)

    # Projects

    def create_project(
        self,
        name: str,
        *,
        federation: str | None = None,
        schema: Json | None = None,
        schema_from: Json | None = None,
        parameters: Json | None = None,
        encoder: str | None = None,
    ) -> Json:
        body = given(
            name=name,
            federation=federation,
            schema=schema,
            schema_from=schema_from,
            parameters=parameters,
            encoder=encoder,
        )
        return self._post("/api/projects", body)

    def projects(self) -> list[Json]:
        return self._list("/api/projects", "projects")

    def project(self, name: str) -> Json:
        return self._get(f"/api/projects/{part(name)}")

    def delete_project(self, name: str) -> Json:
        return self._object("DELETE", f"/api/projects/{part(name)}")

    def merge_project(self, name: str, other: str) -> Json:
        """Add what another project of the node has learned; the other stays."""
        return self._post(f"/api/projects/{part(name)}/merge", {"other": other})

    def export_project(self, name: str) -> Json:
        return self._get(f"/api/projects/{part(name)}/export")

    def import_project(self, name: str, exported: Json) -> Json:
        """Make a project of what :meth:`export_project` gave, on this node or another."""
        return self._post(f"/api/projects/{part(name)}/import", exported)

    def freeze_project(self, name: str, frozen: bool = True) -> Json:
        return self._post(f"/api/projects/{part(name)}/freeze", {"frozen": frozen})

    def statistics(self, name: str) -> Json:
        """Rows, version and digest of the node's own statistics, and the same of the fused ones."""
        return self._get(f"/api/projects/{part(name)}/statistics")

    def learn(
        self,
        name: str,
        path: str | None = None,
        *,
        source: str | None = None,
        types: Mapping[str, str] | None = None,
    ) -> Job:
        """Start learning a file (a path on the node's machine), or a data source by its name."""
        body = given(path=path, source=source, types=types)
        return Job.from_dict(self._post(f"/api/projects/{part(name)}/learn", body))

    def forget(
        self,
        name: str,
        path: str | None = None,
        *,
        source: str | None = None,
        types: Mapping[str, str] | None = None,
    ) -> Job:
        """Start forgetting a file that was learned (a path on the node's machine), or a data source."""
        body = given(path=path, source=source, types=types)
        return Job.from_dict(self._post(f"/api/projects/{part(name)}/forget", body))

    def learn_encoder(
        self, name: str, path: str | None = None, *, source: str | None = None, forget: bool = False
    ) -> Job:
        """Start learning (or forgetting) a file (a path on the node's machine), or a data source."""
        return Job.from_dict(self.change_encoder(name, given(path=path, source=source), forget=forget))

    def metrics(self) -> Json:
        """What may be explored, ``metrics`` and ``drift``: names, summaries, what each takes."""
        return self._get("/api/metrics")

    def explore(
        self,
        name: str,
        attributes: Sequence[str] = (),
        *,
        metric: str = "uni",
        targets: Sequence[str] = (),
        parameters: Mapping[str, Any] | None = None,
        local: bool = False,
        member: str | None = None,
    ) -> Json:
        """A metric's answer; without attributes, of all that suit it. ``local``: of the node's own rows;
        ``member``: of what one member of the federation, by its id or name, has contributed."""
        query = [("metric", metric), *_listed("attributes", attributes), *_listed("targets", targets)]
        query += [("member", member)] if member is not None else []
        query += [("local", "true")] * local + [
            (key, str(value)) for key, value in (parameters or {}).items()
        ]
        return self._get(f"/api/projects/{part(name)}/explore?{urlencode(query)}")

    def drift(
        self, name: str, baseline: str, attributes: Sequence[str] = (), *, metric: str = "global"
    ) -> Json:
        """How far the project's rows have moved from those of the project ``baseline``."""
        query = [("baseline", baseline), ("metric", metric), *_listed("attributes", attributes)]
        return self._get(f"/api/projects/{part(name)}/drift?{urlencode(query)}")

    def fit(
        self,
        name: str,
        model: str,
        *,
        target: str | None,
        inputs: Sequence[str],
        algorithm: str = "mlr",
        parameters: Mapping[str, Any] | None = None,
    ) -> Json:
        body = given(
            name=model,
            algorithm=algorithm,
            target=target,
            inputs=list(inputs),
            parameters=dict(parameters or {}),
        )
        return self._post(f"/api/projects/{part(name)}/models", body)

    def algorithms(self) -> list[Json]:
        """What may be fitted: ``name``, ``summary`` and ``parameters`` (``name`` and ``help`` each)."""
        return self._list("/api/algorithms", "algorithms")

    def algorithm(self, name: str) -> Json:
        return self._get(f"/api/algorithms/{part(name)}")

    def models(self, name: str) -> list[Json]:
        return self._list(f"/api/projects/{part(name)}/models", "models")

    def model(self, name: str, model: str) -> Json:
        return self._get(f"/api/projects/{part(name)}/models/{part(model)}")

    def import_model(self, name: str, model: str, record: Json) -> Json:
        """Make a model of what :meth:`model` answered, of this node or another."""
        path = f"/api/projects/{part(name)}/models/{part(model)}"
        return self._object("PUT", path, record)

    def onnx(self, name: str, model: str) -> bytes:
        """The model as an ONNX file."""
        return self._fetch("GET", f"/api/projects/{part(name)}/models/{part(model)}/onnx")

    def delete_model(self, name: str, model: str) -> Json:
        return self._object("DELETE", f"/api/projects/{part(name)}/models/{part(model)}")

    def predict(
        self,
        name: str,
        model: str,
        names: Sequence[str],
        rows: Sequence[Sequence[str | float | None]],
        *,
        impute: bool = False,
    ) -> Json:
        """Columns of predictions, one value per row; an empty or absent input counts as missing.

        ``impute`` estimates missing inputs from the others; else each counts as its column's mean.
        """
        body = {"names": list(names), "rows": [list(row) for row in rows], "impute": impute}
        return self._post(f"/api/projects/{part(name)}/models/{part(model)}/predict", body)

    def selection(self) -> Json:
        """What ``select`` may be told: its parameters, the scores, the algorithms of each task."""
        return self._get("/api/selection")

    def select(
        self,
        name: str,
        model: str,
        *,
        target: str,
        inputs: Sequence[str],
        algorithm: str | None = None,
        task: str | None = None,
        parameters: Mapping[str, Any] | None = None,
        path: str | None = None,
        source: str | None = None,
    ) -> Job:
        """Start selecting a model, of one algorithm or for a task, by a file (on the node's machine) or a
        data source."""
        body = given(
            model=model,
            target=target,
            inputs=list(inputs),
            algorithm=algorithm,
            task=task,
            parameters=dict(parameters or {}),
            path=path,
            source=source,
        )
        return Job.from_dict(self._post(f"/api/projects/{part(name)}/select", body))

    def assess(
        self,
        name: str,
        model: str,
        *,
        path: str | None = None,
        source: str | None = None,
        figures: bool = False,
    ) -> Job:
        """Start judging a model by a file with the target (on the node's machine), or a data source; figures
        are Plotly's."""
        body = given(model=model, path=path, source=source, figures=figures)
        return Job.from_dict(self._post(f"/api/projects/{part(name)}/assess", body))

    def predict_file(
        self,
        name: str,
        model: str,
        path: str | None = None,
        *,
        source: str | None = None,
        output: str | None = None,
        impute: bool = False,
        flags: bool | None = None,
        score: str | None = None,
    ) -> Job:
        """Start predicting a file or data source; ``output`` is a CSV to write: its rows, and predictions
        beside them.

        With ``flags``, instead: which rows are anomalies by the scores of them all, the job's result's
        columns id, res, q95, q98, q99 and evt; ``score`` names the output they are by.
        """
        body = given(path=path, source=source, output=output, impute=impute, flags=flags, score=score)
        return Job.from_dict(self._post(f"/api/projects/{part(name)}/models/{part(model)}/predict", body))

    # Jobs

    def jobs(self, *, project: str | None = None) -> list[Job]:
        query = f"?{urlencode({'project': project})}" if project is not None else ""
        return [Job.from_dict(item) for item in self._list(f"/api/jobs{query}", "jobs")]

    def job(self, job: str, *, wait: float = 0.0) -> Job:
        """The job now, or as soon as something about it changes, after ``wait`` seconds at the latest."""
        query = f"?wait={wait:g}" if wait > 0 else ""
        return Job.from_dict(
            self._call("GET", f"/api/jobs/{part(job)}{query}", timeout=ANSWER_SECONDS + wait)
        )

    def kill(self, job: str) -> Job:
        return Job.from_dict(self._object("DELETE", f"/api/jobs/{part(job)}"))

    def wait_for(
        self,
        job: Job | str,
        on_progress: Callable[[Job], None] | None = None,
        *,
        timeout: float | None = None,
    ) -> Job:
        """Wait until the job is finished; ``on_progress`` sees every change on the way.

        Raises :class:`JobFailed` if it ends otherwise than completed, ``TimeoutError`` after ``timeout``
        seconds.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        state = job if isinstance(job, Job) else self.job(job)
        while True:
            if on_progress is not None:
                on_progress(state)
            if state.status == "completed":
                return state
            if state.finished:
                raise JobFailed(state)
            left = POLL_SECONDS if deadline is None else deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"{state.kind} job {state.id} is still {state.status} after {timeout} s")
            state = self.job(state.id, wait=min(left, POLL_SECONDS))

    # Keys

    def keys(self) -> list[Json]:
        return self._list("/api/keys", "keys")

    def create_key(self, user: str, role: str, label: str = "") -> Json:
        return self._post("/api/keys", {"user": user, "role": role, "label": label})

    def revoke_key(self, access_key: str) -> Json:
        return self._object("DELETE", f"/api/keys/{part(access_key)}")


def _listed(key: str, names: Sequence[str]) -> list[tuple[str, str]]:
    """One parameter a name and an empty one: a single name would be cut at its commas."""
    return [(key, name) for name in (*names, "")] if names else []
