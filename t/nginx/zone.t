#!/usr/bin/perl

# Without Redis, what can be looked at does not depend on the worker that a
# connection comes to: P4 and P6.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;
use Test::Mailportal qw/ wait_for /;

my $t = Test::Mailportal->new(only => [qw/ redis nginx /]);
my $master = $t->pid('nginx');
my $cookie = $t->role('MasterAdmin');
my $other = $t->sign_in($t->env('MP_ADMIN'), $t->env('MP_ADMIN_PASSWORD'));


sub workers { return split ' ', `pgrep -P $master`; }

sub get {
	my ($path, $who) = @_;
	return $t->api('GET', $path, cookie => $who // $cookie);
}

# by the worker whose place it is; the others stand still
sub at {
	my ($place, $code) = @_;
	my @others = workers();
	splice @others, $place, 1;

	kill 'STOP', @others;
	wait_for(sub { !grep { `ps -o state= -p $_` !~ /^T/ } @others });
	my $res = $code->();
	kill 'CONT', @others;
	return $res;
}

sub names { return join ' ', map { "$_->{component}:$_->{node}" }
	@{ $_[0]{json}{nodes} // [] }; }


is(scalar(my @workers = workers()), 2, 'two workers');
ok(wait_for(sub { names(at(0, sub { get('/nodes') })) =~ /^nginx:/ }, 20),
	'one has told of the nodes');
my $known = at(0, sub { get('/nodes') });
is(at(1, sub { get('/about', $other) })->{status}, 200,
	'the other knows another session');
is(at(0, sub { $t->api('DELETE', '/session', cookie => $other) })->{status},
	204, 'which is ended at the first');

$t->stop('redis');

for my $place (0, 1) {
	my $res = at($place, sub { get('/nodes') });
	is($res->{status}, 200, "P4: worker $place tells of the nodes");
	is(names($res), names($known), 'of the same');
	is($res->{headers}{'mailportal-stale'}, 1, 'P6: as possibly old');
	ok($res->{json}{stale}, 'in the body, too');
	is($res->{json}{as_of}, $known->{json}{as_of}, 'and since when');

	$res = at($place, sub { get('/settings') });
	is($res->{status}, 200, "P4: worker $place tells of the settings");
	is(at($place, sub { get('/nodes', $other) })->{status}, 503,
		'but not to who has signed out');
	is(at($place, sub { $t->api('PATCH', '/settings', cookie => $cookie,
		json => {}, headers => { 'If-Match' => '"1"' }) })->{status},
		503, 'and nothing can be changed');
}

# after a reload, and with a worker that was killed, still

kill 'HUP', $master;
ok(wait_for(sub { !grep { my $w = $_; grep { $w == $_ } @workers } workers() },
	30), 'nginx has other workers');
is(names(get('/nodes')), names($known), 'P4: a reload forgets nothing');

my $killed = (workers())[0];
$t->allow(qr/\[alert\].* worker process $killed exited on signal 9/);
kill 'KILL', $killed;
ok(wait_for(sub { scalar(my @w = workers()) == 2 }, 30), 'a worker is killed');
is(names(at($_, sub { get('/nodes') })), names($known),
	"worker $_ knows nevertheless") for 0, 1;

$t->start('redis');
ok(wait_for(sub { my $res = get('/nodes');
	$res->{status} == 200 && !$res->{headers}{'mailportal-stale'} }, 30),
	'and it goes on when Redis does');
isnt(get('/about', $other)->{status}, 200, 'the end of a session stays');

$t->done();
