# Runs test files whose calls to the program go to another process, one by one. Each in a fork, so that what it does to
# packages, handlers and modules ends with it, and its exit status, END blocks included, decides.
use strict;
use warnings;
use POSIX ();
my $telling;
# The first to be written is the last to run. Perl would now take apart all that it has loaded, for nobody.
END { judge::finish($?) if $telling }
BEGIN { require './plain_data.pm' }
use Data::Dumper ();

package judge;
use Scalar::Util qw(blessed refaddr reftype);
my $channel = plain_data::open_channel(3);
my ($entry_point, $differing, $failure, $raised, $unknown, $watches);
my ($calls, $last_call) = (0, '');
my (@functions, @objects, %instances, %classes);
my $limit;    # what the test does, and two processes cannot
our $started;
my $misfit;    # why the test does not compile with the program's prototypes; it is compiled without
my $libraries = qr/^(?:Compare|bag|cmp_(?:bag|deeply|ok|set)|done_testing|eq_(?:array|deeply|hash|or_diff|set)|fail|is|is_deeply|isa_ok|isnt|like|ok|pass|plan|unlike|(?:dies|lives|throws)_ok)$/;

sub refuse { $limit ||= "$_[0], which cannot cross between the test file and the program"; die "$limit\n" }

# Tests compare with these; the last pair that differed is what feedback shows.
sub watch_comparison {
    my ($module, $name) = @_;
    eval "require $module; 1" or return;
    no strict 'refs';
    no warnings 'redefine';
    my $genuine = \&{"${module}::$name"};
    my $watched = sub {
        local $Test::Builder::Level = ($Test::Builder::Level || 1) + 1;
        my $equal = $genuine->(@_);
        $differing = [@_[0, 1]] unless $equal;
        return $equal;
    };
    &Scalar::Util::set_prototype($watched, prototype $genuine) if defined prototype $genuine;
    *{"${module}::$name"} = $watched;
}
require Test2::API;
Test2::API::test2_start_preload();
watch_comparison('Data::Compare', 'Compare');
if (defined &Data::Compare::register_plugins) {    # once for all, instead of at each import
    Data::Compare::register_plugins();
    no warnings 'redefine';
    *Data::Compare::register_plugins = sub { };
}
watch_comparison('Test::Deep', 'eq_deeply');
watch_comparison('Test::More', $_) for qw(is is_deeply);

sub show {
    my ($value) = @_;
    local ($Data::Dumper::Terse, $Data::Dumper::Indent, $Data::Dumper::Sortkeys) = (1, 0, 1);
    my $text = Data::Dumper::Dumper($value);
    return length $text > 400 ? substr($text, 0, 397) . '...' : $text;
}

sub replace_contents {
    my ($source) = $_[1];
    if (!ref $_[0]) { eval { $_[0] = $source } }    # a variable; or a constant, which stays
    elsif (ref $_[0] eq 'ARRAY') { @{ $_[0] } = @$source }
    elsif (ref $_[0] eq 'HASH') { %{ $_[0] } = %$source }
    elsif (reftype $_[0] ne 'CODE') { ${ $_[0] } = $$source }
}

