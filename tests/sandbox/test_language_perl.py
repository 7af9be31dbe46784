"""Perl programs under MBXP's test files, and by standard input."""

# ruff: noqa: E501

from __future__ import annotations

import shutil
import subprocess

import pytest

from rayboot.problems import ScriptTest, StdioTest
from rayboot.sandbox.sandbox import Sandbox
from rayboot.sandbox.verdict import Limits, Verdict

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


def verdict(sandbox: Sandbox, program: str, test: str = TEST, seconds: float = 20) -> Verdict:
    limits = Limits(timeout=seconds)
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
        ("sub sorted(&) { 1 }", "error", "does not compile with the program: Type of arg 1", None),
        ("sub sorted() { 1 }", "error", "does not compile with the program: Too many", None),
    ],
)
def test_what_goes_wrong_is_named(
    sandbox: Sandbox, program: str, status: str, message: str, line: int | None
) -> None:
    told = verdict(sandbox, program, seconds=2 if status == "timeout" else 20)
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


# Programs that do not sort, and try to pass the test of `sorted`.
HOSTILE = {
    "planted modules": "for my $d ('.', '..') { mkdir \"$d/Data\"; open(my $f, '>', \"$d/Data/Compare.pm\"); "
    "print $f 'package Data::Compare; sub import { *main::Compare = sub { 1 } } 1' }",
    "a planted judge": "for my $n (glob('* ../* ../*/*')) { open(my $f, '>', $n); print $f '1' }",
    "a child that stays and writes": "unless (fork) { for (1 .. 500) { for my $n (glob('../*/*')) { open(my $f, '>', $n) } "
    "select undef, undef, undef, 0.01 } }",
    "a tied scalar": "package T; sub TIESCALAR { bless {} } sub FETCH { ++$n } package main; sub sorted { tie my $x, 'T'; \\$x }",
    "a tied array": "package T; sub TIEARRAY { bless {} } sub FETCHSIZE { 3 } sub FETCH { $n++ < 3 ? 3 : $_[1] + 1 } package main; "
    "sub sorted { tie my @x, 'T'; \\@x }",
    "an overloaded object": "package L; use overload '@{}' => sub { [1, 2, 3] }, '\"\"' => sub { '1' }, 'eq' => sub { 1 }, "
    "'==' => sub { 1 }, 'bool' => sub { 1 }; package main; sub sorted { bless {}, 'L' }",
    "a comparison that ignores": "sub sorted { bless {}, 'Test::Deep::Ignore' }",
    "an object of a class that the test knows": "BEGIN { *runner::call = sub { ['l', ['o', 0, 'Test::Deep::Ignore']], [] } } sub sorted { 1 }",
    "a global die": "BEGIN { *CORE::GLOBAL::die = sub { 1 }; *CORE::GLOBAL::exit = sub { 1 } } sub sorted { 1 }",
    "an END block": "END { $? = 0; POSIX::_exit(0) } sub sorted { die }",
    "a destructor": "package D; sub DESTROY { exit 0 } package main; sub sorted { bless [1, 2, 3], 'D' }",
    "exec": "sub sorted { exec '/bin/true'; }",
    "exec of itself": "exec $^X, '-e', '1' unless $ENV{again}++; sub sorted { 1 }",
    "a fork that answers twice": "sub sorted { fork; return [] }",
    "the channel, written to": "open(my $c, '>&=', 3); syswrite($c, pack('N', 2) . '[]') for 1 .. 3; sub sorted { 1 }",
    "the channel, selected": "open(my $c, '>&=', 3); select $c; $| = 1; print 'x'; sub sorted { 1 }",
    "answers before the questions": 'open(my $c, \'>&=\', 3); for my $n (1 .. 9) { my $b = qq([$n,"ok",["l",["x","ARRAY",""]],[]]); '
    "syswrite($c, pack('N', length $b) . $b) } sub sorted { 1 }",
    "a callback to nothing": "open(my $c, '>&=', 3); my $b = '[1,\"callback\",0,[1]]'; syswrite($c, pack('N', length $b) . $b); sub sorted { 1 }",
    "another name": "$0 = 'judge.pl'; $SIG{__DIE__} = sub { exit 0 }; sub sorted { die }",
    "machine code": "require DynaLoader; DynaLoader::dl_load_file('/cell/tmp/x.so'); require POSIX; sub sorted { POSIX::_exit(0) }",
    "a code reference": "sub sorted { sub { [1, 2, 3] } }",
    "wantarray": "sub sorted { wantarray ? (1, 2, 3) : 3 }",
}


