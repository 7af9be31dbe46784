"""Completions are decoded as generated, and encoded as a model would have to generate them."""

from __future__ import annotations

import shutil
from functools import lru_cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.tiny_models import METASPACE, byte_level, metaspace
from transformers import LlamaTokenizer, PreTrainedTokenizerBase

from rayboot.models.codec import CompletionCodec
from rayboot.models.loading import encode

TOKENIZERS = [*METASPACE, "split", "added", "byte level", "mistral", "mistral legacy"]
TEXTS = [
    "    return a + b\n",
    "\n    return a",
    " a",
    "  a",
    "a  ",
    "",
    "\n",
    "\n\n\n    x = 1\n",
    "):\n\tpass\r\n",
    "# naïve ✓ 日本語 😀\n",
    "print('</s><s>')",
    "\ufffd",
]

ANY = st.characters(codec="utf-8", exclude_characters="\u2581")  # these tokenizers' form of a space


@lru_cache
def tokenizer_of(name: str, folder: str = "") -> PreTrainedTokenizerBase:
    if name == "byte level":
        return byte_level("<pad>")
    if name.startswith("mistral"):
        return LlamaTokenizer.from_pretrained(folder, legacy=name.endswith("legacy"))
    if name == "added":
        return metaspace("always", added=["<fim>", "    ", "\n\n"])
    return metaspace("first", split=True) if name == "split" else metaspace(name)


@pytest.fixture(scope="module", params=TOKENIZERS)
def tokenizer(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> PreTrainedTokenizerBase:
    """A tokenizer of each kind; the real one of Mistral comes with vLLM."""
    if not request.param.startswith("mistral"):
        return tokenizer_of(request.param)
    package = pytest.importorskip("mistral_common", reason="Mistral's tokenizer is not installed")
    folder = tmp_path_factory.mktemp("mistral")
    shutil.copy(Path(package.__file__).parent / "data" / "tokenizer.model.v1", folder / "tokenizer.model")
    return tokenizer_of(request.param, str(folder))


@pytest.mark.parametrize("text", [*TEXTS, "a<fim>b    c"])
def test_decoding_inverts_encoding(tokenizer: PreTrainedTokenizerBase, text: str) -> None:
    codec = CompletionCodec(tokenizer)
    assert codec.decode(codec.encode(text)) == text


@settings(max_examples=60, deadline=None)
@given(text=st.text(ANY | st.sampled_from(" \n\t(a1"), max_size=30))
def test_decoding_inverts_encoding_of_any_text(tokenizer: PreTrainedTokenizerBase, text: str) -> None:
    codec = CompletionCodec(tokenizer)
    assert codec.decode(codec.encode(text)) == text


def test_the_tokens_continue_a_prompt(tokenizer: PreTrainedTokenizerBase) -> None:
    codec = CompletionCodec(tokenizer)
    prompt, text = "def add(a, b):\n", "    return a + b\n"
    before, together = encode(tokenizer, prompt), encode(tokenizer, prompt + text)
    tokens = before + codec.encode(text)
    assert tokenizer.decode(tokens, skip_special_tokens=True) == prompt + text
    if together[: len(before)] == before and len(together) <= len(tokens):  # otherwise a token spans both
        assert tokens == together


def test_an_incomplete_character_does_not_change_the_text_before_it(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    codec = CompletionCodec(tokenizer)
    tokens = codec.encode("    a\n😀\n")
    texts = {codec.decode(tokens[:count]).rstrip("\ufffd") for count in range(len(tokens) + 1)}
    assert texts >= {"    a\n", "    a\n😀", "    a\n😀\n"}
    assert all("    a\n😀\n".startswith(text) for text in texts)


def test_invalid_bytes_are_one_replacement_character_and_do_not_change_their_neighbours() -> None:
    tokenizer = metaspace("first")
    codec = CompletionCodec(tokenizer)
    broken = tokenizer.convert_tokens_to_ids(["<0x0A>", "<0xF0>", "<0x9F>", "<0x0A>"])
    assert codec.decode([*codec.encode(" a"), *broken, *codec.encode(" b")]) == " a\n\ufffd\n b"


def test_byte_tokens_marked_as_special_are_text() -> None:
    tokenizer = metaspace("always")
    tokenizer.add_special_tokens({"additional_special_tokens": ["<0x0A>", "<0x7A>"]})
    codec = CompletionCodec(tokenizer)
    assert codec.decode(codec.encode(" z\n z")) == " z\n z"


def test_an_encoder_decoder_begins_a_text() -> None:
    tokenizer = metaspace("always")
    codec = CompletionCodec(tokenizer, continues=False)
    assert codec.encode("def add") == tokenizer("def add", add_special_tokens=False)["input_ids"]
    assert codec.decode(codec.encode("def add")) == "def add"


def test_special_tokens_and_ids_without_a_token_have_no_text() -> None:
    tokenizer = metaspace("always")
    codec = CompletionCodec(tokenizer)
    assert codec.decode([*codec.encode(" a"), 2, len(tokenizer) + 7, *codec.encode(" b")]) == " a b"
