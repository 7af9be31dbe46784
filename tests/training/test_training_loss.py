from __future__ import annotations

import pytest
import torch

from rayboot.training.batches import Collator, CompletionLoss
from rayboot.training.examples import Encoder
from rayboot.training.policy import Policy

PAIRS = [("def f(a):\n", "return a\n"), ("x", "y = 1 # and more than the other\n"), ("print", "(1)")]


def batch_of(policy: Policy) -> dict[str, torch.Tensor]:
    encoder = Encoder(
        policy.tokenizer,
        encoder_decoder=policy.encoder_decoder,
        max_prompt_tokens=100,
        max_completion_tokens=100,
        max_tokens=None,
    )
    shift = policy.model.prepare_decoder_input_ids_from_labels if policy.encoder_decoder else None
    return Collator(policy.pad_token_id, shift)(encoder.encode(PAIRS).examples)


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
