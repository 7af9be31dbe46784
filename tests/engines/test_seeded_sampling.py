from __future__ import annotations

import torch

from rayboot.engines import SamplingParams
from rayboot.engines.transformers.decoding import SeededSampler, keep_nucleus

CPU = torch.device("cpu")
LOGITS = torch.tensor([1.0, 0.0, 3.0, -torch.inf, 2.5, 0.5])


def draw(rows: int, params: SamplingParams, steps: int = 1, first_seed: int = 0) -> torch.Tensor:
    """Return tokens of shape (rows, steps) from LOGITS; row i has seed first_seed + i."""
    params = params.model_copy(update={"max_tokens": steps})
    sampler = SeededSampler(range(first_seed, first_seed + rows), [params] * rows, CPU)
    return torch.stack([sampler.select(LOGITS.repeat(rows, 1)) for _ in range(steps)], dim=1)


def chi_square(tokens: torch.Tensor, probabilities: torch.Tensor) -> float:
    counts = torch.bincount(tokens.flatten(), minlength=len(probabilities)).double()
    assert counts[probabilities == 0].sum() == 0
    seen = probabilities > 0
    expected = probabilities[seen] * tokens.numel()
    return float(((counts[seen] - expected) ** 2 / expected).sum())


def test_draws_follow_the_softmax_over_seeds() -> None:
    for temperature in (0.5, 1.0, 2.0):
        tokens = draw(5_000, SamplingParams(temperature=temperature))
        # 4 degrees of freedom: above 23.5 with probability 1e-4; the seeds are fixed
        assert chi_square(tokens, torch.softmax(LOGITS / temperature, -1)) < 23.5


def test_draws_follow_the_softmax_over_steps_of_one_seed() -> None:
    tokens = draw(1, SamplingParams(temperature=1.0), steps=5_000)
    assert chi_square(tokens, torch.softmax(LOGITS, -1)) < 23.5


def test_top_p_keeps_the_fewest_tokens_that_hold_the_mass() -> None:
    # softmax: token 2 has .53, token 4 .32, token 0 .07, token 5 .04, token 1 .03
    probabilities = torch.softmax(LOGITS, -1)
    for top_p, kept in ((0.4, [2]), (0.6, [2, 4]), (0.9, [2, 4, 0]), (1.0, [0, 1, 2, 4, 5])):
        expected = torch.zeros_like(probabilities)
        expected[kept] = probabilities[kept]
        expected /= expected.sum()
        tokens = draw(5_000, SamplingParams(temperature=1.0, top_p=top_p))
        assert chi_square(tokens, expected) < 23.5


def test_a_nucleus_of_everything_keeps_the_smallest_tail() -> None:
    probabilities = torch.tensor([[1.0, 1e-18, 0.0]], dtype=torch.float64)
    kept = keep_nucleus(probabilities, torch.tensor([[1.0]], dtype=torch.float64))
    assert torch.equal(kept, probabilities)


def test_the_draws_of_a_row_do_not_depend_on_its_batch() -> None:
    params = SamplingParams(temperature=1.0, top_p=0.95)
    together = draw(8, params, steps=50)
    for row in range(8):
        assert torch.equal(draw(1, params, steps=50, first_seed=row)[0], together[row])


def test_the_draws_of_a_row_do_not_change_when_others_leave() -> None:
    params = SamplingParams(temperature=1.0, max_tokens=10)
    sampler = SeededSampler(range(4), [params] * 4, CPU)
    before = [sampler.select(LOGITS.repeat(4, 1)) for _ in range(5)]
    sampler.keep(torch.tensor([1, 3]))
    after = [sampler.select(LOGITS.repeat(2, 1)) for _ in range(5)]
    alone = draw(4, params, steps=10)
    assert torch.equal(torch.stack(before, 1), alone[:, :5])
    assert torch.equal(torch.stack(after, 1), alone[[1, 3], 5:])


def test_max_tokens_does_not_change_what_is_drawn_before() -> None:
    params = SamplingParams(temperature=1.0)
    assert torch.equal(draw(4, params, steps=5), draw(4, params, steps=50)[:, :5])


def test_all_bits_of_a_seed_matter() -> None:
    params = SamplingParams(temperature=1.0, max_tokens=30)
    sampler = SeededSampler([7, 7 + 2**32], [params] * 2, CPU)
    rows = torch.stack([sampler.select(LOGITS.repeat(2, 1)) for _ in range(30)])
    assert not torch.equal(rows[:, 0], rows[:, 1])


def test_rows_may_have_different_temperatures() -> None:
    rows = [SamplingParams(temperature=1e-3, max_tokens=40), SamplingParams(temperature=5.0, max_tokens=40)]
    sampler = SeededSampler([1, 2], rows, CPU)
    tokens = torch.stack([sampler.select(LOGITS.repeat(2, 1)) for _ in range(40)], dim=1)
    assert set(tokens[0].tolist()) == {2}
    assert len(set(tokens[1].tolist())) > 2
