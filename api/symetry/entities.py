"""SymetryML's JSON entities and the queries of its calls, as models, under SymetryML's own names."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic.alias_generators import to_camel

Text = Annotated[str, Field(max_length=200)]
Names = Annotated[list[Text], Field(max_length=10_000)]
# Cells are checked where they are converted, off the event loop.
Data = Annotated[
    list[Any],
    WithJsonSchema(
        {"type": "array", "items": {"type": "array", "items": {"type": ["string", "number", "null"]}}}
    ),
]


def _flag(value: Any) -> Any:
    """Java's clients write true, TRUE, 1 or nothing at all (`?async`)."""
    if isinstance(value, str):
        return {"": True, "1": True, "0": False}.get(value, value.lower())
    return value


def _as_text(value: Any) -> Any:
    """Numbers and truth values where text is documented: clients send both."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, (int, float)) else value


Flag = Annotated[bool, BeforeValidator(_flag)]
Id = Annotated[Text, BeforeValidator(_as_text)]
Value = Annotated[str, Field(max_length=100_000), BeforeValidator(_as_text)]


class Entity(BaseModel):
    """Base: snake case here, camel case on the wire; unknown names are ignored, as Gson does."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True)


class DataFrame(Entity):
    """A table by rows; attributeTypes holds a letter for each name."""

    attribute_names: Names
    attribute_types: Annotated[list[str], Field(max_length=10_000)]
    data: Data = Field(default_factory=list)
    error_handling: int | None = None

    @classmethod
    def told(cls, names: list[str], letters: list[str], rows: list[list[str]]) -> DataFrame:
        """One that the node answers: not held to the limits of what it takes, as a level may be long."""
        return cls.model_construct(attribute_names=names, attribute_types=letters, data=rows)


class MLContext(Entity):
    """Which attributes are meant: by their indexes (as text) or by their names."""

    targets: list[Id] = Field(default_factory=list, max_length=10_000)
    input_attributes: list[Id] = Field(default_factory=list, max_length=10_000)
    target_attribute_names: Names = Field(default_factory=list)
    input_attribute_names: Names = Field(default_factory=list)
    extra_parameters: dict[Text, Value] = Field(default_factory=dict)


class SelectionBody(Entity):
    """The rows to choose by, and what is to be chosen."""

    dataframe: DataFrame
    mlcontext: Annotated[MLContext, Field(alias="mlcontext")]


class ExploreContext(Entity):
    """The questions of one exploration."""

    values: Annotated[list[MLContext], Field(min_length=1, max_length=10_000)]


class OneContext(MLContext):
    """One question: an MLContext as it is, or an ExploreContext that holds it."""

    values: Annotated[list[MLContext], Field(max_length=1)] = Field(default_factory=list)

    def context(self) -> MLContext:
        return self.values[0] if self.values else self


class Parameters(BaseModel):
    """A flat map of texts; numbers and truth values are taken as the text they would be."""

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, Value] = Field(init=False)

    def flat(self) -> dict[str, str]:
        return dict(self.__pydantic_extra__)


class KSVDMap(Entity):
    """One map of numbers for each question."""

    values: list[dict[str, float]]


class KSVSMap(Entity):
    """One map of texts for each row."""

    values: list[dict[str, str]]


class Density(Entity):
    """Counts in equal bins of this width, from min to max."""

    attr_name: str
    min: float
    max: float
    width: float
    histogram: list[float]
    error: str = ""


class DensityList(Entity):
    values: list[Density]


class DSInfo(Entity):
    """A data source: its type and what that needs, as text. `extra` may hold options of CSV."""

    type: Text = ""
    name: Text = ""
    info: dict[Text, Value | None] = Field(default_factory=dict, repr=False)
    extra: dict[Text, Value | None] = Field(default_factory=dict, repr=False)

    def told(self) -> dict[str, str | None]:
        return {**self.info, **self.extra}


