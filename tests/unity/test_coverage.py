"""Runs last: the client's tests have played every file of contract/."""

from pathlib import Path

import pytest

HERE = Path(__file__).parent


def test_every_file_of_the_contract_is_played(contract, request):
    ran = {item.path for item in request.session.items}
    if not ran >= {*HERE.rglob("test_*.py")}:
        pytest.skip("only some of the client's tests run")
    assert contract.unplayed() == []
