"""What the Gravity calls take and answer: jobs, in the words of its API."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from node.deployments import ScoringJob, Wanted
from node.tasks import TaskStatus

Status = Literal["incomplete", "success", "error", "fail"]

STATUS: Final[dict[TaskStatus, Status]] = {
    TaskStatus.COMPLETED: "success",
    TaskStatus.PUBLISHED: "success",
    TaskStatus.FAILED: "error",
    TaskStatus.STOPPED: "fail",
    TaskStatus.CLOSED: "fail",
}
"""What has ended; all other jobs are incomplete."""

_RULES: Final = {
    "type": ["array", "null"],
    "items": {
        "type": "object",
        "properties": {
            "source": {"type": "string"},
            "destination": {"type": "string"},
            "defaultValue": {"type": ["string", "number", "boolean", "null"]},
        },
        "required": ["source", "destination"],
    },
}

Rules = Annotated[Any, WithJsonSchema(_RULES)]  # read by `node.scoring`, which names the rule at fault


class Submission(BaseModel):
    """The form's field `data`. What the vendor's clients send beside these is not looked at.

    mimeType null: what the version takes. name wins over jobName; neither, or "": the file's name.
    """

    model_config = ConfigDict(strict=True)

    mimeType: str | None  # noqa: N815 (as on the wire)
    version: str | None = None
    name: str | None = None
    jobName: str | None = None  # noqa: N815
    mapping: Rules = None
    outputMapping: Rules = None  # noqa: N815

    def wanted(self) -> Wanted:
        """The same for the node."""
        return Wanted(
            mime=self.mimeType or None,
            name=self.name or self.jobName or None,
            version=self.version or None,
            mapping=self.mapping,
            output_mapping=self.outputMapping,
        )


class SubmissionForm(BaseModel):
    """A file to be scored, and how."""

    data: Submission
    file: Annotated[bytes, Field(description="the file, with its name")]


class Renaming(BaseModel):
    """null or "": the file's name."""

    model_config = ConfigDict(strict=True)

    name: str | None


class JobView(BaseModel):
    """A job. billedUsage: in units of $0.001, fixed when it was made; processingTimeMS: 0 before its end."""

    name: str
    inputFileName: str  # noqa: N815
    inputMime: str  # noqa: N815
    billedUsage: int  # noqa: N815
    recordCount: int  # noqa: N815
    recordGroupCount: int  # noqa: N815
    processingTimeMS: int  # noqa: N815
    status: Status
    errorMessage: str | None  # noqa: N815
    id: str
    createdDateUtc: str  # noqa: N815
    lastUpdatedUtc: str  # noqa: N815


class Envelope(BaseModel):
    isError: bool = False  # noqa: N815
    errorMessage: str | None = None  # noqa: N815


class JobEnvelope(Envelope):
    data: JobView


class JobsEnvelope(Envelope):
    data: list[JobView]


class LinkEnvelope(Envelope):
    data: str


def view(job: ScoringJob, *, just_made: bool = False) -> JobView:
    """A job as it is shown; times of one just made have seven decimals."""
    status = STATUS.get(job.status, "incomplete")
    ran = job.started is not None and job.completed is not None and status != "incomplete"
    return JobView(
        name=job.name,
        inputFileName=job.file,
        inputMime=job.mime,
        billedUsage=job.units,
        recordCount=job.records,
        recordGroupCount=job.groups,
        processingTimeMS=round(((job.completed or 0) - (job.started or 0)) * 1000) if ran else 0,
        status=status,
        errorMessage=_error(job, status),
        id=str(UUID(job.id)),
        createdDateUtc=_time(job.created, just_made),
        lastUpdatedUtc=_time(job.last_update, just_made),
    )


def _error(job: ScoringJob, status: Status) -> str | None:
    if status == "fail":
        return job.error or "the job was stopped"
    return (job.error or "the job failed") if status == "error" else None


def _time(at: float, fine: bool) -> str:
    """The node's clock has milliseconds."""
    told = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").removesuffix("+00:00")
    return f"{told}0000Z" if fine else f"{told}Z"
