"""The key of the asset cache: equal for the same request, another for all that may change the bytes."""

import dataclasses

from spherelinks import version
from spherelinks.generation.cards import INFLATE, LIFT
from spherelinks.jobs.cache import content_key
from spherelinks.options import Options


def test_the_key_follows_picture_options_generator_and_every_version(monkeypatch) -> None:
    def key(picture=b"picture", options=None, card=LIFT, mask=None, **sides):
        return content_key(picture, options or Options(), card, mask, sides)

    keys = [key(), key(b"another"), key(options=Options(seed=1)), key(card=INFLATE)]
    keys.append(key(card=dataclasses.replace(LIFT, version="8")))
    assert key() == keys[0]
    keys += [key(mask=b"mask"), key(mask=b"another")]
    keys += [key(back=b"mask"), key(left=b"mask"), key(back=b"1", left=b"2"), key(back=b"2", left=b"1")]
    assert key(left=b"2", back=b"1") == keys[-2]
    for stage in version.STAGES:
        monkeypatch.setitem(version.STAGES, stage, "new")
        keys.append(key())
    monkeypatch.setattr("spherelinks.jobs.cache.__version__", "99")
    keys.append(key())
    assert len(set(keys)) == len(keys)
