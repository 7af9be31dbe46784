# The program's own process: load the program, then answer calls. Nothing here has to resist the program, which can
# change all of it: an answer is only ever data, judged elsewhere.
BEGIN { require './plain_data.pm' }
$0 = 'program.pl';

package runner;
use Scalar::Util qw(blessed reftype);
my $channel = plain_data::open_channel(3);
our $started;
my $current = 0;
my @held;    # functions that a call has given, and objects that the test has made of the program's classes

sub describe {
    my ($error) = @_;
    my $text = "$error";
    my $thrown = blessed $error ? $text : plain_data::encode($error);
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
        plain_data::send($channel, [$number, 'call', $id, [(wantarray ? 1 : 0), map { plain_data::encode($_) } @_]]);
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
    return \&{"main::$name"} if $what eq 'call';
    return $held[$name] if $what eq 'apply';
    my $class = blessed $args->[0] || $args->[0];
    return $class->can($name) || die qq(Can't locate object method "$name" via package "$class"\n);
}

sub call {
    my ($what, $name, $data, $wants_list) = @_;
    my @args = map { plain_data::decode($_, \&made) } @$data;
    my @before = map { plain_data::text($_) } @args;
    my $function = function($what, $name, \@args);
    my @result = $wants_list ? $function->(@args) : scalar $function->(@args);
    my @changed = map {
        plain_data::text($args[$_]) eq $before[$_] ? undef : [plain_data::encode($args[$_])]
    } 0 .. $#args;
    # Objects stay here but where the test asks a class for one: its methods could say yes to whatever a test asks.
    my $hold = sub {
        my ($value) = @_;
        push(@held, $value) && return ['f', $#held] if !blessed $value && reftype $value eq 'CODE';
        push(@held, $value) && return ['o', $#held, blessed $value] if $what eq 'method' && blessed $value;
        return;
    };
    return (['l', map { ref && $hold->($_) || plain_data::encode($_) } @result], \@changed);
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
    return scalar <$file>;
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
