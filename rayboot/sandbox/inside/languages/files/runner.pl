# The program's own process: load the program, then answer calls. Nothing here has to resist the program, which can
# change all of it: an answer is only ever data, judged elsewhere.
BEGIN { require './plain_data.pm' }
$0 = 'program.pl';

package runner;
my $channel = plain_data::open_channel(3);

sub describe {
    my ($error) = @_;
    my $text = ref $error ? ref $error : "$error";
    my ($line) = $text =~ /at program\.pl line (\d+)/;
    $text =~ s/ at (?:program|runner)\.pl line \d+(?:, <\w+> line \d+)?\.?\s*$//;
    return { type => 'die', message => substr($text, 0, 1000), line => $line ? int $line : undef };
}

sub call {
    my ($name, $data, $wants_list) = @_;
    my @args = map { plain_data::decode($_) } @$data;
    my @before = map { plain_data::text($_) } @args;
    my @copies = @args;
    my $function = \&{"main::$name"};
    my @result = $wants_list ? $function->(@copies) : scalar $function->(@copies);
    my @changed = map {
        plain_data::text($args[$_]) eq $before[$_] ? undef : [plain_data::encode($args[$_])]
    } 0 .. $#args;
    return (['l', map { plain_data::encode($_) } @result], \@changed);
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
    eval "package main;\n#line 1 \"program.pl\"\n" . runner::source() . "\n;1" or do {
        my $kind = $@ =~ /syntax error|Global symbol|Missing right|Can't find string|compilation|Unmatched/ ? 'syntax' : 'raised';
        plain_data::send($channel, [$kind, runner::describe($@)]);
        exit 1;
    };
}
plain_data::send($channel, ['ready']);
while (1) {
    my ($number, $what, $name, $args, $wants_list) = @{ plain_data::receive($channel) };
    my @answer = eval { call($name, $args, $wants_list) };
    plain_data::send($channel, $@ ? [$number, 'raised', describe($@), []] : [$number, 'ok', @answer]);
}
