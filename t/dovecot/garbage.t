#!/usr/bin/perl

# Garbage in the queue: where there is an id, that job fails by name; the
# worker lives, and does what comes next.

use warnings;
use strict;

use lib 't/lib';

use JSON::PP ();
use Test::More;
use Test::Mailportal::Dovecot;
use Test::Mailportal::Worker;

my $d = Test::Mailportal::Dovecot->new();
my $t = $d->t();
my $json = JSON::PP->new()->utf8()->canonical();
my ($user) = $d->add_users(['u@some.test']);
my $pid = $d->wait_for(sub { $d->worker_pid() }, 20, 'a worker');
my $serial = 0;


sub id { return sprintf '%012x%012x', time() * 1000, ++$serial; }


# the JSON of a good job, after a change

sub job {
	my ($id, $change) = @_;
	my (undef, $text) = $d->job_json(id => $id, action => 'quota-recalc',
		target => $user);
	my $job = $json->decode($text);

	$change->($job);
	return $json->encode($job);
}


sub change { my ($name, $value) = @_; return sub { $_[0]{$name} = $value }; }

# what the job has, and what its text says

my @bad = (
	['an unknown action', change(action => 'mail-forge'), qr/action/],
	['an action of the agent', change(action => 'radicale-backup'),
		qr/radicale-backup is not done by Dovecot/],
	['no action', sub { delete $_[0]{action} }, qr/action/],
	['a huge target', change(target => 'a' x 3000 . '@some.test'),
		qr/target/],
	['a target with wildcards', change(target => '*'), qr/target/],
	['a target with a line of its own',
		change(target => "u\@some.test\nv\@some.test"), qr/target/],
	['a target that is no text', change(target => [1]), qr/target/],
	['a rate below zero', change(rate => -1), qr/rate/],
	['a huge rate', change(rate => 1e15), qr/rate/],
	['days of another action', change(junk_days => 7), qr/junk_days/],
	['a node that is none', change(nodes => ['../etc']), qr/nodes/],
	['more nodes than there can be',
		change(nodes => [map { "n$_" } 1 .. 100]), qr/nodes/],
	['a member that nobody knows', change(force => 1), qr/force/],
	['the id of another', change(id => id()), qr/another id/],
	['no id within', sub { delete $_[0]{id} }, qr/id/],
);

# what is no JSON of a job at all

my @raw = (
	['nothing', ''],
	['a bracket', '{'],
	['a list', '[]'],
	['invalid UTF-8', job(id(), sub { }) =~ s/some/\xff\xfe\xc0/r],
	['a NUL', job(id(), sub { }) =~ s/some/so\0me/r],
	['very much', '{"id": "' . 'x' x 200_000 . '"}'],
	['very deep', '[' x 100_000],
	['random bytes', join '', map { chr int rand 256 } 1 .. 5000],
);


sub fails {
	my ($name, $id, $text) = @_;
	my $job = $d->job_end($id, 20);

	is($job->{state}, 'failed', "$name: the job fails");
	like($job->{text}, $text, "$name: and says why");
	return;
}


for my $row (@bad) {
	my ($name, $change, $text) = @$row;
	my $id = id();

	push_raw($d, op => 'run', id => $id, job => job($id, $change));
	fails($name, $id, $text);
}

for my $row (@raw) {
	my ($name, $bytes) = @$row;
	my $id = id();

	push_raw($d, op => 'run', id => $id, job => $bytes);
	fails($name, $id, qr/\w/);
}

my $id = id();
push_raw($d, op => 'run', id => $id);
fails('no job', $id, qr/\w/);

# a wrong entry for a job that is under way leaves it alone

my $slow = $d->job_push(action => 'quota-recalc', rate => 1);
$d->job_at($slow, 1);
push_raw($d, op => 'run', id => $slow, job => 'garbage');

# nothing tells whose it is

my @nobody = (
	[a => 'b'], [op => 'run'], [op => 'run', id => ''],
	[op => 'run', id => '../../../etc/passwd', job => '{}'],
	[op => 'run', id => 'x' x 100_000, job => '{}'],
	[op => 'run', id => "\xff" x 24, job => '{}'],
	[op => 'run', id => uc 'abcdefabcdefabcdefabcdef', job => '{}'],
	[op => 'dance', id => id()], [op => "\0", id => id()],
	[op => 'cancel'], [op => 'cancel', id => 'nobody'],
	[op => 'cancel', id => id(), by => "\xff" x 1000],
	[map { ("f$_" => "v$_") } 1 .. 500],
);

push_raw($d, @$_) for @nobody;
my $good = $d->job_push(action => 'quota-recalc', target => $user);
is($d->job_end($good)->{state}, 'done', 'what comes next is done');
is($d->redis('XPENDING', 'mp:{jobs}:dovecot', $d->node())->[0], 0,
	'nothing is left open');
is($d->job($slow)->{state}, 'running', 'a job under way was left alone');
$d->job_cancel($slow);
$d->job_end($slow);

my $log = $t->read_file('log/dovecot.log');
my $dropped = () = $log =~ /entry \S+ .*dropped/g;
cmp_ok($dropped, '>=', 9, 'what has no id is told in the log');
is($d->worker_pid(), $pid, 'and it is the same worker');

# other things under our names in Redis

$d->redis('DEL', 'mp:{jobs}:dovecot');
$d->redis('SET', 'mp:{jobs}:dovecot', 'a string');
$d->wait_for(sub { status($d) =~ /queue .*WRONGTYPE/ }, 20, 'it to be told');
like(status($d), qr/^queue +.*WRONGTYPE/m,
	'a queue of another type is told in the status');
$d->redis('DEL', 'mp:{jobs}:dovecot');
$good = $d->job_push(action => 'quota-recalc', target => $user);
is($d->job_end($good)->{state}, 'done', 'and followed when it is one again');

my $blocked = id();
$d->redis('SET', "mp:{jobs}:p:$blocked", 'a string');
push_raw($d, op => 'run', id => $blocked,
	job => job($blocked, sub { $_[0]{id} = $blocked }));
$d->wait_for(sub { ($t->read_file('log/dovecot.log') // '')
	=~ /does not take how far jobs are: WRONGTYPE/ }, 20, 'a line of it');
$good = $d->job_push(action => 'quota-recalc', target => $user);
is($d->job_end($good)->{state}, 'done', 'others are told meanwhile');
$d->redis('DEL', "mp:{jobs}:p:$blocked");
is($d->job_end($blocked)->{state}, 'done', 'and that one when it can be');
is($d->worker_pid(), $pid, 'it is still the same worker');

$d->done();
