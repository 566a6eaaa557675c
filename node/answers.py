"""What a node's services answer: plain data, ready to be put into any dialect's JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from federation.statistics import Moments


@dataclass(frozen=True, slots=True)
class Share:
    """Whose statistics are in an answer: the member, the version of its contribution and its rows."""

    node_id: str
    name: str
    version: int
    rows: int


@dataclass(frozen=True, slots=True)
class AttributeInfo:
    """One attribute of a project; type is an `AttributeType` letter; quantum as `Quantum` writes it."""

    name: str
    type: str
    quantum: str | None = None


@dataclass(frozen=True, slots=True)
class EncoderUse:
    """The encoder that a project's rows pass through: its name, the digest of its encoding as it was when it
    was assigned, and the columns that it encodes, with the types by which they are read."""

    name: str
    digest: str
    columns: dict[str, str]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An encoder as a project keeps it; data: the JSON of its encoding."""

    use: EncoderUse
    data: bytes


@dataclass(frozen=True, slots=True)
class EncoderInfo:
    """An encoder as it stands. rows: those it has learned; project: whose statistics it has instead.

    columns: for each column that it encodes, what it is learned as afterwards; digest: of the encoding, None
    as long as there is nothing to encode. used_by: the projects it is assigned to.
    """

    name: str
    owner: str
    kind: str
    target: str | None
    binary: bool
    keys: tuple[str, ...]
    parameters: dict[str, Any]
    project: str | None
    rows: int
    version: int
    columns: dict[str, tuple[AttributeInfo, ...]]
    digest: str | None
    used_by: tuple[str, ...]
    created: float
    changed: float


@dataclass(frozen=True, slots=True)
class KeyStatistics:
    """Of the values of an encoder's column: how many there are, and mean and spread (divided by n) of the
    rows that each has."""

    key: str
    count: int
    mean: float
    stddev: float
    variance: float


@dataclass(frozen=True, slots=True)
class KeyValue:
    """One value of an encoder's column: rows that have it, and the sum of the target in them."""

    value: str
    count: float
    sum: float


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """A named data source; info: what is told of the place, its secrets hidden. used_by: the projects that it
    is attached to."""

    name: str
    owner: str
    type: str
    info: dict[str, str]
    used_by: tuple[str, ...]
    created: float
    changed: float


@dataclass(frozen=True, slots=True)
class SourceSample:
    """The first rows of a table as text, an empty cell for a missing value; types: what each column would be
    learned as, D for dates."""

    names: tuple[str, ...]
    types: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Listing:
    """Files and folders right below a path."""

    path: str
    files: tuple[str, ...]
    folders: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ProjectInfo:
    """A project as it stands.

    rows, version and digest are those of this node's own statistics; `federation` and `shared_as` are None
    for a local project. `extras`: what is counted beside sums and products (`Extra`); split: the category
    for whose levels it is counted apart; separator: between a category and its level in names. created and
    changed are unix seconds.
    """

    name: str
    owner: str
    rows: int
    version: int
    digest: str
    attributes: tuple[AttributeInfo, ...]
    created: float
    changed: float
    federation: str | None = None
    shared_as: str | None = None
    models: tuple[str, ...] = ()
    parameters: dict[str, Any] = field(default_factory=dict)
    frozen: bool = False
    encoder: EncoderUse | None = None
    extras: tuple[str, ...] = ()
    split: str | None = None
    separator: str = "$"


