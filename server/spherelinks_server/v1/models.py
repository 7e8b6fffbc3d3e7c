"""The v1 contract's bodies: they validate requests and describe answers in the OpenAPI document."""

from __future__ import annotations

import functools
from datetime import datetime
from typing import Any, Literal

from flask import has_app_context
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic.alias_generators import to_camel
from pydantic.json_schema import SkipJsonSchema

from spherelinks.errors import InvalidOption, InvalidRequest
from spherelinks.jobs import files, outbound
from spherelinks.options import DEFAULT_GENERATOR, Options
from spherelinks.report import Report
from spherelinks.shape import VIEWS, View
from spherelinks_server.errors import in_json
from spherelinks_server.services import services

JOB_ID = r"^job_[0-7][0-9a-hjkmnp-tv-z]{25}$"
_EXAMPLE_JOB = "job_01kbkq5x8efk8a4v1y4mhrq2zd"


_NULLABLE = ("imageUrl", "imageBase64", "images", "maskUrl", "maskBase64", "options", "cache", "output")
"""Fields that are left out by null, too, as many clients write them."""


def _without_defaults(schema: dict[str, Any]) -> None:
    """Fields that may be left out: no ``default``, and null if that leaves them out as well; and one picture field."""
    properties = schema["properties"]
    for name in properties.keys() & set(_NULLABLE):
        properties[name].pop("default", None)
    for name in _NULLABLE:
        if name in properties:
            said = {
                key: properties[name].pop(key)
                for key in ("title", "description", "examples")
                if key in properties[name]
            }
            properties[name] = {"anyOf": [properties[name], {"type": "null"}], **said}
    kinds = {"imageUrl": "string", "imageBase64": "string", "images": "array"}
    pictures = [name for name in kinds if name in properties]
    schema["oneOf"] = [
        {
            "required": [one],
            "properties": {name: {"type": kinds[name] if name == one else "null"} for name in pictures},
        }
        for one in pictures
    ]


def _of_a_request(schema: dict[str, Any]) -> None:
    """The same of a request, which may have a mask in one of two fields."""
    _without_defaults(schema)
    masks = ("maskUrl", "maskBase64")
    schema["not"] = {"required": [*masks], "properties": {name: {"type": "string"} for name in masks}}


def _given(body: Any) -> Any:
    """A body without the nulls that leave a field out."""
    if not isinstance(body, dict):
        return body
    return {name: value for name, value in body.items() if value is not None or name not in _NULLABLE}


class _Camel(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="forbid")


class Output(_Camel):
    """Where to deliver the asset."""

    model_config = ConfigDict(strict=True)

    put_url: str = Field(
        min_length=1,
        max_length=8192,
        description="Public http or https URL that accepts the GLB by PUT, such as a presigned URL of your bucket.",
        examples=["https://bucket.example/mug.glb?signature=…"],
    )
    headers: dict[str, str] | None = Field(
        default=None,
        description="Headers that the store asks for, such as `x-ms-blob-type: BlockBlob` of Azure; these are allowed: "
        f"{', '.join(outbound.HEADERS)}.",
        examples=[{"x-ms-blob-type": "BlockBlob"}],
        json_schema_extra={
            "propertyNames": {"enum": list(outbound.HEADERS)},
            "additionalProperties": {"type": "string", "pattern": outbound.VALUE},
        },
    )

    @field_validator("headers")
    @classmethod
    def _allowed(cls, headers: dict[str, str] | None) -> dict[str, str] | None:
        return outbound.check_headers(headers or {}, "output.headers") or None


class ViewPicture(_Camel):
    """The picture of one side of the object, by URL or inline: give exactly one of the two fields."""

    model_config = ConfigDict(strict=True, json_schema_extra=_without_defaults)

    view: View = Field(description="The side that it shows; `left` and `right` are those of who faces the front.")
    image_url: str = Field(default="", min_length=1, description="As the `imageUrl` of a single picture.")
    image_base64: str = Field(default="", min_length=1, description="As the `imageBase64` of a single picture.")

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, body: Any) -> Any:
        return _given(body)


