"""A recipe: one YAML file that specifies a complete run."""

from __future__ import annotations

from pydantic import Field, model_validator

from rayboot.algorithms import AnyAlgorithm, DrBoot
from rayboot.config.generation import GenerationConfig
from rayboot.config.prompts import PromptsConfig
from rayboot.config.sections import (
    CurationConfig,
    EvaluationConfig,
    ModelConfig,
    PolicyConfig,
    ProblemsConfig,
    RolloutConfig,
    SandboxConfig,
)
from rayboot.config.training import TrainingConfig
from rayboot.errors import UserError
from rayboot.values import Section

POLICY = "policy"
"""Role of the model that is trained."""

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"


class Recipe(Section):
    """All options of a run."""

    name: str = Field(pattern=NAME_PATTERN)
    """Name of the run's directory under `runs`."""
    runs: str = "runs"
    """Folder, or URI such as `s3://bucket/runs`, of the run directories. All nodes of a cluster need access to it."""
    seed: int = Field(default=0, ge=0)
    algorithm: AnyAlgorithm = DrBoot()
    """Loop over stages, with its options."""
    problems: ProblemsConfig
    policy: PolicyConfig
    prompts: PromptsConfig = PromptsConfig()
    generation: GenerationConfig = GenerationConfig()
    models: dict[str, ModelConfig] = Field(default_factory=dict)
    """Models beside the policy, by the role that the algorithm gives them, such as `teacher`."""
    rollout: RolloutConfig = RolloutConfig()
    sandbox: SandboxConfig = SandboxConfig()
    curation: CurationConfig = CurationConfig()
    training: TrainingConfig = TrainingConfig()
    evaluation: EvaluationConfig = EvaluationConfig()

    @model_validator(mode="after")
    def _options_suit_the_algorithm(self) -> Recipe:
        self.algorithm.check(self)
        for key, reason in self.algorithm.without_effect.items():
            name, _, option = key.partition(".")
            section = getattr(self, name)
            # Resolved recipes write defaults out, so a default does not mean that the user asked for it.
            value = getattr(section, option)
            asked = bool(value) or isinstance(value, bool)  # of something, or of no references
            if asked and value != type(section).model_fields[option].default:
                raise ValueError(f"{key} has no effect with algorithm {self.algorithm.type}: {reason}")
        return self

    @model_validator(mode="after")
    def _models_are_those_of_the_algorithm(self) -> Recipe:
        if set(self.models) != set(self.algorithm.roles):
            needed = ", ".join(f"models.{role}" for role in self.algorithm.roles) or "none"
            given = ", ".join(f"models.{role}" for role in self.models) or "none"
            raise ValueError(
                f"models: algorithm {self.algorithm.type} needs {needed}; the recipe has {given}"
            )
        return self

    @property
    def by_role(self) -> dict[str, ModelConfig]:
        """All models of the run by role, the policy included."""
        policy = ModelConfig(**dict(self.policy), prompts=self.prompts, generation=self.generation)
        return {POLICY: policy, **self.models}

    @model_validator(mode="after")
    def _adapters_have_takers(self) -> Recipe:
        lora, most = self.training.lora, self.generation.vllm.max_lora_rank
        if self.generation.engine == "vllm" and lora is not None and (most is None or most < lora.rank):
            raise ValueError(
                f"training.lora trains adapters of rank {lora.rank}: "
                f"set generation.vllm.max_lora_rank to {lora.rank} or more"
            )
        return self

    @model_validator(mode="after")
    def _a_shared_gpu_has_one_engine_and_one_worker(self) -> Recipe:
        engines, workers = self.generation, self.training
        if not engines.vllm.sleep:
            return self
        shares = (engines.gpus, workers.gpus_per_worker)
        if min(shares) == 0 or round(sum(shares), 4) != 1:
            raise ValueError(
                "generation.vllm.sleep needs GPUs that engines share with the refit: generation.gpus and "
                "training.gpus_per_worker must add up to 1, such as 0.75 and 0.25"
            )
        if engines.replicas > 1 and engines.gpus <= 0.5:
            raise ValueError(
                f"generation.gpus {engines.gpus:g} would put two replicas on one GPU: set it above 0.5, and "
                "training.gpus_per_worker to the remainder"
            )
        if workers.workers > engines.replicas:
            raise ValueError(
                f"training.workers {workers.workers} exceeds generation.replicas {engines.replicas}: with "
                "generation.vllm.sleep each worker shares the GPU of one replica"
            )
        return self

    @model_validator(mode="after")
    def _beams_have_an_engine(self) -> Recipe:
        for name, section in (("rollout", self.rollout), ("evaluation", self.evaluation)):
            for engine in (model.generation.engine for model in self.by_role.values()):
                if section.num_beams > 1 and engine in ("vllm", "openai"):
                    raise ValueError(
                        f"{name}.num_beams: engine {engine} has no beam search: "
                        "set it to 1, or generation.engine to transformers"
                    )
        return self

    @model_validator(mode="after")
    def _only_the_policy_is_refitted_by_adapters(self) -> Recipe:
        for role, model in self.models.items():
            for option in ("sleep", "max_lora_rank"):
                if getattr(model.generation.vllm, option):
                    raise ValueError(
                        f"models.{role}.generation.vllm.{option} works for the policy alone: remove it"
                    )
        return self

    def require_weights(self) -> None:
        """Check that the engine can load the weights of a refit. Every run except an evaluation needs that.

        Raise UserError if the engine is `openai`, or `max_lora_rank` is set without `training.lora`.
        """
        if self.training.lora is None and self.generation.vllm.max_lora_rank is not None:
            raise UserError(
                "generation.vllm.max_lora_rank has no effect without adapters: set training.lora, or remove it"
            )
        if self.generation.engine == "openai":
            raise UserError(
                "generation.engine: openai cannot load the weights that a run trains: use transformers or vllm; "
                "rayboot evaluate can measure a model on a server"
            )
