package Test::Mailportal::HTTP;

# HTTP/1.1 over a bare socket: a test says every byte that it sends.

use warnings;
use strict;

use IO::Select;
use IO::Socket::INET;
use JSON::PP ();


sub connect_to {
	my ($host, $port) = @_;

	return IO::Socket::INET->new(PeerAddr => $host, PeerPort => $port)
		// die "$host:$port: $!\n";
}


# Options: json, body, type, headers (undef leaves one out), cookie, timeout.
# The answer: { status, headers, body, json }, json undef when it is none.

sub request {
	my ($host, $port, $method, $path, %opt) = @_;
	my $sock = connect_to($host, $port);

	write_all($sock, head("$host:$port", $method, $path, \%opt),
		$opt{timeout});
	return read_answer($sock, $method, $opt{timeout});
}


sub head {
	my ($host, $method, $path, $opt) = @_;
	my $body = $opt->{body};
	my %h = (Host => $host, Connection => 'close');

	if (exists $opt->{json}) {
		$body = JSON::PP->new->utf8->canonical->allow_nonref
			->encode($opt->{json});
		$h{'Content-Type'} = 'application/json';
	}

	$h{'Content-Type'} = $opt->{type} if defined $opt->{type};
	$h{'Content-Length'} = length $body if defined $body;
	$h{'Sec-Fetch-Site'} = 'same-origin'
		if $method !~ /^(?:GET|HEAD|OPTIONS)$/;
	$h{Cookie} = $opt->{cookie} if defined $opt->{cookie};
	%h = (%h, %{ $opt->{headers} // {} });

	return "$method $path HTTP/1.1\r\n"
		. join('', map { "$_: $h{$_}\r\n" }
			grep { defined $h{$_} } sort keys %h)
		. "\r\n" . ($body // '');
}


# A server may refuse before it has read all: then stop, and read why.

sub write_all {
	my ($sock, $bytes, $timeout) = @_;
	my $select = IO::Select->new($sock);
	my $offset = 0;

	local $SIG{PIPE} = 'IGNORE';
	$sock->blocking(0);

	while ($offset < length $bytes) {
		last if $select->can_read(0);
		$select->can_write($timeout // 60) or die "write timeout\n";
		my $n = syswrite $sock, $bytes, 1 << 20, $offset;
		next if !defined $n && $!{EAGAIN};
		last unless defined $n;
		$offset += $n;
	}

	return $offset;
}


sub read_answer {
	my ($sock, $method, $timeout) = @_;
	my $bytes = read_all($sock, $timeout);
	my $end = index $bytes, "\r\n\r\n";

	die "no answer to $method\n" if $end < 0;
	my ($first, @lines) = split /\r\n/, substr $bytes, 0, $end;
	my $body = substr $bytes, $end + 4;
	my %h;

	for (@lines) {
		my ($name, $value) = /^([^:]+):\s*(.*?)\s*$/;
		$h{lc $name} = exists $h{lc $name}
			? "$h{lc $name}, $value" : $value;
	}

	my ($status) = $first =~ m{^HTTP/1\.[01] (\d{3})}
		or die "not HTTP: $first\n";
	my $whole = 1;
	($body, $whole) = unchunk($body)
		if ($h{'transfer-encoding'} // '') eq 'chunked';

	return {
		status => $status, headers => \%h, body => $body,
		whole => $whole,
		json => ($h{'content-type'} // '') =~ /\bjson\b/
			? scalar eval { JSON::PP->new->utf8->allow_nonref
				->decode($body) } : undef,
	};
}


sub read_all {
	my ($sock, $timeout) = @_;
	my $select = IO::Select->new($sock);
	my $bytes = '';

	$sock->blocking(0);

	while (1) {
		$select->can_read($timeout // 60) or die "read timeout\n";
		my $n = sysread $sock, $bytes, 1 << 18, length $bytes;
		next if !defined $n && $!{EAGAIN};
		last unless $n;
	}

	return $bytes;
}


# (body, whether the last chunk came)

sub unchunk {
	my ($bytes) = @_;
	my ($at, $body) = (0, '');

	while (1) {
		my $eol = index $bytes, "\r\n", $at;
		return ($body, 0) if $eol < 0;
		my $size = hex substr $bytes, $at, $eol - $at;
		return ($body, 1) if $size == 0;
		$body .= substr $bytes, $eol + 2, $size;
		$at = $eol + 2 + $size + 2;
	}
}


1;