class DSListingRequest(Entity):
    type: Text
    path: Annotated[str, Field(max_length=4096)] = "/"
    info: dict[Text, Value | None] = Field(default_factory=dict, repr=False)


class DSListingResponse(Entity):
    ok: bool = True
    files: list[str]
    dirs: list[str]
    path: str
    marker: str = ""
    delimiter: str = "/"


class JobInfo(Entity):
    """A job; startingDate in unix milliseconds (0 before it starts)."""

    job_id: int
    job_type: str
    owner: str
    starting_date: int
    current: int
    maximum: int
    is_on_bounded_executor: bool
    is_started: bool
    is_done: bool
    details: dict[str, str]


class ProjectEntity(Entity):
    """SymetryML's ProjectInfo. Dates in unix milliseconds."""

    pid: str
    encoder_name: str = ""
    models_list: list[str]
    model_type_list: list[str]
    ds_list: list[str] = Field(default_factory=list)
    attribute_names: list[str]
    attribute_indexes: list[int]
    attribute_types: list[str]
    model_assessments: dict[str, str] = Field(default_factory=dict)
    model_predictions: dict[str, str] = Field(default_factory=dict)
    partition_column: str = ""
    params: dict[str, str]
    hash: int = -1
    category_separator: str = "$"
    type: str = "cpu"
    creation_date: int
    last_modification_date: int
    loaded: bool = True
    persisted: bool = True
    histogram_enabled: bool = False
    auto_save: bool = True
    fusion_cell_info: str = ""
    streams: list[str] = Field(default_factory=list)
    is_dirty: bool = False


class ProjectList(Entity):
    values: list[ProjectEntity]


class ModelInfo(Entity):
    """A model; `info` is a flat map, `extra` holds tables such as the coefficients of a regression."""

    model_id: str
    model_type: str
    model_built: int = 1
    build_time: int = 0
    attribute_names: list[str]
    attribute_indexes: list[int]
    attribute_types: list[str]
    predict_info: list[str]
    score_info: list[str]
    target_names: list[str]
    targetindexes: Annotated[list[int], Field(alias="targetindexes")]
    info: dict[str, str]
    creation_date: int
    extra: dict[str, DataFrame]


class FederationEntity(BaseModel):
    """SymetryML's FederationInfo, whose names are in snake case. What belongs to AWS or to a key is empty."""

    model_config = ConfigDict(frozen=True)

    aws_id: str = ""
    aws_access_key: str = ""
    aws_queue_url: str = ""
    aws_secret_key: str = ""
    aws_topic_arn: str = ""
    s3_bucket: str = ""
    fed_local_id: str
    fed_name: str
    fed_secret_key: str = ""
    sync_sched: str
    fed_type: str = "nats"
    local_uuid: str
    is_pulsing: bool
    peersInfo: Annotated[dict[str, str], Field(alias="peersInfo")]  # noqa: N815 - the one name in camel case
    contract: str = ""
    rcv_error_action: str = "rcv_block"
    snd_error_action: str = "snd_block"
    fed_use_smpc: bool = False
    allow_peers_explore: bool = True


class FedSyncStats(Entity):
    snd_count: int
    snd_contract_error: int = 0
    rcv_count: int
    rcv_error: int
    rcv_contract_error: dict[str, int] = Field(default_factory=dict)
    error_log: list[str]
    sync_log: list[str]


# --- queries: unknown parameters are ignored, as the original ignores them


