"""Run Go programs under a test file of the benchmark's form."""

from __future__ import annotations

import re

from support.foreign import Outcome, under_test

from rayboot.problems import ScriptTest
from rayboot.sandbox.sandbox import Sandbox
from rayboot.sandbox.verdict import Verdict

HEAD = 'package main\n\nimport (\n\t"encoding/json"\n\t"reflect"\n)\n'
TEST = """

func deepCompare(a interface{}, b interface{}, msg string) bool {
	aJSON, err := json.Marshal(a)
	if err != nil {
		panic(msg)
	}
	bJSON, err := json.Marshal(b)
	if err != nil {
		panic(msg)
	}
	var a2 interface{}
	var b2 interface{}
	err = json.Unmarshal(aJSON, &a2)
	if err != nil {
		panic(msg)
	}
	err = json.Unmarshal(bJSON, &b2)
	if err != nil {
		panic(msg)
	}
	result := reflect.DeepEqual(a2, b2)
	if result {
		return true
	} else {
		panic(msg)
	}
}

func main() {
	actual_1 := double(3)
	expected_1 := 6
	deepCompare(actual_1, expected_1, "Exception --- test case 0 failed to pass")

}
"""


def judge(sandbox: Sandbox, body: str, imports: str = "") -> Outcome:
    head = HEAD.replace(")\n", imports + ")\n")
    return under_test(sandbox, "go", head + body, TEST, "double")


def run_main(sandbox: Sandbox, program: str, body: str) -> Verdict:
    """Return the verdict on a program under a test that is the body of `main`."""
    test = ScriptTest(code=f"\n\nfunc main() {{\n\t{body}\n}}\n")
    entry_point = re.findall(r"^func (\w+)", program, re.M)[-1]
    return sandbox.run("package main\n" + program, [test], entry_point=entry_point, language="go")
