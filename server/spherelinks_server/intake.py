"""From the picture fields of a request to the bytes of pictures that decode, and of the front's mask."""

from __future__ import annotations

import re
import threading
import types
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field

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


@dataclass(frozen=True)
class Pictures:
    """The pictures of one object.

    front, mask : its picture and, if there is one, the mask that says where the object is
    sides : pictures of its other sides, by the names in :data:`spherelinks.shape.SIDES`
    """

    front: bytes
    mask: bytes | None = None
    sides: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Sent:
    """A picture as a request sends it: ``url``, or ``base64``, or a ``file``.

    name : what its fields are called: ``image`` for ``imageUrl``, ``imageBase64`` and the file ``image``
    """

    name: str
    url: str = ""
    base64: str = ""
    file: bytes | None = None

    @property
    def field(self) -> str:
        """The field that has the picture."""
        return self.name + ("" if self.file is not None else "Url" if self.url else "Base64")


class Intake:
    """Takes in pictures, a few at a time: slow servers and large pictures must not use up threads and memory.

    A fetch may take its whole deadline, and one too many is refused at once. Decoding takes a second at most, so one
    too many waits a little. Both give up their slot among the active requests meanwhile. The pictures of one request
    are fetched and decoded one after the other.

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
        sent: Mapping[str, Sent],
        *,
        admit: Callable[[Pictures], None] = lambda pictures: None,
    ) -> Pictures:
        """The pictures, fetched if necessary, and each decoded once as proof.

        sent : by what they are, ``mask`` or a side's name, the ``front`` among them

        Raises InvalidRequest for bad base64 and for a mask that does not fit the front; PictureError for what cannot
        be fetched or read; RateLimited if too many others are in progress; and what ``admit`` raises, which is called
        before the decoding. Errors name the field.
        """
        data = {name: self._bytes(account_id, each) for name, each in sent.items()}
        pictures = Pictures(data.pop("front"), data.pop("mask", None), data)
        admit(pictures)
        self.check(account_id, pictures, {name: each.field for name, each in sent.items()})
        return pictures

    def _bytes(self, account_id: str, sent: Sent) -> bytes:
        """What was sent. Raises InvalidRequest, PictureError, RateLimited."""
        if sent.file is not None:
            return sent.file
        with _said_of(sent.name):
            if sent.base64 or base64_data.is_data_uri(sent.url):
                return base64_data.parse(sent.base64 or sent.url, field="imageBase64" if sent.base64 else "imageUrl")
            with self._place(account_id), self._aside():
                return fetch(sent.url, guard=self._guard)

    def check(
        self,
        account_id: str,
        pictures: Pictures,
        fields: Mapping[str, str] = types.MappingProxyType({"front": "picture"}),
    ) -> None:
        """Decode each of the pictures once as proof.

        fields : what has sent each of them, by what they are; where one is not named, it is called that

        Raises PictureError, InvalidRequest for a mask that does not fit the front, RateLimited.
        """
        self._prove(account_id, pictures.front, pictures.mask, "front", fields)
        for view, side in pictures.sides.items():
            self._prove(account_id, side, None, view, fields)

    def _prove(self, account_id: str, picture: bytes, mask: bytes | None, view: str, fields: Mapping[str, str]) -> None:
        try:
            with self._aside():
                self._decoders.prove(account_id, picture, mask)
        except (PictureError, InvalidRequest) as error:
            if error.field == masks.FIELD:
                name = fields.get("mask", "mask")
                message = error.message.replace(masks.FIELD, name, 1)
            else:
                name = fields.get(view, view)
                message = f"{name}: {error.message}"
            raise type(error)(message, hint=error.hint, field=name) from error

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
def _said_of(name: str) -> Iterator[None]:
    """What is wrong with ``imageUrl`` or ``imageBase64`` is said of the fields of that name."""

    def said(text: str) -> str:
        return re.sub(r"\bimage(?=Url\b|Base64\b)", name, text)

    try:
        yield
    except RateLimited as error:
        raise RateLimited(said(error.message), retry_after=error.retry_after, hint=said(error.hint)) from error
    except (PictureError, InvalidRequest) as error:
        raise type(error)(said(error.message), hint=said(error.hint), field=said(error.field or "")) from error