@pytest.mark.parametrize("program", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_program_passes_at_no_tier_and_is_of_no_use_to_the_next(
    each_tier: Sandbox, program: str
) -> None:
    idle = "" if "sorted" in program else "; sub sorted { [reverse @{$_[0]}] }"
    told = verdict(each_tier, program + idle)
    assert told.status not in ("passed", "sandbox_error"), told
    assert not verdict(each_tier, "sub sorted { [reverse @{$_[0]}] }").passed
    assert verdict(each_tier, "sub sorted { [sort @{$_[0]}] }").passed


FAILING = {
    "is": "use Test::More; is(sorted(1), 2); done_testing;",
    "ok": "use Test::More tests => 1; ok(sorted(1) == 2);",
    "is_deeply": "use Test::More; is_deeply([sorted(1)], [2]); done_testing;",
    "a subtest": "use Test::More; subtest a => sub { is sorted(1), 2 }; done_testing;",
    "an exit status": "exit(sorted(1) == 2 ? 0 : 1);",
    "an END block": "my $x = sorted(1); END { $? = 1 if $x != 2 }",
    "an exception in an END block": "my $x = sorted(1); END { die 'wrong' if $x != 2 }",
    "a reference to the function": "my $f = \\&sorted; if ($f->(1) == 2) { print 'ok!' } else { exit 1 }",
    "an exit without END blocks": "use POSIX; POSIX::_exit(sorted(1) == 2 ? 0 : 1);",
}


@pytest.mark.parametrize("test", FAILING.values(), ids=FAILING)
def test_the_exit_status_of_all_of_a_test_file_decides(sandbox: Sandbox, test: str) -> None:
    assert verdict(sandbox, "sub sorted { $_[0] }", test).status == "failed"
    if "_exit" not in test:  # otherwise the judge cannot know that the program was called
        assert verdict(sandbox, "sub sorted { $_[0] + 1 }", test).passed


@pytest.mark.parametrize(
    "test", ["use Test::More tests => 2; is sorted(1), 1;", "use Test::More; is sorted(1), 1;"]
)
def test_a_plan_that_is_not_kept_fails(sandbox: Sandbox, test: str) -> None:
    assert verdict(sandbox, "sub sorted { $_[0] }", test).status == "failed"


@pytest.mark.parametrize(
    ("test", "reason"),
    [
        ("sub test { die if sorted(1) != 2 }", "no call of it reached the program"),
        ("describe('sorted');", "it uses describe, which neither it nor the program defines"),
        ("die if sorted(1", "it is not Perl"),
        ("use No::Such; die if sorted(1)", "Can't locate No/Such.pm"),
        ("die 'early'; sorted(1)", "it failed before it called the program: early"),
        ("sorted(\\*STDOUT); die", "the test gives the program GLOB, which cannot cross"),
        ("my $out; open STDOUT, '>', \\$out; sorted(1); die if $out ne 'x'", "it watches what is printed"),
    ],
)
def test_a_test_that_decides_nothing_is_said_to_do_so(sandbox: Sandbox, test: str, reason: str) -> None:
    told = verdict(sandbox, "sub sorted { $_[0] }", test)
    assert told.status == "sandbox_error"
    assert reason in told.message


def test_what_a_test_file_changes_ends_with_it(sandbox: Sandbox) -> None:
    test = """
        BEGIN { *CORE::GLOBAL::die = sub { 1 } } use Data::Compare; no warnings;
        *Data::Compare::Compare = sub { 1 }; @INC = (); %INC = (); $SIG{__DIE__} = sub { exit 0 }; $, = 'x'; $/ = 'y';
        chdir '/'; close STDOUT; *UNIVERSAL::isa = sub { 1 }; sub helper { 1 } sorted();
    """
    assert verdict(sandbox, "sub sorted { 1 }", test).passed
    assert verdict(sandbox, "sub sorted { [reverse @{$_[0]}] }").status == "failed"
    assert verdict(sandbox, "sub sorted { [sort @{$_[0]}] }").passed
    assert verdict(sandbox, "sub sorted { 1 }", "sorted(); die 'still there' if defined &helper").passed


@pytest.mark.parametrize(
    ("program", "test"),
    [
        ("sub sorted { $_[0] & $_[1] }", "die unless sorted(12, 10) == 8"),
        ("sub sorted { $_[0] ^ $_[1] }", "die unless sorted(12, 10) == 6"),
        ("sub sorted { ~$_[0] & 0xff }", "die unless sorted(1) == 254"),
        ("sub sorted { $_[0] . 'x' }", "die unless sorted('007') eq '007x'"),
        ("sub sorted { 0.1 + 0.2 }", "die unless sorted() == 0.1 + 0.2; die if sorted() == 0.3"),
        ("sub sorted { 9 ** 9 ** 9 }", "die unless sorted() == 9 ** 9 ** 9"),
        ("sub sorted { 18446744073709551615 }", "die unless sorted() == 18446744073709551615"),
        ("use bigint; sub sorted { my $r = 1; $r *= $_ for 1 .. 30; $r }", "die unless sorted() eq '265252859812191058636308480000000'"),
        ("sub sorted { \"\\x{263a}\" . chr(233) }", "die unless sorted() eq \"\\x{263a}\\x{e9}\""),
        ("sub sorted { return (one => 1, two => [2]) }", "my %h = sorted(); die unless $h{two}[0] == 2"),
        ("sub sorted { return (1, 2, 3) }", "my $n = () = sorted(); die unless $n == 3; die unless sorted() == 3"),
        ("sub sorted { return }", "my @x = sorted(); die if @x; die if defined sorted()"),
        ("sub sorted { wantarray ? 'list' : 'scalar' }", "my ($x) = sorted(); my $y = sorted(); die unless \"$x $y\" eq 'list scalar'"),
        ("sub sorted { my ($f, @x) = @_; map { $f->($_) } @x }", "my @x = sorted(sub { 2 * $_[0] }, 1, 2); die unless \"@x\" eq '2 4'"),
        ("sub sorted { my $n = shift; sub { $n + $_[0] } }", "die unless sorted(2)->(3) == 5"),
        ("sub sorted { $_[0]++ }", "my $x = 1; sorted($x); die unless $x == 2"),
        ("sub sorted { die 'negative' if $_[0] < 0; 1 }", "use Test::More; eval { sorted(-1) }; like $@, qr/^negative/; is sorted(1), 1; done_testing"),
        ("sub sorted { die { code => 3 } }", "eval { sorted() }; die unless $@->{code} == 3"),
        ("package Stack; sub new { bless { x => [] }, shift } sub push { my $s = shift; push @{ $s->{x} }, @_; $s } "
         "sub size { scalar @{ $_[0]{x} } } package main; sub sorted { 1 }",
         "my $s = Stack->new; $s->push(1); $s->push(2)->push(3); die unless $s->size == 3; die unless ref $s eq 'Stack'"),
        ("package An; sub new { bless { x => $_[1] }, $_[0] } our $AUTOLOAD; sub AUTOLOAD { $AUTOLOAD =~ /(\\w+)$/; $_[0]{$1} } sub DESTROY {} "
         "package Ox; our @ISA = 'An'; sub two { 2 * $_[0]{x} } package main; sub sorted { Ox->new(7) }",
         "my $o = sorted(); die unless $o->{x} == 7 && $o->x == 7 && $o->two == 14 && $o->isa('An') && $o->can('two'); $o->{x} = 1; die unless $o->two == 2"),
        ("package E; sub new { my $c = shift; bless {@_}, $c } sub code { $_[0]{code} } package main; sub sorted { die E->new(code => 3) }",
         "eval { sorted() }; die unless ref $@ eq 'E' && $@->isa('E') && $@->code == 3"),
        ("sub sorted(&@) { my $f = shift; map { $f->() } @_ }", "my @x = sorted { 2 * $_ } 1, 2; die unless \"@x\" eq '2 4'"),
        ("sub sorted { my $f = shift; sort $f @_ }", "my @x = sorted(sub { $b <=> $a }, 1, 3, 2); die unless \"@x\" eq '3 2 1'"),
        ("sub sorted { my $n = 0; return { up => sub { ++$n }, list => [sub { $n }] } }", "my $c = sorted(); $c->{up}->(); $c->{up}->(); die unless $c->{list}[0]->() == 2"),
        ("my $w; sub sorted { $w = wantarray; $_[0] } sub how { defined $w ? 1 : 0 }", "my $x = [1]; sorted($x); die if how(); die unless sorted($x) == $x"),
        ("use constant MAX => 10; sub sorted { MAX }", "die unless sorted() == MAX && MAX + 1 == 11"),
        ("sub sorted { qr/^$_[0]/i } sub of { $_[1] =~ $_[0] ? 1 : 0 }", "die unless 'Abc' =~ sorted('ab'); die unless of(qr/c$/, 'abc')"),
        ("package U; sub two { 2 * $_[0] } package main; sub sorted { scalar(my @x = <DATA>) }\n__DATA__\na\nb\n", "die unless sorted() == 2 && U::two(3) == 6"),
        ("sub sorted { [sort { $a <=> $b } @{ $_[0] }] }", "use Test::Deep; if (eq_deeply(sorted([10, 9]), [9, 10])) { print 'ok!' } else { exit 1 }"),
    ],
)  # fmt: skip
def test_programs_in_the_fields_styles_pass(each_tier: Sandbox, program: str, test: str) -> None:
    told = verdict(each_tier, program, test)
    assert told.passed, told


@pytest.mark.parametrize(
    ("program", "status", "message"),
    [
        ("print 'x' x 1000 while 1", "output_limit", ""),
        ("sub {", "syntax_error", "Missing right curly"),
        ("use strict; $x = 1", "syntax_error", "Global symbol"),
        ('print "a', "syntax_error", "Can't find string terminator"),
        ("die 'syntax error'", "error", "syntax error"),
        ("eval 'sub {' or die $@", "error", "Missing right curly"),
        ("use POSIX; POSIX::abort()", "crashed", "SIGABRT"),
    ],
)
def test_what_goes_wrong_in_a_script_is_named(
    each_tier: Sandbox, program: str, status: str, message: str
) -> None:
    told = each_tier.run(program, [StdioTest(stdin="", stdout="1")], language="perl")
    assert told.status == status
    assert message in told.message


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


HAS_ANY_KEY = (
    "package T; sub TIEHASH { bless {} } sub EXISTS { 1 } sub FETCH { 1 } sub FIRSTKEY { undef } sub NEXTKEY { undef } "
    "package main; sub sorted { tie my %h, 'T'; bless \\%h, 'Bag' }"
)


@pytest.mark.parametrize(
    ("program", "test"),
    [
        ("sub is { 1 } sub sorted { 1 }", "is(sorted(1), 2)"),
        ("sub Compare { 1 } sub sorted { 1 }", "die unless Compare(sorted(1), 2)"),
        (HAS_ANY_KEY, "use Test::More; is_deeply(sorted(1), {a => 1, b => 1}); done_testing"),
        (HAS_ANY_KEY, "my $x = sorted(1); for (qw(a b)) { die unless exists $x->{$_} }"),
        (HAS_ANY_KEY, "my $x = sorted(1); for (qw(a b)) { die unless $x->{$_} }"),
    ],
)
def test_a_test_is_not_told_by_the_program_what_is_equal(sandbox: Sandbox, program: str, test: str) -> None:
    assert not verdict(sandbox, program, test).passed


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
def test_a_program_stays_in_its_cell(each_tier: Sandbox, attempt: str) -> None:
    told = verdict(each_tier, f"sub sorted {{ {attempt}; return [sort @{{$_[0]}}] }}")
    assert (told.status, told.message) == ("error", "shut")
