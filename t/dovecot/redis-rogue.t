#!/usr/bin/perl

# Something that is no Redis answers: the worker says what is wrong, waits a
# moment between its tries, and lives.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use Test::Mailportal::Dovecot;
use Test::Mailportal::Rogue;
use Test::Mailportal::Worker;

my $d = Test::Mailportal::Dovecot->new();
my $t = $d->t();
my ($user) = $d->add_users(['u@some.test']);
my $rogue = Test::Mailportal::Rogue->new($t);
my $ok = "+OK\r\n" x 2;
my $role = "*3\r\n\$6\r\nmaster\r\n:0\r\n*0\r\n";


sub info {
	my ($text) = @_;

	return '$' . length($text) . "\r\n$text\r\n";
}


$d->set_worker(redis => '127.0.0.1:' . $rogue->port(),
	redis_timeout => '300ms');
my $pid = $d->wait_for(sub { status($d) =~ /process (\d+)/ ? $1 : 0 }, 20);

# how it answers, what it says, what the status must say then

for my $row (
	['hangs up', 'raw', '', qr/closed the connection/],
	['says nothing', 'stall', '', qr/does not answer in time/],
	['is no Redis', 'raw', "HTTP/1.1 400 Bad Request\r\n\r\n",
		qr/Protocol error/],
	['refuses the password', 'raw', "-WRONGPASS no\r\n",
		qr/WRONGPASS no/],
	['loads its data', 'raw', "-LOADING wait\r\n" x 4,
		qr/LOADING wait/],
	['is a replica', 'raw', "$ok*1\r\n\$5\r\nslave\r\n" . info(''),
		qr/this is a slave, not the master/],
	['has no role', 'raw', "$ok*0\r\n" . info(''), qr/ROLE/],
	['has a role that is nil', 'raw', "$ok*1\r\n\$-1\r\n" . info(''),
		qr/ROLE/],
	['has no version', 'raw', $ok . $role . info('x:y'), qr/INFO/],
	['answers INFO by a number', 'raw', "$ok$role:7\r\n", qr/INFO/],
	['is too old', 'raw', $ok . $role . info(
		"redis_version:6.2.0\r\nloading:0\r\naof_enabled:1\r\n"
		. "maxmemory_policy:noeviction\r\n"), qr/must be 7 or later/],
	['has no append-only file', 'raw', $ok . $role . info(
		"redis_version:7.0.15\r\nloading:0\r\naof_enabled:0\r\n"
		. "maxmemory_policy:noeviction\r\n"), qr/appendonly is no/],
	['promises very much', 'raw', "\$9999999999\r\nx", qr/\w/],
	['promises many', 'raw', "*2000000000\r\n", qr/\w/],
	['nests deeply', 'raw', "*1\r\n" x 1000, qr/\w/],
	['sends random bytes', 'raw', join('', map { chr int rand 256 }
		1 .. 10_000), qr/\w/],
) {
	my ($name, $how, $text, $re) = @$row;

	$rogue->says($how, $text);
	my $seen = $d->wait_for(sub { status($d) =~ /^redis +(Redis .*$re.*)/m
		? $1 : 0 }, 10, "the status: $name");
	like($seen, $re, "one that $name");
}

is($d->worker_pid(), $pid, 'it is the same worker');

$d->set_worker(redis => 'unix:' . $d->dir() . '/run/redis.sock');
is($d->job_end($d->job_push(action => 'quota-recalc', target => $user))
	->{state}, 'done', 'with a Redis again, jobs are done');

$d->done();