class GenerateRequest(_Camel):
    """A picture, by URL or inline, or several of one object, and the options. Give exactly one of the three picture
    fields; of the two mask fields one or none."""

    model_config = ConfigDict(strict=True, json_schema_extra=_of_a_request)

    image_url: str = Field(
        default="",
        min_length=1,
        description="http or https URL of a JPEG, PNG or WebP picture of at most 10 MB; or a data URI.",
        examples=["https://example.com/mug.jpg"],
    )
    image_base64: str = Field(
        default="",
        min_length=1,
        description="The picture's bytes in base64, bare or as a data URI; at most 10 MB once decoded.",
    )
    images: list[ViewPicture] = Field(
        default=[],
        description="Two to four pictures of the same object, each of another side, one of them the front; in any "
        "order. A generator whose `views` name only the front leaves the others out, and the report says so.",
        json_schema_extra={"minItems": 2, "maxItems": len(VIEWS)},
        examples=[
            [
                {"view": "front", "imageUrl": "https://example.com/mug.jpg"},
                {"view": "back", "imageUrl": "https://example.com/mug-back.jpg"},
            ]
        ],
    )
    mask_url: str = Field(
        default="",
        min_length=1,
        description="A second picture of the same size or proportions that says where the object is, instead of "
        "looking for it: white is the object and black the rest; a mask with transparent pixels says it by its alpha "
        "alone. Of several pictures it belongs to the front's. An http or https URL, or a data URI.",
        examples=["https://example.com/mug-mask.png"],
    )
    mask_base64: str = Field(default="", min_length=1, description="The mask's bytes in base64, bare or as a data URI.")
    options: Options = Field(default_factory=Options)
    cache: Literal["use", "bypass"] = Field(
        default="use",
        description="`use` returns the asset of an identical earlier request of this account, free of charge: at once, "
        "or as soon as it is made; `bypass` makes it again.",
    )

    output: Output | SkipJsonSchema[None] = Field(default=None)

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, body: Any) -> Any:
        return _given(body)

    @field_validator("images")
    @classmethod
    def _of_one_object(cls, images: list[ViewPicture]) -> list[ViewPicture]:
        if not 2 <= len(images) <= len(VIEWS):
            raise InvalidRequest(
                f"images has {len(images)} picture{'s' * (len(images) != 1)}: it takes 2 to {len(VIEWS)}.",
                hint="Give each side once; send a single picture as imageUrl or imageBase64.",
                field="images",
            )
        seen: dict[View, str] = {}
        for number, each in enumerate(images):
            name = f"images[{number}]"
            if bool(each.image_url) == bool(each.image_base64):
                raise InvalidRequest(
                    f"{name}.imageUrl and {name}.imageBase64 are both {'given' if each.image_url else 'missing'}.",
                    hint="Give exactly one of the two.",
                    field=f"{name}.imageUrl",
                )
            if each.view in seen:
                raise InvalidRequest(
                    f"{name}.view is '{each.view}', as {seen[each.view]}.view is.",
                    hint=f"Give each view once: {', '.join(VIEWS)}.",
                    field=f"{name}.view",
                )
            seen[each.view] = name
        if "front" not in seen:
            raise InvalidRequest(
                f"images has no picture of the front, only of {' and '.join(seen)}.",
                hint="Give one of them the view front: the side that will face the viewer.",
                field="images",
            )
        return images

    @field_validator("options", mode="before")
    @classmethod
    def _by_its_rules(cls, options: object) -> object:
        if not isinstance(options, dict):
            return options
        model = options_of(str(options.get("generator", DEFAULT_GENERATOR)))
        try:
            return model.from_json(options)
        except InvalidOption as error:
            raise in_json(error) from error


def options_of(generator: str) -> type[Options]:
    """The options that a generator takes; the shared ones for one that no worker offers."""
    offered = services().generators.cards if has_app_context() else {}
    card = offered.get(generator)
    return card.options if card else Options


class _Parameters(BaseModel):
    """Query or header parameters. The framework asks for their schema at every request, so it is cached."""

    @classmethod
    def model_json_schema(cls, *arguments: Any, **named: Any) -> dict[str, Any]:
        return super().model_json_schema(*arguments, **named) if arguments or named else _schema(cls)


