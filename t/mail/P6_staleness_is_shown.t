#!/usr/bin/perl

# P6: what may be old says so: at the API, in the heartbeats, in /healthz.

use warnings;
use strict;

use Test::More;

use lib 't/lib';
use Test::Mailportal::Mail;

my $mail = Test::Mailportal::Mail->new();
my $t = $mail->t();
my $cookie = $t->role('MasterAdmin');


sub node {
	my ($component) = @_;
	my $r = $t->api(GET => '/nodes', cookie => $cookie);

	return grep { $_->{component} eq $component } @{ $r->{json}{nodes} };
}


sub get {
	my ($path) = @_;

	return eval { $t->http(GET => $path, cookie => $cookie) }
		// { status => 0, body => $@, headers => {} };
}


ok($t->wait_for(sub { my ($n) = node('milter'); $n && !$n->{stale} }, 20,
	'the milter'), 'the milter is there, and not stale');
is($t->api(GET => '/settings', cookie => $cookie)->{headers}
	{'mailportal-stale'}, undef, 'nothing is stale');
is(get('/healthz')->{status}, 200, 'all is well');

# the milter goes away without a word

$mail->crash('milter');
ok($t->wait_for(sub {
	my ($n) = node('milter');
	return $n && $n->{stale} && @{ $n->{problems} };
}, 60, 'the missing milter'),
	'a milter that is heard of no more is listed, stale, with a reason');
$t->start('milter');
ok($t->wait_for(sub { my ($n) = node('milter'); $n && !$n->{stale} }, 30,
	'the milter'), 'until it comes back');

# Redis stands still

$mail->signal(STOP => 'redis');
for my $path ('/api/v1/settings', '/api/v1/lists/blacklist') {
	my $r = get($path);
	ok($r->{status} == 503 || $r->{headers}{'mailportal-stale'},
		"Redis stands still: $path is marked, or not answered")
		or diag("$r->{status} $r->{body}");
}

my $health = $t->wait_for(sub {
	my $r = get('/healthz');
	return $r->{json} && $r->{json}{stale} ? $r : undef;
}, 20, 'a stale health');
ok($health, '/healthz says that it is stale');
$mail->signal(CONT => 'redis');
ok($t->wait_for(sub {
	my $r = get('/healthz');
	return $r->{status} == 200 && !$r->{json}{stale};
}, 20, 'health'), 'and that it is not any more');

# Redis loses everything

$t->redis('FLUSHALL');
ok($t->wait_for(sub {
	my $text = $t->redis('GET', 'mp:{hb}:milter:' . $t->env('MP_NODE'));
	return $text && $text =~ /"stale":\s*true/
		&& $text !~ /"problems":\s*\[\]/;
}, 30, 'the heartbeat'),
	'Redis is empty: the milter says that it is ahead of it');
ok($t->wait_for(sub {
	my $r = get('/healthz');
	return $r->{json} && $r->{json}{stale};
}, 20, 'a stale health'), 'and so does nginx');

$mail->done();
