"""Pictures sent inside the request: base64, bare or as a data URI (RFC 2397)."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from urllib.parse import unquote

from spherelinks.errors import InvalidRequest, PictureTooLarge
from spherelinks.picture.limits import MAX_BYTES

_FOREIGN = re.compile(r"[^A-Za-z0-9+/]")
_PIECE = 1 << 18
"""Characters worked on at a time, a multiple of four: no other thread of the server runs meanwhile."""
_SPACES = [chr(code) for code in range(128) if chr(code).isspace()]
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
    digits = "".join(map(_cleaned, _pieces(payload))).rstrip("=")
    if not digits:
        raise InvalidRequest(f"{field} is empty.", hint=_HINT, field=field)
    if len(digits) * 3 // 4 > MAX_BYTES:
        raise _too_large(field)
    try:
        return _decoded(digits)
    except ValueError as error:  # binascii's, and that of characters beyond ASCII
        if foreign := _FOREIGN.search(digits):
            found = f"{foreign.group()!r} at character {foreign.start()}"
            looks_like_url = re.match(r"https?:", digits, re.IGNORECASE)
            hint = "Send a URL as imageUrl." if looks_like_url else _HINT
            raise InvalidRequest(
                f"{field} is not base64: {found} is not in its alphabet.", hint=hint, field=field
            ) from error
        raise InvalidRequest(f"{field} is not base64: {error}.", hint=_HINT, field=field) from error


def _pieces(text: str) -> Iterator[str]:
    return (text[at : at + _PIECE] for at in range(0, len(text), _PIECE))


def _cleaned(text: str) -> str:
    """The text without white space, in the usual alphabet; most texts are that already."""
    if not text.isascii() or any(space in text for space in _SPACES):
        text = "".join(text.split())
    return text.translate(_URL_SAFE) if "-" in text or "_" in text else text


def _decoded(digits: str) -> bytes:
    """The bytes behind digits without padding. Raises ValueError for what are none."""
    if "=" in digits or len(digits) % 4 == 1:  # which the pieces would not show
        return base64.b64decode(digits + "=" * (-len(digits) % 4), validate=True)
    return b"".join(base64.b64decode(piece + "=" * (-len(piece) % 4), validate=True) for piece in _pieces(digits))


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
