"""A chat model's answer without reasoning, special tokens and the tags that some models put around their code."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator

from rayboot.problems.types import Language
from rayboot.prompts.blocks import is_fenced
from rayboot.prompts.segments import code_segments
from rayboot.prompts.source import lex, syntax_tree

_REASONING_TAGS = (
    r"(?:think|thinking|thoughts?|reason|reasoning|reflection|scratchpad|analysis|rationale|(?:inner|internal)_monologue|"
    r"\w+[:_]think(?:ing)?)"
)
_NOT_QUOTED = r"(?<![\"'\\])(?<!(?<!`)`)"
_REASONING_END = (
    rf"</{_REASONING_TAGS}>|\[/(?:THINK|THINKING|REASONING)\]|\u25c1/think\u25b7"
    r"|<\|(?:end_of_thought|END_THINKING)\|>"
)
_REASONING = re.compile(
    rf"{_NOT_QUOTED}(?:"
    rf"(?:<{_REASONING_TAGS}>|\[(?:THINK|THINKING|REASONING)\]|\u25c1think\u25b7|<\|(?:begin_of_thought|START_THINKING)\|>)"
    rf"(?s:.*?)(?:{_REASONING_END}|\Z)"
    r"|<\|channel\|>(?:analysis|commentary)\b[^<\n]*(?:<\|constrain\|>\w*)?<\|message\|>(?s:.*?)"
    r"(?:<\|(?:end|return|call)\|>|(?=<\|(?:channel|start)\|>)|\Z)"
    r"|<\|channel>thought(?s:.*?)(?:<channel\|>|\Z)|<unused94>(?s:.*?)(?:<unused95>|\Z)"
    r"|<\|inner_prefix\|>(?s:.*?)(?:<\|inner_suffix\|>|\Z))"
)
"""Reasoning of models before their answer, in their own marks, closed or not."""
_UNQUOTED_REASONING_END = re.compile(rf"{_NOT_QUOTED}(?:{_REASONING_END})")
_SPECIAL_TOKENS = re.compile(
    rf"{_NOT_QUOTED}(?:<\|[^|<>\n]{{1,40}}\|>|<\uff5c[^\uff5c<>\n]{{1,40}}\uff5c>|</?s>(?=\s|$)|<\|[a-z_]+>|<[a-z_]+\|>|"
    r"<(?:bos|eos|pad|unk|eod|eot|EOT|EOD|endoftext|end_of_text|start_of_turn|end_of_turn|end_of_utterance)>|"
    r"</?(?:fim_\w+|file_sep|jupyter_\w+)>|\[/?INST\]|<</?SYS>>|\[\|[a-z]+\|\])|^\[(?:BEGIN|DONE)\]"
    r"|^### ?(?:Instruction|Response|User|Human|Assistant):|^(?:Human|User|USER|Assistant|ASSISTANT): ",
    re.MULTILINE,
)
"""Special tokens of common models as text, and headers of turns that some models invent."""
_WRAPPER_TAGS = (
    r"code|answer|final_answer|solution|response|output|result|program|script|execute|pre|implementation|"
    r"python|javascript|java|perl|go|swift|PYTHON|JAVASCRIPT|JAVA|PERL|GO|SWIFT|CODE|ANSWER|SOLUTION|TESTS?|RESPONSE"
)
_WRAPPER = re.compile(
    rf"^[ \t]*(?:(?:<(?:{_WRAPPER_TAGS})(?: [^<>\n]*)?>)+|\[(?:{_WRAPPER_TAGS})\])[ \t]*"
    rf"|(?:(?:</(?:{_WRAPPER_TAGS})>)+|\[/(?:{_WRAPPER_TAGS})\])(?=[ \t]*$)"
    r"|^[ \t]*\\(?:begin|end)\{(?:lstlisting|verbatim|minted|code|python)\}(?:\[[^\]\n]*\]|\{\w+\})*[ \t]*$",
    re.MULTILINE,
)
"""Tags that some models put around their code."""
_MARK_STARTS = {"string": r"[<\[\\\u25c1#A-Z]", "comment": r"[<\[\\\u25c1]", "code": r"(?!)"}
"""How marks begin, by kind of token. `#` is not among those in comments: Python takes `### Response:` for a comment."""
_ESCAPE = "\ufdd0"
"""A noncharacter, which does not occur in text."""
MAX_ANSWER_CHARS = 60_000
"""Number of characters at the end of an answer that are read, to bound the time."""


def has_marks(code: str, language: Language) -> bool:
    """Return whether the code has special tokens, reasoning or tags outside its strings and comments."""
    return _matches_marks(_escape_literals(code, language))


def _matches_marks(text: str) -> bool:
    return any(
        pattern.search(text) for pattern in (_SPECIAL_TOKENS, _REASONING, _WRAPPER, _UNQUOTED_REASONING_END)
    )


def _escape_literals(code: str, language: Language) -> str:
    """Return the code with `_ESCAPE` in the marks of its strings and comments, so that they do not match."""
    return "".join(re.sub(_MARK_STARTS[kind], rf"\g<0>{_ESCAPE}", text) for kind, text in lex(code, language))


def _closed_blocks(text: str) -> Iterator[str]:
    """Yield the contents of closed fences, which Markdown parsers cannot find before the marks around them are gone."""
    opening = None
    for fence in re.finditer(r"^([^`~\n]*)(`{3,}|~{3,})([^`\n]*)$", text, re.MULTILINE):
        if opening is None:
            opening = fence
        elif fence[2].startswith(opening[2]) and not fence[3].strip() and not fence[1].strip(" \t>"):
            yield text[opening.end() + 1 : fence.start()]
            opening = None


def _escape_code(text: str, language: Language) -> str:
    """Return the text with `_ESCAPE` in the marks that are part of its code, inside and outside fences."""
    if not _matches_marks(text):
        return text
    blocks = list(_closed_blocks(text))
    if language == "python":
        blocks = [block for block in blocks if syntax_tree(textwrap.dedent(block))]
    else:  # a fence within indicates one that was never closed
        blocks = [block for block in blocks if not is_fenced(block)]
    without_end_tokens = re.sub(rf"(?:{_SPECIAL_TOKENS.pattern})[ \t]*$", "", text, flags=re.MULTILINE)
    for code in dict.fromkeys(
        (*blocks, *code_segments(text, language), *code_segments(without_end_tokens, language))
    ):
        text = text.replace(code, _escape_literals(code, language))
    return text


def answer_turns(answer: str, language: Language) -> Iterator[list[str]]:
    """Yield an answer's turns without reasoning, then all of its turns, for an answer that ends within its reasoning.

    Reasoning may lack its opening or closing mark.
    """
    answer = answer.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\ufffd")
    answer = re.sub(r"\A (?=```|~~~)", "", answer)  # a space of some chat templates, not indentation
    answer = answer[:-MAX_ANSWER_CHARS] + _escape_code(answer[-MAX_ANSWER_CHARS:], language)
    visible = _UNQUOTED_REASONING_END.split(_REASONING.sub("\n\n", answer))[-1]
    for text in dict.fromkeys((visible, answer)):
        turns = [_WRAPPER.sub("\n", turn) for turn in _SPECIAL_TOKENS.split(text[-MAX_ANSWER_CHARS:])]
        yield [turn.replace(_ESCAPE, "") for turn in turns if turn.strip()]
