"""Tiny models, written once for all generation tests."""

from __future__ import annotations

import pytest
from support.tiny_models import tiny_llama, tiny_t5


@pytest.fixture(scope="session")
def llama(tmp_path_factory: pytest.TempPathFactory) -> str:
    return tiny_llama(tmp_path_factory.mktemp("llama"))


@pytest.fixture(scope="session")
def t5(tmp_path_factory: pytest.TempPathFactory) -> str:
    return tiny_t5(tmp_path_factory.mktemp("t5"))


@pytest.fixture
def teachers_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key where the engine of `support.served` looks for it, and another where the client would."""
    from support.served import KEY, VARIABLE  # here, because it needs the openai package

    monkeypatch.setenv(VARIABLE, KEY)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-someone-else")
