"""What the native calls about deployments take and answer."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from api.native.entities import Name, Taken
from node.deployments import Deployment, DeploymentKey, Used

FieldType = Literal["string", "number", "date", "boolean"]
Form = Literal["csv_header", "csv", "json"]
GroupSize = Annotated[int, Field(description="records that are paid for together")]
Price = Annotated[int, Field(description="of a group, in units of $0.001")]


class NewDeployment(Taken):
    name: Name
    group_size: GroupSize = 1
    price: Price = 0


class Terms(Taken):
    """For the jobs from now on; what is not given stays."""

    group_size: GroupSize | None = None
    price: Price | None = None


class SchemaField(Taken):
    path: Annotated[str, Field(max_length=1000, description="name, address/street, points[*]/x")]
    type: FieldType = "string"
    optional: bool = False


class SchemaParts(Taken):
    """What of a version's schema is not to be as the model itself tells it."""

    input_type: Form | None = None
    input: list[SchemaField] | None = None
    output_type: Form | None = None
    output: list[SchemaField] | None = None


class NewVersion(Taken):
    """A copy of a project's model, as it is now. version: by default the last one's number, one higher."""

    project: Name
    model: Name
    version: Annotated[str, Field(max_length=64)] | None = None
    impute: Annotated[bool, Field(description="estimate missing inputs from the others")] = False
    # `schema` itself is a name that pydantic's models already have.
    given_schema: Annotated[SchemaParts, Field(alias="schema")] = SchemaParts()


class NewFileVersion(Taken):
    """An ONNX file, or a script with what it needs in a zip or tar. entry, command: how it is run; seconds,
    memory (bytes): its limits; python: an interpreter on the node's machine that has what it imports."""

    kind: Literal["onnx", "script"]
    version: Annotated[str, Field(max_length=64)] | None = None
    given_schema: Annotated[SchemaParts, Field(alias="schema")] = SchemaParts()
    entry: Annotated[str, Field(min_length=1, max_length=500)] | None = None
    command: Annotated[str, Field(min_length=1, max_length=2000)] | None = None
    python: Annotated[str, Field(pattern="^/[^\0]*$", max_length=4096)] | None = None
    seconds: Annotated[float, Field(gt=0, le=86_400)] | None = None
    memory: Annotated[int, Field(ge=2**26, le=2**42)] | None = None

    def told(self) -> dict[str, Any]:
        """What is said of a script."""
        told = {name: getattr(self, name) for name in ("entry", "command", "python", "seconds", "memory")}
        return {name: value for name, value in told.items() if value is not None}


class FileVersionForm(BaseModel):
    data: NewFileVersion
    file: bytes


class Activation(Taken):
    active: bool


class NewDeploymentKey(Taken):
    label: str = Field("", max_length=200)


class NewDeploymentKeyInfo(BaseModel):
    """A key just made: the only time that it is told."""

    key: str = Field(repr=False)
    id: str
    deployment: str
    user: str
    label: str
    created: float


class Deployments(BaseModel):
    deployments: list[Deployment]


class DeploymentKeys(BaseModel):
    keys: list[DeploymentKey]


class UsageFilter(Taken):
    key: Name | None = None
    month: Annotated[str | None, Field(description="YYYY-MM, in UTC")] = None


class UsageReport(BaseModel):
    """By month, deployment and key, and what it comes to."""

    usage: list[Used]
    units: int
    dollars: float


def plain(schema: SchemaParts) -> dict[str, Any]:
    return schema.model_dump(exclude_none=True)
