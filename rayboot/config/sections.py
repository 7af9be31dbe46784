"""Most sections of a recipe. The field docstrings are the reference of every option."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from rayboot.values import Section


class ProblemsConfig(Section):
    """Where the problems come from. A SPEC is `NAME:PATH`, `NAME:hub` (the Hugging Face hub) or
    `NAME:hub:OWNER/NAME[:CONFIG]`, with `/SPLIT` behind it where there are splits, or `quickstart`. NAME is `mbpp`,
    `humaneval`, `mbxp`, `apps`, `humanevalpack`, `quixbugs`, `bigcodebench` or `jsonl`."""

    train: str
    """SPEC of the problems that the model samples and learns from."""
    validation: str
    """SPEC of the problems that choose the best iteration and stop a refit early."""
    test: str | None = None
    """SPEC of the problems that are only ever measured."""
    few_shot: str | None = None
    """SPEC of the problems whose references are shown as examples, such as `mbpp:PATH/prompt`."""
    shots: int = Field(default=0, ge=0)
    """How many few-shot examples a prompt begins with, as far as the token budget allows."""
    limit: int | None = Field(default=None, ge=1)
    """Use only the first so many problems of each set; for trying things out."""

    @model_validator(mode="after")
    def _shots_have_a_source(self) -> ProblemsConfig:
        if self.shots and self.few_shot is None:
            raise ValueError("shots needs few_shot: the SPEC of the problems to take the examples from")
        return self


class PolicyConfig(Section):
    """The model that improves itself."""

    model: str
    """Directory of a Hugging Face model with its tokenizer, a hub name, or `quickstart` for the packaged one."""
    max_prompt_tokens: int = Field(default=512, ge=16)
    """Longest prompt. The statement is never cut: a problem that does not fit is skipped and counted."""
    max_completion_tokens: int = Field(default=512, ge=1)
    """Longest completion, in generation and in training."""


class RolloutConfig(Section):
    """How training problems are sampled and repaired."""

    samples: int = Field(default=1, ge=1)
    """First attempts for each problem (n)."""
    temperature: float = Field(default=0.0, ge=0.0)
    """0 is greedy, as in the paper."""
    top_p: float = Field(default=1.0, gt=0.0, le=1.0)
    num_beams: int = Field(default=1, ge=1)
    """More than 1: beam search; needs temperature 0 and one sample."""
    repair_rounds: int = Field(default=1, ge=0)
    """Repairs of a failing attempt; round r repairs the program of round r - 1. With
    `algorithm.feedback: none` there are none."""
    repair: Literal["fixed", "adaptive"] = "fixed"
    """`fixed`: all samples at once, and every failing one is repaired. `adaptive`: one attempt after another until one
    passes; a bandit that learns from the iteration before decides whether to sample again, to repair or to stop, and
    `samples` and `repair_rounds` are the most."""
    max_problem_tokens: int | None = Field(default=None, ge=1)
    """Tokens, prompts included, that one problem is expected to cost at most; goes with `repair: adaptive`."""
    min_yield: float | None = Field(default=None, gt=0.0)
    """A problem is given up when fewer passing programs are expected for 1,000 tokens; goes with `repair: adaptive`."""
    workers: int = Field(default=1, ge=1)
    """Ray Data actors that carry problems from sampling to their last repair."""
    problems_in_flight: int = Field(default=128, ge=1)
    """Problems that one worker has under way at once."""

    @model_validator(mode="after")
    def _draws_that_differ(self) -> RolloutConfig:
        _check_draws(self.samples, self.temperature, self.num_beams)
        return self

    @model_validator(mode="after")
    def _limits_have_an_effect(self) -> RolloutConfig:
        for option in ("max_problem_tokens", "min_yield"):
            if self.repair == "fixed" and getattr(self, option) is not None:
                raise ValueError(f"{option} goes with repair: adaptive")
        return self


class SandboxConfig(Section):
    """The pool of sandboxed execution actors."""

    executors: int = Field(default=1, ge=1)
    """Ray actors."""
    cpus: float = Field(default=1.0, gt=0.0)
    """CPUs that each executor asks of Ray; it keeps one fork server for each, rounded up."""
    timeout: float = Field(default=10.0, gt=0.0)
    """Seconds for one program with all its tests; waiting for busy processors does not count."""
    memory_mb: int = Field(default=1024, ge=64)
    """MiB that one program may use."""
    allow_weak: bool = False
    """Run even where neither namespaces nor Landlock and seccomp are to be had (tier C)."""
    preload: tuple[str, ...] = ()
    """Modules beside the standard library that Python programs and tests may import, such as `numpy`."""
    runtime: Literal["native", "runsc"] = "native"
    """`runsc` runs programs in gVisor containers: some 15 times slower, and with a kernel of their own."""


class ReplayConfig(Section):
    """Verified programs of earlier iterations, each once, beside this iteration's. Without this section, or with null,
    nothing is replayed; with `{}` all."""

    strategy: Literal["all", "uniform", "recency", "hardest"] = "all"
    """What is replayed when `size` does not let all: a `uniform` draw, the newest first (`recency`), or those of the
    problems least solved in all iterations so far (`hardest`)."""
    size: int | None = Field(default=None, ge=1)
    """Replayed examples of one training set at most; null goes with strategy `all`."""
    max_per_problem: int | None = Field(default=None, ge=1)
    """Replayed examples of one problem at most, newest first."""

    @model_validator(mode="after")
    def _a_choice_needs_a_bound(self) -> ReplayConfig:
        if self.strategy == "all" and self.size is not None:
            raise ValueError(
                "size goes with strategy: uniform, recency or hardest, which say what to leave out"
            )
        if self.strategy != "all" and self.size is None:
            raise ValueError(f"strategy: {self.strategy} needs size: without a bound all is replayed")
        return self


class CurationConfig(Section):
    """Which attempts become training examples."""

    reference_fallback: bool = True
    """Teach the reference on the last prompt of a problem that was never solved."""
    max_reference_share: float | None = Field(default=None, gt=0.0, lt=1.0)
    """Share of a training set that references may have; a random draw of them is kept."""
    reinforce_first_prompt: bool = False
    """Teach a passing repair on the first prompt too."""
    replay: ReplayConfig | None = None
    """Learn from verified programs of earlier iterations, too; null: from this iteration's alone."""
    max_per_problem: int | None = Field(default=None, ge=1)
    """Examples of one problem at most, newest first."""
    decontaminate: int | None = Field(default=None, ge=1)
    """Leave out training problems that share so many words in a row, such as 13, with the statement of a validation
    or test problem; a statement with fewer words counts as a whole. null: leave out none."""

    @model_validator(mode="after")
    def _bounds_have_an_effect(self) -> CurationConfig:
        if self.max_reference_share is not None and not self.reference_fallback:
            raise ValueError(
                "max_reference_share has no effect without references: reference_fallback is false"
            )
        replayed = self.replay.max_per_problem if self.replay else None
        if self.max_per_problem is not None and replayed is not None and replayed >= self.max_per_problem:
            raise ValueError(
                f"replay.max_per_problem = {replayed} has no effect: max_per_problem = {self.max_per_problem} "
                "bounds replayed examples too"
            )
        return self


