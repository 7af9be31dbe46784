"""Options of curation that contradict each other, or have no effect, are refused."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from rayboot.config import CurationConfig, Recipe


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"replay": True}, "valid dictionary or instance of ReplayConfig"),
        ({"replay": {"size": 5}}, "size needs strategy: uniform, recency or hardest"),
        ({"replay": {"strategy": "hardest"}}, "strategy: hardest needs size"),
        ({"replay": {"strategy": "newest", "size": 5}}, "'all', 'uniform', 'recency' or 'hardest'"),
        (
            {"replay": {"max_per_problem": 2}, "max_per_problem": 2},
            "replay.max_per_problem = 2 has no effect",
        ),
        ({"max_reference_share": 0.5, "reference_fallback": False}, "max_reference_share has no effect"),
        ({"max_reference_share": 1.0}, "less than 1"),
    ],
)
def test_a_contradiction_is_named(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError) as error:
        CurationConfig.model_validate(options)
    assert message in str(error.value)


@pytest.mark.parametrize(
    "options",
    [{"replay": {}}, {"max_per_problem": 2}, {"max_reference_share": 0.5}],
    ids=lambda o: next(iter(o)),
)
def test_finetuning_refuses_options_for_attempts(options: dict[str, object]) -> None:
    recipe = {
        "name": "x",
        "algorithm": {"type": "finetune"},
        "problems": {"train": "quickstart/train", "validation": "quickstart/validation"},
        "policy": {"model": "quickstart"},
    }
    assert Recipe.model_validate({**recipe, "curation": {"decontaminate": 13}})
    with pytest.raises(
        ValidationError, match=f"curation.{next(iter(options))} has no effect with algorithm finetune"
    ):
        Recipe.model_validate({**recipe, "curation": options})
