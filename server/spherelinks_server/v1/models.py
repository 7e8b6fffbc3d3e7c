"""The v1 contract's bodies. They check what comes in and describe, in the OpenAPI document, what goes out."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic.alias_generators import to_camel

from spherelinks.options import Options

JOB_ID = r"^job_[0-7][0-9a-hjkmnp-tv-z]{25}$"
_EXAMPLE_JOB = "job_01kbkq5x8efk8a4v1y4mhrq2zd"


def _without_defaults(schema: dict[str, Any]) -> None:
    """Fields that may be left out but not be null: no ``default`` and no null type in the schema."""
    for name in ("imageUrl", "imageBase64", "options"):
        schema["properties"][name].pop("default", None)
    schema["oneOf"] = [{"required": ["imageUrl"]}, {"required": ["imageBase64"]}]


class _Camel(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="forbid")


class GenerateRequest(_Camel):
    """A picture, by address or by value, and what to make of it. Exactly one of the two picture fields."""

    model_config = ConfigDict(strict=True, json_schema_extra=_without_defaults)

    image_url: str = Field(
        default="",
        min_length=1,
        description="Address of a JPEG, PNG or WebP picture of at most 10 MB, http or https; or a data URI.",
        examples=["https://example.com/mug.jpg"],
    )
    image_base64: str = Field(
        default="",
        min_length=1,
        description="The picture's bytes in base64, bare or as a data URI; at most 10 MB once decoded.",
    )
    options: Options = Field(default_factory=Options)

    @field_validator("options", mode="before")
    @classmethod
    def _by_its_rules(cls, options: object) -> object:
        return Options.from_json(options) if isinstance(options, dict) else options


class JobAccepted(_Camel):
    """The job is stored and will end, one way or the other; one credit is held for it."""

    job_id: str = Field(pattern=JOB_ID, examples=[_EXAMPLE_JOB])
    status: Literal["PROCESSING"]
    message: str = Field(examples=["Generation started."])


class Problem(_Camel):
    """Why a job failed; ``code`` is stable and listed in docs/errors.md."""

    code: str = Field(examples=["no_object"])
    message: str
    hint: str


class JobStatus(_Camel):
    """Where a job stands."""

    job_id: str = Field(pattern=JOB_ID, examples=[_EXAMPLE_JOB])
    status: Literal["PROCESSING", "COMPLETED", "FAILED"]
    progress: int = Field(ge=0, le=100, description="Per cent.")
    description: str = Field(description="The state in words, for people.")
    stage: str = Field(description="queued, the step at work, completed or failed.", examples=["generator"])
    queue_position: int | None = Field(description="1 for the next to start; null once it has begun.")
    eta_seconds: int | None = Field(
        description="Seconds that are left, estimated; null where there is no ground for it."
    )
    error: Problem | None = Field(description="Why it failed; null unless it did.")
    report: dict[str, Any] | None = Field(description="What was made and how; null until it is.")
    credits_charged: int = Field(ge=0, description="Credits captured for this job; a failed one costs none.")
    expires_at: datetime | None = Field(description="When the asset is deleted; null: it is kept.")


class ErrorDetail(Problem):
    """``requestId`` is the answer's X-Request-Id: quote it when you report a problem."""

    request_id: str = Field(examples=["req_5f1c9a0be27d44c38a6b90e1"])


class Error(_Camel):
    """The body of every error."""

    error: ErrorDetail


class JobPath(BaseModel):
    job_id: str = Field(
        alias="jobId", description="As POST /v1/generate returned it.", json_schema_extra={"pattern": JOB_ID}
    )
