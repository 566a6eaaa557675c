"""What the native calls take and answer, as models: checked on the way in, described both ways."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from node.answers import (
    AlgorithmInfo,
    DriftInfo,
    EncoderInfo,
    FederationInfo,
    JoinRequestInfo,
    KeyStatistics,
    KeyValue,
    LogLine,
    MetricInfo,
    ModelRecord,
    ProjectInfo,
    Share,
    SourceInfo,
)
from node.keys import Role
from node.tasks import Task

MAX_DEPTH = 8
"""How deeply free-form parameters may nest."""
MAX_WAIT = 60.0
"""The longest long poll, seconds."""


def _shallow(value: Any, depth: int = MAX_DEPTH) -> Any:
    if isinstance(value, (dict, list)):
        if not depth:
            raise ValueError(f"nested more than {MAX_DEPTH} levels deep")
        for item in value.values() if isinstance(value, dict) else value:
            _shallow(item, depth - 1)
    return value


def _names(value: Any) -> Any:
    """`a,b` as one parameter, or the parameter several times (so that a name may hold a comma)."""
    names = value if isinstance(value, list) else str(value).split(",")
    return [name for name in names if name != ""]


Name = Annotated[str, Field(min_length=1, max_length=200)]
Names = Annotated[
    list[Name],
    BeforeValidator(_names),
    WithJsonSchema({"type": "string", "description": "names, separated by commas or in several parameters"}),
]
Types = Annotated[
    dict[str, Literal["C", "B", "T", "D", "S", "L", "P", "X"]],
    Field(
        description="column: C continuous, B binary, T category, D dates (learned as parts, such as "
        "day.month), S text, L list, P patient id, X ignore"
    ),
]
Parameters = Annotated[dict[str, Any], AfterValidator(_shallow)]
# Only that it is a list is checked here: the cells are checked where they are converted, off the event loop.
Rows = Annotated[
    list[Any],
    WithJsonSchema(
        {"type": "array", "items": {"type": "array", "items": {"type": ["string", "number", "null"]}}}
    ),
]


class Taken(BaseModel):
    """Base of what is taken: nothing unknown, nothing infinite."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, frozen=True)


# --- federations


class NewFederation(Taken):
    name: Name
    approval: Literal["automatic", "manual"] = "automatic"
    quorum: Annotated[int, Field(ge=1, le=1_000_000)] | None = None


class NewInvitation(Taken):
    password: Annotated[str, Field(min_length=1, max_length=1024)] | None = Field(default=None, repr=False)
    lifetime: Annotated[float, Field(gt=0, le=31 * 86_400, description="seconds")] = 7200.0


class Joining(Taken):
    invitation: str = Field(min_length=1, max_length=100_000, repr=False)
    password: Annotated[str, Field(min_length=1, max_length=1024)] | None = Field(default=None, repr=False)
    project: Annotated[Name | None, Field(description="local project that takes part once admitted")] = None
    wait: Annotated[float, Field(ge=0, le=MAX_WAIT, description="seconds to wait for admission")] = 5.0


class Federations(BaseModel):
    federations: list[FederationInfo]


class Requests(BaseModel):
    requests: list[JoinRequestInfo]


# --- projects


class SchemaFrom(Taken):
    """A file on the node's machine, or a data source, whose first rows suggest the schema."""

    path: Annotated[str, Field(min_length=1, max_length=4096)] | None = None
    source: Annotated[Name | None, Field(description="a data source, instead of a path")] = None
    attributes: list[Name] | None = None
    types: Types | None = None


class NewProject(Taken):
    name: Name
    federation: Name | None = None
    shared_as: Name | None = None
    # `schema` itself is a name that pydantic's models already have.
    given_schema: Annotated[Parameters | None, Field(alias="schema")] = None
    schema_from: SchemaFrom | None = None
    parameters: Parameters = Field(default_factory=dict)
    encoder: Annotated[Name | None, Field(description="what its rows pass through")] = None


class NewRows(Taken):
    """Either a path or a source (a job), or names and rows (done when answered)."""

    path: Annotated[str, Field(min_length=1, max_length=4096)] | None = None
    source: Annotated[Name | None, Field(description="a data source, instead of a path")] = None
    format: Literal["csv", "parquet"] | None = None
    attributes: list[Name] | None = None
    names: list[Name] | None = None
    rows: Rows | None = None
    types: Types | None = None


class Source(Taken):
    """Where a table is: a type of places and what that needs, as text."""

    type: Annotated[Name, Field(description="localfile, http, s3, sql or jdbc")]
    info: Annotated[
        dict[str, str | int | float | bool | None],
        Field(description="path, url, …; a secret that is told as *** stays what it is", repr=False),
    ]


