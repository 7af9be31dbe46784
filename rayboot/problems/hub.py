"""Data sets of the Hugging Face hub, or local clones of them, read with the package `datasets` (extra `hub`)."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Protocol

from rayboot.errors import UserError
from rayboot.problems.rows import ItemType
from rayboot.values import Frozen

_ANSWER_SECONDS = 10.0
"""Longest wait for the hub's first answer. `datasets` itself retries for half a minute."""
_PARQUET_COPY = "hf://datasets/{repository}@refs/convert/parquet/{config}/{split}/*.parquet"


class HubDataset(Frozen):
    """Location of a benchmark on the hub."""

    repository: str
    """OWNER/NAME, or the folder of a clone."""
    config: str = ""
    """Empty: the only or default one."""
    splits: tuple[str, ...] = ()
    """Splits to load if a SPEC names none; empty: all."""
    files: str = ""
    """URL of the data files with the fields `repository`, `config` and `split`.

    Needed for a repository with a loading script, which `datasets` refuses from version 4 on. Empty: the hub's own
    Parquet copy.
    """


class _Table(Protocol):
    """A data set of the package `datasets`."""

    def to_parquet(self, path: Path) -> object:
        """Write all rows to a file."""


def parse_location(location: str, default: HubDataset | None) -> tuple[HubDataset | None, str]:
    """Return data set and split of a SPEC's part after the first colon, such as `hub:OWNER/NAME:CONFIG/SPLIT`.

    `default` is the benchmark's own data set, for `hub` without a name.
    """
    rest = location.removeprefix("hub")
    if not rest.startswith(":"):
        return default, rest.removeprefix("/")
    name, colon, config = rest[1:].partition(":")
    if colon:
        config, _, split = config.partition("/")
    else:
        name, split = _name_and_split(name)
    folder = Path(name).expanduser()
    name = str(folder) if folder.is_dir() else name
    if default is not None and name == default.repository:
        return default.model_copy(update={"config": config or default.config}), split
    return HubDataset(repository=name, config=config), split


def is_hub(location: str) -> bool:
    """Return whether a SPEC's part after the first colon names the hub: `hub`, `hub/...` or `hub:...`."""
    return location == "hub" or location.startswith(("hub/", "hub:"))


def load_hub(dataset: HubDataset, split: str, load: Callable[[Path], list[ItemType]]) -> list[ItemType]:
    """Load the data set's rows with `load`, which gets a file `SPLIT.parquet` for each split.

    Raise UserError if the package is missing; the hub cannot be reached and the data set was not loaded before; there
    is no such data set, config or split; or as `load`.
    """
    items: dict[str, ItemType] = {}
    with tempfile.TemporaryDirectory(prefix="rayboot-hub-") as folder:
        for name, table in _download(dataset, split).items():
            path = Path(folder) / f"{name}.parquet"
            table.to_parquet(path)
            try:
                loaded = load(path)
            except UserError as error:
                raise UserError(str(error).replace(f"{folder}/", f"{dataset.repository} ")) from None
            for item in loaded:
                if item.id in items:
                    raise UserError(
                        f"{dataset.repository}: {item.id} is in more than one split; name one in the SPEC"
                    )
                items[item.id] = item
    return list(items.values())


def _download(dataset: HubDataset, split: str) -> Mapping[str, _Table]:
    """Return the requested splits."""
    try:
        import datasets
        from datasets.exceptions import DatasetNotFoundError
    except ImportError:
        raise UserError("the hub's data sets need the package datasets: pip install 'rayboot[hub]'") from None
    with _without_progress_bars(datasets), _offline_if_unreachable(dataset, datasets):
        try:
            tables = _load(dataset, split, datasets)
        except (DatasetNotFoundError, ValueError) as error:
            raise UserError(f"{dataset.repository}: {error}") from None
        except OSError as error:
            raise UserError(f"cannot load {dataset.repository} from the hub: {error}") from None
    names = [split] if split else list(dataset.splits or tables)
    if unknown := [name for name in names if name not in tables]:
        known = ", ".join(tables)
        raise UserError(f"{dataset.repository}: there is no split {unknown[0]}; those that exist are {known}")
    return {name: tables[name] for name in names}


def _load(dataset: HubDataset, split: str, datasets: ModuleType) -> Mapping[str, _Table]:
    """Return the splits of the data set, or only those that are requested."""
    tables: Mapping[str, _Table]
    try:
        tables = datasets.load_dataset(dataset.repository, dataset.config or None)
    except RuntimeError as error:
        if "scripts are no longer supported" not in str(error):
            raise
        template = dataset.files or _PARQUET_COPY
        fields = {"repository": dataset.repository, "config": dataset.config or "default"}
        names = [split] if split else dataset.splits or ("test",)
        files = {name: template.format(**fields, split=name) for name in names}
        kind = "json" if template.endswith(".jsonl") else "parquet"
        tables = datasets.load_dataset(kind, data_files=files)
    return tables


def _name_and_split(text: str) -> tuple[str, str]:
    """Split a text into a folder or OWNER/NAME, and what follows it."""
    path = Path(text).expanduser()
    if path.is_dir():
        return text, ""
    if path.parent.is_dir() and text.count("/") > 1:
        return text.rpartition("/")[0], text.rpartition("/")[2]
    owner, slash, rest = text.partition("/")
    name, _, split = rest.partition("/")
    return owner + slash + name, split


@contextmanager
def _offline_if_unreachable(dataset: HubDataset, datasets: ModuleType) -> Iterator[None]:
    """If the hub does not answer, make `datasets` use its cache at once instead of retrying."""
    before = datasets.config.HF_HUB_OFFLINE
    datasets.config.HF_HUB_OFFLINE = before or not (
        Path(dataset.repository).is_dir() or _is_reachable(dataset)
    )
    try:
        yield
    finally:
        datasets.config.HF_HUB_OFFLINE = before


def _is_reachable(dataset: HubDataset) -> bool:
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    try:
        HfApi().dataset_info(dataset.repository, timeout=_ANSWER_SECONDS)
    except HfHubHTTPError:
        return True  # it answers, and `datasets` will report the error
    except Exception:  # errors of the HTTP client, which differ between versions
        return False
    return True


@contextmanager
def _without_progress_bars(datasets: ModuleType) -> Iterator[None]:
    was_enabled = datasets.is_progress_bar_enabled()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if was_enabled:
            datasets.enable_progress_bars()
