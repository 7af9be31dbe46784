"""Fixtures of the engines' tests."""

from __future__ import annotations

import pytest


@pytest.fixture
def teachers_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set a key where the engine of `support.served` reads it, and another one where the client would."""
    from support.served import KEY, VARIABLE  # imported here, because it needs the openai package

    monkeypatch.setenv(VARIABLE, KEY)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-someone-else")
