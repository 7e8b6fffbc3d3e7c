"""Same request, same bytes, no second charge: the asset of an earlier job of the account, made or being made.

Only the account's own jobs are used. Sharing assets between accounts would reveal, by speed and price, that another
account has sent the same picture.
"""

from __future__ import annotations

import hashlib
import json
import types
from collections.abc import Mapping
from datetime import timedelta

from sqlalchemy import ColumnElement, and_, exists, func, or_, select
from sqlalchemy.orm import Session

from spherelinks import __version__, version
from spherelinks.database import Job
from spherelinks.generation.card import Card
from spherelinks.options import Options
from spherelinks.picture import mattes

MARGIN = timedelta(minutes=10)
"""An asset that expires this soon is not reused: the sweep may be about to delete it."""


def content_key(
    picture: bytes,
    options: Options,
    card: Card,
    mask: bytes | None = None,
    sides: Mapping[str, bytes] = types.MappingProxyType({}),
) -> str:
    """A digest in hex of all that decides an asset's bytes.

    Of the picture file, its mask if there is one, the pictures of other sides, every option, and the versions of the
    package, of its stages, of the generator whose card it is, and of another matte than the usual.
    """
    asked = json.dumps(options.model_dump(by_alias=True, mode="json"), sort_keys=True)
    stages = json.dumps(version.STAGES, sort_keys=True)
    parts = [hashlib.sha256(picture).hexdigest(), asked, __version__, stages, card.name, card.version]
    if options.matte != mattes.DEFAULT:
        parts.append(f"matte {mattes.named(options.matte).version}")
    if mask is not None:
        parts.append(hashlib.sha256(mask).hexdigest())
    parts += [f"{view} {hashlib.sha256(side).hexdigest()}" for view, side in sorted(sides.items())]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def find(session: Session, account_id: str, key: str) -> Job | None:
    """The account's newest completed job with the same request, else the newest at work; it can neither end nor be
    deleted before this transaction ends.

    For the API's and the dashboard's jobs; a sandbox job's asset is a sample.
    """
    return session.scalars(
        select(Job)
        .where(*_reusable(account_id), Job.content_key == key)
        .order_by((Job.state == "completed").desc(), Job.id.desc())
        .limit(1)
        .with_for_update(read=True)
    ).one_or_none()


def holds_any(session: Session, account_id: str) -> bool:
    """Whether :func:`find` could find anything for the account."""
    return bool(session.scalar(select(exists().where(*_reusable(account_id), Job.content_key.is_not(None)))))


def _reusable(account_id: str) -> tuple[ColumnElement[bool], ...]:
    return (
        Job.account_id == account_id,
        or_(Job.state == "completed", and_(Job.state.in_(("queued", "running")), Job.joined.is_(None))),
        Job.deleted_at.is_(None),
        or_(Job.expires_at.is_(None), Job.expires_at > func.now() + MARGIN),
    )
