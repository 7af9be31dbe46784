# The program's own process: load the program, then answer calls. Nothing here has to resist the program, which can
# change all of it: an answer is only ever data, judged elsewhere.
BEGIN { require './plain_data.pm' }
$0 = 'program.pl';

package runner;
use Scalar::Util qw(blessed refaddr reftype);
use overload ();
use mro ();
my $channel = plain_data::open_channel(3);
our $started;
my $current = 0;
my @held;    # functions that a call has given, and objects that the test has made of the program's classes

sub describe {
    my ($error) = @_;
    my $text = "$error";
    my $thrown = blessed $error && overload::Method($error, '""') ? $text : plain_data::encode($error, held_by('method'));
    my ($line) = $text =~ /at program\.pl line (\d+)/;
    $text =~ s/ at (?:program|runner)\.pl line \d+(?:, <\w+> line \d+)?\.?\s*$//;
    return { type => 'die', message => substr($text, 0, 1000), line => $line ? int $line : undef, thrown => $thrown };
}

# A function of the test, or an object that this side holds.
sub made {
    my ($tag, $id) = @_;
    return $held[$id] if $tag eq 'o';
    return sub {
        my $number = $current;
        plain_data::send($channel, [$number, 'call', $id, [map { plain_data::encode($_, held_by('call')) } (wantarray ? 1 : 0), $_, $main::a, $main::b, @_]]);
        my $message;
        answer(@$message) while ($message = plain_data::receive($channel))->[1] !~ /^(?:ok|raised)$/;
        $current = $number;
        my $value = plain_data::decode($message->[2], \&made);
        die $value if $message->[1] eq 'raised';
        return wantarray ? @$value : $value->[0];
    };
}

sub function {
    my ($what, $name, $args) = @_;
    return \&{ $name =~ /::/ ? $name : "main::$name" } if $what eq 'call';
    return sub { prototype $name } if $what eq 'prototype';
    return $held[$name] if $what eq 'apply';
    return sub { my ($self, $key, @value) = @_; $name eq 'keys' ? [keys %$self] : $name eq 'delete' ? delete $self->{$key}
        : $name eq 'clear' ? %$self = () : @value ? $self->{$key} = $value[0] : $self->{$key} } if $what eq 'member';
    return sub { $_[0]->can($name) ? 1 : 0 } if $what eq 'can';
    return sub { my $self = shift; $self->$name(@_) };
}

# Objects stay here, and so do functions; those that another object would be known by (see `made` of judge.pl) are nobody's.
sub held_by {
    my ($what) = @_;
    return sub {
        my ($value) = @_;
        my $class = blessed $value;
        return push(@held, $value) && ['f', $#held] if !$class && reftype $value eq 'CODE';
        return if !$class || $class =~ /^(?:Regexp|Math::Big(?:Int|Float))$/ || $what ne 'method' && overload::Overloaded($value);
        return push(@held, $value) && ['o', $#held, reftype $value, overload::Overloaded($value) ? 1 : 0, @{ mro::get_linear_isa($class) }];
    };
}

sub call {
    my ($what, $name, $data, $wants_list) = @_;
    my @args = map { plain_data::decode($_, \&made) } @$data;
    my @before = map { plain_data::text($_) } @args;
    my $function = function($what, $name, \@args);
    my @result;
    if ($wants_list) { @result = $function->(@args) }
    elsif (defined $wants_list) { $result[0] = $function->(@args) }
    else { $function->(@args) }
    my @changed = map {
        plain_data::text($args[$_]) eq $before[$_] ? undef : [plain_data::encode($args[$_])]
    } 0 .. $#args;
    my $holds = held_by($what);
    my $hold = sub {
        my ($value) = @_;
        for my $at (0 .. $#args) { return ['a', $at] if ref $args[$at] && refaddr $args[$at] == refaddr $value && !blessed $value }
        return $holds->($value);
    };
    return (['l', map { plain_data::encode($_, $hold) } @result], \@changed);
}

sub answer {
    my ($number, $what, $name, $args, $wants_list) = @_;
    $current = $number;
    my @answer = eval { call($what, $name, $args, $wants_list) };
    plain_data::send($channel, $@ ? [$number, 'raised', describe($@), []] : [$number, 'ok', @answer]);
}

sub source {
    open(my $file, '<', 'program.pl') or die "program.pl: $!";
    local $/;
    my ($code, $data) = split /^__(?:DATA|END)__[ \t]*\n/m, scalar <$file>, 2;
    open(*main::DATA, '<', \$data) if defined $data;
    return $code;
}

{
    package main;
    no strict;
    no warnings;
    eval "package main; \$runner::started = 1;\n#line 1 \"program.pl\"\n" . runner::source() . "\n;1" or do {
        plain_data::send($channel, [$runner::started || $@ =~ /^BEGIN failed/m ? 'raised' : 'syntax', runner::describe($@)]);
        exit 1;
    };
}
plain_data::send($channel, ['ready']);
while (1) { answer(@{ plain_data::receive($channel) }) }
