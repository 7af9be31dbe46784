from __future__ import annotations

import pytest
import torch
from transformers import PreTrainedTokenizerBase

from rayboot.engines import Completion
from rayboot.engines.stopping import StopStrings, closing_tokens, cut_completion
from rayboot.models.codec import CompletionCodec
from rayboot.models.loading import load_tokenizer

TEXT = "def add(a, b):\n    return a + b\nassert add(1, 2) == 3 ✓\n"


@pytest.fixture(scope="module")
def tokenizer(llama: str) -> PreTrainedTokenizerBase:
    return load_tokenizer(llama)


def cut(
    tokenizer: PreTrainedTokenizerBase, tokens: list[int], *stop: str, max_tokens: int = 999
) -> Completion:
    codec = CompletionCodec(tokenizer)
    return cut_completion(codec, tokens, ends=(tokenizer.eos_token_id,), stop=stop, max_tokens=max_tokens)


def test_a_completion_ends_with_its_end_token_which_is_counted(tokenizer: PreTrainedTokenizerBase) -> None:
    generated = tokenizer(TEXT)["input_ids"]
    rest = tokenizer("what the row wrote while others went on")["input_ids"]
    completion = cut(tokenizer, [*generated, tokenizer.eos_token_id, *rest])
    ids = (*generated, tokenizer.eos_token_id)
    assert completion == Completion(text=TEXT, tokens=len(ids), finish_reason="stop", token_ids=ids)


def test_a_completion_without_end_is_cut_at_its_limit(tokenizer: PreTrainedTokenizerBase) -> None:
    generated = tokenizer(TEXT)["input_ids"]
    completion = cut(tokenizer, generated, max_tokens=5)
    text, ids = tokenizer.decode(generated[:5]), tuple(generated[:5])
    assert completion == Completion(text=text, tokens=5, finish_reason="length", token_ids=ids)


def test_an_end_token_after_the_limit_does_not_count(tokenizer: PreTrainedTokenizerBase) -> None:
    generated = tokenizer(TEXT)["input_ids"]
    assert cut(tokenizer, [*generated[:5], tokenizer.eos_token_id], max_tokens=5).finish_reason == "length"


@pytest.mark.parametrize("stop", ["\nassert", " return", ")", "✓", "✓\n", "a + b\nass", "d"])
def test_text_is_cut_before_a_stop_string_and_tokens_counted_up_to_its_last(
    tokenizer: PreTrainedTokenizerBase, stop: str
) -> None:
    generated = tokenizer(TEXT)["input_ids"]
    completion = cut(tokenizer, generated, stop)
    assert completion.text == TEXT[: TEXT.index(stop)]
    assert completion.finish_reason == "stop"
    assert stop in tokenizer.decode(generated[: completion.tokens])
    assert stop not in tokenizer.decode(generated[: completion.tokens - 1])


def test_the_first_stop_string_in_the_text_counts(tokenizer: PreTrainedTokenizerBase) -> None:
    generated = tokenizer(TEXT)["input_ids"]
    assert cut(tokenizer, generated, "==", "return", "assert").text == TEXT[: TEXT.index("return")]


@pytest.mark.parametrize("stop", ["\nassert", " return", ")", "✓", "✓\n", "a + b\nass", "d"])
def test_a_stop_string_is_detected_at_the_step_that_completes_it(
    tokenizer: PreTrainedTokenizerBase, stop: str
) -> None:
    generated = tokenizer(TEXT)["input_ids"]
    codec = CompletionCodec(tokenizer)
    stops = StopStrings(codec, (stop,), closing_tokens(codec, (stop,), len(tokenizer)))
    last = cut(tokenizer, generated, stop).tokens
    tokens = torch.tensor([generated])
    detected = [bool(stops.appear_in(tokens[:, :count])) for count in range(1, last + 1)]
    assert detected == [False] * (last - 1) + [True]


def test_closing_tokens_are_those_that_can_end_a_stop_string(tokenizer: PreTrainedTokenizerBase) -> None:
    closing = closing_tokens(CompletionCodec(tokenizer), ("\n#",), len(tokenizer))
    assert closing[tokenizer("#")["input_ids"]].all()
    assert not closing[tokenizer("return a")["input_ids"]].any()
    assert not closing[tokenizer.eos_token_id]
