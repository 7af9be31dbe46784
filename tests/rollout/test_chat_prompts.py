"""Prompts rendered with the chat template of the model's tokenizer."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.tiny_models import tiny_llama, tiny_t5

from rayboot.config import POLICY, GenerationConfig, OpenAIConfig, recipe_from
from rayboot.config.prompts import PromptsConfig
from rayboot.errors import UserError
from rayboot.problems import AssertTest, Problem
from rayboot.rollout import PromptSource

TEMPLATE = (
    "{{ bos_token or '' }}{% for m in messages %}{% if m.role == 'system' and loop.index > 1 %}"
    "{{ raise_exception('late system') }}{% endif %}<|{{ m.role }}|>\n{{ m.content }}{{ eos_token }}\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
CHAT = PromptsConfig(style="chat")
SERVED = OpenAIConfig(base_url="http://127.0.0.1:1/v1", model="served")


def double(**changes: object) -> Problem:
    values: dict[str, object] = {
        "id": "mbpp/1",
        "benchmark": "mbpp",
        "statement": "Double a number.",
        "entry_point": "double",
        "tests": (AssertTest(code="assert double(2) == 4", public=True),),
        "references": ("def double(x):\n    return 2 * x",),
    }
    return Problem.model_validate(values | changes)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A causal model whose tokenizer has a chat template."""
    path = tiny_llama(tmp_path_factory.mktemp("chat"))
    Path(path, "chat_template.jinja").write_text(TEMPLATE)
    return path


@pytest.fixture(scope="module")
def plain_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return tiny_llama(tmp_path_factory.mktemp("plain"))


def source(model: str, options: PromptsConfig = CHAT, budget: int = 1000, shots: int = 0) -> PromptSource:
    examples = [double(id=f"e{number}", statement=f"Shot {number}.") for number in range(shots)]
    return PromptSource(GenerationConfig(), model, budget, examples, options)


def test_a_chat_prompt_is_what_the_tokenizer_makes_of_the_messages(model: str) -> None:
    prompts = source(model, PromptsConfig(style="chat", system="Be right."))
    repair = prompts.builder.repair(double(), "def double(x):\n    return x", "Wrong.")
    assert repair == (
        "<|system|>\nBe right.<eos>\n<|user|>\nDouble a number.\nassert double(2) == 4\n"
        "The function is called double.\n\nAnswer with the whole program, in python, in one fenced block.<eos>\n"
        "<|assistant|>\n```python\ndef double(x):\n    return x\n```<eos>\n"
        "<|user|>\nWrong.\n\nAnswer with the whole program again, in one fenced block.<eos>\n<|assistant|>\n"
    )
    assert not prompts.continued


def test_a_beginning_of_text_token_that_the_tokenizer_adds_is_not_repeated(
    model: str, tmp_path: Path
) -> None:
    for file in Path(model).iterdir():
        if file.suffix in (".json", ".jinja"):
            (tmp_path / file.name).write_text(file.read_text())
    config = json.loads((tmp_path / "tokenizer_config.json").read_text())
    tokenizer = json.loads((tmp_path / "tokenizer.json").read_text())
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({**config, "bos_token": "<pad>"}))
    begin, text = {"SpecialToken": {"id": "<pad>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}
    tokenizer["post_processor"] = {
        "type": "TemplateProcessing",
        "single": [begin, text],
        "pair": [begin, text, {"Sequence": {"id": "B", "type_id": 0}}],
        "special_tokens": {"<pad>": {"id": "<pad>", "ids": [1], "tokens": ["<pad>"]}},
    }
    (tmp_path / "tokenizer.json").write_text(json.dumps(tokenizer))
    assert (source(str(tmp_path)).builder.first(double()) or "").startswith("<|user|>")
    tokenizer["post_processor"] = None
    (tmp_path / "tokenizer.json").write_text(json.dumps(tokenizer))
    assert (source(str(tmp_path)).builder.first(double()) or "").startswith("<pad><|user|>")


def test_a_pickled_prompt_source_has_its_templates(model: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text('chat: {ask: "{statement}?"}\n')
    prompts = source(model, PromptsConfig(style="chat", templates={"default": str(file)}))
    file.unlink()
    moved = pickle.loads(pickle.dumps(prompts))
    assert moved.builder.first(double()) == "<|user|>\nDouble a number.?<eos>\n<|assistant|>\n"


@settings(max_examples=60, deadline=None)
@given(
    statement=st.text(st.characters(codec="utf-8", exclude_characters="\r"), min_size=1, max_size=80),
    program=st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=150),
    feedback=st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=80),
    budget=st.integers(min_value=0, max_value=600),
    shots=st.integers(min_value=0, max_value=2),
)
def test_a_chat_keeps_the_whole_statement_and_the_budget_of_what_is_rendered(
    model: str, statement: str, program: str, feedback: str, budget: int, shots: int
) -> None:
    from rayboot.engines import load_token_counter

    prompts, problem = source(model, CHAT, budget, shots).builder, double(statement=statement)
    count = load_token_counter(GenerationConfig(), model)
    for prompt in (prompts.first(problem), prompts.repair(problem, program, feedback)):
        if prompt is not None:
            assert statement in prompt
            assert count(prompt) <= budget


def test_a_model_without_a_chat_template_is_refused(plain_model: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"prompts\.style: chat: the tokenizer of .* has no chat template"):
        source(plain_model)
    assert source(plain_model, PromptsConfig()).continued


def test_an_encoder_decoder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is an encoder-decoder model, which has no chats: use style: plain"):
        source(tiny_t5(tmp_path / "t5"))


def test_a_message_that_the_template_refuses_is_an_error_with_a_way_out(model: str, tmp_path: Path) -> None:
    for file in Path(model).glob("*.json"):
        (tmp_path / file.name).write_text(file.read_text())
    (tmp_path / "chat_template.jinja").write_text("{{ raise_exception('only one turn') }}")
    with pytest.raises(UserError, match=r"refuses messages by user: only one turn; without prompts\.system"):
        source(str(tmp_path)).builder.first(double())


def test_a_server_that_makes_the_chat_itself_gets_the_plain_prompt() -> None:
    served = GenerationConfig(engine="openai", openai=SERVED)
    assert not PromptSource(served, "none", 100).continued
    with pytest.raises(UserError, match="the server applies the chat template"):
        PromptSource(served, "none", 100, options=CHAT)
    continued = served.model_copy(update={"openai": SERVED.model_copy(update={"api": "completions"})})
    assert PromptSource(continued, "none", 100).continued
    assert not PromptSource(continued, "none", 100, options=CHAT).continued


def test_a_recipe_s_prompts_are_checked() -> None:
    base = {
        "name": "x",
        "problems": {"train": "quickstart/train", "validation": "quickstart/validation"},
        "policy": {"model": "quickstart"},
    }
    recipe = recipe_from(base | {"prompts": {"templates": {"apps": "default"}}}, [], "here")
    assert PromptSource.of(recipe.by_role[POLICY], "none", []).options.templates == {"apps": "default"}
    with pytest.raises(UserError, match="system has no effect with style: plain; it needs style: chat"):
        recipe_from(base | {"prompts": {"system": "Be right."}}, [], "here")
    with pytest.raises(UserError, match=r"prompts\.stile: unknown key; did you mean prompts\.style"):
        recipe_from(base | {"prompts": {"stile": "chat"}}, [], "here")
    recipe = recipe_from(base | {"prompts": {"templates": {"app": "default"}}}, [], "here")
    with pytest.raises(UserError, match="no template 'app' to replace: did you mean apps"):
        PromptSource.of(recipe.by_role[POLICY], "none", [])
