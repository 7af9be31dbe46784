"""The Hugging Face Trainer with rayboot's batches and loss, for causal and encoder-decoder models alike."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from peft import PeftModel
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.utils.data import SequentialSampler
from transformers import PrinterCallback, Trainer, TrainingArguments

from rayboot.config import TrainingConfig
from rayboot.training.examples import FILLER, IGNORED, Encoded
from rayboot.training.policy import Model
from rayboot.training.schedule import Schedule, TrainingOrder
from rayboot.training.zero import Options


@dataclass(frozen=True)
class Collator:
    """Pads examples on the right to a batch: `input_ids`, `attention_mask` and `labels`, each [batch, length].

    For an encoder-decoder, `labels` and `decoder_input_ids` have a length of their own.
    """

    pad_token_id: int
    decoder_inputs: Callable[..., Tensor] | None = None
    """The model's own shift of labels to decoder inputs; None for a causal model."""
    limits_logits: bool = False
    """Request logits of a causal model only from the start of the earliest completion on: those of the prompts cost
    time and, with a large vocabulary, much memory."""

    def __call__(self, examples: Sequence[Encoded]) -> dict[str, Tensor | int]:
        inputs = [example["input_ids"] for example in examples]
        labels = _pad([example["labels"] for example in examples], IGNORED)
        batch: dict[str, Tensor | int] = {
            "input_ids": _pad(inputs, self.pad_token_id),
            "attention_mask": _pad([[1] * len(ids) for ids in inputs], 0),
            "labels": labels,
        }
        if self.decoder_inputs is not None:
            batch["decoder_input_ids"] = self.decoder_inputs(labels=labels)
        if self.limits_logits:
            # The logits from the one before the first label on.
            learned = (labels != IGNORED).any(dim=0).nonzero()
            first = int(learned[0]) if len(learned) else labels.shape[1] - 1
            batch["logits_to_keep"] = labels.shape[1] - max(first - 1, 0)
        return batch


def _pad(rows: list[list[int]], filler: int) -> Tensor:
    longest = max(map(len, rows))
    return torch.tensor([row + [filler] * (longest - len(row)) for row in rows])


def can_limit_logits(model: Model) -> bool:
    """Return whether the model, or the base model of an adapter, takes `logits_to_keep`."""
    base = model.get_base_model() if isinstance(model, PeftModel) else model
    return "logits_to_keep" in inspect.signature(base.forward).parameters


class Outputs(Protocol):
    """Of a model."""

    logits: Tensor


@dataclass(frozen=True)
class CompletionLoss:
    """Cross entropy of the completions' tokens, in nats.

    It is summed over the batch and divided by the tokens of the whole optimizer step, so that each token has the same
    weight however the step is divided into micro-batches and workers.
    """

    causal: bool

    def __call__(self, outputs: Outputs, labels: Tensor, num_items_in_batch: Tensor | int) -> Tensor:
        return self.total(outputs.logits, labels) / num_items_in_batch

    def total(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the sum over all tokens, of logits [batch, length, vocabulary] and labels [batch, length].

        The logits of a causal model may be those of the last positions alone.
        """
        if self.causal:
            # The logits at a position predict the next token.
            logits = logits[:, :-1]
            labels = labels[:, labels.shape[1] - logits.shape[1] :]
        return cross_entropy(
            logits.float().reshape(-1, logits.shape[-1]),
            labels.reshape(-1),
            ignore_index=IGNORED,
            reduction="sum",
        )


def training_arguments(
    config: TrainingConfig,
    schedule: Schedule,
    seed: int,
    scratch: str,
    deepspeed: Options | None = None,
) -> TrainingArguments:
    """Return the Trainer's options. Its own logging, evaluation and saving are off: RefitCallback triggers them."""
    return TrainingArguments(
        output_dir=scratch,
        seed=seed,
        use_cpu=config.gpus_per_worker == 0,
        bf16=config.bf16,
        max_steps=schedule.total_steps,
        per_device_train_batch_size=schedule.micro_batch_size,
        gradient_accumulation_steps=schedule.accumulation,
        # Passed only if enabled, because transformers is about to rename the option.
        gradient_checkpointing=config.gradient_checkpointing or None,
        optim="adamw_torch_fused",
        learning_rate=config.lr,
        weight_decay=config.weight_decay,
        max_grad_norm=config.max_grad_norm,
        lr_scheduler_type="constant_with_warmup" if config.schedule == "constant" else config.schedule,
        lr_scheduler_kwargs=(
            {"power": config.power, "lr_end": 0.0} if config.schedule == "polynomial" else {}
        ),
        warmup_steps=schedule.warmup_steps,
        deepspeed=deepspeed,
        ddp_find_unused_parameters=False,
        remove_unused_columns=False,
        dataloader_pin_memory=config.gpus_per_worker > 0,
        logging_strategy="no",
        logging_nan_inf_filter=False,
        eval_strategy="no",
        save_strategy="no",
        disable_tqdm=True,
        report_to=[],
    )


class CompletionTrainer(Trainer):
    """A Trainer of a model on batches that `collate` makes of examples, with the loss that a kind of refit chooses."""

    model: torch.nn.Module

    def __init__(
        self,
        model: Model,
        arguments: TrainingArguments,
        training: TrainingOrder,
        validation: Sequence[Encoded],
        collate: Collator,
        loss: CompletionLoss,
    ) -> None:
        self._training = training
        self._collate = collate
        self._loss = loss
        # Sorted by length for little padding: the sum over the set does not depend on the order. Filled up so that
        # every worker has the same number of batches: with ZeRO-3 a forward pass is a collective.
        self._validation = [
            *[FILLER] * (-len(validation) % arguments.world_size),
            *sorted(validation, key=lambda example: len(example["input_ids"])),
        ]
        super().__init__(
            model=model,
            args=arguments,
            train_dataset=training,
            data_collator=collate,
            compute_loss_func=loss,
        )
        self.remove_callback(PrinterCallback)

    def _get_train_sampler(self, *_: object) -> SequentialSampler:
        # TrainingOrder has the order of all epochs; to the Trainer it is one long epoch.
        return SequentialSampler(self._training)

    def evaluate(self, *args: object, **kwargs: object) -> dict[str, float]:
        """Return and log the mean loss per token over the validation set, which the workers share."""
        metrics = {"eval_loss": self._validation_loss()}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def release(self) -> None:
        """Free what DeepSpeed holds of the model: the process trains other models afterwards."""
        engine: Any = self.deepspeed
        if engine is not None:
            engine.destroy()

    @torch.no_grad()
    def _validation_loss(self) -> float:
        model = self.model_wrapped if self.is_deepspeed_enabled else self.model
        model.eval()
        sums = torch.zeros(2, dtype=torch.float64, device=self.args.device)
        share = self._validation[self.args.process_index :: self.args.world_size]
        size = self.args.per_device_train_batch_size
        for start in range(0, len(share), size):
            batch = self._prepare_inputs(self._collate(share[start : start + size]))
            labels = batch.pop("labels")
            with self.accelerator.autocast():
                logits = model(**batch).logits
            sums += torch.stack([self._loss.total(logits, labels), (labels != IGNORED).sum()])
        total, tokens = self.accelerator.reduce(sums).tolist()
        return float(total / tokens)
