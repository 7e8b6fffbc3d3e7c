"""What can go wrong between Blender and a server, as one exception with a stable code."""

from __future__ import annotations

REMEDIES = {
    "address": "Give an address such as http://127.0.0.1:8000 in the SphereLinks settings.",
    "bad_answer": "Check the server address in the SphereLinks settings; a proxy may be in between.",
    "file_error": "Check that the disk has free space and the folder is writable.",
    "insufficient_credits": "Wait for the next month's credits, or ask the server's operator for more.",
    "invalid_api_key": "Enter a working API key in the SphereLinks settings.",
    "no_key": "Enter an API key in the SphereLinks settings.",
    "no_program": "Install SphereLinks on this machine, or enter the path of the program in the SphereLinks settings.",
    "offline": "Allow Online Access in Preferences > System > Network, or use a server on this machine.",
    "picture_too_large": "Use a smaller picture: only 2048 pixels per side are used.",
    "picture_unreadable": "Save the picture again as JPEG, PNG or WebP.",
    "rate_limited": "Wait a minute, then try again.",
    "redirected": "If you trust the address it names, enter that in the SphereLinks settings.",
    "time_limit": "It may still finish on the server: Try Again resumes it there at no extra cost.",
    "too_large": "Check the server address in the SphereLinks settings.",
    "unreachable": "Start the server, or correct its address in the SphereLinks settings.",
}
"""What to do, by code, where the server does not say; the user interface translates these."""

ENDS_JOB = frozenset(
    {
        "asset_expired",
        "cancelled",
        "generator_failed",
        "idempotency_mismatch",
        "no_object",
        "picture_mismatch",
        "unknown_job",
    }
)
"""Codes after which the server's job is over: its idempotency key would only return it again."""


class Failure(Exception):
    """A request, or a whole job, that did not work.

    Parameters
    ----------
    code : one of REMEDIES or a code of the server (docs/errors.md)
    message : what happened; the server's own words if it gave any
    hint : what to do about it; defaults to the one for the code
    transient : the same request may work in a moment
    retry_after : seconds to wait before that, if the server says so
    over : the server's job has ended; defaults to whether the code is one of ENDS_JOB
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        hint: str = "",
        transient: bool = False,
        retry_after: float = 0.0,
        over: bool = False,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint or REMEDIES.get(code, "")
        self.transient = transient
        self.retry_after = retry_after
        self.over = over or code in ENDS_JOB

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip()
