from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from rayboot.config import GenerationConfig
from rayboot.engines import create_engine, load_token_counter
from rayboot.errors import UserError
from rayboot.models import check_model

CONFIG = GenerationConfig()


@pytest.fixture
def broken(llama: str, tmp_path: Path) -> Path:
    """A copy of a model directory, for tests to damage."""
    return Path(shutil.copytree(llama, tmp_path / "model"))


def test_a_complete_directory_passes(llama: str, t5: str) -> None:
    check_model(llama)
    check_model(t5)


def test_a_directory_without_tokenizer_is_named(broken: Path) -> None:
    (broken / "tokenizer.json").unlink()
    for load in (check_model, lambda model: load_token_counter(CONFIG, model)):
        with pytest.raises(UserError, match="has no tokenizer"):
            load(str(broken))


def test_a_directory_without_config_or_weights_is_named(broken: Path) -> None:
    (broken / "config.json").unlink()
    (broken / "model.safetensors").unlink()
    with pytest.raises(UserError, match=r"no config\.json and no weights"):
        create_engine(CONFIG, str(broken))


def test_a_directory_that_does_not_exist_is_named() -> None:
    with pytest.raises(UserError, match=r"\./no/such does not exist"):
        create_engine(CONFIG, "./no/such")


def test_a_hub_name_that_cannot_be_downloaded_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match=r"neither a local directory nor .*hf download no-such/model"):
        create_engine(CONFIG, "no-such/model")


def test_weights_that_cannot_be_read_are_named(broken: Path) -> None:
    (broken / "model.safetensors").write_bytes(b"not a tensor")
    with pytest.raises(UserError, match=r"weights of model .* cannot be read"):
        create_engine(CONFIG, str(broken))


def test_weights_that_lack_a_tensor_are_refused(broken: Path) -> None:
    file = broken / "model.safetensors"
    weights = load_file(file)
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, file, metadata={"format": "pt"})
    with pytest.raises(UserError, match=r"lack model\.layers\.1\.mlp\.up_proj\.weight"):
        create_engine(CONFIG, str(broken))


def test_weights_of_another_shape_are_refused(broken: Path) -> None:
    file = broken / "model.safetensors"
    weights = load_file(file) | {"model.norm.weight": torch.ones(7)}
    save_file(weights, file, metadata={"format": "pt"})
    with pytest.raises(UserError, match="weights of model"):
        create_engine(CONFIG, str(broken))


def test_checking_a_directory_imports_no_torch(llama: str) -> None:
    code = (
        "import sys; from rayboot.models import check_model; "
        f"check_model({llama!r}); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])