@functools.cache
def _schema(model: type[_Parameters]) -> dict[str, Any]:
    return BaseModel.model_json_schema.__func__(model)  # type: ignore[attr-defined, no-any-return]


class GenerateHeaders(_Parameters):
    """Headers that change how a request is handled."""

    idempotency_key: str | None = Field(
        default=None,
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[!-~]+$",
        description="Your own name for this request, such as a UUID. Repeating it with the same name and body returns "
        "the same job at no charge, for a week.",
    )
    prefer: str | None = Field(
        default=None,
        alias="Prefer",
        description="`wait=30` waits up to that many seconds (60 at most) for the asset, and returns the GLB.",
    )


class JobAccepted(_Camel):
    """The job is stored and will complete or fail; its price is held for it."""

    job_id: str = Field(pattern=JOB_ID, examples=[_EXAMPLE_JOB])
    status: Literal["PROCESSING", "COMPLETED"] = Field(
        description="COMPLETED at once if the account has had the same asset made before, and for sandbox keys."
    )
    message: str = Field(examples=["Generation started."])
    cache: Literal["hit", "joined", "miss"] = Field(
        description="hit: the asset of an earlier job of this account, free of charge. joined: an earlier job is "
        "making it; this job waits for it, and is free if it completes."
    )
    credits_charged: int = Field(
        ge=0, description="0 so far. The generator's price is held unless the job has completed or joined another."
    )


class Problem(_Camel):
    """Why a job failed; ``code`` is stable and listed in docs/errors.md."""

    code: str = Field(examples=["no_object"])
    message: str
    hint: str


class OutputState(_Camel):
    state: Literal["pending", "delivered", "failed"]


class JobStatus(_Camel):
    """A job's status."""

    job_id: str = Field(pattern=JOB_ID, examples=[_EXAMPLE_JOB])
    status: Literal["PROCESSING", "COMPLETED", "FAILED"]
    progress: int = Field(ge=0, le=100, description="Per cent.")
    description: str = Field(description="The state in words.")
    stage: str = Field(description="queued, the current step, completed or failed.", examples=["generator"])
    queue_position: int | None = Field(description="1 for the next to start; null once it has begun.")
    eta_seconds: int | None = Field(description="Estimated seconds left; null if unknown.")
    error: Problem | None = Field(description="Why it failed; null unless it did.")
    report: Report | None = Field(description="What was made and how; null until the job completes.")
    credits_charged: int = Field(ge=0, description="Credits captured for this job; a failed one costs none.")
    expires_at: datetime | None = Field(
        description="When the job's files are deleted; null if they are kept or the job has not ended."
    )
    cache: Literal["hit", "joined", "miss"] = Field(
        description="hit: the asset is an earlier job's, and cost nothing. joined: it waits for an earlier job's asset."
    )
    sandbox: bool = Field(description="Submitted with a sandbox key: the asset is a sample.")
    output: OutputState | None = Field(
        description="State of the delivery to `output.putUrl`; null if none was requested."
    )


class Job(JobStatus):
    """A job with its options, its times and the paths of its files."""

    options: dict[str, Any] = Field(description="All options, including those that were left out.")
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    files: dict[str, str] = Field(
        description="Paths of the available files, by kind.",
        examples=[{"glb": f"/v1/jobs/{_EXAMPLE_JOB}/files/glb"}],
    )


class JobPage(_Camel):
    """Some jobs, newest first."""

    jobs: list[Job]
    next_cursor: str | None = Field(description="The `cursor` of the next page, which is older; null if there is none.")


class JobsQuery(_Parameters):
    status: Literal["PROCESSING", "COMPLETED", "FAILED"] | None = Field(default=None, description="Only those.")
    cursor: str | None = Field(default=None, pattern=JOB_ID, description="`nextCursor` of the previous page.")
    limit: int = Field(default=20, ge=1, le=100, description="Jobs per page.")


class StatusQuery(_Parameters):
    wait: int = Field(
        default=0, ge=0, le=60, description="Seconds to wait for the job to end; fewer if many clients wait."
    )


