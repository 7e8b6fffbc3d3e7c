"""Pictures sent inside the request: base64, bare or as a data URI (RFC 2397)."""

from __future__ import annotations

import base64
import binascii
import re
from urllib.parse import unquote

from spherelinks.errors import InvalidRequest, PictureTooLarge
from spherelinks.picture.limits import MAX_BYTES

_FOREIGN = re.compile(r"[^A-Za-z0-9+/]")
_URL_SAFE = str.maketrans("-_", "+/")
_HINT = "Send the bytes of a JPEG, PNG or WebP file as base64, bare or as data:image/png;base64,…"


def is_data_uri(text: str) -> bool:
    """Whether the text is a data URI rather than a URL to fetch."""
    return text.lstrip()[:5].lower() == "data:"


def parse(text: str, *, field: str = "imageBase64") -> bytes:
    """The bytes behind base64 text or a ``data:…;base64,`` URI.

    White space, the URL-safe alphabet (RFC 4648 §5), missing padding and, in a data URI, percent-encoding are
    accepted; the media type is ignored, since the content decides. The size is checked before decoding.

    Raises InvalidRequest for anything that is not base64, PictureTooLarge above ``MAX_BYTES``; both carry ``field``.
    """
    # Room for line breaks and percent-encoding; anything longer is refused unread.
    if len(text) > 3 * MAX_BYTES:
        raise _too_large(field)
    payload = _payload(text, field) if is_data_uri(text) else text
    payload = "".join(payload.split()).translate(_URL_SAFE)
    digits = payload.rstrip("=")
    if not digits:
        raise InvalidRequest(f"{field} is empty.", hint=_HINT, field=field)
    if len(digits) * 3 // 4 > MAX_BYTES:
        raise _too_large(field)
    if foreign := _FOREIGN.search(digits):
        found = f"{foreign.group()!r} at character {foreign.start()}"
        looks_like_url = re.match(r"https?:", digits, re.IGNORECASE)
        hint = "Send a URL as imageUrl." if looks_like_url else _HINT
        raise InvalidRequest(f"{field} is not base64: {found} is not in its alphabet.", hint=hint, field=field)
    try:
        return base64.b64decode(digits + "=" * (-len(digits) % 4), validate=True)
    except binascii.Error as error:
        raise InvalidRequest(f"{field} is not base64: {error}.", hint=_HINT, field=field) from error


def _payload(uri: str, field: str) -> str:
    head, comma, payload = uri.partition(",")
    if not comma or not head.rstrip().lower().endswith(";base64"):
        raise InvalidRequest(f"{field} is a data URI, but not base64-encoded.", hint=_HINT, field=field)
    return unquote(payload) if "%" in payload else payload


def _too_large(field: str) -> PictureTooLarge:
    return PictureTooLarge(
        f"{field} is larger than 10 MB ({MAX_BYTES} bytes).",
        hint="Send a smaller picture; 2048 px per side is enough.",
        field=field,
    )
