"""Messages between worker and child."""

import io
import json

from hypothesis import given, settings
from hypothesis import strategies as st

from spherelinks.jobs import wire

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
messages = st.lists(st.tuples(st.dictionaries(st.text(), values), st.binary(max_size=2000)), max_size=5)


@settings(max_examples=40, deadline=None)
@given(messages)
def test_messages_come_out_as_they_went_in(sent):
    stream = io.BytesIO()
    for header, payload in sent:
        wire.write(stream, header, payload)
    stream.seek(0)
    received = []
    while (message := wire.read(stream)) is not None:
        received.append(message)
    assert received == [(json.loads(json.dumps(header)), payload) for header, payload in sent]


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=100), st.data())
def test_a_message_cut_short_is_the_end(payload, data):
    stream = io.BytesIO()
    wire.write(stream, {"type": "x"}, payload)
    whole = stream.getvalue()
    part = whole[: data.draw(st.integers(0, len(whole) - 1))]
    assert wire.read(io.BytesIO(part)) is None