class Deleted(_Camel):
    """What happened to the job: `cancelled` if it had not ended, its credit returned; `deleted` with its files if it
    had; `ended` if it ended just before it could be cancelled, and is left as it is."""

    job_id: str = Field(pattern=JOB_ID, examples=[_EXAMPLE_JOB])
    outcome: Literal["cancelled", "deleted", "ended"]


class Credits(_Camel):
    """The account's credits. Those of the month are spent first."""

    available: int = Field(ge=0, description="Available to spend: `monthly` plus `lasting`.")
    held: int = Field(ge=0, description="Set aside for jobs that have not ended.")
    monthly: int = Field(ge=0, description="This month's credits, which expire at `monthlyUntil`.")
    lasting: int = Field(ge=0, description="Granted or bought; they do not expire.")
    monthly_until: datetime
    next_monthly: int = Field(ge=0, description="How many the plan adds at `monthlyUntil`.")
    unlimited: bool = Field(
        description="The account of the server's owner: no job is refused for want of credits, and the numbers only "
        "measure use. Show no balance."
    )


class CheckoutRequest(_Camel):
    """The purchase."""

    model_config = ConfigDict(strict=True)

    credits: int = Field(description="One of the packs on sale.", examples=[100])


class Checkout(_Camel):
    url: str = Field(description="Stripe's payment page; the credits are added once it is paid.")


class LedgerEntry(_Camel):
    """One movement of credits, never changed and never deleted. The balance is their sum."""

    id: int
    kind: Literal["grant", "hold", "capture", "release", "expire"]
    available: int = Field(description="Change of the credits that may be spent.")
    held: int = Field(description="Change of the credits held.")
    monthly: int = Field(description="The part of `available` that is monthly credits.")
    job_id: str | None
    reason: str | None
    created_at: datetime


class LedgerPage(_Camel):
    """Some entries, newest first."""

    entries: list[LedgerEntry]
    next_cursor: int | None = Field(description="The `cursor` of the next page, which is older; null if there is none.")


class LedgerQuery(_Parameters):
    cursor: int | None = Field(default=None, ge=1, le=2**63 - 1, description="`nextCursor` of the previous page.")
    limit: int = Field(default=50, ge=1, le=200, description="Entries per page.")


class PlanTerms(_Camel):
    """What the account's plan grants; null means no limit."""

    name: str
    monthly_credits: int
    requests_per_minute: int | None = Field(
        description="Requests per minute, by all keys of the account; null for the server's default."
    )
    concurrent_jobs: int | None = Field(description="Jobs queued or running at a time; further ones wait.")
    head_start_s: int = Field(description="Jobs are queued as if submitted this many seconds earlier.")
    retention_days: int | None = Field(description="Days for which files are kept.")
    storage_mb: int | None = Field(description="Megabytes (10^6 bytes) that the account's files may take.")


class KeyInUse(_Camel):
    """The key of this request."""

    id: str
    name: str
    scopes: list[str]
    monthly_cap: int | None = Field(description="Credits that its jobs may cost per month; null for no cap.")
    sandbox: bool


class Account(_Camel):
    """The key's account, and what the key may do."""

    account_id: str
    name: str
    plan: PlanTerms
    credits: Credits
    stored_bytes: int = Field(ge=0, description="What the account's files take, pictures included.")
    key: KeyInUse


class Needs(_Camel):
    """What a generator needs of the machine it runs on; 0 for nothing in particular."""

    memory_mb: int = Field(description="MiB of main memory.")
    gpu_memory_mb: int = Field(description="MiB of a GPU's memory.")


class Generator(_Camel):
    """A generator that workers offer, or would if they could."""

    name: str
    version: str | None = Field(description="null if its plug-in is broken.")
    licence: str = Field(description="SPDX expression for its code and weights; empty if it is not stated.")
    price: int = Field(ge=1, description="Credits that a job costs.")
    fallback: str | None = Field(description="The generator that takes over, and is reported, if this one fails.")
    needs: Needs
    ready: bool = Field(description="Requests may ask for it now.")
    default: bool = Field(description="Used when a request names none.")
    problem: str | None = Field(description="Why it is not ready.")
    options: dict[str, Any] = Field(
        description="JSON Schema of its options, its own included: range, default and description of each."
    )
    ignores: list[str] = Field(description="Options that have no effect on it.", examples=[["seed"]])
    views: list[View] = Field(
        description="The sides of the object whose pictures it uses; pictures of others have no effect.",
        examples=[["front", "back", "left", "right"]],
    )


