"""Perl programs under MBXP's test files, and by standard input."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from rayboot.problems.types import ScriptTest, StdioTest
from rayboot.sandbox import Limits, Sandbox, Verdict

HAS_PERL = (
    shutil.which("perl")
    and subprocess.run(["perl", "-MData::Compare", "-e", "1"], capture_output=True).returncode == 0
)
pytestmark = pytest.mark.skipif(not HAS_PERL, reason="needs perl with Data::Compare")

TEST = """
use Data::Compare;

my $arg00 = [3, 1, 2];
my $x0 = sorted($arg00);
my $v0 = [1, 2, 3];
unless(Compare($x0, $v0)) {
    die "Exception -- test case 0 did not pass.";
}
"""


def verdict(sandbox: Sandbox, program: str, test: str = TEST) -> Verdict:
    limits = Limits(timeout=20)
    return sandbox.run(program, [ScriptTest(code=test)], "", limits, "sorted", "perl")


@pytest.mark.parametrize(
    "program",
    [
        "sub sorted { my ($x) = @_; return [sort @$x]; }",
        "use strict; use warnings; use List::Util qw(max);\nsub sorted { [sort { $a <=> $b } @{$_[0]}] }",
        "sub sorted { my $x = shift; print @$x; my @y = sort @$x; return \\@y; }",
    ],
)
def test_a_right_program_passes(sandbox: Sandbox, program: str) -> None:
    assert verdict(sandbox, program).passed


def test_a_wrong_answer_is_told_with_its_call(sandbox: Sandbox) -> None:
    told = verdict(sandbox, "sub sorted { return [reverse @{$_[0]}] }")
    assert (told.status, told.failing_test) == ("failed", 0)
    assert (told.call, told.got, told.expected) == ("sorted([3,1,2])", "[2,1,3]", "[1,2,3]")


@pytest.mark.parametrize(
    ("program", "status", "message", "line"),
    [
        ("\nsub sorted { die 'oh no' }", "error", "oh no", 2),
        ("\ndie 'at once'", "error", "at once", 2),
        ("sub sorted { my ($x = ", "syntax_error", "syntax error", None),
        ("sub sorted { 1 while 1 }", "timeout", "", None),
        ("sub sorted { my @a; push @a, 'x' x 1000000 while 1 }", "memory_limit", "memory", None),
        ("sub other { 1 }", "error", "Undefined subroutine", None),
    ],
)
def test_what_goes_wrong_is_named(
    sandbox: Sandbox, program: str, status: str, message: str, line: int | None
) -> None:
    told = verdict(sandbox, program)
    assert told.status == status
    assert message in told.message
    assert line is None or told.line == line


@pytest.mark.parametrize(
    "program",
    [
        "exit(0);",
        "sub sorted { exit(0) }",
        "BEGIN { exit(0) }",
        "END { $? = 0 } sub sorted { die }",
        "use Data::Compare; no warnings; *Data::Compare::Compare = sub { 1 }; sub sorted { 5 }",
        "package Liar; use overload 'eq' => sub { 1 }, '==' => sub { 1 }; sub main::sorted { bless [], 'Liar' }",
        "*CORE::GLOBAL::die = sub { 1 }; sub sorted { 5 }",
        "sub sorted { open(my $c, '>&=', 3); syswrite($c, pack('N', 20) . '[1,\"ok\",[\"l\",1],[]]'); 1 }",
        "sub Compare { 1 } sub sorted { 5 }",
    ],
)
def test_a_program_cannot_make_itself_right(sandbox: Sandbox, program: str) -> None:
    assert not verdict(sandbox, program).passed
    assert verdict(sandbox, "sub sorted { [sort @{$_[0]}] }").passed


def test_changes_to_an_argument_reach_the_test(sandbox: Sandbox) -> None:
    test = TEST.replace("my $x0 = sorted($arg00);", "sorted($arg00); my $x0 = $arg00;")
    assert verdict(sandbox, "sub sorted { my $x = shift; @$x = sort @$x; }", test).passed
    assert not verdict(sandbox, "sub sorted { my $x = shift; my @y = sort @$x; }", test).passed


@pytest.mark.parametrize(
    "value", ["undef", "{a => [1, undef], b => {}}", "\\'x'", "0.1 + 0.2", "'\\x{e9}t\\x{e9}'", "''"]
)
def test_values_cross_as_they_are(sandbox: Sandbox, value: str) -> None:
    test = (
        f"use Data::Compare; my $x = sorted(); my $v = {value}; unless (Compare($x, $v)) {{ die 'differs' }}"
    )
    assert verdict(sandbox, f"sub sorted {{ return {value} }}", test).passed
    assert not verdict(sandbox, "sub sorted { return 'another' }", test).passed


def test_a_list_is_returned_where_the_test_wants_one(sandbox: Sandbox) -> None:
    test = "my @x = sorted(3, 1); die 'wrong' unless \"@x\" eq '1 3'; my $n = sorted(3, 1); die 'wrong' unless $n == 2;"
    assert verdict(sandbox, "sub sorted { my @x = sort @_; return @x }", test).passed


def test_a_program_can_read_standard_input(sandbox: Sandbox) -> None:
    tests = [StdioTest(stdin="41\n", stdout="42\n"), StdioTest(stdin="1", stdout="3")]
    told = sandbox.run("my $x = <STDIN>; print $x + 1", tests, language="perl")
    assert (told.status, told.failing_test, told.got, told.expected) == ("failed", 1, "2", "3")


@pytest.mark.parametrize(
    "attempt",
    [
        "open(my $f, '<', '/etc/passwd') or die 'shut'",
        "open(my $f, '>', '/usr/lib/x') or die 'shut'",
        "use IO::Socket; IO::Socket::INET->new('127.0.0.1:22') or die 'shut'",
        "system('/bin/sh', '-c', 'true') == 0 or die 'shut'",
    ],
)
def test_a_program_stays_in_its_cell(sandbox: Sandbox, attempt: str) -> None:
    told = verdict(sandbox, f"sub sorted {{ {attempt}; return [sort @{{$_[0]}}] }}")
    assert (told.status, told.message) == ("error", "shut")