# What the program gets of a function of the test's, or of an object that it holds itself.
sub hold {
    my ($value) = @_;
    return ['o', $value->{id}] if ref $value eq 'judge::Held';
    return ['o', $instances{ refaddr $value }] if blessed $value && defined $instances{ refaddr $value };
    return push(@functions, $value) && ['f', $#functions] if !blessed $value && reftype $value eq 'CODE';
    return;
}

# What the program gives that is not plain data. An object is known by its class, unless the test knows that one: its
# methods could say yes to whatever a comparison asks.
sub made {
    my ($tag, $id, $kind, $overloaded, $class, @above) = @_;
    return sub { ask('apply', $id, wantarray, @_) } if $tag eq 'f';
    return plain_data::decode(['x', $class]) unless is_ours($class);
    no strict 'refs';
    if (!$classes{$class}++) {
        @{"${class}::ISA"} = grep { is_ours($_) } @above;
        *{"${class}::can"} = sub {
            my ($self, $name) = @_;
            return UNIVERSAL::can(@_) || (ask('can', $name, 0, $self) && sub { ask('method', $name, wantarray, @_) });
        };
        overload::OVERLOAD($class, map { my $by = $_; $_ => sub { refuse("the test uses $by on an object of class $class") } }
            qw(+ - * / % ** x . <=> cmp == != eq ne < > <= >= lt gt le ge neg ! abs "" 0+ bool)) if $overloaded;
    }
    tie my %members, 'judge::Members', $id if $kind eq 'HASH';
    my $object = bless $kind eq 'HASH' ? \%members : \(my $own = $id), $class;
    push @objects, $object;
    $instances{ refaddr $object } = $id;
    return $object;
}

sub is_ours {
    my ($class) = @_;
    no strict 'refs';
    my $file = $class =~ s{::}{/}gr . '.pm';    # a module could be loaded later
    return $class =~ /^[A-Za-z_]\w*(?:::\w+)*$/ && !grep({ -e "$_/$file" } @INC)
        && $class !~ /^(?:ARRAY|CODE|FORMAT|GLOB|HASH|IO|LVALUE|REF|Regexp|SCALAR|VSTRING)$/    # `ref` says so of data
        && ($classes{$class} || !@{"${class}::ISA"} && !grep { !/::$/ && defined &{"${class}::$_"} } keys %{"${class}::"});
}

{
    package judge::Members;    # of an object of the program that is a hash
    sub TIEHASH { my ($class, $id) = @_; return bless { id => $id, keys => [] }, $class }
    sub asked { my ($self, $what, @rest) = @_; return scalar judge::ask('member', $what, 0, (bless { id => $self->{id} }, 'judge::Held'), @rest) }
    # A program that learned for which key the test looks could have any.
    sub EXISTS { my ($self, $key) = @_; return scalar grep { $_ eq $key } @{ $self->asked('keys') } }
    sub FETCH { return $_[0]->EXISTS($_[1]) ? $_[0]->asked('value', $_[1]) : undef }
    sub STORE { $_[0]->asked('value', $_[1], $_[2]) }
    sub DELETE { return $_[0]->asked('delete', $_[1]) }
    sub CLEAR { $_[0]->asked('clear') }
    sub FIRSTKEY { $_[0]{keys} = $_[0]->asked('keys'); return shift @{ $_[0]{keys} } }
    sub NEXTKEY { return shift @{ $_[0]{keys} } }
}

sub call_back {
    my ($id, $data) = @_;
    my ($wants_list, $topic, $one, $other, @args) = map { plain_data::decode($_, \&made) } @$data;
    local ($_, $main::a, $main::b) = ($topic, $one, $other);
    my $function = $functions[$id];
    my @result = eval { $wants_list ? $function->(@args) : scalar $function->(@args) };
    return ['answer', 'raised', plain_data::encode($@)] if $@;
    return ['answer', 'ok', plain_data::encode(\@result, \&hold)];
}

sub ask {
    my ($what, $name, $wants_list) = splice(@_, 0, 3);
    die "$limit\n" if $limit;
    if ($what eq 'call' && $name ne $entry_point && $name =~ $libraries) {    # a program's own would let all tests pass
        $unknown = $name;
        die "Undefined subroutine &main::$name called\n";
    }
    $calls++ unless $what eq 'prototype';
    if ($what =~ /^(?:call|apply|method)$/) {
        my @shown = map { blessed $_ ? ref : show($_) } @_;
        my $of = $what eq 'method' ? shift(@shown) . '->' : '';
        $last_call = substr($of . ($what eq 'apply' ? '' : $name) . '(' . join(', ', @shown) . ')', 0, 2000);
    }
    undef $plain_data::lost;
    my @args = map { plain_data::encode($_, \&hold) } @_;
    refuse("the test gives the program $plain_data::lost") if defined $plain_data::lost;
    plain_data::send($channel, ['ask', $what, $name, \@args, defined $wants_list ? $wants_list ? 1 : 0 : undef]);
    my $reply;
    while (($reply = plain_data::receive($channel))->[0] eq 'call') {
        plain_data::send($channel, call_back(@$reply[1, 2]));
    }
    my ($kind, $value, $changed) = @$reply;
    if ($kind eq 'raised') {
        $raised = { description => $value, thrown => plain_data::decode($value->{thrown}, \&made) };
        if ($what eq 'call' && $name ne $entry_point && $value->{message} =~ /^Undefined subroutine &main::\Q$name\E called/) {
            ($unknown, $calls) = ($name, $calls - 1);
        }
        die $raised->{thrown};
    }
    for my $at (0 .. $#$changed) {
        replace_contents($_[$at], plain_data::decode($changed->[$at][0])) if $changed->[$at];
    }
    my (undef, @result) = @$value;
    my @given = @_;
    @result = map { plain_data::decode($_, sub { $_[0] eq 'a' ? $given[$_[1]] : made(@_) }) } @result;
    refuse('the program gives data that is nested too deep or holds itself') if $plain_data::deep;
    return $wants_list ? @result : $result[0];
}

sub unfit { return { status => 'sandbox_error', message => substr("the test decides nothing: $_[0]", 0, 1000) } }

# The outcome of a test that ends with this status.
sub outcome {
    my ($status) = @_;
    my %told = (call => $last_call);
    my $text = defined $failure ? "$failure" : "the test ended with exit status $status";
    $text =~ s/ at test\.pl line \d+\.?\s*$//;
    return unfit($limit) if $limit;
    return { status => 'error', error_type => 'die', message => substr("the test does not compile with the program: $misfit", 0, 1000) }
        if $started && defined $misfit;
    return defined $misfit ? unfit("it is not Perl: $text") : { status => 'uncompiled', message => $text } unless $started;
    return unfit("it uses $unknown, which neither it nor the program defines") if !$calls && $unknown && $entry_point;
    return unfit(defined $failure ? "it failed before it called the program: $text" : 'no call of it reached the program')
        unless $calls;
    return { status => 'passed' } unless $status;
    return unfit('it watches what is printed, and the program prints in another process') if $watches;
    if ($raised && defined $failure && (ref $failure ? refaddr $failure == refaddr $raised->{thrown} : $failure eq $raised->{thrown})) {
        my ($message, $line) = @{ $raised->{description} }{qw(message line)};
        return { %told, status => 'error', error_type => 'die', message => $message, line => $line };
    }
    return { %told, status => 'failed', message => 'the result is wrong', got => show($differing->[0]),
        expected => show($differing->[1]) } if $differing;
    return { %told, status => 'failed', message => substr($text, 0, 1000) };
}

sub finish {
    plain_data::send($telling, outcome($_[0]));
    select STDOUT;
    $| = 1;    # writes what is held back
    POSIX::_exit($_[0] & 255);
}

# Methods of classes that the test does not define are the program's.
sub of_class {
    my ($name) = @_;
    my ($class, $method) = $name =~ /^(.*)::(\w+)$/;
    return if $method =~ /^(?:DESTROY|import|unimport|AUTOLOAD)$/;
    my ($self) = @_[1, 2];
    my $is_programs = ref $self ? defined $instances{ refaddr $self } : defined $self && $self eq $class && $class ne 'main';
    Carp::croak(qq(Can't locate object method "$method" via package "$class")) unless $is_programs;
    return ask('method', $method, wantarray, @_[1 .. $#_]);
}

sub run {
    my ($request) = @_;
    my $code = $request->{code};
    utf8::encode($code);    # as Perl reads a file
    $entry_point = $request->{entry_point};
    Test2::API::test2_stop_preload();
    no strict 'refs';
    my $name = $entry_point;
    $watches = $code =~ /\*STD(?:OUT|ERR)|open\W+STD(?:OUT|ERR)|\bselect\W+\$/;
    if ($name =~ /^\w+$/ && $code !~ /\b$name\s*(?:->|::)/) {
        *{"main::$name"} = sub { ask('call', $name, wantarray, @_) };
        my $prototype = defined $misfit ? undef : ask('prototype', "main::$name", 0);
        &Scalar::Util::set_prototype(\&{"main::$name"}, $prototype) if defined $prototype && !ref $prototype;
    }
    while (!defined $misfit && $code =~ /\b([A-Z][A-Z0-9_]+)\b/g) {
        my $constant = $1;
        next if defined &{"main::$constant"} || (ask('prototype', "main::$constant", 0) // 'none') ne '';
        eval qq(sub main::$constant () { judge::ask('call', '$constant', 0) });
    }
    while ($code =~ /\b((?:[A-Z]\w*::)+)(\w+)\s*\(/g) {    # functions in packages of the program
        my ($class, $function) = (substr($1, 0, -2), $2);
        next if !is_ours($class) || $code =~ /\b(?:use|require|package)\s+\Q$class\E\b/;
        *{"${class}::$function"} = sub { ask('call', "${class}::$function", wantarray, @_) };
    }
    my $ours = 'sub AUTOLOAD { our $AUTOLOAD; my $name = $AUTOLOAD; $name =~ s/^main:://; judge::ask("call", $name, wantarray, @_) } sub DESTROY {}'
        . ' sub UNIVERSAL::AUTOLOAD { no warnings; judge::of_class($UNIVERSAL::AUTOLOAD, @_) }';
    $0 = 'test.pl';
    $ours .= defined $misfit ? ' $judge::started = 1; return 1;' : ' $judge::started = 1;';
    eval "package main; no strict; no warnings; $ours\n#line 1 \"test.pl\"\n$code\n;1" and return 0;
    $failure = $@;
    print STDERR $failure;
    return 255;
}

# A test that does not compile is tried again without the program's prototypes and constants, in a fork as fresh: the
# program, whose prototypes they are, is to blame if it does then.
sub verdict {
    my ($request) = @_;
    my $verdict = verdict_of_fork($request);
    return $verdict->{status} eq 'uncompiled' ? verdict_of_fork($request, $verdict->{message}) : $verdict;
}

# The verdict that a fork's end leaves.
sub verdict_of_fork {
    my ($request, $why) = @_;
    pipe(my $told, my $end) or die "no pipe: $!";
    my $pid;
    select(undef, undef, undef, 0.05) until defined($pid = fork);    # the program may have started all that it may
    if (!$pid) {
        close $told;
        ($telling, $misfit) = ($end, $why);
        exit run($request);
    }
    close $end;
    waitpid($pid, 0);
    my $status = $?;
    return unfit('it ended by signal ' . ($status & 127)) if $status & 127;
    sysread($told, my $frame, 1 << 16);    # written whole before the end, or not at all
    return plain_data::unpacked($frame) if length $frame;
    return { status => 'failed', message => 'the test ended with exit status ' . ($status >> 8) } if $status;
    return unfit('it ended itself');
}

while (1) {
    my $request = plain_data::receive($channel);
    plain_data::send($channel, ['verdict', verdict($request), JSON::PP::true]);
}
