"""Most sections of a recipe. The field docstrings are the reference of the options."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from rayboot.config.generation import GenerationConfig
from rayboot.config.prompts import PromptsConfig
from rayboot.values import Section


class ProblemsConfig(Section):
    """Sources of the problems. A SPEC is `NAME:PATH`, `NAME:hub` (the Hugging Face hub), `NAME:hub:OWNER/NAME[:CONFIG]`
    or `quickstart`, optionally followed by `/SPLIT` to select one split. NAME is `mbpp`, `humaneval`, `mbxp`, `apps`,
    `humanevalpack`, `quixbugs`, `bigcodebench` or `jsonl`."""

    train: str
    """SPEC of the training problems."""
    validation: str
    """SPEC of the problems that select the best iteration and stop a refit early."""
    test: str | None = None
    """SPEC of the problems that are used for measurement alone."""
    few_shot: str | None = None
    """SPEC of the problems whose references are the few-shot examples, such as `mbpp:PATH/prompt`."""
    shots: int = Field(default=0, ge=0)
    """Number of few-shot examples at the start of a prompt; fewer where they exceed the token budget."""
    limit: int | None = Field(default=None, ge=1)
    """Use only the first N problems of each set; for trial runs. null: use all."""

    @model_validator(mode="after")
    def _shots_have_a_source(self) -> ProblemsConfig:
        if self.shots and self.few_shot is None:
            raise ValueError("shots needs few_shot: the SPEC of the problems to use as few-shot examples")
        return self


class PolicyConfig(Section):
    """Model to train, and the token limits of prompts and completions."""

    model: str
    """Directory of a Hugging Face model and tokenizer, a hub name, or `quickstart` for the packaged model. With engine
    `openai` only the tokenizer is used."""
    max_prompt_tokens: int = Field(default=512, ge=16)
    """Maximum number of tokens of a prompt. Statements are never cut: a problem that does not fit is skipped and
    counted."""
    max_completion_tokens: int = Field(default=512, ge=1)
    """Maximum number of tokens of a completion, in generation and in training."""


class ModelConfig(PolicyConfig):
    """A model that the algorithm needs beside the policy, such as a teacher. Its sections `prompts` and `generation`
    are like the recipe's."""

    prompts: PromptsConfig = PromptsConfig()
    generation: GenerationConfig = GenerationConfig()


class RolloutConfig(Section):
    """Sampling and repair of training problems."""

    samples: int = Field(default=1, ge=1)
    """First attempts per problem (n)."""
    temperature: float = Field(default=0.0, ge=0.0)
    """Sampling temperature. 0 is greedy, as in the paper."""
    top_p: float = Field(default=1.0, gt=0.0, le=1.0)
    num_beams: int = Field(default=1, ge=1)
    """Number of beams. Beam search (above 1) needs `temperature: 0` and `samples: 1`."""
    repair_rounds: int = Field(default=1, ge=0)
    """Maximum number of repairs after a failing first attempt; round r repairs the program of round r - 1. With
    `algorithm.feedback: none` nothing is repaired."""
    repair: Literal["fixed", "adaptive"] = "fixed"
    """`fixed`: draw all samples at once, and repair every failing one. `adaptive`: make one attempt after another until
    one passes. A bandit, trained on the previous iteration, decides whether to sample again, repair or stop; `samples`
    and `repair_rounds` are upper limits."""
    max_problem_tokens: int | None = Field(default=None, ge=1)
    """Maximum expected tokens per problem, prompts included; needs `repair: adaptive`. null: no limit."""
    min_yield: float | None = Field(default=None, gt=0.0)
    """Minimum expected passing programs per 1,000 tokens: a problem below it is given up. Needs `repair: adaptive`.
    null: no limit."""
    workers: int = Field(default=1, ge=1)
    """Number of Ray Data actors; each takes problems from the first sample to the last repair."""
    problems_in_flight: int = Field(default=128, ge=1)
    """Maximum number of problems in flight per worker."""

    @model_validator(mode="after")
    def _draws_that_differ(self) -> RolloutConfig:
        _check_draws(self.samples, self.temperature, self.num_beams)
        return self

    @model_validator(mode="after")
    def _limits_have_an_effect(self) -> RolloutConfig:
        for option in ("max_problem_tokens", "min_yield"):
            if self.repair == "fixed" and getattr(self, option) is not None:
                raise ValueError(f"{option} needs repair: adaptive")
        return self


