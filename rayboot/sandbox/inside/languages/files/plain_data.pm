package plain_data;
# Frames on a descriptor, and plain data: the same on both sides of a conversation.
use strict;
use warnings;
use JSON::PP ();
use Scalar::Util qw(blessed reftype);

my $json = JSON::PP->new->utf8->allow_nonref->max_depth(1000);
my $max_depth = 200;

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

# A tag in front of everything that is not a text. Perl does not tell numbers from texts, and nor does its comparison.
sub encode {
    my ($value, $depth) = @_;
    $depth ||= 0;
    return ['x', 'nested too deep', ''] if $depth > $max_depth;
    return undef unless defined $value;
    return "$value" unless ref $value;
    return ['x', ref $value, ''] if blessed $value;
    my $kind = reftype $value;
    return ['l', map { encode($_, $depth + 1) } @$value] if $kind eq 'ARRAY';
    return ['d', map { ("$_", encode($value->{$_}, $depth + 1)) } sort keys %$value] if $kind eq 'HASH';
    return ['r', encode($$value, $depth + 1)] if $kind eq 'SCALAR' || $kind eq 'REF';
    return ['x', $kind, ''];
}

sub decode {
    my ($data) = @_;
    return $data unless ref $data;
    my ($tag, @rest) = @$data;
    return [map { decode($_) } @rest] if $tag eq 'l';
    if ($tag eq 'd') {
        my %pairs;
        while (@rest) { my ($key, $value) = splice(@rest, 0, 2); $pairs{$key} = decode($value); }
        return \%pairs;
    }
    if ($tag eq 'r') { my $value = decode($rest[0]); return \$value; }
    return bless { kind => $rest[0] }, 'plain_data::Opaque';
}

sub text { my ($value) = @_; return $json->canonical->encode([encode($value)]); }

1;