@dataclass(frozen=True, slots=True)
class Statistics:
    """The statistics an answer is computed from, and whose they are.

    A local project's own; a federated project's sum over the members that contributed.
    """

    moments: Moments
    contributions: tuple[Share, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """What a metric is asked: attributes (none: all that suit it), targets, parameters."""

    attributes: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    parameters: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """An exploration's values, keyed as SymetryML keys them.

    A metric of single attributes (`MetricInfo.each`) gives `values` for each: {attribute: {key: value}}.
    """

    project: str
    metric: str
    attributes: tuple[str, ...]
    values: dict[str, Any]
    rows: int
    contributions: tuple[Share, ...]
    targets: tuple[str, ...] = ()
    parameters: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DriftAnswer:
    """How far a project has drifted from another, the baseline, and whose rows are in either."""

    project: str
    baseline: str
    metric: str
    attributes: tuple[str, ...]
    values: dict[str, float]
    rows: int
    contributions: tuple[Share, ...]
    baseline_rows: int
    baseline_contributions: tuple[Share, ...]


@dataclass(frozen=True, slots=True)
class ParameterInfo:
    """One parameter of an algorithm or metric, and a line that says what it does."""

    name: str
    help: str


@dataclass(frozen=True, slots=True)
class AlgorithmInfo:
    """What may be fitted: its name, a line about it, its parameters, and whether a target is "needed".

    Else target is "none", or "of score": that of the algorithm which the parameter score names, if any.
    """

    name: str
    summary: str
    target: str
    parameters: tuple[ParameterInfo, ...]


@dataclass(frozen=True, slots=True)
class ScoreInfo:
    """What models may be judged by: its name, a line about it, the tasks that it is for."""

    name: str
    summary: str
    tasks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SelectionInfo:
    """What a selection may be told: its parameters, the scores, and the algorithms tried for each task."""

    parameters: tuple[ParameterInfo, ...]
    scores: tuple[ScoreInfo, ...]
    tasks: dict[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class MetricInfo:
    """What may be explored: a metric's name, a line about it, how many attributes and targets it takes.

    The counts are (least, most), most being None where there is no limit. `each`: it takes attributes one by
    one, all that suit it if none are named.
    """

    name: str
    summary: str
    attributes: tuple[int, int | None]
    targets: tuple[int, int | None]
    parameters: tuple[ParameterInfo, ...]
    each: bool


@dataclass(frozen=True, slots=True)
class DriftInfo:
    """A way to measure drift, and a line about it."""

    name: str
    summary: str


@dataclass(frozen=True, slots=True)
class Fitted:
    """A model as its `to_dict()`, the names of what it predicts, and how long fitting took."""

    model: dict[str, Any]
    outputs: tuple[str, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class ModelRecord:
    """A fitted model and whose rows are in it. `model` is what the model's `to_dict()` gives.

    `outputs` names what it predicts, `seconds` is the time that fitting took, and selecting it among the
    `tried` models. An imported model was fitted
    elsewhere: nobody here has contributed to it.
    """

    project: str
    name: str
    algorithm: str
    target: str | None
    inputs: tuple[str, ...]
    parameters: dict[str, Any]
    model: dict[str, Any]
    rows: int
    contributions: tuple[Share, ...]
    created: float
    outputs: tuple[str, ...] = ()
    seconds: float = 0.0
    imported: bool = False
    tried: int = 1


@dataclass(frozen=True, slots=True)
class SharedProject:
    """A project of a federation as this node sees it.

    digest and rows are the fused statistics', None while the quorum is missing (`missing` names who).
    """

    name: str
    local_name: str | None
    rows: int | None
    digest: str | None
    contributions: tuple[Share, ...] = ()
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MemberInfo:
    """A member of a federation; `contributions` maps a project to (version, rows, unix time received)."""

    node_id: str
    name: str
    role: str
    contributions: dict[str, tuple[int, int, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class JoinRequestInfo:
    """Somebody who asks to be admitted."""

    id: str
    node_id: str
    name: str


@dataclass(frozen=True, slots=True)
class FederationInfo:
    """A federation as this node sees it. state: joining, active, left, refused, expelled."""

    name: str
    federation_id: str
    state: str
    is_admin: bool
    admin: str
    epoch: int
    approval: str
    quorum: int | None
    pulse: bool
    connected: bool
    problem: str | None
    members: tuple[MemberInfo, ...]
    requests: tuple[JoinRequestInfo, ...]
    projects: tuple[SharedProject, ...]
    counters: dict[str, int]


@dataclass(frozen=True, slots=True)
class SyncStats:
    """What a federation has moved since the node started."""

    bytes_sent: int
    bytes_received: int
    contributions_sent: int
    contributions_received: int
    refused: int
    waiting: int
    last_sent: float | None
    last_received: float | None


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of a task's or a federation's log; level is info, warning or error; time in unix seconds."""

    time: float
    level: str
    message: str


@dataclass(frozen=True, slots=True)
class IssuedInvitation:
    """An invitation to paste: the string itself is a secret, shown once. expires: unix seconds."""

    invitation: str = field(repr=False)
    id: str
    expires: float
