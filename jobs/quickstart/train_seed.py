"""Train the quickstart's tokenizer and seed model from scratch, and write rayboot/recipes/quickstart/seed_model.

`python jobs/quickstart/train_seed.py` takes about ten minutes on two cores, and prints the seed's pass@1 on the
packaged problems. On the same machine the same seed gives the same weights.
"""

from __future__ import annotations

import argparse
import math
import random
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import torch
from make_problems import PROBLEMS
from seed_data import PROMPT_LIMIT, Example, examples, packaged_behaviours
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from rayboot.problems import Problem
from rayboot.problems.quickstart import packaged
from rayboot.prompts import PromptBuilder

SEED_MODEL = PROBLEMS.parent / "seed_model"
VOCABULARY_SIZE = 1024
CONTEXT = 1024
PAD, EOS = "<pad>", "<eos>"

# Line breaks with their indentation, single digits, words, runs of signs; a space belongs to what it precedes.
_PIECES = Regex(r"\n *| ?\d| ?\p{L}+| ?[^\s\p{L}\d]+|\s+")


def train_tokenizer(texts: Iterator[str]) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer that encodes any text and gives it back exactly."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(_PIECES, behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY_SIZE,
        special_tokens=[PAD, EOS],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    bpe.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        pad_token=PAD,
        eos_token=EOS,
        padding_side="left",
        model_max_length=CONTEXT,
        clean_up_tokenization_spaces=False,
    )


def new_model(tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """A Llama of two million parameters."""
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=192,
            intermediate_size=512,
            num_hidden_layers=4,
            num_attention_heads=6,
            num_key_value_heads=6,
            max_position_embeddings=CONTEXT,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def collate(batch: list[Example], tokenizer: PreTrainedTokenizerFast) -> dict[str, torch.Tensor]:
    """Padded on the right; the loss is on the completion and its end alone."""
    prompts = tokenizer([example.prompt for example in batch])["input_ids"]
    completions = tokenizer([example.completion for example in batch])["input_ids"]
    rows = [(p, [*c, tokenizer.eos_token_id]) for p, c in zip(prompts, completions, strict=True)]
    width = max(len(p) + len(c) for p, c in rows)
    pads = [width - len(p) - len(c) for p, c in rows]
    return {
        "input_ids": torch.tensor(
            [p + c + [tokenizer.pad_token_id] * n for (p, c), n in zip(rows, pads, strict=True)]
        ),
        "labels": torch.tensor(
            [[-100] * len(p) + c + [-100] * n for (p, c), n in zip(rows, pads, strict=True)]
        ),
        "attention_mask": torch.tensor([[1] * (width - n) + [0] * n for n in pads]),
    }


def batches(stream: Iterator[Example], size: int, rng: random.Random) -> Iterator[list[Example]]:
    """Batches of examples of similar length, to pad little."""
    while True:
        window = sorted(islice(stream, 64 * size), key=lambda example: len(example.prompt))
        chunks = [window[i : i + size] for i in range(0, len(window), size)]
        rng.shuffle(chunks)
        yield from chunks


def train(
    model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    stream: Iterator[list[Example]],
    steps: int,
    learning_rate: float,
) -> None:
    # As Muon's authors do (Jordan et al. 2024): Muon for the layers' matrices, AdamW for the rest.
    matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and "embed" not in name]
    others = [p for name, p in model.named_parameters() if p.ndim != 2 or "embed" in name]
    optimizers = [
        torch.optim.Muon(matrices, lr=learning_rate, weight_decay=0.05, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, lr=learning_rate, betas=(0.9, 0.98), weight_decay=0.0),
    ]
    warm_up = max(1, steps // 20)
    schedules = [
        torch.optim.lr_scheduler.LambdaLR(
            optimizer,
            lambda step: min((step + 1) / warm_up, 0.02 + 0.98 * (1 + math.cos(math.pi * step / steps)) / 2),
        )
        for optimizer in optimizers
    ]
    model.set_attn_implementation("eager")  # the fastest for short sequences on a CPU
    model.train()
    start, tokens, total = time.monotonic(), 0, 0.0
    for step, batch in enumerate(islice(stream, steps), start=1):
        inputs = collate(batch, tokenizer)
        with torch.autocast("cpu", torch.bfloat16):
            loss = model(**inputs).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer, schedule in zip(optimizers, schedules, strict=True):
            optimizer.step()
            schedule.step()
            optimizer.zero_grad(set_to_none=True)
        tokens += int(inputs["attention_mask"].sum())
        total += loss.item()
        if step % 50 == 0:
            speed = tokens / (time.monotonic() - start)
            print(f"step {step}/{steps}  loss {total / 50:.3f}  {speed:,.0f} tokens/s", flush=True)
            total = 0.0


def pass_at_1(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, split: str) -> float:
    """Greedy, on the packaged problems of a split: 0 to 1."""
    prompts = PromptBuilder(count_tokens=len, max_tokens=PROMPT_LIMIT)
    problems = [problem for problem in packaged() if problem.split == split]
    programs = generate(model, tokenizer, [prompts.first(problem) or "" for problem in problems])
    return sum(map(passes, programs, problems)) / len(problems)


def generate(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, prompts: list[str]) -> list[str]:
    model.eval()
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    programs = [""] * len(prompts)
    for start in range(0, len(order), 64):
        chosen = order[start : start + 64]
        inputs = tokenizer(
            [prompts[i] for i in chosen], padding=True, return_tensors="pt", return_token_type_ids=False
        )
        with torch.inference_mode():
            output = model.generate(**inputs, max_new_tokens=96, do_sample=False)
        texts = tokenizer.batch_decode(output[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
        for i, text in zip(chosen, texts, strict=True):
            programs[i] = text
    return programs


def passes(program: str, problem: Problem) -> bool:
    """Whether a program passes, in this process: only for a model that knows no harmful programs."""
    scope: dict[str, object] = {}
    try:
        exec(program, scope)
        for test in problem.tests:
            exec(test.code, scope)  # type: ignore[union-attr]
    except Exception:
        return False
    return True


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=SEED_MODEL)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=1100)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--lr", type=float, default=3e-3)
    options = parser.parse_args()

    torch.manual_seed(options.seed)
    rng = random.Random(options.seed)
    stream = examples(rng, packaged_behaviours())
    texts = [example.prompt + example.completion for example in islice(stream, 4000)]
    texts += [f"{p.statement}\n{p.references[0]}" for p in packaged() if p.split == "train"]
    tokenizer = train_tokenizer(iter(texts))
    model = new_model(tokenizer)
    print(f"{model.num_parameters():,} parameters, {len(tokenizer)} tokens")
    train(model, tokenizer, batches(stream, options.batch, rng), options.steps, options.lr)
    model.save_pretrained(options.out)
    tokenizer.save_pretrained(options.out)
    for split in ("train", "validation", "test"):
        print(f"{split}: pass@1 {pass_at_1(model, tokenizer, split):.3f}")


if __name__ == "__main__":
    main()
