from __future__ import annotations

import json
import random
from itertools import islice

import pytest
from family import fingerprint, solution
from make_problems import PROBLEMS, draw_pipelines
from primitives import PRIMITIVES
from seed_data import Example, examples, judge, packaged_behaviours
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerBase

from rayboot.problems.quickstart import packaged
from rayboot.prompts import PromptBuilder, feedback_text
from rayboot.sandbox.sandbox import Sandbox

SEED_MODEL = PROBLEMS.parent / "seed_model"


@pytest.fixture(scope="module")
def seed_examples() -> list[Example]:
    return list(islice(examples(random.Random(0), packaged_behaviours()), 2000))


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerBase:
    return AutoTokenizer.from_pretrained(SEED_MODEL)


def body(program: str) -> str:
    """The program without its first line, which has the function's name."""
    return program.split("\n", 1)[1]


def test_no_packaged_problem_is_in_the_seed_models_training_data(seed_examples: list[Example]) -> None:
    packaged_rows = [json.loads(line) for line in PROBLEMS.read_text(encoding="utf-8").splitlines()]
    assert not {row["text"] for row in packaged_rows} & {example.statement for example in seed_examples}
    assert not {body(row["code"]) for row in packaged_rows} & {body(e.completion) for e in seed_examples}


def test_what_behaves_like_a_packaged_problem_is_left_out(seed_examples: list[Example]) -> None:
    behaviours = {fingerprint(pipeline) for pipeline, _ in draw_pipelines()}
    assert len(behaviours) == len(packaged())
    assert not behaviours & {fingerprint(example.pipeline) for example in seed_examples}


def test_the_seed_model_never_sees_a_rare_primitive(seed_examples: list[Example]) -> None:
    rare = {primitive for primitive in PRIMITIVES if primitive.rare}
    assert rare
    assert not rare & {step.primitive for example in seed_examples for step in example.pipeline}


def test_the_seed_models_completions_are_right_programs(seed_examples: list[Example]) -> None:
    for example in seed_examples[:200]:
        assert body(example.completion) == body(solution(example.pipeline, "f"))
        assertion = example.prompt.splitlines()[2]
        exec(f"{example.completion}\n{assertion}", {})


def test_the_seed_models_feedback_is_what_the_sandbox_gives() -> None:
    problem = packaged()[0]
    wrong = [
        problem.references[0].replace("return ", "return 1, "),
        problem.references[0].replace("return ", "return unknown + "),
        problem.references[0].replace(problem.entry_point, "another_name"),
        problem.references[0].replace("(", "", 1),
    ]
    argument, expected = public_test(problem.public_tests[0].code)
    with Sandbox() as sandbox:
        for program in wrong:
            theirs = sandbox.run(program, problem.tests, entry_point=problem.entry_point)
            ours = judge(program, problem.entry_point, argument, expected)
            assert feedback_text(problem, ours, "full") == feedback_text(problem, theirs, "full")


def public_test(code: str) -> tuple[object, object]:
    """The argument and the expected value of `assert f(argument) == expected`."""
    call, expected = code.split(" == ")
    return eval(call[call.index("(") :]), eval(expected)


def test_the_seed_model_is_small_and_loads_with_float32_weights() -> None:
    assert sum(path.stat().st_size for path in SEED_MODEL.rglob("*") if path.is_file()) < 10_000_000
    model = AutoModelForCausalLM.from_pretrained(SEED_MODEL)
    assert 1_500_000 < model.num_parameters() < 2_500_000
    assert str(model.dtype) == "torch.float32"


def test_the_tokenizer_gives_any_text_back(tokenizer: PreTrainedTokenizerBase) -> None:
    prompts = PromptBuilder(count_tokens=len, max_tokens=10_000)
    texts = [f"{prompts.first(problem)}{problem.references[0]}" for problem in packaged()]
    for text in [*texts, " a , b . \t\r\n\n  don't 's \u00e9\u6f22\U0001f600 <unk> 0123"]:
        assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


def test_the_tokenizer_splits_numbers_into_digits(tokenizer: PreTrainedTokenizerBase) -> None:
    assert tokenizer.convert_ids_to_tokens(tokenizer("2507")["input_ids"]) == ["2", "5", "0", "7"]


def test_a_prompts_tokens_do_not_depend_on_what_follows(tokenizer: PreTrainedTokenizerBase) -> None:
    prompts = PromptBuilder(count_tokens=len, max_tokens=10_000)
    for problem in packaged():
        prompt, program = prompts.first(problem) or "", problem.references[0]
        apart = tokenizer(prompt)["input_ids"] + tokenizer(program)["input_ids"]
        assert tokenizer(prompt + program)["input_ids"] == apart


def test_the_tokenizer_pads_and_ends(tokenizer: PreTrainedTokenizerBase) -> None:
    assert tokenizer.pad_token_id != tokenizer.eos_token_id
    assert (
        AutoModelForCausalLM.from_pretrained(SEED_MODEL).generation_config.eos_token_id
        == tokenizer.eos_token_id
    )
