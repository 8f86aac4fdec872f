package Test::Mailportal::Rogue;

# A server that answers what a test tells it to, be it rspamd or spamd, and
# keeps what it was sent.

use warnings;
use strict;

use IO::Socket::INET;
use POSIX ();


# how: "answer" sends text as it is; "stall" reads and says nothing; "slow"
# sends a byte a second; "close" hangs up; all when they have read a request
# of HTTP.  "raw" sends text after the first bytes, and no more.

sub new {
	my ($class, $t) = @_;
	my $listen = IO::Socket::INET->new(Listen => 64, ReuseAddr => 1,
		LocalAddr => '127.0.0.1', LocalPort => 0)
		or die "listen: $!\n";
	my $self = bless { t => $t, port => $listen->sockport(),
		base => $t->dir() . '/rogue-' . $listen->sockport() }, $class;

	$self->says('close', '');

	$self->{owner} = $$;
	$self->{pid} = fork() // die "fork: $!\n";
	if ($self->{pid} == 0) {
		$SIG{CHLD} = 'IGNORE';
		$SIG{TERM} = 'DEFAULT';
		while (1) {
			my $client = $listen->accept() or next;
			my $pid = fork() // next;
			if ($pid == 0) {
				eval { $self->_serve($client) };
				POSIX::_exit(0);
			}
			close $client;
		}
	}

	return $self;
}


sub port { return $_[0]{port}; }


sub _write {
	my ($file, $bytes) = @_;

	open my $fh, '>:raw', "$file.new" or die "$file: $!\n";
	print $fh $bytes;
	close $fh;
	rename "$file.new", $file or die "$file: $!\n";
	return;
}


sub _read {
	my ($file) = @_;

	open my $fh, '<:raw', $file or return '';
	local $/;
	return scalar <$fh> // '';
}


sub says {
	my ($self, $how, $text) = @_;

	_write($self->{base}, "$how\n" . ($text // ''));
	return;
}


# A JSON text as rspamd would send it.

sub json {
	my ($self, $json, $status) = @_;

	$self->says('answer', 'HTTP/1.1 ' . ($status // '200 OK')
		. "\r\nContent-Type: application/json\r\nConnection: close\r\n"
		. 'Content-Length: ' . length($json) . "\r\n\r\n$json");
	return;
}


sub asked { return _read("$_[0]{base}.asked"); }
sub count { return length _read("$_[0]{base}.count"); }


sub _serve {
	my ($self, $client) = @_;
	my ($how, $text) = split /\n/, _read($self->{base}), 2;
	my $in = '';
	my $whole;

	open my $fh, '>>', "$self->{base}.count";
	syswrite $fh, 'x';

	while (!$whole && sysread $client, $in, 65536, length $in) {
		my ($head, $body) = split /\r\n\r\n/, $in, 2;
		$whole = $how eq 'raw' || defined $body
			&& $head =~ /^Content-Length: (\d+)/mi
			&& length $body >= $1;
	}

	_write("$self->{base}.asked", $in);

	if ($how eq 'answer' || $how eq 'raw') {
		my $n;
		while (length $text && ($n = syswrite $client, $text)) {
			substr $text, 0, $n, '';
		}
		# what is left unread would take the answer away
		shutdown $client, 1;
		1 while $how eq 'raw' && sysread $client, $in, 65536;

	} elsif ($how eq 'stall') {
		sysread $client, $in, 1;

	} elsif ($how eq 'slow') {
		for my $byte (split //, $text) {
			syswrite $client, $byte or last;
			sleep 1;
		}
	}

	return;
}


sub DESTROY {
	my ($self) = @_;
	local ($?, $!);

	if ($self->{owner} == $$) {
		kill 'TERM', $self->{pid};
		waitpid $self->{pid}, 0;
	}
	return;
}


1;
