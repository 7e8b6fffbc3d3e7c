"""From the picture fields of a request to the bytes of a picture that is known to decode."""

from __future__ import annotations

import os
import threading

from spherelinks.errors import InvalidRequest, PictureError, RateLimited
from spherelinks.picture import base64_data
from spherelinks.picture.decode import decode
from spherelinks.picture.fetch import Guard, fetch

_BUSY_S = 5


class Intake:
    """Takes pictures in, a few at a time: slow addresses and large pictures must not use up threads and memory.

    fetches : how many addresses are fetched at once; one more is refused, for a fetch may take its whole deadline
    guard : which addresses may be fetched
    decodes : how many pictures are decoded at once; one more waits a little, for a decoding takes a second at most
    """

    def __init__(self, fetches: int, guard: Guard, decodes: int = os.cpu_count() or 1) -> None:
        self._fetching = threading.BoundedSemaphore(fetches)
        self._decoding = threading.BoundedSemaphore(decodes)
        self._guard = guard

    def picture(self, image_url: str, image_base64: str) -> bytes:
        """The picture's bytes, from exactly one of the two fields, fetched if need be, and decoded once as proof.

        Raises InvalidRequest for both or neither field and for bad base64, PictureError for a picture that cannot be
        had or read, RateLimited where too many others are under way.
        """
        if bool(image_url) == bool(image_base64):
            raise InvalidRequest(
                f"imageUrl and imageBase64 are both {'given' if image_url else 'missing'}.",
                hint="Give exactly one of imageUrl and imageBase64.",
                field="imageUrl",
            )
        field = "imageUrl" if image_url else "imageBase64"
        if image_base64 or base64_data.is_data_uri(image_url):
            data = base64_data.parse(image_base64 or image_url, field=field)
        else:
            data = self._fetched(image_url)
        return self.checked(data, field)

    def checked(self, data: bytes, field: str) -> bytes:
        """A picture's bytes, decoded once as proof. Raises PictureError, RateLimited."""
        self._prove(data, field)
        return data

    def _fetched(self, url: str) -> bytes:
        if not self._fetching.acquire(blocking=False):
            raise RateLimited(
                "imageUrl: too many addresses are being fetched at the moment.",
                retry_after=_BUSY_S,
                hint="Try again shortly, or send the picture itself as imageBase64.",
            )
        try:
            return fetch(url, guard=self._guard)
        finally:
            self._fetching.release()

    def _prove(self, data: bytes, field: str) -> None:
        if not self._decoding.acquire(timeout=_BUSY_S):
            raise RateLimited(
                f"{field}: too many pictures are being read at the moment.",
                retry_after=_BUSY_S,
                hint="Try again shortly.",
            )
        try:
            decode(data)
        except PictureError as error:
            raise type(error)(f"{field}: {error.message}", hint=error.hint, field=field) from error
        finally:
            self._decoding.release()