class EvaluationConfig(Section):
    """How validation and test problems are measured after each refit."""

    samples: int = Field(default=1, ge=1)
    """First attempts for each problem (n)."""
    temperature: float = Field(default=0.0, ge=0.0)
    top_p: float = Field(default=1.0, gt=0.0, le=1.0)
    repair_rounds: int = Field(default=1, ge=0)
    """Repairs of a failing attempt; told as much as in training, `simple` where nothing is repaired there."""
    k: tuple[int, ...] = Field(default=(1,), min_length=1)
    """pass@k and repair@k are reported for each k; none larger than `samples`."""
    num_beams: int = Field(default=1, ge=1)

    @model_validator(mode="after")
    def _k_fits_samples(self) -> EvaluationConfig:
        _check_draws(self.samples, self.temperature, self.num_beams)
        if 1 not in self.k or min(self.k) < 1 or max(self.k) > self.samples:
            raise ValueError(f"k must hold 1 and nothing outside 1..samples = {self.samples}; got {self.k}")
        return self


def _check_draws(samples: int, temperature: float, num_beams: int) -> None:
    if samples > 1 and temperature == 0:
        raise ValueError(f"samples = {samples} needs a temperature above 0: greedy samples are all the same")
    if num_beams > 1 and (temperature > 0 or samples > 1):
        raise ValueError("num_beams > 1 needs temperature 0 and samples 1")
