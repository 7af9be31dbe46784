"""Recorded attempts for the comparison of sampling and repair, and the cost of an attempt."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.fs as pafs
import pyarrow.parquet as pq
from pydantic import BaseModel

from rayboot.attempts import CHAIN_COLUMNS, Chain, Step, chains_by_problem
from rayboot.attempts.chains import Attempts
from rayboot.config import POLICY
from rayboot.errors import UserError
from rayboot.storage import RunDirectory, Storage
from rayboot.studies.units import CostUnit
from rayboot.values import Frozen

Cost = Callable[[Step], float]
"""Cost of an attempt."""


class Prices(Frozen):
    """Prices per million tokens, in dollars or any currency."""

    input: float = 0.0
    output: float = 0.0

    def of(self, prompt_tokens: float, completion_tokens: float) -> float:
        return (self.input * prompt_tokens + self.output * completion_tokens) / 1e6


def cost_of(equal: CostUnit, prices: Prices) -> Cost:
    """Return the cost function of a unit.

    A cost is never 0: an empty completion counts as one token, and `dollars` needs a price above 0.
    """
    costs: dict[CostUnit, Cost] = {
        "tokens": lambda step: step.tokens,
        "completion-tokens": lambda step: max(1, step.completion_tokens),
        "attempts": lambda step: 1.0,
        "dollars": lambda step: prices.of(step.prompt_tokens, max(1, step.completion_tokens)),
    }
    return costs[equal]


class RecordedProblem(Frozen):
    """Independent draws for one problem."""

    problem_id: str
    difficulty: str = ""
    chains: tuple[Chain, ...]
    """First attempts with all repairs. Empty if no prompt fitted: the problem then counts as unsolved."""
    samples: tuple[Step, ...] = ()
    """Additional first attempts without recorded repairs."""

    @property
    def firsts(self) -> tuple[Step, ...]:
        """All first attempts."""
        return (*(chain[0] for chain in self.chains), *self.samples)


class RecordedAttempts(Frozen):
    """Recorded attempts of one model on a set of problems."""

    problems: tuple[RecordedProblem, ...]
    rounds: int
    """Number of repairs in a chain that never passes."""

    @property
    def samples(self) -> int:
        """Lowest number of chains of a problem, without problems whose prompts did not fit."""
        return min((len(problem.chains) for problem in self.problems if problem.chains), default=0)


@dataclass(frozen=True)
class Source:
    """Attempts of one rollout or evaluation."""

    name: str
    """Name in messages, such as the folder."""
    attempts: Attempts
    seconds: float | None = None
    """Wall-clock seconds without the engines' start; None if unknown."""

    @cached_property
    def chains(self) -> dict[str, list[Chain]]:
        """Chains by problem, without those whose first prompt did not fit."""
        return {
            problem: [chain for chain in chains if chain[0].generated]
            for problem, chains in chains_by_problem(self.attempts).items()
        }

    @cached_property
    def rounds(self) -> int:
        """Number of repairs in a chain that never passes."""
        return max((chain[-1].round for chains in self.chains.values() for chain in chains), default=0)


def combine_sources(
    sources: Sequence[Source], difficulties: Mapping[str, str] | None = None
) -> RecordedAttempts:
    """Combine attempts of one model by problem.

    Raise UserError if no source has repairs, some repairs are missing, or no problem is left.

    Args:
        sources: Those without repairs add first attempts to the problems of the others.
        difficulties: Difficulties by problem id; if given, other problems are left out.
    """
    repaired = [source for source in sources if source.rounds]
    if not repaired:
        names = ", ".join(source.name for source in sources)
        raise UserError(f"{names}: no repairs are recorded; evaluate with --repair-rounds 1 or more")
    for source in repaired:
        _check_complete(source)
    ids = dict.fromkeys(problem for source in repaired for problem in source.chains)
    kept = [id for id in ids if difficulties is None or id in difficulties]
    if not kept:
        raise UserError(
            f"{repaired[0].name}: none of its problems, such as {next(iter(ids))}, is in the dataset; "
            "give the one that was evaluated"
        )
    unrepaired = [source for source in sources if not source.rounds]
    return RecordedAttempts(
        problems=tuple(
            RecordedProblem(
                problem_id=id,
                difficulty=(difficulties or {}).get(id, ""),
                chains=_chains(repaired, id),
                samples=tuple(chain[0] for chain in _chains(unrepaired, id)),
            )
            for id in kept
        ),
        rounds=min(source.rounds for source in repaired),
    )


def _chains(sources: Iterable[Source], problem: str) -> tuple[Chain, ...]:
    return tuple(chain for source in sources for chain in source.chains.get(problem, []))