class SandboxConfig(Section):
    """Pool of sandboxed execution actors."""

    executors: int = Field(default=1, ge=1)
    """Number of Ray actors that run programs."""
    cpus: float = Field(default=1.0, gt=0.0)
    """CPUs that each executor requests from Ray; rounded up, also the number of fork servers per executor."""
    timeout: float = Field(default=10.0, gt=0.0)
    """Seconds for one program with all its tests; time spent waiting for a busy CPU does not count."""
    memory_mb: int = Field(default=1024, ge=64)
    """Memory limit of one program, in MiB."""
    allow_weak: bool = False
    """Run even where neither namespaces nor Landlock and seccomp are available (tier C)."""
    preload: tuple[str, ...] = ()
    """Modules outside the standard library that Python programs and tests may import, such as `numpy`."""
    runtime: Literal["native", "runsc"] = "native"
    """`native` runs programs on the machine's kernel. `runsc` runs programs in gVisor containers, with a kernel of
    their own: about 15 times slower."""


class ReplayConfig(Section):
    """Replay of verified programs of earlier iterations, each once, in addition to those of this iteration. Without
    this section, or with null, nothing is replayed; with `{}` everything is."""

    strategy: Literal["all", "uniform", "recency", "hardest"] = "all"
    """Selection of `size` examples: a `uniform` draw, the newest first (`recency`), or first those of the problems with
    the lowest solve rate over all iterations so far (`hardest`). `all`: no selection."""
    size: int | None = Field(default=None, ge=1)
    """Maximum number of replayed examples per training set; null if and only if the strategy is `all`."""
    max_per_problem: int | None = Field(default=None, ge=1)
    """Maximum number of replayed examples per problem, newest first; null: no limit."""

    @model_validator(mode="after")
    def _a_choice_needs_a_bound(self) -> ReplayConfig:
        if self.strategy == "all" and self.size is not None:
            raise ValueError(
                "size needs strategy: uniform, recency or hardest, which selects the examples to keep"
            )
        if self.strategy != "all" and self.size is None:
            raise ValueError(f"strategy: {self.strategy} needs size: without a limit everything is replayed")
        return self


class CurationConfig(Section):
    """Selection of the training examples."""

    reference_fallback: bool = True
    """Train on the reference, with the last prompt, where no attempt of the iteration solves the problem."""
    max_reference_share: float | None = Field(default=None, gt=0.0, lt=1.0)
    """Maximum fraction of references in a training set; a random draw of them is kept. null: no limit."""
    reinforce_first_prompt: bool = False
    """Train on a passing repair with the first prompt, too."""
    replay: ReplayConfig | None = None
    """Train on verified programs of earlier iterations, too; null: on those of this iteration alone."""
    learn: Literal["program", "answer"] = "program"
    """`program`: train on the verified program, in the form that the prompt asks for. `answer`: train on the completion
    as the model wrote it, explanations included; on the program where the completion was cut off at the token limit."""
    max_per_problem: int | None = Field(default=None, ge=1)
    """Maximum number of examples per problem, newest first; null: no limit."""
    decontaminate: int | None = Field(default=None, ge=1)
    """N, such as 13: leave out training problems whose statement shares N consecutive words with that of a validation
    or test problem. A statement with fewer words is compared as a whole. null: leave out none."""

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
                "limits replayed examples, too"
            )
        return self


class EvaluationConfig(Section):
    """Measurement of validation and test problems, before the first refit and after each."""

    samples: int = Field(default=1, ge=1)
    """First attempts per problem (n)."""
    temperature: float = Field(default=0.0, ge=0.0)
    top_p: float = Field(default=1.0, gt=0.0, le=1.0)
    repair_rounds: int = Field(default=1, ge=0)
    """Maximum number of repairs after a failing first attempt, with the feedback of training; `simple` feedback where
    training repairs nothing."""
    k: tuple[int, ...] = Field(default=(1,), min_length=1)
    """Values of k for pass@k and repair@k: 1, and others up to `samples`."""
    num_beams: int = Field(default=1, ge=1)

    @model_validator(mode="after")
    def _k_fits_samples(self) -> EvaluationConfig:
        _check_draws(self.samples, self.temperature, self.num_beams)
        if 1 not in self.k or min(self.k) < 1 or max(self.k) > self.samples:
            raise ValueError(
                f"k must contain 1 and no value outside 1..samples = {self.samples}; got {self.k}"
            )
        return self


def _check_draws(samples: int, temperature: float, num_beams: int) -> None:
    if samples > 1 and temperature == 0:
        raise ValueError(f"samples = {samples} needs a temperature above 0: greedy samples are identical")
    if num_beams > 1 and (temperature > 0 or samples > 1):
        raise ValueError("num_beams > 1 needs temperature 0 and samples 1")
