from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch

from rayboot.config import LoraConfig
from rayboot.training.examples import IGNORED, Encoded, Encoder
from rayboot.training.policy import Policy
from rayboot.training.trainer import Collator, CompletionLoss, can_limit_logits

PAIRS = [("def f(a):\n", "return a\n"), ("x", "y = 1 # and more than the other\n"), ("print", "(1)")]


def batch_of(
    policy: Policy, pairs: Sequence[tuple[str, str]] = PAIRS, limits_logits: bool = False
) -> dict[str, Any]:
    encoder = Encoder(
        policy.tokenizer,
        encoder_decoder=policy.encoder_decoder,
        max_prompt_tokens=100,
        max_completion_tokens=100,
        max_tokens=None,
    )
    shift = policy.model.prepare_decoder_input_ids_from_labels if policy.encoder_decoder else None
    return Collator(policy.pad_token_id, shift, limits_logits=limits_logits)(
        encoder.encode(list(pairs)).examples
    )


@pytest.mark.parametrize("model", ["llama", "t5"])
def test_the_loss_is_the_models_own_mean_over_learned_tokens(
    model: str, request: pytest.FixtureRequest
) -> None:
    policy = Policy(request.getfixturevalue(model))
    policy.model.eval()
    batch = batch_of(policy)
    own = policy.model(**batch).loss

    labels = batch.pop("labels")
    loss = CompletionLoss(causal=not policy.encoder_decoder)
    ours = loss(policy.model(**batch), labels, (labels != -100).sum())

    torch.testing.assert_close(ours, own)


@pytest.mark.parametrize("model", ["llama", "t5"])
def test_padding_does_not_change_the_loss(model: str, request: pytest.FixtureRequest) -> None:
    policy = Policy(request.getfixturevalue(model))
    policy.model.eval()
    loss = CompletionLoss(causal=not policy.encoder_decoder)
    batch = batch_of(policy)
    labels = batch.pop("labels")
    together = loss.total(policy.model(**batch).logits, labels)

    apart = torch.zeros(())
    for row in range(len(PAIRS)):
        inputs = {key: value[row : row + 1] for key, value in batch.items()}
        length = int(inputs["attention_mask"].sum())
        inputs |= {key: inputs[key][:, :length] for key in ("input_ids", "attention_mask")}
        row_labels = labels[row : row + 1] if policy.encoder_decoder else labels[row : row + 1, :length]
        apart = apart + loss.total(policy.model(**inputs).logits, row_labels)

    torch.testing.assert_close(together, apart)


def test_the_logits_of_prompts_are_not_computed_and_the_loss_is_the_same(llama: str) -> None:
    policy = Policy(llama)
    policy.model.eval()
    loss = CompletionLoss(causal=True)
    pairs = [("# a task in words\n" + prompt, completion) for prompt, completion in PAIRS]
    batch = batch_of(policy, pairs)
    labels = batch.pop("labels")
    everything = policy.model(**batch).logits

    limited = batch_of(policy, pairs, limits_logits=can_limit_logits(policy.model))
    del limited["labels"]
    logits = policy.model(**limited).logits

    assert logits.shape[1] < everything.shape[1]
    torch.testing.assert_close(loss.total(logits, labels), loss.total(everything, labels))


def test_an_adapter_does_not_hide_that_its_model_limits_logits(llama: str) -> None:
    adapted = Policy(llama, LoraConfig(rank=2))

    assert can_limit_logits(adapted.model)


def test_a_batch_without_labels_has_zero_loss(llama: str) -> None:
    policy = Policy(llama)
    filler = Encoded(input_ids=[0], labels=[IGNORED])
    batch = Collator(policy.pad_token_id, limits_logits=True)([filler])
    labels = batch.pop("labels")

    assert CompletionLoss(causal=True).total(policy.model(**batch).logits, labels) == 0
