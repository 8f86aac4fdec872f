package Test::Mailportal::Events;

# A client of server-sent events, which reads when it is told to.

use warnings;
use strict;

use IO::Select;
use JSON::PP ();
use Time::HiRes qw/ time /;

use Test::Mailportal::HTTP;


# Options: cookie, headers; brief: of an object only "done" is read, which is
# much faster.  The request is sent; nothing is read yet.

sub new {
	my ($class, $t, $path, %opt) = @_;
	my $port = $t->port('nginx');
	my $sock = Test::Mailportal::HTTP::connect_to('127.0.0.1', $port);
	my $self = bless { sock => $sock, raw => '', text => '',
		events => [], comments => [], ended => 0,
		brief => delete $opt{brief} }, $class;

	$opt{headers} = { Accept => 'text/event-stream',
		%{ $opt{headers} // {} } };
	Test::Mailportal::HTTP::write_all($sock,
		Test::Mailportal::HTTP::head("127.0.0.1:$port", 'GET',
			"/api/v1$path", \%opt));
	$sock->blocking(0);
	return $self;
}


# Reads what has come within so many seconds; false at the end.

sub fill {
	my ($self, $seconds) = @_;

	return 0 if $self->{ended};
	return 1 unless IO::Select->new($self->{sock})->can_read($seconds);
	my $n = sysread $self->{sock}, $self->{raw}, 1 << 16,
		length $self->{raw};

	if (!$n) {
		return 1 if !defined $n && $!{EAGAIN};
		$self->{ended} = 1;
	}

	$self->_head() unless defined $self->{status};
	$self->_chunks() if defined $self->{status};
	$self->_parse();
	return !$self->{ended};
}


sub _head {
	my ($self) = @_;

	return unless $self->{raw} =~ s/\A(.*?)\r\n\r\n//s;
	my ($first, @lines) = split /\r\n/, $1;
	($self->{status}) = $first =~ /^HTTP\S+ (\d{3})/;
	$self->{headers} = { map { /^([^:]+):\s*(.*)$/
		? (lc $1 => $2) : () } @lines };
	return;
}


sub _chunks {
	my ($self) = @_;

	if (($self->{headers}{'transfer-encoding'} // '') ne 'chunked') {
		$self->{text} .= $self->{raw};
		$self->{raw} = '';
		return;
	}

	while ($self->{raw} =~ /\A([0-9a-f]+)\r\n/) {
		my ($at, $size) = ($+[0], hex $1);

		last if length $self->{raw} < $at + $size + 2;
		$self->{text} .= substr $self->{raw}, $at, $size;
		substr($self->{raw}, 0, $at + $size + 2) = '';
		$self->{whole} = $self->{ended} = 1 if $size == 0;
	}
	return;
}


sub _parse {
	my ($self) = @_;

	while ($self->{text} =~ s/\A(.*?)\n\n//s) {
		my %event;

		for my $line (split /\n/, $1) {
			my ($name, $value) = $line =~ /^(\w*):? ?(.*)$/;
			$event{$name} = $value;
		}
		push @{ $self->{comments} }, $event{''} if exists $event{''};
		next unless exists $event{data};
		$event{json} = $self->{brief}
			? { $event{data} =~ /"(done)":(\d+)/ }
			: JSON::PP->new->utf8->decode($event{data});
		push @{ $self->{events} }, \%event;
		$self->{last} = $event{id};
	}
	return;
}


# The next event, or undef when there was none, or the stream has ended.

sub next {
	my ($self, $seconds) = @_;
	my $end = time() + ($seconds // 10);

	while (!@{ $self->{events} } && time() < $end) {
		last unless $self->fill($end - time());
	}

	return shift @{ $self->{events} };
}


# Events until one is as it should be; what came before is passed over.

sub until {
	my ($self, $sub, $seconds) = @_;
	my $end = time() + ($seconds // 10);

	while (time() < $end) {
		my $event = $self->next($end - time()) // return;
		return $event if $sub->($event->{json});
	}
	return;
}


# Whether the stream has ended, by the server's own will: its last chunk came.

sub ends {
	my ($self, $seconds) = @_;
	my $end = time() + ($seconds // 10);

	$self->fill($end - time()) while !$self->{ended} && time() < $end;
	return $self->{whole} // 0;
}


sub said {
	my ($self, $re, $seconds) = @_;
	my $end = time() + ($seconds // 10);

	while (time() < $end) {
		return 1 if grep { $_ =~ $re } @{ $self->{comments} };
		last unless $self->fill($end - time());
	}
	return 0;
}


sub status {
	my ($self, $seconds) = @_;
	my $end = time() + ($seconds // 10);

	while (!defined $self->{status} && time() < $end) {
		last unless $self->fill($end - time());
	}
	return $self->{status};
}


sub close { my ($self) = @_; return CORE::close $self->{sock}; }


1;
