#!/usr/bin/perl

# Requests that come at once share one look at their session, and nothing
# else: each has its own answer, whoever goes away.

use warnings;
use strict;

use IO::Socket::INET;
use Test::More;

use lib 't/lib';
use Test::Mailportal;

my $t = Test::Mailportal->new();

my %cookie = (
	admin => $t->role('MasterAdmin'),
	tenant => $t->role('DomainAdmin'),
	nobody => '__Host-mailportal=' . 'x' x 43,
);
my %want = (admin => 200, tenant => 403, nobody => 401);
my @workers = split ' ', `pgrep -P ${\ $t->pid('nginx') }`;


sub ask {
	my ($sock, $name) = @_;

	print $sock "GET /api/v1/nodes HTTP/1.1\r\n"
		. "Host: 127.0.0.1:" . $t->port('nginx') . "\r\n"
		. "Cookie: $cookie{$name}\r\n\r\n";
	$sock->flush();
	return;
}


sub answer {
	my ($sock) = @_;
	my ($text, $status) = ('');
	local $SIG{ALRM} = sub { die "no answer\n" };

	alarm 20;
	while ($text !~ /\r\n\r\n/) {
		sysread($sock, $text, 4096, length $text) or return 'none';
	}
	my ($len) = $text =~ /Content-Length: (\d+)/i;
	my $end = index($text, "\r\n\r\n") + 4 + $len;
	while (length $text < $end) {
		sysread($sock, $text, 4096, length $text) or return 'cut';
	}
	alarm 0;

	return $text =~ m!^HTTP/1.1 (\d+)! ? $1 : 'odd';
}


# Connections that are open, as a browser has them; asked one by one first.

sub connections {
	my @open;

	for my $name (map { ($_) x 20 } sort keys %cookie) {
		my $sock = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
			PeerPort => $t->port('nginx'), Timeout => 10)
			or die "connect: $!\n";
		ask($sock, $name);
		die "$name is refused alone\n" if answer($sock) ne $want{$name};
		push @open, [$sock, $name];
	}

	return @open;
}


sub looks {
	my ($calls) = $t->redis('INFO', 'commandstats')
		=~ /cmdstat_hmget:calls=(\d+)/;
	return $calls;
}


my (%seen, $gone, $asked);
my $shared = 0;

for my $round (1 .. 5) {
	my @open = connections();
	my $before = looks();

	# the workers stand still meanwhile, and then find all of them at once
	kill 'STOP', @workers;
	ask(@$_) for @open;
	for my $i (grep { $_ % 7 == $round } 0 .. $#open) {
		close $open[$i][0];
		$open[$i] = undef;
		$gone++;
	}
	kill 'CONT', @workers;

	$seen{"$_->[1]: " . answer($_->[0])}++ for grep { $_ } @open;
	$asked += 60;
	$shared += 60 - (looks() - $before);
}

is_deeply([sort keys %seen], [map { "$_: $want{$_}" } sort keys %want],
	'everybody gets his own answer') or diag(explain(\%seen));
ok($gone > 30, "though $gone went away");
ok($shared > 0, "$shared of $asked did not look for themselves");

is($t->api(DELETE => '/session', role => 'DomainAdmin')->{status}, 204,
	'a session ends');
is($t->api(GET => '/session', cookie => $cookie{tenant})->{status}, 401,
	'and the next request knows');
is($t->api(GET => '/session', cookie => $cookie{admin})->{status}, 200,
	'which another session does not feel');

$t->done();
