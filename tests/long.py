"""What only the long runs do: SPHERELINKS_LONG_TESTS=1 make test, and make test-long."""

import os

import hypothesis
import pytest

#: How many times the examples that each property test sets itself are drawn.
EXAMPLES = int(os.environ.get("SPHERELINKS_EXAMPLES", "1"))

LONG = bool(os.environ.get("SPHERELINKS_LONG_TESTS"))

long_only = pytest.mark.skipif(not LONG, reason="a long run: SPHERELINKS_LONG_TESTS=1 make test")


def searched(settings: hypothesis.settings) -> hypothesis.settings:
    """The settings of a property test for this run; without a deadline, for no test may fail on a busy machine."""
    return hypothesis.settings(settings, max_examples=EXAMPLES * settings.max_examples, deadline=None)
