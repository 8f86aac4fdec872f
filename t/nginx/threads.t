#!/usr/bin/perl

# P8: passwords are hashed beside the event loop, and a queue that is full
# answers with 503.  The workers of nginx have no rights to lose.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/../lib";

use IO::Socket::INET;
use Test::More;
use Test::Mailportal qw/ wait_for /;
use Test::Mailportal::HTTP;

my $t = Test::Mailportal->new();

# one worker, whose pool has one thread and room for one that waits

my $conf = $t->read_file('conf/nginx/nginx.conf');
$conf =~ s/^worker_processes .*$/worker_processes 1;/m;
$conf =~ s/threads=\d+ max_queue=\d+/threads=1 max_queue=1/
	or die "no thread pool\n";
$t->write_file('conf/nginx/nginx.conf', $conf);
ok($t->restart('nginx'), 'nginx with a short queue');

my $cookie = $t->role('MasterAdmin');
my ($worker) = split ' ', `pgrep -P @{[ $t->pid('nginx') ]}`;


# Clock ticks that the thread of the event loop, and the others, have used.

sub ticks {
	my ($own, $others) = (0, 0);

	for my $file (glob "/proc/$worker/task/*/stat") {
		my $stat = $t->read_file($file) // next;
		my ($id) = $stat =~ /^(\d+)/;
		my @field = split / /, $stat =~ s/^.*\) //sr;
		my $used = $field[11] + $field[12];
		$id == $worker ? ($own += $used) : ($others += $used);
	}

	return ($own, $others);
}


# Sign-ins of nobody, all at once; each name and each network comes once.

my $serial = 0;

sub attempts {
	my ($count) = @_;
	my @sockets;

	for (1 .. $count) {
		my $n = ++$serial;
		my $body = "{\"username\":\"nobody$n\",\"password\":\"x\"}";
		my $sock = IO::Socket::INET->new(LocalAddr => "127.1.$n.1",
			PeerAddr => '127.0.0.1', PeerPort => $t->port('nginx'))
			or die "connect: $!\n";

		$sock->autoflush(1);
		print $sock Test::Mailportal::HTTP::head(
			'127.0.0.1:' . $t->port('nginx'), 'POST',
			'/api/v1/session', { body => $body,
			type => 'application/json' });
		push @sockets, $sock;
	}

	return map { Test::Mailportal::HTTP::read_answer($_, 'POST', 60) }
		@sockets;
}


my ($own, $others) = ticks();
attempts(1) for 1 .. 8;
my ($own_then, $others_then) = ticks();

cmp_ok($others_then - $others, '>', $own_then - $own,
	'the work of hashing is not done by the event loop');

my @res = attempts(12);
my %count;
$count{$_->{status}}++ for @res;
my ($busy) = grep { $_->{status} == 503 } @res;

is(join(' ', grep { !/^(?:401|503)$/ } keys %count), '',
	'of many at once each is answered');
cmp_ok($count{401} // 0, '>', 0, 'some are heard');
ok($busy, 'but not more than have room');
is($busy->{json}{code}, 'busy', 'the others are told that it is busy');
ok($busy->{headers}{'retry-after'}, 'and when to come again');
is($t->api(GET => '/session', cookie => $cookie)->{status}, 200,
	'who is signed in goes on');
is((attempts(1))[0]{status}, 401, 'and then there is room again');


# the worker

my $status = $t->read_file("/proc/$worker/status");
like($status, qr/^CapEff:\s+0+$/m, 'a worker has no capabilities');
unlike($status, qr/^Uid:\s+0\b/m, 'and is not root');
is(join(' ', grep { m{/(?:postfix|dovecot|radicale|mail)/} } map { readlink }
	glob "/proc/$worker/fd/*"), '', 'nor has it a file of other servers');

$t->done();
