"""What only the long runs do: SPHERELINKS_LONG_TESTS=1 make test."""

import os

import pytest

LONG = bool(os.environ.get("SPHERELINKS_LONG_TESTS"))

long_only = pytest.mark.skipif(not LONG, reason="a long run: SPHERELINKS_LONG_TESTS=1 make test")
