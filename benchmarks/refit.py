"""Training speed of a refit against transformers' Trainer and TRL's SFTTrainer, on the same examples.

    python benchmarks/refit.py --parameters 20000000 --out refit.json

Each trains in a process of its own, with the same batch size, precision and threads, and they take turns. Counted are
the tokens of the examples, padding left out, for each second of training, start-up left out.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import pyarrow.parquet as pq
from figures import machine, ratio
from wide_model import widen

from rayboot.config import GenerationConfig
from rayboot.curation import examples_table, reference_example
from rayboot.engines import load_token_counter
from rayboot.problems import load_problems
from rayboot.prompts import PromptBuilder
from rayboot.recipes import resolve_model

MAX_PROMPT = 512


def main() -> None:
    options = _options()
    if options.way:
        print(json.dumps(RUN[options.way](options)))
        return
    with tempfile.TemporaryDirectory() as folder:
        model, parameters = resolve_model(options.model), None
        if options.parameters:
            parameters = widen(model, Path(folder, "model"), options.parameters, options.vocabulary)
            model = str(Path(folder, "model"))
        counted = write_examples(options, model, Path(folder))
        rates: dict[str, list[float]] = {way: [] for way in RUN}
        for _ in range(options.repeats):
            for way in RUN:
                seconds = in_own_process(way, model, folder, options)
                rates[way].append(counted["tokens"] * options.epochs / seconds)
    result = {
        "machine": machine(),
        "parameters": parameters,
        "vocabulary": options.vocabulary,
        **counted,
        "tokens/s": {way: median(values) for way, values in rates.items()},
        **{f"rayboot / {way}": ratio(rates["rayboot"], rates[way]) for way in RUN if way != "rayboot"},
    }
    if options.out:
        options.out.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


def write_examples(options: argparse.Namespace, model: str, folder: Path) -> dict[str, int]:
    """Write first prompts with their references, as Parquet and as JSON lines; how many, and their tokens."""
    count = load_token_counter(GenerationConfig(), model)
    prompts = PromptBuilder(count, MAX_PROMPT, [])
    problems = load_problems(options.problems)[: options.count]
    examples = [example for problem in problems if (example := reference_example(problem, 1, prompts))]
    folder.joinpath("examples").mkdir()
    pq.write_table(examples_table(examples), folder / "examples" / "part-0.parquet")
    rows = [{"prompt": example.prompt, "completion": example.completion} for example in examples]
    folder.joinpath("examples.jsonl").write_text("\n".join(map(json.dumps, rows)))
    tokens = sum(count(row["prompt"]) + count(row["completion"]) + 1 for row in rows)
    return {"examples": len(rows), "tokens": tokens}


def in_own_process(way: str, model: str, folder: str, options: argparse.Namespace) -> float:
    """Seconds of training."""
    command = [sys.executable, __file__, "--way", way, "--model", model, "--folder", folder]
    for name in ("epochs", "batch_size", "micro_batch_size", "threads", "gpus"):
        command += [f"--{name.replace('_', '-')}", str(getattr(options, name))]
    command += ["--bf16"] * options.bf16 + ["--gradient-checkpointing"] * options.gradient_checkpointing
    environment = {**os.environ, "OMP_NUM_THREADS": str(options.threads), "TOKENIZERS_PARALLELISM": "false"}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return float(done.stdout.splitlines()[-1])


def by_rayboot(options: argparse.Namespace) -> float:
    """A refit on one Ray Train worker."""
    from rayboot.config import TrainingConfig
    from rayboot.pools.cluster import connected
    from rayboot.training import RefitJob, Refitter

    config = TrainingConfig(
        epochs=options.epochs,
        batch_size=options.batch_size,
        micro_batch_size=options.micro_batch_size,
        cpus_per_worker=options.threads,
        gpus_per_worker=options.gpus,
        bf16=options.bf16,
        gradient_checkpointing=options.gradient_checkpointing,
        patience=None,
    )
    with (
        connected({"CPU": options.threads + 1, "GPU": options.gpus}),
        tempfile.TemporaryDirectory() as scratch,
    ):
        refitter = Refitter(config, f"{scratch}/state")
        result = refitter.refit(
            RefitJob(
                start=options.model,
                training_set=f"{options.folder}/examples",
                output=f"{scratch}/checkpoint",
                storage=f"{scratch}/job",
                name="benchmark",
                max_prompt_tokens=MAX_PROMPT,
                max_completion_tokens=MAX_PROMPT,
            )
        )
        refitter.close()
    return result.fit_seconds


def by_transformers(options: argparse.Namespace) -> float:
    """transformers' Trainer as its documentation shows it, with padding to the longest of a batch."""
    import torch
    from transformers import (
        AutoModelForCausalLM,
        AutoTokenizer,
        DataCollatorForSeq2Seq,
        Trainer,
        TrainingArguments,
    )

    torch.set_num_threads(options.threads)
    tokenizer = AutoTokenizer.from_pretrained(options.model)
    examples = []
    for row in _rows(options):
        prompt = tokenizer(row["prompt"])["input_ids"]
        completion = [
            *tokenizer(row["completion"], add_special_tokens=False)["input_ids"],
            tokenizer.eos_token_id,
        ]
        examples.append({"input_ids": prompt + completion, "labels": [-100] * len(prompt) + completion})
    with tempfile.TemporaryDirectory() as scratch:
        trainer = Trainer(
            AutoModelForCausalLM.from_pretrained(options.model, dtype=torch.float32),
            TrainingArguments(**_arguments(options, scratch)),
            data_collator=DataCollatorForSeq2Seq(tokenizer),
            train_dataset=examples,  # type: ignore[arg-type]
        )
        return float(trainer.train().metrics["train_runtime"])


