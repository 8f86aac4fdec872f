package Test::Mailportal::Dovecot::Settings;

# Settings by the API on their way to a Dovecot, and who may sign in there.

use warnings;
use strict;

use Exporter 'import';
use IO::Socket::IP;

our @EXPORT_OK = qw/ $FAST %IN patch in_force login may refused settled /;

# How often somebody has signed in: "imap user address".

our %IN;

# Failures are answered at once.

our $FAST = <<'END';
auth_failure_delay = 0
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
END


# A PATCH of the settings; the new version's number.  A Redis that was away is
# waited for.

sub patch {
	my ($d, %groups) = @_;
	my $res;

	$d->wait_for(sub {
		my $now = $d->t()->api(GET => '/settings',
			role => 'MasterAdmin');
		$res = $d->t()->api(PATCH => '/settings', json => \%groups,
			headers => { 'If-Match' => $now->{headers}{etag} },
			role => 'MasterAdmin');
		$res->{status} != 503;
	}, 30, 'Redis');

	die "PATCH: $res->{status} $res->{body}\n" if $res->{status} != 200;
	return ($res->{headers}{etag} // '') =~ /(\d+)/ ? $1
		: die "no version\n";
}


# Waits until the node says, by the API, that a version is in force.

sub in_force {
	my ($d, $version, $seconds) = @_;

	return $d->wait_for(sub {
		my $res = $d->t()->api(GET => '/nodes', role => 'MasterAdmin');
		my ($node) = grep { $_->{component} eq 'dovecot'
			&& $_->{node} eq $d->node() } @{ $res->{json}{nodes} };
		$node && $node->{settings} == $version;
	}, $seconds // 30, "version $version in force");
}


# Waits until the worker that runs has spoken with Redis.  Dovecot does not
# start another one for one that ends while it starts.

sub settled {
	my ($d) = @_;

	return $d->wait_for(sub {
		my $pid = $d->worker_pid();
		my $hb = $d->heartbeat();
		defined $pid && defined $hb && $hb->{pid} == $pid;
	}, 60, 'a worker at work');
}


# "ok", or what the server said; of IMAP or POP3.

sub login {
	my ($d, @who) = @_;

	return _answer(_begin($d, @who));
}


# All is sent at once, so that several can wait side by side.

sub _begin {
	my ($d, $protocol, $user, $password, $host) = @_;
	my $try = { who => "$protocol $user " . ($host // '127.0.0.1') };

	$try->{sock} = IO::Socket::IP->new(PeerHost => $host // '127.0.0.1',
		PeerPort => $d->t()->port($protocol), Timeout => 60)
		or return { answer => "connect: $@" };
	$try->{sock}->print($protocol eq 'imap'
		? "a LOGIN \"$user\" \"$password\"\r\nb LOGOUT\r\n"
		: "USER $user\r\nPASS $password\r\nQUIT\r\n");
	$try->{last} = $protocol eq 'imap' ? qr/^a / : qr/^(?:-|\+OK Logged)/;

	return $try;
}


sub _answer {
	my ($try) = @_;
	my ($sock, $answer) = ($try->{sock}, '');

	return $try->{answer} if exists $try->{answer};

	local $SIG{ALRM} = sub { die "no answer to a login\n" };
	alarm 60;
	do {
		$answer = readline($sock) // 'the connection ended';
	} while ($answer !~ $try->{last} && !eof $sock);
	1 while defined readline $sock;
	alarm 0;

	$answer =~ s/\s+\z//;
	return $answer unless $answer =~ /^(?:a OK|\+OK)/;
	$IN{ $try->{who} }++;
	return 'ok';
}


sub may {
	my ($d, $user, $password, @host) = @_;

	return login($d, 'imap', $user, $password, @host) eq 'ok'
		&& login($d, 'pop3', $user, $password, @host) eq 'ok';
}


# Two tries of each protocol, for what is remembered a second long.

sub refused {
	my ($d, @who) = @_;
	my @tries = map { _begin($d, $_, @who) } (qw/ imap pop3 /) x 2;

	return !grep { !/AUTHENTICATIONFAILED|\[AUTH\]|AUTHORIZATIONFAILED/ }
		map { _answer($_) } @tries;
}


1;