class Preset(_Camel):
    """A good choice of options for a purpose."""

    key: str = Field(description="Stable.", examples=["draft"])
    name: str = Field(description="For people.", examples=["Draft"])
    purpose: str = Field(description="What it is good for, in words.")
    options: dict[str, Any] = Field(description="The options to send; those left out have their defaults.")


class Generators(_Camel):
    generators: list[Generator]
    presets: list[Preset] = Field(description="To offer in a form; the first is the default.")


class WebhookRequest(_Camel):
    """A URL that is notified when jobs end."""

    model_config = ConfigDict(strict=True)

    url: str = Field(
        min_length=1, max_length=8192, description="Public, http or https.", examples=["https://example.com/hook"]
    )
    events: list[Literal["job.completed", "job.failed"]] = Field(
        default=["job.completed", "job.failed"], min_length=1, max_length=2
    )


class Webhook(_Camel):
    """A URL that is notified when jobs end."""

    id: str = Field(examples=["wh_01kbkq5x8efk8a4v1y4mhrq2zd"])
    url: str
    events: list[str]
    created_at: datetime
    previous_secret_until: datetime | None = Field(
        description="Until then, messages are also signed with the previous secret."
    )
    paused_until: datetime | None = Field(
        description="Its host did not answer several times: nothing is sent before then; null if it is not paused."
    )


class WebhookWithSecret(Webhook):
    """A webhook with the secret that verifies its messages."""

    secret: str = Field(examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])


class Webhooks(_Camel):
    webhooks: list[Webhook]


class Delivery(_Camel):
    """A message to a webhook, and its delivery."""

    id: str = Field(description="The message's `webhook-id`.")
    event: str
    job_id: str | None = Field(description="Null for a test message, `webhook.test`.")
    state: Literal["pending", "delivered", "failed"]
    attempts: int
    answer: int | None = Field(description="HTTP status of the last attempt.")
    problem: str | None = Field(description="What went wrong in the last attempt.")
    created_at: datetime
    next_at: datetime | None = Field(description="When it is tried again; null if it is not.")
    ended_at: datetime | None
    payload: str = Field(description="The message's body.")


class Deliveries(_Camel):
    """Some messages, newest first."""

    deliveries: list[Delivery]
    next_cursor: str | None = Field(description="The `cursor` of the next page, which is older; null if there is none.")


class DeliveriesQuery(_Parameters):
    cursor: str | None = Field(default=None, max_length=64, description="`nextCursor` of the previous page.")
    limit: int = Field(default=50, ge=1, le=200, description="Messages per page.")


class WebhookPath(BaseModel):
    webhook_id: str = Field(alias="webhookId", description="As returned by POST /v1/webhooks.")


class DeliveryPath(WebhookPath):
    delivery_id: str = Field(alias="deliveryId", description="The message's id.")


class ErrorDetail(Problem):
    """``requestId`` is the answer's X-Request-Id: quote it when you report a problem."""

    request_id: str = Field(examples=["req_5f1c9a0be27d44c38a6b90e1"])


class Error(_Camel):
    """The body of every error."""

    error: ErrorDetail


class JobPath(BaseModel):
    job_id: str = Field(
        alias="jobId", description="As returned by POST /v1/generate.", json_schema_extra={"pattern": JOB_ID}
    )


class FilePath(JobPath):
    kind: str = Field(description="Which file.", json_schema_extra={"enum": list(files.KINDS)})


REQUESTS: tuple[type[BaseModel], ...] = (GenerateRequest, WebhookRequest, CheckoutRequest)
ANSWERS: tuple[type[BaseModel], ...] = (
    JobAccepted,
    JobStatus,
    Job,
    JobPage,
    Deleted,
    Credits,
    Checkout,
    LedgerPage,
    Account,
    Generators,
    WebhookWithSecret,
    Webhooks,
    Deliveries,
    Error,
)
"""Bodies described in the OpenAPI document."""
