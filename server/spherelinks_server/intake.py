"""From the picture fields of a request to the bytes of a picture that decodes, and of its mask."""

from __future__ import annotations

import re
import threading
import types
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager

from spherelinks.errors import InvalidRequest, PictureError, RateLimited
from spherelinks.jobs.decoding import Decoders
from spherelinks.picture import base64_data
from spherelinks.picture import mask as masks
from spherelinks.picture.fetch import Guard, fetch

_BUSY_S = 5


FETCHES = 64
"""URLs fetched at a time."""
FETCHES_OF_ACCOUNT = 4
"""Of these, the maximum per account; once half of all slots are taken, none gets a second one."""


class Intake:
    """Takes in pictures, a few at a time: slow servers and large pictures must not use up threads and memory.

    A fetch may take its whole deadline, and one too many is refused at once. Decoding takes a second at most, so one
    too many waits a little. Both give up their slot among the active requests meanwhile.

    guard : which addresses may be fetched
    aside : entered while a URL is fetched or a picture decoded, see :meth:`spherelinks_server.waiting.Turnstile.aside`
    decoders : the processes that decode
    """

    def __init__(self, guard: Guard, aside: Callable[[], AbstractContextManager[None]], decoders: Decoders) -> None:
        self._fetching: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._decoders = decoders
        self._guard = guard
        self._aside = aside

    def pictures(
        self,
        account_id: str,
        image_url: str,
        image_base64: str,
        mask_url: str = "",
        mask_base64: str = "",
        files: Mapping[str, bytes] = types.MappingProxyType({}),
        *,
        admit: Callable[[bytes, bytes | None], None] = lambda picture, mask: None,
    ) -> tuple[bytes, bytes | None]:
        """The bytes of the picture, and of its mask if there is one, fetched if necessary, and decoded once as proof.

        files : ``image`` and ``mask`` where they were sent as files, which stand in place of the other fields

        Raises InvalidRequest unless exactly one of the picture's fields is given, and at most one of the mask's, for
        bad base64 and for a mask that does not fit the picture; PictureError for what cannot be fetched or read;
        RateLimited if too many others are in progress; and what ``admit`` raises, which is called before the decoding.
        """
        image, mask = files.get("image"), files.get("mask")
        if image is None and bool(image_url) == bool(image_base64):
            raise InvalidRequest(
                f"imageUrl and imageBase64 are both {'given' if image_url else 'missing'}.",
                hint="Give exactly one of imageUrl and imageBase64.",
                field="imageUrl",
            )
        if mask_url and mask_base64:
            raise InvalidRequest(
                "maskUrl and maskBase64 are both given.", hint="Give one of the two, or none.", field="maskUrl"
            )
        picture = self._bytes(account_id, image_url, image_base64) if image is None else image
        if mask is None and (mask_url or mask_base64):
            with _said_of_the_mask():
                mask = self._bytes(account_id, mask_url, mask_base64)
        fields = [
            name if name in files else f"{name}Url" if url else f"{name}Base64"
            for name, url in (("image", image_url), ("mask", mask_url))
        ]
        admit(picture, mask)
        self.check(account_id, picture, mask, (fields[0], fields[1]))
        return picture, mask

    def _bytes(self, account_id: str, url: str, text: str) -> bytes:
        """What one of two fields, given as of the picture, sends. Raises InvalidRequest, PictureError, RateLimited."""
        if text or base64_data.is_data_uri(url):
            return base64_data.parse(text or url, field="imageBase64" if text else "imageUrl")
        with self._place(account_id), self._aside():
            return fetch(url, guard=self._guard)

    def check(
        self, account_id: str, picture: bytes, mask: bytes | None = None, fields: tuple[str, str] = ("picture", "mask")
    ) -> None:
        """Decode a picture and its mask, which these fields have sent, once as proof.

        Raises PictureError, InvalidRequest for a mask that does not fit the picture, RateLimited.
        """
        try:
            with self._aside():
                self._decoders.prove(account_id, picture, mask)
        except (PictureError, InvalidRequest) as error:
            if error.field == masks.FIELD:
                message, field = error.message.replace(masks.FIELD, fields[1], 1), fields[1]
            else:
                message, field = f"{fields[0]}: {error.message}", fields[0]
            raise type(error)(message, hint=error.hint, field=field) from error

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


@contextmanager
def _said_of_the_mask() -> Iterator[None]:
    """What is wrong with a picture's field is said of the same field of its mask."""

    def said(text: str) -> str:
        return re.sub(r"\bimage(Url|Base64)\b", r"mask\1", text)

    try:
        yield
    except RateLimited as error:
        raise RateLimited(said(error.message), retry_after=error.retry_after, hint=said(error.hint)) from error
    except (PictureError, InvalidRequest) as error:
        raise type(error)(said(error.message), hint=said(error.hint), field=said(error.field or "")) from error
