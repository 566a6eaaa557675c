"""ClearML's refusals: a code (the HTTP status), a subcode, and the text that clients know them by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from api.problems import Problem
from node.errors import AlreadyExists, BadRequest, Forbidden, InUse, NodeError, NotFound, Unavailable
from node.events.batch import EmptyBatch
from node.events.owners import LockedModel, LockedTask
from node.events.reporting import NothingAdded
from node.tracking import errors as tracking
from node.users import BadPreferences, UnknownUser

TEXTS: Final[Mapping[tuple[int, int], str]] = {
    (400, 0): "Bad request",
    (400, 1): "Not supported",
    (400, 5): "Impersonation error",
    (400, 6): "Invalid impersonation",
    (400, 10): "Invalid id",
    (400, 11): "Missing required fields",
    (400, 12): "Validation error",
    (400, 14): "Invalid fields",
    (400, 16): "Fields value error",
    (400, 17): "Batch contains no items",
    (400, 18): "Batch validation error",
    (400, 20): "Fields type error",
    (400, 21): "Invalid regular expression",
    (400, 100): "General task error",
    (400, 101): "Invalid task id",
    (400, 102): "Task validation error",
    (400, 110): "Invalid task status",
    (400, 111): "Task not started",
    (400, 112): "Task in progress",
    (400, 113): "Task published",
    (400, 121): "Failed changing task status",
    (400, 122): "Missing task fields",
    (400, 123): "Task cannot be deleted",
    (400, 130): "Failed adding events",
    (400, 131): "Events not added",
    (400, 150): "Operation is supported on report tasks only",
    (400, 160): "Cannot remove all pipeline runs",
    (400, 201): "Invalid model id",
    (400, 202): "Model is not ready",
    (400, 203): "Model is ready",
    (400, 205): "Model in use",
    (400, 206): "Model creating task exists",
    (400, 301): "Invalid user id",
    (400, 305): "Bad user preferences",
    (400, 401): "Invalid project id",
    (400, 402): "Project has associated tasks",
    (400, 405): "Project has associated models",
    (400, 406): "Project has associated datasets",
    (400, 407): "Invalid project name",
    (400, 408): "Cannot update project location. Use projects.move instead",
    (400, 409): "Project path exceed the maximum allowed depth",
    (400, 410): "Project has no parent to move out of",
    (400, 411): "Cannot merge a project into its own child",
    (400, 412): "Project cannot be moved or merged into itself",
    (400, 413): "Project has associated pipelines",
    (400, 414): "Public project of this name exists",
    (400, 701): "Invalid queue id",
    (400, 702): "Queue is not empty",
    (400, 703): "Task is not in the queue",
    (400, 706): "Task already queued",
    (400, 707): "No queue is tagged as the default queue",
    (400, 708): "More than one queue is tagged as the default queue",
    (400, 800): "Data validation error",
    (400, 801): "Expected unique data",
    (400, 1001): "Invalid worker id",
    (400, 1002): "Worker registration failed",
    (400, 1003): "Worker is registered",
    (400, 1004): "Worker is not registered",
    (400, 1005): "Worker statistics not found",
    (400, 1050): "No serving endpoints found",
    (400, 1051): "Serving container is not registered",
    (400, 1052): "Serving endpoint not found",
    (400, 1104): "Invalid scroll id",
    (401, 10): "Unauthorized (authentication type is not supported)",
    (401, 20): "Unauthorized (missing credentials)",
    (401, 21): "Unauthorized (malformed credentials)",
    (401, 22): "Unauthorized (invalid credentials)",
    (401, 30): "Unauthorized (invalid or expired token)",
    (403, 20): "Forbidden (role not allowed)",
    (403, 21): "Forbidden (no write permission)",
    (404, 0): "Unable to find endpoint",
    (415, 0): "Unsupported content encoding",
    (429, 0): "The node cannot do this now",
}
"""The default text of each (code, subcode) that the node answers."""

RETRY_SECONDS: Final = 5


class ApiError(Problem):
    """A refusal: `ApiError(400, 110, expected="created", status="completed")`.

    The message is "<text of (code, subcode)> (<detail>): k=v, k=v". `data` is for machines: `error_data`.
    """

    def __init__(
        self,
        code: int,
        subcode: int,
        detail: str = "",
        /,
        *,
        data: Mapping[str, Any] | None = None,
        **facts: Any,
    ) -> None:
        text = TEXTS[code, subcode] + (f" ({detail})" if detail else "")
        told = ", ".join(f"{name}={value}" for name, value in facts.items())
        super().__init__(code, f"{code}/{subcode}", f"{text}: {told}" if told else text)
        self.subcode = subcode
        self.data = dict(data or {})


SUBCODES: Final[Mapping[type[NodeError], tuple[int, int]]] = {
    tracking.UnknownTask: (400, 101),
    tracking.UnknownModel: (400, 201),
    tracking.UnknownProject: (400, 401),
    tracking.UnknownQueue: (400, 701),
    tracking.InvalidRequest: (400, 12),
    tracking.BadFieldValue: (400, 16),
    tracking.BadPattern: (400, 21),
    tracking.UnknownScroll: (400, 1104),
    tracking.ReadOnlyDocument: (403, 21),
    tracking.WrongStatus: (400, 110),
    tracking.StatusOvertaken: (400, 121),
    tracking.UndeletableTask: (400, 123),
    tracking.AlreadyQueued: (400, 706),
    tracking.NotQueued: (400, 703),
    tracking.QueueNotEmpty: (400, 702),
    tracking.NoDefaultQueue: (400, 707),
    tracking.SeveralDefaultQueues: (400, 708),
    tracking.NoStatistics: (400, 1005),
    tracking.NameTaken: (400, 801),
    tracking.NameTooShort: (400, 800),
    tracking.InvalidProjectName: (400, 12),
    tracking.LocationNotEditable: (400, 408),
    tracking.PathTooDeep: (400, 409),
    tracking.NoParentToLeave: (400, 410),
    tracking.MergeIntoChild: (400, 411),
    tracking.MoveIntoItself: (400, 412),
    tracking.ModelIsReady: (400, 203),
    tracking.ModelInUse: (400, 205),
    tracking.ModelOfPublishedTask: (400, 206),
    tracking.NotAReport: (400, 150),
    tracking.UnknownContainer: (400, 1051),
    tracking.UnknownEndpoint: (400, 1052),
    tracking.AllRunsOfPipeline: (400, 160),
    tracking.TasksInProject: (400, 402),
    tracking.ModelsInProject: (400, 405),
    tracking.DatasetsInProject: (400, 406),
    tracking.PipelinesInProject: (400, 413),
    UnknownUser: (400, 301),
    EmptyBatch: (400, 17),
    NothingAdded: (400, 131),
    LockedTask: (400, 113),
    LockedModel: (400, 203),
    BadPreferences: (400, 305),
    BadRequest: (400, 12),
    Forbidden: (403, 21),
    NotFound: (400, 10),
    AlreadyExists: (400, 801),
    InUse: (400, 18),
    Unavailable: (429, 0),
    NodeError: (400, 0),
}
"""What each kind of a node's refusals is here; the most particular class decides."""


