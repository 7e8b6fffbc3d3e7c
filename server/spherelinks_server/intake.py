"""From the picture fields of a request to the bytes of a picture that decodes."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from spherelinks.errors import InvalidRequest, PictureError, RateLimited
from spherelinks.jobs.decoding import Decoders
from spherelinks.picture import base64_data
from spherelinks.picture.fetch import Guard, fetch

_BUSY_S = 5


FETCHES = 64
"""URLs fetched at a time."""
FETCHES_OF_ACCOUNT = 4
"""Of these, the maximum per account; once half of all slots are taken, none gets a second one."""


class Intake:
    """Takes in pictures, a few at a time: slow servers and large pictures must not use up threads and memory.

    A fetch may take its whole deadline, so it gives up its slot among the active requests, and one too many is refused
    at once. Decoding takes a second at most, so one too many waits a little.

    guard : which addresses may be fetched
    aside : entered while a URL is fetched, see :meth:`spherelinks_server.waiting.Turnstile.aside`
    decoders : the processes that decode
    """

    def __init__(self, guard: Guard, aside: Callable[[], AbstractContextManager[None]], decoders: Decoders) -> None:
        self._fetching: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._decoders = decoders
        self._guard = guard
        self._aside = aside

    def picture(self, account_id: str, image_url: str, image_base64: str) -> bytes:
        """The picture's bytes, from exactly one of the two fields, fetched if necessary, and decoded once as proof.

        Raises InvalidRequest for both or neither field and for bad base64, PictureError for a picture that cannot be
        fetched or read, RateLimited if too many others are in progress.
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
            with self._place(account_id), self._aside():
                data = fetch(image_url, guard=self._guard)
        return self.checked(account_id, data, field)

    def checked(self, account_id: str, data: bytes, field: str) -> bytes:
        """A picture's bytes, decoded once as proof. Raises PictureError, RateLimited."""
        try:
            self._decoders.prove(account_id, data)
        except PictureError as error:
            raise type(error)(f"{field}: {error.message}", hint=error.hint, field=field) from error
        return data

    @contextmanager
    def _place(self, account_id: str) -> Iterator[None]:
        """Hold one of the account's slots for fetching. Raises RateLimited."""
        with self._lock:
            taken = self._fetching.total()
            share = FETCHES_OF_ACCOUNT if taken < FETCHES // 2 else 1
            if taken >= FETCHES or self._fetching[account_id] >= share:
                raise RateLimited(
                    "imageUrl: too many pictures are being fetched at the moment.",
                    retry_after=_BUSY_S,
                    hint="Try again shortly, or send the picture itself as imageBase64.",
                )
            self._fetching[account_id] += 1
        try:
            yield
        finally:
            with self._lock:
                self._fetching[account_id] -= 1
                self._fetching += Counter()  # forgets the accounts that have none
