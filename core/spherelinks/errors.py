"""The errors, as one tree.

Every error carries a stable ``code`` (documented in docs/errors.md), a message that names the field and the value,
and a ``hint`` that says what to do. The server maps each class to one HTTP status, the command line to one exit code::

    SphereLinksError
    ├── InvalidRequest            the request does not follow the contract
    │   ├── InvalidOption         an option is unknown, of the wrong type or out of range
    │   ├── MeshUnreadable        a mesh file of another format, damaged, empty or too large
    │   ├── UnknownWebhook        no such webhook, or no such delivery of it, for this account
    │   ├── TooManyWebhooks       the account has reached its limit
    │   ├── PaymentsNotOffered    this installation sells no credits
    │   └── IdempotencyMismatch   the Idempotency-Key was used for a different request
    ├── PictureError
    │   ├── PictureTooLarge       over 10 MB
    │   ├── PictureUnreachable    a URL that cannot, or must not, be fetched
    │   └── PictureUnreadable     not JPEG, PNG or WebP; corrupt; animated; too many pixels
    ├── AccessDenied
    │   ├── InvalidKey            missing, malformed, unknown or revoked
    │   ├── MissingScope          the key works, but not for this
    │   ├── InsufficientCredits
    │   ├── KeyCapReached         the key has reached its monthly cap
    │   ├── StorageQuotaReached   the account's files take all the space its plan gives
    │   └── RateLimited
    ├── JobError
    │   ├── UnknownJob            no such job for this account
    │   ├── UnknownFile           the job has no file of that kind
    │   ├── RequestInFlight       a request with the same Idempotency-Key is being accepted right now
    │   ├── JobNotFinished
    │   ├── AssetExpired          the asset's retention period is over and it was deleted
    │   └── JobFailed             the job ended without an asset; carries the reason's code
    ├── GenerationError
    │   ├── NoObject              nothing in the picture can be separated from its background
    │   ├── PictureMismatch       the picture of a side cannot be of the object that the front's shows
    │   ├── GeneratorFailed       generation or finishing failed or timed out
    │   └── Cancelled             the caller asked to stop
    └── ServiceError
        ├── ConfigurationError    invalid settings
        ├── DatabaseUnavailable
        ├── StorageUnavailable
        └── StorageFull           too little free space to take anything in
"""

from __future__ import annotations


class SphereLinksError(Exception):
    """Base of every error raised on purpose.

    Parameters
    ----------
    message : what happened, naming the field and the value
    hint : what to do about it; empty if there is no advice
    field : the request's field at fault, as the client wrote it, or None
    """

    code = "internal_error"

    def __init__(self, message: str, *, hint: str = "", field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.field = field
        if hint:
            self.add_note(hint)  # tracebacks and notebooks show it below the message


class InvalidRequest(SphereLinksError):
    code = "invalid_request"


class InvalidOption(InvalidRequest):
    """``field`` names the option. ``value``: what it was given, and ``complaint``: what is wrong with that, where it is
    the value alone."""

    code = "invalid_option"

    def __init__(
        self, message: str, *, hint: str = "", field: str | None = None, value: object = None, complaint: str = ""
    ) -> None:
        super().__init__(message, hint=hint, field=field)
        self.value = value
        self.complaint = complaint


class MeshUnreadable(InvalidRequest):
    code = "mesh_unreadable"


class UnknownWebhook(InvalidRequest):
    code = "unknown_webhook"


class TooManyWebhooks(InvalidRequest):
    code = "too_many_webhooks"


class PaymentsNotOffered(InvalidRequest):
    code = "payments_not_offered"


class IdempotencyMismatch(InvalidRequest):
    code = "idempotency_mismatch"


class PictureError(SphereLinksError):
    code = "picture_error"


class PictureTooLarge(PictureError):
    code = "picture_too_large"


class PictureUnreachable(PictureError):
    code = "picture_unreachable"


class PictureUnreadable(PictureError):
    code = "picture_unreadable"


class AccessDenied(SphereLinksError):
    code = "access_denied"


class InvalidKey(AccessDenied):
    code = "invalid_api_key"


class MissingScope(AccessDenied):
    code = "missing_scope"


class InsufficientCredits(AccessDenied):
    code = "insufficient_credits"


class KeyCapReached(AccessDenied):
    code = "key_cap_reached"


class StorageQuotaReached(AccessDenied):
    code = "storage_quota_reached"


class RateLimited(AccessDenied):
    """``retry_after``: seconds until the next request may succeed."""

    code = "rate_limited"

    def __init__(self, message: str, *, retry_after: float, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after


class JobError(SphereLinksError):
    code = "job_error"


class UnknownJob(JobError):
    code = "unknown_job"


class UnknownFile(JobError):
    code = "unknown_file"


class RequestInFlight(JobError):
    code = "request_in_flight"


class JobNotFinished(JobError):
    code = "job_not_finished"


class AssetExpired(JobError):
    code = "asset_expired"


class JobFailed(JobError):
    """``reason``: the code of the error that ended the job."""

    code = "job_failed"

    def __init__(self, message: str, *, reason: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.reason = reason


class GenerationError(SphereLinksError):
    code = "generation_error"


class NoObject(GenerationError):
    code = "no_object"


class PictureMismatch(GenerationError):
    code = "picture_mismatch"


class GeneratorFailed(GenerationError):
    code = "generator_failed"


class Cancelled(GenerationError):
    code = "cancelled"


class ServiceError(SphereLinksError):
    code = "service_error"


class ConfigurationError(ServiceError):
    code = "configuration_error"


class DatabaseUnavailable(ServiceError):
    code = "database_unavailable"


class StorageUnavailable(ServiceError):
    code = "storage_unavailable"


class StorageFull(ServiceError):
    code = "storage_full"


def shortened(text: str, length: int = 80) -> str:
    """A client's text, shortened to ``length`` characters for a message."""
    return text if len(text) <= length else text[: length - 3] + "..."