class NewSource(Source):
    name: Name


class Browsing(Source):
    path: Annotated[str, Field(max_length=4096)] = "/"


class Sources(BaseModel):
    sources: list[SourceInfo]


class NewEncoder(Taken):
    """keys: the columns to encode (without them, every column of texts that is learned)."""

    name: Name
    kind: Literal["target", "onehot", "hashing", "binning"] = "target"
    keys: list[Name] = Field(default_factory=list)
    target: Name | None = None
    binary: Annotated[bool, Field(description="whether the target is 0/1")] = False
    parameters: Parameters = Field(default_factory=dict)
    project: Annotated[Name | None, Field(description="whose statistics it has, instead of learning")] = None


class EncoderRows(Taken):
    """Either a path or a source (a job), or names and rows (done when answered)."""

    path: Annotated[str, Field(min_length=1, max_length=4096)] | None = None
    source: Annotated[Name | None, Field(description="a data source, instead of a path")] = None
    format: Literal["csv", "parquet"] | None = None
    names: list[Name] | None = None
    rows: Rows | None = None
    types: Types | None = None


class EncoderValues(Taken):
    values: Annotated[
        dict[Name, dict[str, tuple[float, float]]],
        Field(description="by column and value: the count of its rows and the sum of the target in them"),
    ]


class EncoderName(Taken):
    encoder: Name


class EncoderList(BaseModel):
    encoders: list[EncoderInfo]


class EncoderStatistics(BaseModel):
    keys: list[KeyStatistics]


class EncoderKeyValues(BaseModel):
    values: list[KeyValue]


class Exploring(Taken):
    """Whatever else the query has are the metric's parameters."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[Name, Annotated[str, Field(max_length=1000)]] = Field(init=False)

    metric: Name = "uni"
    attributes: Names = Field(default_factory=list)
    targets: Names = Field(default_factory=list)
    local: Annotated[bool, Field(description="this node's part of a federated project only")] = False
    member: Annotated[
        Name | None, Field(description="that of one member of its federation only: an id or a name")
    ] = None

    def parameters(self) -> dict[str, str]:
        return dict(self.__pydantic_extra__)


class Drifting(Taken):
    baseline: Annotated[Name, Field(description="the project to compare with")]
    metric: Name = "global"
    attributes: Names = Field(default_factory=list)


class Metrics(BaseModel):
    metrics: list[MetricInfo]
    drift: list[DriftInfo]


class NewModel(Taken):
    name: Name
    algorithm: Name
    target: Name | None = None
    inputs: list[Name] = Field(default_factory=list)
    parameters: Parameters = Field(default_factory=dict)


class Selecting(Taken):
    """Which inputs, and with a task which algorithm: chosen by rows that were not learned.

    The rows are in a file on the node's machine, or sent along.
    """

    model: Name
    target: Name
    inputs: Annotated[list[Name], Field(min_length=1)]
    algorithm: Name | None = None
    task: Annotated[
        Name | None, Field(description="binary_classification, regression or multiclass_classifier")
    ] = None
    parameters: Annotated[
        Parameters,
        Field(description="of the search (selector_type, sml_model_assessment_type, …) and of the algorithm"),
    ] = Field(default_factory=dict)
    path: Annotated[str, Field(min_length=1, max_length=4096)] | None = None
    source: Annotated[Name | None, Field(description="a data source, instead of a path")] = None
    format: Literal["csv", "parquet"] | None = None
    names: list[Name] | None = None
    rows: Rows | None = None


class Assessing(Taken):
    """A model, and rows to judge it by: in a file on the node's machine, or sent along."""

    model: Name
    task: Annotated[Name | None, Field(description="if the target's values should not decide")] = None
    figures: Annotated[bool, Field(description="draw the curves as Plotly figures")] = False
    path: Annotated[str, Field(min_length=1, max_length=4096)] | None = None
    source: Annotated[Name | None, Field(description="a data source, instead of a path")] = None
    format: Literal["csv", "parquet"] | None = None
    names: list[Name] | None = None
    rows: Rows | None = None


