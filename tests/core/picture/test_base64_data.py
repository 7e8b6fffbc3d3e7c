"""Base64 pictures: what is accepted, what is refused, and how the refusal reads."""

from __future__ import annotations

import base64
import contextlib
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spherelinks.errors import InvalidRequest, PictureTooLarge
from spherelinks.picture.base64_data import _PIECE, parse
from spherelinks.picture.limits import MAX_BYTES


@given(st.binary(min_size=1, max_size=300))
def test_every_common_spelling_gives_the_same_bytes(data: bytes) -> None:
    text = base64.b64encode(data).decode()
    wrapped = "\r\n".join(text[i : i + 76] for i in range(0, len(text), 76))
    for spelling in (
        text,
        f"  {wrapped}\n",
        text.rstrip("="),
        base64.urlsafe_b64encode(data).decode(),
        f"data:image/png;base64,{text}",
        f"data:;base64,{text}",
        f"DATA:image/webp;name=a.webp;BASE64,{wrapped}",
        "data:image/png;base64," + text.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D"),
    ):
        assert parse(spelling) == data


@given(st.text(max_size=200))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    with contextlib.suppress(InvalidRequest):
        assert len(parse(text)) <= len(text) * 3 // 4


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        ("   \n", "empty"),
        ("====", "empty"),
        ("data:image/png;base64,", "empty"),
        ("data:image/png,%89PNG", "not base64-encoded"),
        ("data:image/png;base64", "not base64-encoded"),
        ("QUJ", None),
        ("Q", "not base64"),
        ("QU*J", "'*' at character 2"),
        ("QUJD=QUJD", "'=' at character 4"),
        ("QUJDé", "not base64"),
        ("https://example.com/cat.png", "not base64"),
    ],
)
def test_what_is_refused_and_why(text: str, said: str | None) -> None:
    if said is None:
        assert parse(text) == b"AB"
        return
    with pytest.raises(InvalidRequest, match=said.replace("*", r"\*")) as caught:
        parse(text)
    assert caught.value.field == "imageBase64"


@pytest.mark.parametrize("size", [_PIECE * 3 // 4 * 2 + extra for extra in (-2, -1, 0, 1)])
def test_what_is_worked_on_in_pieces_comes_out_whole(size: int) -> None:
    data = random.Random(size).randbytes(size)
    text = base64.b64encode(data).decode()
    assert parse(text) == parse(f"{text[:_PIECE]}\u2003\n{text[_PIECE:]}") == data
    at = 4 * (_PIECE // 4)
    for wrong, said in (("=", "'='"), ("*", "'\\*'"), ("é", "'é'")):
        with pytest.raises(InvalidRequest, match=f"{said} at character {at - 1} "):
            parse(text[: at - 1] + wrong + text[at:])  # the end of a piece
    with pytest.raises(InvalidRequest, match=f"characters \\({at + 1}\\) cannot be 1 more"):
        parse(text[: at + 1])


def test_an_address_in_the_wrong_field_is_pointed_to_the_right_one() -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse("https://example.com/cat.png")
    assert "imageUrl" in caught.value.hint


def test_ten_megabytes_pass_and_one_byte_more_does_not() -> None:
    assert len(parse(base64.b64encode(bytes(MAX_BYTES)).decode())) == MAX_BYTES
    with pytest.raises(PictureTooLarge) as caught:
        parse(base64.b64encode(bytes(MAX_BYTES + 1)).decode())
    assert caught.value.field == "imageBase64"
    with pytest.raises(PictureTooLarge):
        parse(" " * (3 * MAX_BYTES + 1))
