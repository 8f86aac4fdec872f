package Test::Mailportal::Sink;

# A mail server that keeps what it gets: the relayhost and the system mailer of
# tests.  It runs in a process of its own, on a free port of loopback.

use warnings;
use strict;

use IO::Socket::INET;
use JSON::PP ();
use MIME::Base64 qw/ decode_base64 /;
use POSIX ();
use Test::Mailportal qw/ wait_for /;


# Options: auth => { name => password }, tls => [cert, key] (STARTTLS),
# smtps => 1 (TLS at once), greeting, rcpt and data (answers in place of the
# usual ones), reply => { verb => answer } (the same for any other command; ''
# for none), mute (keeps a message and does not answer), slow (the seconds that
# it takes to), silent (says nothing), flood (a greeting without an end).

sub new {
	my ($class, $file, %opt) = @_;
	my $listen;
	# the one before it on that port may still be going
	wait_for(sub { $listen = IO::Socket::INET->new(Listen => 20,
		ReuseAddr => 1, LocalAddr => '127.0.0.1',
		LocalPort => $opt{port} // 0) }, 10)
		or die "a sink cannot listen: $!\n";
	my $self = bless { file => $file, port => $listen->sockport(),
		%opt }, $class;

	open my $fh, '>>', $file or die "$file: $!\n";
	close $fh;

	$self->{pid} = fork() // die "fork: $!\n";
	if ($self->{pid} == 0) {
		$self->_run($listen);
		POSIX::_exit(0);
	}

	return $self;
}


sub port { return $_[0]{port}; }


# What came: { from, to => [...], data, user, tls }, in order.

sub messages {
	my ($self) = @_;

	open my $fh, '<', $self->{file} or return;
	return map { JSON::PP->new->decode($_) } grep { /\n\z/ } <$fh>;
}


sub stop {
	my ($self) = @_;

	return unless $self->{pid} && $self->{pid} != $$;
	kill 'KILL', $self->{pid};
	waitpid $self->{pid}, 0;
	$self->{pid} = undef;
	return;
}


sub DESTROY {
	my ($self) = @_;

	local ($?, $!);
	$self->stop();
	return;
}


sub _run {
	my ($self, $listen) = @_;

	$SIG{PIPE} = 'IGNORE';
	$SIG{CHLD} = 'IGNORE';

	while (1) {
		my $sock = $listen->accept() or next;
		my $pid = fork() // next;
		next if $pid;
		close $listen;
		alarm 60;
		eval { $self->_serve($sock) };
		POSIX::_exit(0);
	}

	return;
}


sub _tls {
	my ($self, $sock) = @_;

	require IO::Socket::SSL;
	return IO::Socket::SSL->start_SSL($sock, SSL_server => 1,
		SSL_cert_file => $self->{tls}[0],
		SSL_key_file => $self->{tls}[1]) || die;
}


sub _serve {
	my ($self, $sock) = @_;

	sleep 60 if $self->{silent};
	if ($self->{flood}) {
		my $bytes = '220-' . 'x' x 60000 . "\r\n";
		1 while syswrite $sock, $bytes;
		return;
	}

	my %mail = (to => [], tls => 0, user => undef);
	if ($self->{smtps}) {
		$sock = $self->_tls($sock);
		$mail{tls} = 1;
	}

	my $say = sub { print {$sock} map { "$_\r\n" } @_; };
	$sock->autoflush(1);
	$say->($self->{greeting} // '220 sink.example ESMTP');

	while (defined(my $line = readline $sock)) {
		$line =~ s/\r?\n\z//;
		my $reply = $self->{reply}{lc($line) =~ s/\W.*//sr};

		if (defined $reply) {
			$say->($reply) if $reply ne '';
		} elsif ($line =~ /^EHLO/i) {
			$say->('250-sink.example', '250-8BITMIME',
				($self->{tls} && !$mail{tls} ? '250-STARTTLS' : ()),
				($self->{auth} ? '250-AUTH PLAIN LOGIN' : ()),
				'250 SIZE 10000000');
		} elsif ($line =~ /^HELO/i) {
			$say->('250 sink.example');
		} elsif ($line =~ /^STARTTLS/i && $self->{tls} && !$mail{tls}) {
			$say->('220 go on');
			$sock = $self->_tls($sock);
			$mail{tls} = 1;
		} elsif ($line =~ /^AUTH PLAIN(?: (.*))?/i && $self->{auth}) {
			$self->_auth($sock, \%mail, $1);
		} elsif ($line =~ /^AUTH/i) {
			$say->('504 5.5.4 not that');
		} elsif ($line =~ /^MAIL FROM:<(.*?)>/i) {
			if ($self->{auth} && !defined $mail{user}) {
				$say->('530 5.7.0 sign in first');
				next;
			}
			@mail{qw/ from to /} = ($1, []);
			$say->('250 2.1.0 ok');
		} elsif ($line =~ /^RCPT TO:<(.*?)>/i) {
			push @{ $mail{to} }, $1;
			$say->($self->{rcpt} // '250 2.1.5 ok');
		} elsif ($line =~ /^DATA/i) {
			$say->('354 go on');
			my $data = '';
			while (defined(my $text = readline $sock)) {
				last if $text eq ".\r\n";
				$text =~ s/^\.//;
				$data .= $text;
			}
			$self->_keep({ %mail, data => $data })
				unless $self->{data};
			sleep 60 if $self->{mute};
			sleep $self->{slow} if $self->{slow};
			$say->($self->{data} // '250 2.0.0 kept');
		} elsif ($line =~ /^QUIT/i) {
			$say->('221 2.0.0 bye');
			return;
		} elsif ($line =~ /^(RSET|NOOP)/i) {
			$say->('250 2.0.0 ok');
		} else {
			$say->('502 5.5.2 what?');
		}
	}

	return;
}


sub _auth {
	my ($self, $sock, $mail, $text) = @_;

	if (!defined $text) {
		print {$sock} "334 \r\n";
		$text = readline $sock;
	}

	my (undef, $user, $password) = split /\0/, decode_base64($text), -1;
	my $known = ($self->{auth}{$user} // '') eq $password;

	$mail->{user} = $user if $known;
	print {$sock} $known ? "235 2.7.0 welcome\r\n"
		: "535 5.7.8 SECRET-OF-THE-PEER\r\n";
	return;
}


# one write, so that the lines of several do not mix

sub _keep {
	my ($self, $mail) = @_;

	open my $fh, '>>', $self->{file} or die;
	syswrite $fh, JSON::PP->new->latin1->encode($mail) . "\n";
	close $fh;
	return;
}


1;