def _check_complete(source: Source) -> None:
    """Raise a `UserError` for failing chains with fewer repairs than others: they would bias the comparison."""
    for problem, chains in source.chains.items():
        for chain in chains:
            if chain[-1].is_wrong and chain[-1].round < source.rounds:
                raise UserError(
                    f"{source.name}: a chain of {problem} ends failing after round {chain[-1].round}, others go on to "
                    f"{source.rounds}; a comparison needs all failing attempts repaired alike"
                )


READ = [*CHAIN_COLUMNS, "split", "weights_version"]
AUTHOR = "author"
"""Column that files of earlier versions lack: the policy wrote their attempts."""


def recorded_sources(folder: str) -> list[Source]:
    """Return the attempts of every rollout and evaluation below a folder or URI, one source per split.

    Raise UserError if there are no attempts, or they are of several models or versions of weights.
    """
    storage = Storage(folder)
    paths = sorted(str(info.path) for info in storage.files(recursive=True))
    tables = _tables(storage, paths)
    if not tables:
        raise UserError(
            f"{folder} holds no Parquet files of attempts: give a folder that rayboot evaluate --out, rayboot run or "
            "rayboot bench --out has written"
        )
    models = sorted(set(_models(storage, paths, tables)))
    authors = sorted({author or POLICY for table in tables.values() for author in table[AUTHOR].to_pylist()})
    versions = sorted(
        {version for table in tables.values() for version in table["weights_version"].to_pylist()}
    )
    if len(models) > 1 or len(authors) > 1 or len(versions) > 1:
        several = next((names for names in (models, authors) if len(names) > 1), None)
        names = ", ".join(several) if several else f"with weights {', '.join(map(str, versions))}"
        raise UserError(
            f"{folder} holds attempts of several models, {names}: give the folder of one model, such as "
            f"{sorted(tables)[-1]}"
        )
    return [source for path, table in sorted(tables.items()) for source in _by_split(storage, path, table)]


def _tables(storage: Storage, paths: Iterable[str]) -> dict[str, pa.Table]:
    """Return the attempts by the path of their folder; Parquet files with other columns are ignored."""
    parts: dict[str, list[pa.Table]] = defaultdict(list)
    for path in paths:
        if path.endswith(".parquet") and {*READ} <= {*pq.read_schema(path, filesystem=storage.fs).names}:
            has_author = AUTHOR in pq.read_schema(path, filesystem=storage.fs).names
            columns = [*READ, AUTHOR] if has_author else READ
            table = pq.read_table(path, filesystem=storage.fs, columns=columns, partitioning=None)
            if not has_author:
                table = table.append_column(AUTHOR, pa.array([POLICY] * len(table), pa.string()))
            parts[path.rpartition("/")[0]].append(table)
    return {folder: pa.concat_tables(tables) for folder, tables in parts.items()}


class _Model(BaseModel):
    model: str = ""


class _Generation(BaseModel):
    engine: str = ""
    openai: _Model | None = None


class _Recipe(BaseModel):
    """The options of a recipe, of any version, that say which model is sampled."""

    policy: _Model = _Model()
    generation: _Generation = _Generation()


def _models(storage: Storage, paths: Sequence[str], folders: Iterable[str]) -> Iterable[str]:
    """Yield the model of each folder of attempts by the recipe above it: an evaluation's weights are version 0."""
    runs = [path.removesuffix("recipe.yaml") for path in paths if path.endswith("/recipe.yaml")]
    for folder in folders:
        if above := [run for run in runs if f"{folder}/".startswith(run)]:
            name = max(above, key=len).removeprefix(storage.root).strip("/")
            recipe = _Recipe.model_validate(RunDirectory(Storage(storage.uri(name))).recipe())
            served = recipe.generation.openai if recipe.generation.engine == "openai" else None
            model = (served or recipe.policy).model
            yield os.path.realpath(model) if os.path.isdir(model) else model


def _by_split(storage: Storage, folder: str, table: pa.Table) -> list[Source]:
    splits = sorted(set(table["split"].to_pylist()))
    if len(splits) == 1:
        return [Source(folder, table, _seconds(storage, folder))]
    return [Source(f"{folder} ({split})", table.filter(pc.field("split") == split)) for split in splits]


def _seconds(storage: Storage, folder: str) -> float | None:
    """Return the seconds in the stage's marker without those until engines had the weights; None without a marker."""
    marker = f"{folder}.done"  # beside the folder, which may be the whole storage
    if storage.fs.get_file_info(marker).type == pafs.FileType.NotFound:
        return None
    with storage.fs.open_input_stream(marker) as stream:
        summary = json.loads(stream.read())
    return float(summary["seconds"]) - float(summary["publish_seconds"])
