from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from refit_helpers import MakeJob, loss_of, same, weights, without_time
from support.tiny_models import tiny_llama
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer, GenerationConfig

from rayboot.errors import RaybootError, UserError
from rayboot.training import Refitter
from rayboot.training.training_set import parquet_files, read_pairs


def test_a_refit_learns_and_leaves_a_checkpoint_that_can_be_used(
    refitter: Refitter, make_job: MakeJob, llama: str, validation_set: str
) -> None:
    job = make_job()
    reports: list[tuple[int, int, float]] = []
    result = refitter.refit(job, lambda *report: reports.append(report))

    assert (result.steps, result.epochs, result.examples, result.dropped) == (12, 3.0, 50, 0)
    assert result.tokens == 3 * sum(
        len(AutoTokenizer.from_pretrained(llama)(completion)["input_ids"]) + 1
        for _, completion in read_pairs(parquet_files(job.training_set))
    )
    assert [step for step, _ in result.curve] == [4, 8, 12]
    assert result.best_validation_loss == min(loss for _, loss in result.curve)
    assert result.best_validation_loss < loss_of(llama, validation_set) - 2
    assert result.best_validation_loss == pytest.approx(loss_of(job.output, validation_set), rel=1e-5)
    assert reports[-1][:2] == (12, 12)

    tokenizer = AutoTokenizer.from_pretrained(job.output)
    assert tokenizer("def add")["input_ids"] == AutoTokenizer.from_pretrained(llama)("def add")["input_ids"]
    assert GenerationConfig.from_pretrained(job.output).eos_token_id == tokenizer.eos_token_id
    assert not list(Path(job.storage).glob("*.work"))
    assert not list(Path(job.output).parent.glob("*.partial"))


def test_the_same_seed_gives_the_same_weights_to_the_bit(refitter: Refitter, make_job: MakeJob) -> None:
    jobs = [make_job("a"), make_job("b"), make_job("c", seed=8)]
    first, second, other = (refitter.refit(job) for job in jobs)

    assert same(weights(jobs[0].output), weights(jobs[1].output))
    assert without_time(first) == without_time(second)
    assert not same(weights(jobs[0].output), weights(jobs[2].output))
    assert other.curve != first.curve


def test_a_refit_that_was_finished_is_not_done_again(refitter: Refitter, make_job: MakeJob) -> None:
    job = make_job()
    first = refitter.refit(job)
    seen: list[int] = []
    assert refitter.refit(job, lambda step, total, loss: seen.append(step)) == first
    assert not seen
    assert refitter.refit(make_job(seed=8), lambda step, total, loss: seen.append(step)) != first
    assert seen


def test_without_a_validation_set_the_last_weights_are_kept(refitter: Refitter, make_job: MakeJob) -> None:
    last, best = make_job("last", validation_set=None), make_job("best")
    result = refitter.refit(last)
    refitter.refit(best)

    assert (result.best_validation_loss, result.curve, result.best_step) == (None, (), 12)
    # The loss still falls in the third epoch, so the last weights are the best.
    assert same(weights(last.output), weights(best.output))


def test_an_encoder_decoder_is_refitted_with_its_dropout_reproducibly(
    refitter: Refitter, make_job: MakeJob, t5: str
) -> None:
    jobs = [make_job("a", start=t5), make_job("b", start=t5)]
    results = [refitter.refit(job) for job in jobs]

    assert AutoModelForSeq2SeqLM.from_pretrained(jobs[0].output).config.is_encoder_decoder
    assert results[0].curve[-1][1] < results[0].curve[0][1]
    assert same(weights(jobs[0].output), weights(jobs[1].output))


def test_a_16_bit_checkpoint_is_trained_in_32_and_written_in_16_bits(
    refitter: Refitter, make_job: MakeJob, llama: str, tmp_path: Path
) -> None:
    start = str(tmp_path / "half")
    AutoModelForCausalLM.from_pretrained(llama, dtype=torch.bfloat16).save_pretrained(start)
    AutoTokenizer.from_pretrained(llama).save_pretrained(start)

    half, full = make_job("half", start=start), make_job("full")
    losses = [refitter.refit(job).best_validation_loss for job in (half, full)]

    assert {tensor.dtype for tensor in weights(half.output).values()} == {torch.bfloat16}
    assert AutoModelForCausalLM.from_pretrained(half.output).dtype == torch.bfloat16
    assert losses[0] == pytest.approx(losses[1], rel=0.02)


def test_too_long_examples_are_counted_and_not_learned(
    refitter: Refitter, make_job: MakeJob, tmp_path: Path
) -> None:
    folder = tmp_path / "mixed"
    folder.mkdir()
    table = pa.table({"prompt": ["a"] * 20, "completion": ["b", "b" * 200] * 10})
    pq.write_table(table, folder / "0.parquet")

    result = refitter.refit(make_job(training_set=str(folder)))
    assert (result.examples, result.dropped) == (10, 10)


def test_only_too_long_examples_are_the_users_error(refitter: Refitter, make_job: MakeJob) -> None:
    job = make_job(max_prompt_tokens=2)
    with pytest.raises(UserError, match="each of its 50 examples is longer than max_prompt_tokens 2"):
        refitter.refit(job)
    assert not Path(job.output).exists()
    # The next refit is not affected.
    assert refitter.refit(make_job("next")).steps == 12


def test_an_empty_training_set_is_the_users_error(
    refitter: Refitter, make_job: MakeJob, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    columns = {"prompt": pa.array([], pa.string()), "completion": pa.array([], pa.string())}
    pq.write_table(pa.table(columns), tmp_path / "empty" / "0.parquet")
    with pytest.raises(UserError, match="there is no example in it"):
        refitter.refit(make_job(training_set=str(tmp_path / "empty")))


def test_a_model_without_tokenizer_is_the_users_error(
    refitter: Refitter, make_job: MakeJob, tmp_path: Path
) -> None:
    start = Path(tiny_llama(tmp_path / "bare"))
    for file in start.glob("tokenizer*"):
        file.unlink()
    with pytest.raises(UserError, match="there are no tokenizer files"):
        refitter.refit(make_job(start=str(start)))
    with pytest.raises(UserError, match=r"there is no config\.json"):
        refitter.refit(make_job(start=str(tmp_path / "nowhere")))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB, half the size of the weights."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], check=False)
    if mounted.returncode != 0:
        pytest.skip("needs the right to mount a file system")
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("field", ["storage", "output"])
def test_a_full_disk_is_reported_and_nothing_half_written_stays(
    refitter: Refitter, make_job: MakeJob, small_disk: Path, field: str
) -> None:
    where = {"storage": str(small_disk), "output": str(small_disk / "checkpoint")}
    with pytest.raises(RaybootError, match="the disk is full"):
        refitter.refit(make_job(**{field: where[field]}))
    assert list(small_disk.iterdir()) == []
