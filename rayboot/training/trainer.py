"""The Hugging Face Trainer, with a validation loss that does not depend on how the set is divided."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils.data import SequentialSampler
from transformers import PrinterCallback, Trainer, TrainingArguments

from rayboot.config.training import TrainingConfig
from rayboot.training.batches import Collator, CompletionLoss, can_limit_logits
from rayboot.training.examples import IGNORED, Encoded
from rayboot.training.order import TrainingOrder
from rayboot.training.policy import Policy
from rayboot.training.schedule import Schedule

SCHEDULERS = {
    "linear": "linear",
    "cosine": "cosine",
    "polynomial": "polynomial",
    "constant": "constant_with_warmup",
}
"""Names of the learning rate schedules in transformers."""


def training_arguments(
    config: TrainingConfig,
    schedule: Schedule,
    seed: int,
    scratch: str,
    deepspeed: dict[str, Any] | None = None,
) -> TrainingArguments:
    """Options of the Trainer. Logging, evaluating and saving are RefitCourse's: the Trainer's own are off."""
    polynomial = {"power": config.power, "lr_end": 0.0} if config.schedule == "polynomial" else {}
    # Named only where wanted: the option is about to get another name in transformers.
    checkpointing: dict[str, Any] = {"gradient_checkpointing": True} if config.gradient_checkpointing else {}
    return TrainingArguments(
        output_dir=scratch,
        seed=seed,
        use_cpu=config.gpus_per_worker == 0,
        bf16=config.bf16,
        max_steps=schedule.total_steps,
        per_device_train_batch_size=schedule.micro_batch_size,
        gradient_accumulation_steps=schedule.accumulation,
        optim="adamw_torch_fused",
        learning_rate=config.lr,
        weight_decay=config.weight_decay,
        max_grad_norm=config.max_grad_norm,
        lr_scheduler_type=SCHEDULERS[config.schedule],
        lr_scheduler_kwargs=polynomial,
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
        **checkpointing,
    )


class CompletionTrainer(Trainer):
    def __init__(
        self, policy: Policy, arguments: TrainingArguments, training: TrainingOrder, validation: list[Encoded]
    ) -> None:
        shift = policy.model.prepare_decoder_input_ids_from_labels if policy.encoder_decoder else None
        limits_logits = not policy.encoder_decoder and can_limit_logits(policy.model)
        self._collate = Collator(policy.pad_token_id, shift, limits_logits=limits_logits)
        self._loss = CompletionLoss(causal=not policy.encoder_decoder)
        # By length, so that little of a batch is padding. The sum over the set does not depend on the order.
        self._validation = sorted(validation, key=lambda example: len(example["input_ids"]))
        # Filled up, so that every worker makes the same number of steps: with ZeRO-3 they make them together.
        fill = -len(validation) % arguments.world_size
        self._validation[:0] = [Encoded(input_ids=[0], labels=[IGNORED])] * fill
        self._training = training
        super().__init__(
            model=policy.model,
            args=arguments,
            train_dataset=training,
            data_collator=self._collate,
            compute_loss_func=self._loss,
        )
        self.remove_callback(PrinterCallback)

    def _get_train_sampler(self, *_: Any) -> SequentialSampler:
        # The order is TrainingOrder's own; the Trainer takes the whole of it for one long epoch.
        return SequentialSampler(self._training)

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """Mean loss of a token over the whole validation set, each worker doing its share."""
        metrics = {"eval_loss": self._validation_loss()}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def release(self) -> None:
        """Give back what DeepSpeed holds of the model: the process goes on to others."""
        engine: Any = self.deepspeed
        if engine is not None:
            engine.destroy()

    @torch.no_grad()
    def _validation_loss(self) -> float:
        model: Any = self.model_wrapped if self.is_deepspeed_enabled else self.model
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
