#!/usr/bin/perl

# P7: a write that Redis did not take is an error that says to come back.

use warnings;
use strict;

use Test::More;

use lib 't/lib';
use Test::Mailportal::Mail;

my $mail = Test::Mailportal::Mail->new(only => [qw/ redis nginx /]);
my $t = $mail->t();
my $cookie = $t->role('MasterAdmin');
my $etag = $t->api(GET => '/settings', cookie => $cookie)->{headers}{etag};
my $serial = 0;


# Both kinds of writes; returns the answers.

sub writes {
	my $entry = 'entry' . ++$serial . '.example';

	return ($t->api(PUT => "/lists/blacklist/entries/$entry", json => {},
			cookie => $cookie),
		$t->api(PATCH => '/settings', cookie => $cookie,
			headers => { 'If-Match' => $etag },
			json => { antispam => { reject => 10 + $serial } }));
}


sub refused {
	my ($when) = @_;
	my @kind = ('a list', 'the settings');

	for my $r (writes()) {
		my $what = shift @kind;
		is($r->{status}, 503, "$when: a change of $what is 503")
			or diag($r->{body});
		ok($r->{headers}{'retry-after'}, 'with Retry-After');
		like($r->{headers}{'content-type'} // '',
			qr{^application/problem\+json}, 'as a problem');
	}
	return;
}


sub nothing_came {
	my ($when) = @_;

	is($t->redis('SISMEMBER', 'mp:{list}:black', "entry$serial.example"),
		0, "$when: nothing of it was done");
	is($t->redis('XLEN', 'mp:{cfg}:log'), 1, 'no version was made');
	return;
}


$t->redis(qw/ CONFIG SET maxmemory 1mb /);
refused('Redis is full');
$t->redis(qw/ CONFIG SET maxmemory 0 /);
nothing_came('afterwards');

$t->stop('redis');
refused('Redis is away');
$t->start('redis');
nothing_came('afterwards');

$t->redis(qw/ REPLICAOF 127.0.0.1 1 /);
refused('Redis is a replica');
$t->redis(qw/ REPLICAOF NO ONE /);
nothing_came('afterwards');

# A Redis that stands still may take the change when it goes on: the answer
# is not "done", and that is all that can be known.

$mail->signal(STOP => 'redis');
refused('Redis stands still');
$mail->signal(CONT => 'redis');

ok($t->wait_for(sub {
	$t->api(PUT => '/lists/blacklist/entries/late.example', json => {},
		cookie => $cookie)->{status} == 201;
}, 20, 'a write'), 'then writes succeed again');
is($t->redis('SISMEMBER', 'mp:{list}:black', 'late.example'), 1,
	'and a success is one');

# an empty Redis: what is in force must not be overwritten by a beginning

my $admin = $t->redis('HGETALL', 'mp:{admin}:a:admin');
$t->redis('DEL', 'mp:{cfg}:log', 'mp:{list}:log');
ok($t->wait_for(sub {
	my ($list, $settings) = writes();
	return $list->{status} == 409 && $settings->{status} == 409;
}, 20, 'state-regressed'), 'a Redis that has lost the state: 409')
	or diag(map { "$_->{status} $_->{body}\n" } writes());
is($t->redis('EXISTS', 'mp:{cfg}:log'), 0, 'and nothing is begun');

$mail->done();
