#!/usr/bin/perl

# The promises about Redis, at the API: P4 what is in force stays, P6 that it
# may be old is shown, P7 no write is said to be done that was not.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;
use Test::Mailportal qw/ wait_for /;

my $t = Test::Mailportal->new();
my $cookie = $t->role('MasterAdmin');


sub get { return $t->api('GET', '/settings', cookie => $cookie); }

sub patch {
	my ($defer, $tag) = @_;
	return $t->api('PATCH', '/settings', cookie => $cookie,
		json => { antispam => { defer => $defer } },
		headers => { 'If-Match' => $tag // '"' . version() . '"' });
}

sub version {
	my $head = $t->redis('XREVRANGE', 'mp:{cfg}:log', '+', '-', 'COUNT', 1);
	return $head->[0][0] =~ /^(\d+)/ ? $1 : 0;
}

sub put { return $t->api('PUT', '/lists/blacklist/entries/down.example',
	cookie => $cookie, json => {}); }

# every worker has seen the session and is connected
sub settle {
	my $good = 0;

	# the connection to the Redis before is found dead by its first use
	eval { $t->redis('PING') };
	return wait_for(sub {
		my $r = get();
		$good = $r->{status} == 200
			&& !$r->{headers}{'mailportal-stale'} ? $good + 1 : 0;
		$good > 30;
	}, 20, 'all workers');
}

sub refused {
	my ($res, $code, $what) = @_;
	is($res->{status}, 503, "P7: $what: 503");
	is($res->{json}{code}, $code, "P7: $what: $code");
	ok($res->{headers}{'retry-after'}, "P7: $what: when to come again");
	return;
}

sub shown_stale {
	my ($what) = @_;
	my @r = map { get() } 1 .. 20;

	is(scalar(grep { $_->{status} != 200 } @r), 0,
		"P4: $what: the settings in force can be read");
	is(scalar(grep { ($_->{headers}{'mailportal-stale'} // '') ne '1' } @r),
		0, "P6: $what: and are marked as possibly old");
	return;
}


sub killed {
	$t->stop('redis');
	refused(patch(1.5, '"1"'), 'redis-away', 'Redis stopped');
	refused(put(), 'redis-away', 'Redis stopped, lists');
	shown_stale('Redis stopped');
	is($t->api('POST', '/session', json => { username => 'a',
		password => 'b' })->{status}, 503, 'nobody signs in without Redis');
	$t->start('redis');
	ok(settle(), 'and it goes on by itself');
	is(patch(1.5)->{status}, 200, 'writes, too');

	my $pid = $t->pid('redis');
	kill 'KILL', $pid;
	wait_for(sub { !kill 0, $pid });
	refused(patch(1.6, '"2"'), 'redis-away', 'Redis killed');
	$t->stop('redis');
	$t->start('redis');
	ok(settle(), 'a killed Redis comes back');
	is(version(), 2, 'P7: what was refused was not done');
	is(get()->{headers}{etag}, '"2"', 'and what was done is kept');
	return;
}


sub stopped {
	my $pid = $t->pid('redis');

	kill 'STOP', $pid;
	my $res = patch(1.7, '"2"');
	is($res->{status}, 503, 'P7: Redis does not answer: 503');
	my @later = map { patch(1.7, '"2"') } 1 .. 6;
	is(scalar(grep { $_->{status} != 503 } @later), 0, 'P7: each time');
	shown_stale('Redis does not answer');
	kill 'CONT', $pid;
	ok(settle(), 'it goes on when Redis does');
	is(version(), 2, 'P7: what was refused was not done');
	return;
}


# Redis takes the write and stops before it answers: nobody knows

sub unknown {
	my $tag = version();
	my $pid = $t->pid('redis');

	$t->redis('CLIENT', 'PAUSE', 3000, 'WRITE');
	my $res = patch(1.8, "\"$tag\"");
	is($res->{status}, 504, 'a write without an answer: 504');
	like($res->{json}{detail}, qr/may have been made or not/,
		'P7: says that nobody knows');
	ok($res->{headers}{'retry-after'}, 'and when to look');
	$t->redis('CLIENT', 'UNPAUSE');
	ok(settle(), 'and it goes on');
	return;
}


sub full {
	my $tag = version();
	my $new = $t->sign_in($t->env('MP_ADMIN'), $t->env('MP_ADMIN_PASSWORD'));

	$t->redis('CONFIG', 'SET', 'maxmemory', '1mb');
	is($t->api('GET', '/settings', cookie => $new)->{status}, 200,
		'P4: a session that cannot be written is read all the same');
	refused(patch(1.9, "\"$tag\""), 'redis-full', 'no memory');
	refused(put(), 'redis-full', 'no memory, lists');
	is(get()->{status}, 200, 'P4: reading goes on');
	$t->redis('CONFIG', 'SET', 'maxmemory', '0');
	is(version(), $tag, 'P7: nothing was written');
	is(patch(1.9)->{status}, 200, 'and it goes on');
	return;
}


sub readonly {
	my $tag = version();

	$t->redis('REPLICAOF', '127.0.0.1', 1);
	refused(patch(2.1, "\"$tag\""), 'redis-readonly', 'a replica');
	$t->redis('REPLICAOF', 'NO', 'ONE');
	ok(wait_for(sub { patch(2.1)->{status} == 200 }, 20), 'and it goes on');
	return;
}


sub unsafe {
	my $tag = version();

	$t->redis('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
	my $res;
	ok(wait_for(sub {
		$res = patch(2.2, '"1"');
		$res->{status} == 503;
	}, 20), 'a Redis that may lose data is noticed');
	refused($res, 'redis-unsafe', 'evicting');
	like($res->{json}{detail}, qr/maxmemory-policy/, 'and what to change');
	is(get()->{status}, 200, 'reading goes on');
	$t->redis('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
	ok(wait_for(sub { patch(2.2)->{status} == 200 }, 20), 'and it goes on');
	return;
}


# the streams are gone or old, the sessions are not

sub emptied {
	my $dump = $t->redis('XRANGE', 'mp:{cfg}:log', '-', '+');
	my $n = version();

	$t->redis('DEL', 'mp:{cfg}:log');
	my $res = patch(2.3, "\"$n\"");
	is($res->{status}, 409, 'P4: the settings are gone: 409');
	is($res->{json}{code}, 'state-regressed', 'by its code');
	ok(wait_for(sub { my $r = get(); $r->{status} == 200
		&& $r->{headers}{'mailportal-stale'} }), 'P6: reading shows it');
	is(get()->{headers}{etag}, "\"$n\"", 'P4: what is in force stays');
	is($t->redis('EXISTS', 'mp:{cfg}:log'), 0, 'nothing was made in its place');

	$t->redis('XADD', 'mp:{cfg}:log', $_->[0], @{ $_->[1] })
		for @{$dump}[0 .. $#$dump - 1];
	is(patch(2.3, '"' . ($n - 1) . '"')->{status}, 409,
		'P4: an older Redis: 409');
	is(get()->{headers}{etag}, "\"$n\"", 'P4: what is in force stays');

	$t->redis('XADD', 'mp:{cfg}:log', $dump->[-1][0], @{ $dump->[-1][1] });
	ok(wait_for(sub { patch(2.3, "\"$n\"")->{status} == 200 }, 20),
		'when it is whole again it goes on');
	return;
}


# a version from a stranger

sub forged {
	my ($n) = (version());
	my $head = $t->redis('XREVRANGE', 'mp:{cfg}:log', '+', '-', 'COUNT', 1);
	my %f = @{ $head->[0][1] };

	$f{doc} =~ s/"reject":10/"reject":0/;
	$t->redis('XADD', 'mp:{cfg}:log', ($n + 1) . '-0', %f);
	ok(wait_for(sub { ($t->read_file('log/nginx-error.log') // '')
		=~ /refused/ }), 'P3: a version whose hash is wrong is refused');
	is(get()->{json}{antispam}{reject}, 10, 'P4: what is in force stays');
	$t->redis('XDEL', 'mp:{cfg}:log', ($n + 1) . '-0');
	return;
}


# everything is gone: nobody is signed in, and a new start is followed

sub flushed {
	$t->redis('FLUSHALL');
	is(get()->{status}, 401, 'an empty Redis knows no session');
	is($t->http('GET', '/settings.json')->{status}, 200,
		'P4: what is in force stays');
	ok(wait_for(sub { my $r = $t->http('GET', '/settings.json');
		($r->{headers}{'mailportal-stale'} // '') eq '1' }),
		'P6: and is shown as old');

	my ($rc, $out) = $t->ctl('init', '--anew');
	is($rc, 0, 'the operator begins anew') or diag($out);
	ok(wait_for(sub { my @r = map { $t->http('GET', '/settings.json') } 1 .. 9;
		9 == grep { $_->{headers}{etag} eq '"1"'
			&& !$_->{headers}{'mailportal-stale'} } @r }, 20),
		'and every worker follows');
	return;
}


settle();
killed();
stopped();
unknown();
full();
readonly();
unsafe();
emptied();
forged();
flushed();

$t->done();
