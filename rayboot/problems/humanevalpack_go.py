"""HumanEvalPack's Go programs and tests, as the sandbox takes them: whole programs of the standard library alone."""

from __future__ import annotations

import re

# For testify's assert.Equal, which compares in this way.
_EQUAL = """
func raybootEqual(expected, actual interface{}, message ...interface{}) {
    if !reflect.DeepEqual(expected, actual) {
        panic(fmt.Sprintf("failed to pass: expected %#v, got %#v", expected, actual))
    }
}
"""
_TEST = re.compile(r"^func Test\w+\(\w+ \*testing\.T\)", re.MULTILINE)
_ASSERT = re.compile(r"^\s*assert\s*:=\s*assert\.New\(\w+\)\s*$", re.MULTILINE)
_VARIABLE = re.compile(r"\b([a-z]\w*)\s*:=")
_IMPORTS = re.compile(r'^import\s*(?:\([^)]*\)|"[^"\n]*")\s*', re.MULTILINE)
_PACKAGES = """
    bytes crypto/md5 errors fmt math math/bits math/rand regexp sort strconv strings time unicode unicode/utf8
"""


def go_head(prompt: str, solution: str) -> str:
    """The prompt with a package clause and the imports that the solution needs.

    The official harness, too, adds what is missing. Some prompts import what their own solution does not use, which Go
    refuses.
    """
    prompt = _IMPORTS.sub("", prompt).lstrip("\n")
    code = re.sub(r"//.*", "", prompt + solution)
    used = [path for path in _PACKAGES.split() if re.search(rf"\b{path.rpartition('/')[2]}\.[A-Z]", code)]
    imports = "".join(["import (\n", *(f'    "{path}"\n' for path in used), ")\n\n"]) if used else ""
    return f"package main\n\n{imports}{prompt}"


def go_test(test: str) -> str:
    """The test function as a program of its own, without `testing` and testify.

    A variable stands in brackets where its method is called, so that it is not taken for a package.
    """
    test = _ASSERT.sub("", _TEST.sub("func main()", test)).replace("assert.Equal(", "raybootEqual(")
    for variable in set(_VARIABLE.findall(test)):
        test = re.sub(rf"(?<![\w.]){variable}(?=\.[A-Z])", f"({variable})", test)
    return f"{_EQUAL}\n{test}"
