"""What tests of several engines share."""

from __future__ import annotations

import pytest


@pytest.fixture
def teachers_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key where the engine of `support.served` looks for it, and another where the client would."""
    from support.served import KEY, VARIABLE  # here, because it needs the openai package

    monkeypatch.setenv(VARIABLE, KEY)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-someone-else")