class NoQuery(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class NewProjectQuery(NoQuery):
    pid: Annotated[str, Field(min_length=1, max_length=200)]
    type: Literal["cpu", "partition", "sequence"] = "cpu"
    persist: Flag = True
    enable_histogram: Annotated[Flag, Field(alias="enableHistogram")] = True


class AsyncQuery(NoQuery):
    in_background: Annotated[Flag, Field(alias="async")] = False


class NewEncoderQuery(NoQuery):
    """The text has encoderTarget, the sample targetName."""

    name: Annotated[str, Field(alias="encodername", min_length=1, max_length=200)]
    target: Annotated[
        str,
        Field(min_length=1, max_length=200, validation_alias=AliasChoices("encoderTarget", "targetName")),
    ]
    target_type: Annotated[Literal["C", "B"], Field(alias="targetType")] = "B"


class EncoderAssignQuery(NoQuery):
    name: Annotated[str, Field(alias="encoderName", min_length=1, max_length=200)]


class MergeQuery(NoQuery):
    other: Annotated[str, Field(alias="otherProjectName", min_length=1, max_length=200)]


class ImportQuery(NoQuery):
    persist: Flag = True


class EnableQuery(NoQuery):
    enable: Flag = True


class ExportedProject(BaseModel):
    """What the export of a project gives in base64, and its import takes."""

    model_config = ConfigDict(extra="allow", frozen=True)

    format: str


class RenameQuery(NoQuery):
    new_name: Annotated[str, Field(alias="newName", min_length=1, max_length=200)]


class ExploreQuery(AsyncQuery):
    metric: Annotated[str, Field(min_length=1, max_length=200)]
    return_project_info: Annotated[Flag, Field(alias="returnProjectInfo")] = True


class JobQuery(NoQuery):
    """Of calls that are jobs as documented; `async=false` answers at once."""

    in_background: Annotated[Flag, Field(alias="async")] = True


class ComponentsQuery(JobQuery):
    explained: Annotated[float, Field(alias="explainedCovariance", gt=0, le=1)] = 1.0


class DensityQuery(AsyncQuery):
    use_local: Annotated[Flag, Field(alias="useLocal")] = False


class ConditionalDensityQuery(DensityQuery):
    tps: Annotated[int, Field(ge=1, le=100_000)] = 10


class BuildQuery(NoQuery):
    modelid: Annotated[
        str, Field(min_length=1, max_length=200, validation_alias=AliasChoices("modelid", "modelId"))
    ]
    algo: Text
    svdreduce: Flag = False


class ModelQuery(NoQuery):
    modelid: Annotated[
        str, Field(min_length=1, max_length=200, validation_alias=AliasChoices("modelid", "modelId"))
    ]


class SelectQuery(ModelQuery):
    algo: Text


class AutoSelectQuery(ModelQuery):
    task: Text


class ReduceQuery(ModelQuery):
    """delta: by how much the criterion must fall for an attribute to be taken in."""

    heuristic: Literal["default"] = "default"
    algo: Text = "lda"
    delta: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    iterations: Annotated[int | None, Field(alias="numIterations", ge=1)] = None


class CodeQuery(NoQuery):
    language: Literal["java", "sql"]


class StoredModel(BaseModel):
    """What an exported model is, before it becomes Base64."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    model: dict[str, Any]
    inputs: Annotated[list[Text], Field(min_length=1, max_length=10_000)]
    target: Text | None = None
    parameters: dict[str, Any] = Field(default_factory=dict)
    rows: Annotated[int, Field(ge=0)] = 0


class PredictQuery(NoQuery):
    impute: Flag = False


class LearnPredictQuery(PredictQuery):
    """keepColumns: true for all of the DataFrame's columns in the answer, or their names and commas."""

    keep_columns: Annotated[Text, Field(alias="keepColumns")] = ""
    predict_before_learn: Annotated[Flag, Field(alias="predictBeforeLearn")] = True
    rebuild_model: Annotated[Flag, Field(alias="rebuildModel")] = False


class AnomalyQuery(PredictQuery):
    """anomaly: flag rows of extreme scores, as a job; score: the output they are by (else the model's)."""

    anomaly: Flag = False
    score: Text = ""


class FilePredictQuery(AnomalyQuery):
    """The names of data sources, or the paths of files on the node's machine, which begin with /."""

    indsname: Annotated[str, Field(min_length=1, max_length=4096)]
    outdsname: Annotated[str, Field(min_length=1, max_length=4096)]


class NewFederationQuery(NoQuery):
    pid: Annotated[str, Field(min_length=1, max_length=200)]
    persist: Flag = True
