package Test::Mailportal::Redis;

# A RESP2 client over a unix socket, so that tests depend on no package.

use warnings;
use strict;

use IO::Socket::UNIX;
use Socket qw/ SOCK_STREAM /;


sub new {
	my ($class, $path, $user, $password) = @_;
	my $sock = IO::Socket::UNIX->new(Type => SOCK_STREAM, Peer => $path)
		or die "$path: $!\n";
	my $self = bless { sock => $sock, buf => '' }, $class;

	if (defined $user) {
		my $reply = $self->do('AUTH', $user, $password);
		die "AUTH $user: $reply->{error}\n" if ref $reply eq 'HASH';
	}

	return $self;
}


sub alive { return defined $_[0]{sock}; }


# An error reply is { error => text }, nil is undef.

sub do {
	my ($self, @argv) = @_;

	$self->send(@argv);
	return $self->reply();
}


sub send {
	my ($self, @argv) = @_;
	my $bytes = '*' . @argv . "\r\n";

	utf8::encode($_) for grep { utf8::is_utf8($_) } @argv;
	$bytes .= '$' . length($_) . "\r\n$_\r\n" for @argv;
	$self->_write($bytes);
	return;
}


sub _write {
	my ($self, $bytes) = @_;
	local $SIG{PIPE} = 'IGNORE';

	while (length $bytes) {
		my $n = syswrite $self->{sock}, $bytes;
		$self->_lost() unless $n;
		substr($bytes, 0, $n) = '';
	}
	return;
}


sub _lost {
	my ($self) = @_;

	$self->{sock} = undef;
	die "the connection to Redis ended\n";
}


sub _fill {
	my ($self) = @_;
	my $n = sysread $self->{sock}, $self->{buf}, 65536,
		length $self->{buf};

	$self->_lost() unless $n;
	return;
}


sub _line {
	my ($self) = @_;
	my $end;

	$self->_fill() while ($end = index($self->{buf}, "\r\n")) < 0;
	my $line = substr $self->{buf}, 0, $end;
	substr($self->{buf}, 0, $end + 2) = '';
	return $line;
}


sub reply {
	my ($self) = @_;
	my $line = $self->_line();
	my $type = substr $line, 0, 1, '';

	return $line if $type eq '+' || $type eq ':';
	return { error => $line } if $type eq '-';
	return if $line < 0;
	return [map { scalar $self->reply() } 1 .. $line] if $type eq '*';

	$self->_fill() while length $self->{buf} < $line + 2;
	my $text = substr $self->{buf}, 0, $line;
	substr($self->{buf}, 0, $line + 2) = '';
	return $text;
}


1;
