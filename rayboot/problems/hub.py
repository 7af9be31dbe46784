"""Data sets of the Hugging Face hub, or local clones of them, read with the package `datasets` (extra `hub`)."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from rayboot.errors import UserError
from rayboot.problems.rows import HasId
from rayboot.values import Frozen

Value = TypeVar("Value", bound=HasId)

_ANSWER_SECONDS = 10.0
"""Longest wait for the hub's first answer. `datasets` itself retries for half a minute."""


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


_PARQUET_COPY = "hf://datasets/{repository}@refs/convert/parquet/{config}/{split}/*.parquet"


def parse_location(location: str, default: HubDataset | None) -> tuple[HubDataset | None, str]:
    """Return data set and split of a SPEC's part after the first colon, such as `hub:OWNER/NAME:CONFIG/SPLIT`.

    Args:
        location: The part of the SPEC.
        default: The benchmark's data set, for `hub` without a name; None if it has none.
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


def load_hub(dataset: HubDataset, split: str, load: Callable[[Path], list[Value]]) -> list[Value]:
    """Load the data set's rows with `load`, which gets a file `SPLIT.parquet` for each split.

    Raises:
        UserError: The package is missing; the hub cannot be reached and the data set was not loaded before; there is no
            such data set, config or split; or as `load`.
    """
    values: dict[str, Value] = {}
    with tempfile.TemporaryDirectory(prefix="rayboot-hub-") as folder:
        for path in _save(dataset, split, Path(folder)):
            try:
                loaded = load(path)
            except UserError as error:
                raise UserError(str(error).replace(f"{folder}/", f"{dataset.repository} ")) from None
            for value in loaded:
                if value.id in values:
                    raise UserError(
                        f"{dataset.repository}: {value.id} is in more than one split; name one in the SPEC"
                    )
                values[value.id] = value
    return list(values.values())


def _save(dataset: HubDataset, split: str, folder: Path) -> list[Path]:
    tables = _download(dataset, split)
    paths = []
    for name, table in tables.items():
        path = folder / f"{name}.parquet"
        table.to_parquet(path)
        paths.append(path)
    return paths


def _download(dataset: HubDataset, split: str) -> dict[str, Any]:
    """Return the requested splits as tables of `datasets`."""
    try:
        import datasets
        from datasets.exceptions import DatasetNotFoundError
    except ImportError:
        raise UserError("the hub's data sets need the package datasets: pip install 'rayboot[hub]'") from None
    with _without_progress_bars(datasets), _offline_if_unreachable(dataset, datasets):
        try:
            return _select_splits(_load(dataset, split, datasets), dataset, split)
        except (DatasetNotFoundError, ValueError) as error:
            raise UserError(f"{dataset.repository}: {error}") from None
        except OSError as error:
            raise UserError(f"cannot load {dataset.repository} from the hub: {error}") from None


def _load(dataset: HubDataset, split: str, datasets: Any) -> dict[str, Any]:
    try:
        loaded: dict[str, Any] = datasets.load_dataset(dataset.repository, dataset.config or None)
    except RuntimeError as error:
        if "scripts are no longer supported" not in str(error):
            raise
        names = [split] if split else dataset.splits or ("test",)
        template = dataset.files or _PARQUET_COPY
        files = {
            name: template.format(
                repository=dataset.repository, config=dataset.config or "default", split=name
            )
            for name in names
        }
        kind = "json" if template.endswith(".jsonl") else "parquet"
        loaded = datasets.load_dataset(kind, data_files=files)
    return loaded


def _select_splits(tables: dict[str, Any], dataset: HubDataset, split: str) -> dict[str, Any]:
    names = [split] if split else list(dataset.splits or tables)
    if unknown := [name for name in names if name not in tables]:
        known = ", ".join(tables)
        raise UserError(f"{dataset.repository}: there is no split {unknown[0]}; those that exist are {known}")
    return {name: tables[name] for name in names}


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
def _offline_if_unreachable(dataset: HubDataset, datasets: Any) -> Iterator[None]:
    """If the hub does not answer, make `datasets` use its cache at once instead of retrying."""
    before = datasets.config.HF_HUB_OFFLINE
    datasets.config.HF_HUB_OFFLINE = before or not (_is_local(dataset) or _is_reachable(dataset))
    try:
        yield
    finally:
        datasets.config.HF_HUB_OFFLINE = before


def _is_local(dataset: HubDataset) -> bool:
    return Path(dataset.repository).is_dir()


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
def _without_progress_bars(datasets: Any) -> Iterator[None]:
    was_enabled = datasets.is_progress_bar_enabled()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if was_enabled:
            datasets.enable_progress_bars()