class StoredModel(BaseModel):
    """A model as it was told by the node that fitted it; who contributed there is not taken over."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False, frozen=True)

    model: Annotated[dict[str, Any], Field(description="the model itself, as `fit` answers it")]
    inputs: Annotated[list[Name], Field(min_length=1, max_length=10_000)]
    target: Name | None = None
    parameters: Parameters = Field(default_factory=dict)
    rows: Annotated[int, Field(ge=0)] = 0


class Cells(Taken):
    names: list[Name]
    rows: Rows


class Predicting(Taken):
    """Either names and rows (done when answered), or a path or source (a job, which may write to `output`).

    With flags a job in both cases: which rows are anomalies, by the scores of them all.
    """

    names: list[Name] | None = None
    rows: Rows | None = None
    path: Annotated[str, Field(min_length=1, max_length=4096)] | None = None
    source: Annotated[Name | None, Field(description="a data source, instead of a path")] = None
    format: Literal["csv", "parquet"] | None = None
    output: Annotated[
        str | None,
        Field(min_length=1, max_length=4096, description="CSV to write: rows and predictions"),
    ] = None
    output_source: Annotated[
        Name | None, Field(description="a data source of the type localfile, instead of output")
    ] = None
    impute: Annotated[
        bool, Field(description="estimate missing inputs from the others, not by their column's mean")
    ] = False
    flags: Annotated[bool, Field(description="flag rows of extreme scores: id, res, q95, q98, q99, evt")] = (
        False
    )
    score: Annotated[
        Name | None, Field(description="the output that flags are by; without it the model's own score")
    ] = None
    figures: Annotated[bool, Field(description="draw the flags, as a Plotly figure")] = False


class Merging(Taken):
    other: Annotated[Name, Field(description="the project whose statistics are added; it stays")]


class Freezing(Taken):
    frozen: bool = True


class ExportedProject(Taken):
    """What the export of a project gives, and its import takes."""

    format: str
    name: Name
    rows: int
    given_schema: Annotated[Parameters, Field(alias="schema")]
    fixed: bool
    parameters: Parameters
    encoder: Name | None = None
    encoding: Parameters | None = None
    statistics: Annotated[str, Field(description="canonical bytes, deflated, in base64")]


class Projects(BaseModel):
    projects: list[ProjectInfo]


class Algorithms(BaseModel):
    algorithms: list[AlgorithmInfo]


class Models(BaseModel):
    models: list[ModelRecord]


class Predictions(BaseModel):
    columns: Annotated[dict[str, list[Any]], Field(description="one value per row")]


class FusedStatistics(BaseModel):
    rows: int
    digest: str
    contributions: list[Share]


class StatisticsInfo(BaseModel):
    """This node's own statistics, and the fused ones (None: a local project, or members are missing)."""

    rows: int
    version: int
    digest: str
    fused: FusedStatistics | None
    problem: Annotated[str | None, Field(description="why there are no fused statistics now")] = None
    levels: Annotated[
        dict[str, int] | None, Field(description="rows of each level that the statistics are split by")
    ] = None


# --- jobs, keys, node


class Waiting(Taken):
    wait: Annotated[
        float, Field(ge=0, le=MAX_WAIT, description="seconds; answers sooner if the job changes")
    ] = 0.0


class JobFilter(Taken):
    project: Name | None = None
    limit: Annotated[int, Field(ge=1, le=10_000)] = 1000


class Jobs(BaseModel):
    jobs: list[Task]


class JobLog(BaseModel):
    lines: list[LogLine]


class EventFilter(Taken):
    """Nothing named is everything."""

    task: Names = Field(default_factory=list)
    kind: Annotated[
        list[Literal["log", "scalar", "vector", "plot", "image", "status", "progress"]],
        BeforeValidator(_names),
        WithJsonSchema(
            {
                "type": "string",
                "description": "log, scalar, vector, plot, image, status, progress; several by commas",
            }
        ),
    ] = Field(default_factory=list)


class NewKey(Taken):
    user: Name
    role: Role = Role.USER
    label: str = Field("", max_length=200)


class KeyInfo(BaseModel):
    """An access key without its secret. `last_used` is a time, None if it was not used yet."""

    access_key: str
    user: str
    role: Role
    created: float
    label: str
    last_used: float | None
    last_used_from: str | None


class NewKeyInfo(KeyInfo):
    """A key just made: the only time that its secret is told."""

    secret_key: str = Field(repr=False)


class Keys(BaseModel):
    keys: list[KeyInfo]


class FilesInfo(BaseModel):
    """The file host: where it is, how many files it has, and the bytes that their contents take."""

    url: str
    count: int
    bytes: int
    quota: int | None


class NodeInfo(BaseModel):
    node_id: str
    name: str
    role: str
    version: str
    url: str
    files: FilesInfo
    nats: str | None
    compute: str | None
    federations: list[str]
    projects: list[str]
    problems: dict[str, str]


class Health(BaseModel):
    status: Literal["ok", "degraded"]
    problems: list[str]
