# Runs test files whose calls to the program go to another process. One process judges many programs, one by one.
use strict;
use warnings;
BEGIN { require './plain_data.pm' }
use Data::Dumper ();

package judge;
my $channel = plain_data::open_channel(3);
my ($differing, $last_call, $program_error);
my $count = 0;

# Tests compare with Data::Compare or Test::Deep; the last pair that differed is what feedback shows.
sub watch_comparison {
    my ($module, $name) = @_;
    eval "require $module; 1" or return;
    no strict 'refs';
    no warnings 'redefine';
    my $genuine = \&{"${module}::$name"};
    my $watched = sub {
        my $equal = $genuine->(@_);
        $differing = [@_[0, 1]] unless $equal;
        return $equal;
    };
    *{"${module}::$name"} = $watched;
}
watch_comparison('Data::Compare', 'Compare');
watch_comparison('Test::Deep', 'eq_deeply');

sub show {
    my ($value) = @_;
    local ($Data::Dumper::Terse, $Data::Dumper::Indent, $Data::Dumper::Sortkeys) = (1, 0, 1);
    my $text = Data::Dumper::Dumper($value);
    return length $text > 400 ? substr($text, 0, 397) . '...' : $text;
}

sub replace_contents {
    my ($target, $source) = @_;
    if (ref $target eq 'ARRAY') { @$target = @$source }
    elsif (ref $target eq 'HASH') { %$target = %$source }
    elsif (ref $target) { $$target = $$source }
}

sub ask {
    my ($name, $wants_list, @args) = @_;
    $last_call = "$name(" . join(', ', map { show($_) } @args) . ')';
    plain_data::send($channel, ['ask', 'call', $name, [map { plain_data::encode($_) } @args], $wants_list ? 1 : 0]);
    my ($kind, $value, $changed) = @{ plain_data::receive($channel) };
    if ($kind eq 'raised') { $program_error = $value; die "the program died\n" }
    for my $at (0 .. $#$changed) {
        replace_contents($args[$at], plain_data::decode($changed->[$at][0])) if $changed->[$at];
    }
    my @result = @{ plain_data::decode($value) };
    return $wants_list ? @result : $result[0];
}

sub outcome {
    my ($error) = @_;
    my %told = (call => $last_call);
    return { %told, status => 'error', error_type => $program_error->{type}, message => $program_error->{message},
        line => $program_error->{line} } if $program_error;
    return { %told, status => 'failed', message => 'the result is wrong', got => show($differing->[0]),
        expected => show($differing->[1]) } if $differing;
    $error =~ s/ at \(eval \d+\) line \d+\.?\s*$//;
    return { %told, status => 'failed', message => substr($error, 0, 1000) };
}

# Functions that the test does not define are the program's.
sub verdict {
    my ($code) = @_;
    utf8::encode($code);    # as Perl reads a file
    ($differing, $last_call, $program_error) = (undef, '', undef);
    my $package = 'test' . ++$count;
    my $ours = 'our $AUTOLOAD; sub AUTOLOAD { my $name = $AUTOLOAD; $name =~ s/.*:://; judge::ask($name, wantarray, @_) } sub DESTROY {}';
    my $passed = eval "package $package; no strict; no warnings; $ours\n#line 1 \"test.pl\"\n$code\n;1";
    my $error = $@;
    { no strict 'refs'; undef %{"${package}::"}; }
    return $passed ? { status => 'passed' } : outcome($error);
}

while (1) {
    my $request = plain_data::receive($channel);
    plain_data::send($channel, ['verdict', verdict($request->{code})]);
}
