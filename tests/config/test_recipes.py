"""Recipes say what they mean, and mistakes in them are named."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from rayboot.algorithms import Algorithm, DrBoot, Finetune
from rayboot.config import Recipe, load_recipe, recipe_yaml, upgraded
from rayboot.errors import UserError

JOBS = Path(__file__).parents[2] / "jobs"

MINIMAL = """
name: small
problems: {train: quickstart/train, validation: quickstart/validation}
policy: {model: quickstart}
"""


@pytest.fixture
def write(tmp_path: Path):
    def write(text: str) -> Path:
        path = tmp_path / "recipe.yaml"
        path.write_text(text)
        return path

    return write


def test_a_resolved_recipe_reads_back_as_itself(write) -> None:
    recipe = load_recipe(
        write(MINIMAL), ["algorithm.start=previous", "rollout.samples=4", "rollout.temperature=0.8"]
    )
    assert load_recipe(write(recipe_yaml(recipe))) == recipe
    assert (recipe.algorithm, recipe.rollout.samples) == (DrBoot(start="previous"), 4)


@pytest.mark.parametrize("path", sorted(JOBS.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_recipes_to_start_from_are_sound(path: Path) -> None:
    assert load_recipe(path, []).name == path.stem.replace("_", "-")


@pytest.mark.parametrize("algorithm", ["{type: finetune}", "{type: drboot, feedback: none, iterations: 7}"])
def test_the_resolved_recipe_of_every_algorithm_reads_back(write, algorithm: str) -> None:
    recipe = load_recipe(write(MINIMAL), [f"algorithm={algorithm}"])
    assert load_recipe(write(recipe_yaml(recipe))) == recipe


def test_numbers_in_scientific_notation_are_numbers(write) -> None:
    assert load_recipe(write(MINIMAL), ["training.lr=1e-5"]).training.lr == 1e-5


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("trainign.lr=1", "trainign: unknown key; did you mean training?"),
        ("training.learning_rate=1", "training.learning_rate: unknown key"),
        ("policy.lr=1", "did you mean training.lr?"),
        ("problems.trian=mbpp:x", "did you mean problems.train?"),
        ("models.teacher.modle=x", "models.teacher.modle: unknown key; did you mean models.teacher.model?"),
        (
            "models.teacher.generation.engin=vllm",
            "models.teacher.generation.engin: unknown key; did you mean models.teacher.generation.engine?",
        ),
        ("models.teacher.model=x", "models: algorithm drboot needs none; the recipe has models.teacher"),
        ("training.lr=fast", "training.lr: Input should be a valid number"),
        ("algorithm.feedback=fulll", "algorithm.feedback: Input should be 'none', 'simple' or 'full'"),
        (
            "algorithm.type=drbot",
            "algorithm.type: Input should be one of 'drboot', 'finetune' (given: 'drbot')",
        ),
        ("algorithm.feedbak=none", "algorithm.feedbak: unknown key; did you mean algorithm.feedback?"),
        (
            "algorithm.type=finetune algorithm.feedback=none",
            "algorithm finetune has no such option; algorithm={type: finetune} replaces the section",
        ),
        ("algorithm=finetune", "algorithm: must be a section with a type, such as {type: drboot}"),
        ("mode=plain", "mode: unknown key; write algorithm: {type: drboot, feedback: full}"),
        ("iterations=4", "iterations: unknown key; write algorithm.iterations"),
        ("training.from=previous", "training.from: unknown key; write algorithm.start"),
        ("rollout.samples=4", "needs a temperature above 0"),
        ("evaluation.k=[1,10]", "k must contain 1 and no value outside 1..samples = 1"),
        ("generation.engine=recorded", "recording must be set with engine: recorded, and only then"),
        ("generation.latency=1", "latency needs engine: recorded"),
        ("training.micro_batch_size=7", "not a multiple"),
        ("problems.shots=2", "shots needs few_shot"),
        ("rollout.num_beams=4 rollout.temperature=1", "num_beams > 1 needs temperature 0"),
        ("evaluation.num_beams=4 generation.engine=vllm", "engine vllm has no beam search: set it to 1"),
        ("algorithm.iterations=0", "algorithm.iterations: Input should be greater than or equal to 1"),
        ("algorithm.iterations=yes", "algorithm.iterations: must be a number, not true or false"),
        ("training.lr=.inf", "training.lr: Input should be a finite number"),
        (
            "rollout.min_yield=.nan rollout.repair=adaptive",
            "rollout.min_yield: Input should be a finite number",
        ),
        ("name=a/b", "name: String should match pattern"),
    ],
)
def test_a_mistake_is_named_with_file_and_key(write, override: str, told: str) -> None:
    path = write(MINIMAL)
    with pytest.raises(UserError) as error:
        load_recipe(path, override.split())
    assert str(path) in str(error.value)
    assert told in str(error.value)


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        (["models.t.generation.engine=vllm", "rollout.num_beams=4"], "engine vllm has no beam search"),
        (["models.t.generation={engine: vllm, vllm: {max_lora_rank: 8}}"], "works for the policy alone"),
    ],
)
def test_options_of_another_model_are_checked_like_the_policys(
    write, monkeypatch: pytest.MonkeyPatch, overrides: list[str], told: str
) -> None:
    monkeypatch.setattr(DrBoot, "roles", ("t",))
    assert load_recipe(write(MINIMAL), ["models.t.model=x"]).by_role.keys() == {"policy", "t"}
    with pytest.raises(UserError, match=told):
        load_recipe(write(MINIMAL), ["models.t.model=x", *overrides])


def test_a_duplicate_key_in_the_value_of_an_override_is_refused(write) -> None:
    with pytest.raises(UserError, match=r"(?s)override training: .*duplicate key lr"):
        load_recipe(write(MINIMAL), ["training={lr: 1e-5, lr: 2e-5}"])


@pytest.mark.parametrize("override", ["rollout.repair_rounds=2", "curation.reinforce_first_prompt=true"])
@pytest.mark.parametrize("algorithm", ["algorithm.feedback=none", "algorithm.type=finetune"])
def test_an_option_that_would_have_no_effect_is_refused(write, override: str, algorithm: str) -> None:
    assert load_recipe(write(MINIMAL), [override])
    with pytest.raises(UserError, match=r"has no effect with algorithm (drboot|finetune): "):
        load_recipe(write(MINIMAL), [override, algorithm])


@pytest.mark.parametrize(
    ("mode", "algorithm"),
    [
        ("full", DrBoot(iterations=4, feedback="full", start="previous")),
        ("plain", DrBoot(iterations=4, feedback="none", start="previous")),
        ("finetune", Finetune(iterations=4, start="previous")),
    ],
)
def test_a_recipe_that_an_earlier_version_has_resolved_is_understood(mode: str, algorithm: Algorithm) -> None:
    now = Recipe.model_validate({**yaml.safe_load(MINIMAL), "algorithm": algorithm})
    then = {key: value for key, value in yaml.safe_load(recipe_yaml(now)).items() if key != "algorithm"}
    then |= {"mode": mode, "iterations": 4, "training": {**then["training"], "from": "previous"}}
    assert Recipe.model_validate(upgraded(then)) == now


SERVED = "generation.engine=openai generation.openai.base_url=http://here/v1 generation.openai.model=m"


def test_a_run_needs_an_engine_that_takes_weights(write) -> None:
    with pytest.raises(UserError, match=r"openai cannot load the weights .* use transformers or vllm"):
        load_recipe(write(MINIMAL), SERVED.split())


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("generation.openai.api_key_env=sk-4f9a", "api_key_env must be the name of an environment variable"),
        ("generation.openai.base_url=https://sk-4f9a@here/v1", "base_url must be like http"),
        ("generation.openai.base_url=https://here/v1?key=sk-4f9a", "base_url must be like http"),
        ("generation.openai.base_url=sk-4f9a", "base_url must be like http"),
    ],
)
def test_a_key_in_a_recipe_is_refused_and_not_repeated(write, override: str, told: str) -> None:
    with pytest.raises(UserError) as error:
        load_recipe(write(MINIMAL), [*SERVED.split(), override])
    assert told in str(error.value)
    assert "sk-4f9a" not in str(error.value)


@pytest.mark.parametrize("text", ["- a list", "name: [", "\x00"])
def test_a_file_that_is_no_mapping_is_refused(write, text: str) -> None:
    with pytest.raises(UserError, match=r"recipe\.yaml"):
        load_recipe(write(text))


def test_a_key_that_is_there_twice_is_refused(write) -> None:
    with pytest.raises(UserError, match=r"(?s)duplicate key training.*line 7"):
        load_recipe(write(f"{MINIMAL}training: {{lr: 1.0}}\nrollout: {{}}\ntraining: {{epochs: 1}}\n"))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere\.yaml: the recipe cannot be read"):
        load_recipe(tmp_path / "nowhere.yaml")


def test_every_option_is_documented() -> None:
    schema = Recipe.model_json_schema()
    sections = [schema, *schema["$defs"].values()]
    fields = {name: field for section in sections for name, field in section.get("properties", {}).items()}
    own_words = {"bf16", "seed", "epochs", "gradient_checkpointing", "max_grad_norm", "top_p", "temperature"}
    silent = {name for name, field in fields.items() if "description" not in field and "$ref" not in field}
    assert silent - own_words <= {"weight_decay", "name"}


def test_importing_recipes_imports_neither_ray_nor_torch() -> None:
    script = (
        "import sys, rayboot.config; print({'ray', 'torch', 'transformers', 'pyarrow'} & set(sys.modules))"
    )
    printed = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout
    assert printed.strip() == "set()"
