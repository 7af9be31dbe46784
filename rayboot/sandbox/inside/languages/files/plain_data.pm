package plain_data;
# Frames on a descriptor, and plain data: the same on both sides of a conversation.
use strict;
use warnings;
use B ();
use JSON::PP ();
use Scalar::Util qw(blessed reftype);

my $json = JSON::PP->new->utf8->allow_nonref->max_depth(1000);
my $max_depth = 200;
my $opaque = 0;
our $lost;    # the kind of the last value that could not cross
our $deep;    # one of the other side's was nested too deep

sub open_channel {
    my ($descriptor) = @_;
    open(my $channel, '+<&=', $descriptor) or die "no channel: $!";
    binmode $channel;
    return $channel;
}

sub read_exactly {
    my ($channel, $count) = @_;
    my $bytes = '';
    while (length $bytes < $count) {
        my $got = sysread($channel, $bytes, $count - length $bytes, length $bytes);
        exit 0 unless $got;    # the other side is gone
    }
    return $bytes;
}

sub receive {
    my ($channel) = @_;
    return $json->decode(read_exactly($channel, unpack('N', read_exactly($channel, 4))));
}

sub unpacked { my ($frame) = @_; return $json->decode(substr($frame, 4)) }

sub send {
    my ($channel, $message) = @_;
    my $body = $json->encode($message);
    my $frame = pack('N', length $body) . $body;
    while (length $frame) {
        my $sent = syswrite($channel, $frame);
        exit 0 unless $sent;
        substr($frame, 0, $sent) = '';
    }
}

# A tag in front of everything that JSON does not say by itself. `$hold` says how a function or an object may cross, if
# it may.
sub encode {
    my ($value, $hold, $depth) = @_;
    $depth ||= 0;
    return lost('too deep') if $depth > $max_depth;
    return undef unless defined $value;
    return scalar_of($value) unless ref $value;
    my $held = $hold && $hold->($value);
    return $held if $held;
    my $class = blessed $value;
    return ['b', $class, $value->bstr] if $class && $class =~ /^Math::Big(?:Int|Float)$/;
    return ['R', "$value"] if $class && $class eq 'Regexp';
    return lost($class) if $class;
    my $kind = reftype $value;
    return ['l', map { encode($_, $hold, $depth + 1) } @$value] if $kind eq 'ARRAY';
    return ['d', map { ("$_", encode($value->{$_}, $hold, $depth + 1)) } sort keys %$value] if $kind eq 'HASH';
    return ['r', encode($$value, $hold, $depth + 1)] if $kind eq 'SCALAR' || $kind eq 'REF';
    return lost($kind);
}

sub lost { $lost = $_[0]; return ['x', $lost, ''] }

# Numbers cross as numbers: `&` and `^` tell them from texts, and a text has but 15 of their digits.
sub scalar_of {
    my ($value) = @_;
    my $flags = B::svref_2object(\$value)->FLAGS;
    return "$value" if $flags & B::SVf_POK || !($flags & (B::SVf_IOK | B::SVf_NOK));
    return $value + 0 if $flags & B::SVf_IOK;
    return ['n', sprintf('%.17g', $value)];
}

# `$made` makes something of what the other side holds.
sub decode {
    my ($data, $made) = @_;
    return $data unless ref $data;
    my ($tag, @rest) = @$data;
    return [map { decode($_, $made) } @rest] if $tag eq 'l';
    if ($tag eq 'd') {
        my %pairs;
        while (@rest) { my ($key, $value) = splice(@rest, 0, 2); $pairs{$key} = decode($value, $made); }
        return \%pairs;
    }
    if ($tag eq 'r') { my $value = decode($rest[0], $made); return \$value; }
    return $rest[0] eq '-0' ? -0.0 : $rest[0] + 0 if $tag eq 'n';
    if ($tag eq 'b' && $rest[0] =~ /^Math::Big(Int|Float)$/) {
        require Math::BigFloat;
        return "Math::Big$1"->new($rest[1]);
    }
    return qr/$rest[0]/ if $tag eq 'R';
    return $made->(@$data) if $made && $tag =~ /^[afo]$/;
    $deep = 1 if $rest[0] eq 'too deep';
    return bless { kind => $rest[0], number => $opaque++ }, 'plain_data::Opaque';    # equal to nothing but itself
}

sub text { my ($value) = @_; return $json->canonical->encode([encode($value)]); }

1;