def of_problem(error: Problem | NodeError) -> ApiError:
    """A refusal from below this dialect, or from what all dialects share, in ClearML's terms.

    What could succeed later is a 429, which the SDK repeats after a while, and which nothing was done for. A
    503 it would take for maintenance and repeat at once and for ever, and anything else above 500 as well.
    """
    if isinstance(error, ApiError):
        return error
    if isinstance(error, NodeError):
        code, subcode = next(SUBCODES[kind] for kind in type(error).__mro__ if kind in SUBCODES)
        return _told(code, subcode, error.message, error.remedy)
    if error.code == "unavailable" or error.status == 408:
        return _told(429, 0, error.message, error.remedy)
    if error.code == "forbidden":
        return _told(403, 20, error.message, error.remedy)
    if error.code == "bad_request":
        return _told(400, 12, error.message, error.remedy)
    return _told(min(error.status, 500), 0, error.message, error.remedy)


def _told(code: int, subcode: int, message: str, remedy: str) -> ApiError:
    text = TEXTS.get((code, subcode), "")
    words = f"{message.rstrip('.')}. {remedy}" if remedy else message
    refusal = ApiError.__new__(ApiError)
    Problem.__init__(refusal, code, f"{code}/{subcode}", f"{text} ({words})" if text else words)
    refusal.subcode = subcode
    refusal.data = {}
    return refusal