def by_trl(options: argparse.Namespace) -> float:
    """TRL's SFTTrainer on prompts and completions."""
    import torch
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as scratch:
        trainer = SFTTrainer(
            options.model,
            SFTConfig(
                **_arguments(options, scratch),
                max_length=2 * MAX_PROMPT,
                completion_only_loss=True,
                model_init_kwargs={"dtype": "float32"},
            ),
            train_dataset=Dataset.from_list(_rows(options)),
        )
        return float(trainer.train().metrics["train_runtime"])


RUN: dict[str, Callable[[argparse.Namespace], float]] = {
    "rayboot": by_rayboot,
    "transformers": by_transformers,
    "trl": by_trl,
}


def _rows(options: argparse.Namespace) -> list[dict[str, str]]:
    return [json.loads(line) for line in Path(options.folder, "examples.jsonl").read_text().splitlines()]


def _arguments(options: argparse.Namespace, scratch: str) -> dict[str, Any]:
    """Fields of TrainingArguments, the same for both."""
    return {
        "output_dir": scratch,
        "num_train_epochs": options.epochs,
        "per_device_train_batch_size": options.micro_batch_size,
        "gradient_accumulation_steps": options.batch_size // options.micro_batch_size,
        "use_cpu": not options.gpus,
        "bf16": options.bf16,
        "fp16": False,
        "gradient_checkpointing": options.gradient_checkpointing,
        "save_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
        "logging_strategy": "no",
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="quickstart", help="directory, hub name, or quickstart")
    parser.add_argument("--parameters", type=int, help="widen the model to so many")
    parser.add_argument("--vocabulary", type=int, default=0, help="and let it know so many tokens")
    parser.add_argument("--problems", default="quickstart/train", help="SPEC")
    parser.add_argument("--count", type=int, default=200, help="problems")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--micro-batch-size", type=int, default=8)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--gpus", type=int, default=0, choices=[0, 1])
    parser.add_argument("--bf16", action="store_true", help="bfloat16 autocast")
    parser.add_argument("--gradient-checkpointing", action="store_true")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, help="write the figures as JSON")
    parser.add_argument("--way", choices=[*RUN], help=argparse.SUPPRESS)  # one of them, in this process
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
