#!/usr/bin/perl

# P9: whatever is in the queue, the worker lives, and says which job it could
# not do.

use warnings;
use strict;

use Test::More;

use lib 't/lib';
use Test::Mailportal::Dovecot::Jobs qw/ failures sum_of /;

my $d = Test::Mailportal::Dovecot::Jobs->new();
my $t = $d->t();
my $queue = 'mp:{jobs}:dovecot';
my ($user) = $d->crowd(2, 'crowd.example', messages => 3);
my $worker = $d->worker_pid();


sub put { return $d->redis('XADD', $queue, '*', @_); }


# JSON of a job that would be done, with its id, spoiled by a function.

sub spoiled {
	my ($spoil) = @_;
	my ($id, $json) = $d->job_json(action => 'quota-recalc',
		target => $user);

	return ($id, $spoil->($json));
}


sub lives {
	my ($what) = @_;

	ok($d->has_read_all(), "$what: is read and acknowledged");
	is($d->worker_pid(), $worker, 'and the worker lives');
	return;
}


# What has no id can be named to nobody.

my %nameless = (
	'an unknown operation' => [op => 'dance', id => 'x'],
	'no operation' => [nothing => 'at all'],
	'no id' => [op => 'run', job => '{}'],
	'an id that is none' => [op => 'run', id => '../../etc/passwd',
		job => '{}'],
	'an id of a megabyte' => [op => 'run', id => 'a' x 1_000_000,
		job => '{}'],
	'a cancel of nothing' => [op => 'cancel', id => 'f' x 24, by => 'x'],
	'invalid bytes' => ["\xff\xfe", "\x00\xc3\x28"],
	'a field without end' => [map { ("f$_", 'v' x 100) } 1 .. 5000],
);

for my $what (sort keys %nameless) {
	put(@{ $nameless{$what} });
	lives($what);
}

# What has one is a job that fails by name.

my %broken = (
	'an unknown action' => sub { $_[0] =~ s/quota-recalc/make-coffee/r },
	'an action of the agent' =>
		sub { $_[0] =~ s/quota-recalc/radicale-backup/r },
	'a huge target' => sub { $_[0] =~ s/\Q$user/'u' x 900_000/er },
	'a target with a wildcard' => sub { $_[0] =~ s/\Q$user/*/r },
	'a target that is a path' =>
		sub { $_[0] =~ s!\Q$user!../../../etc/passwd!r },
	'invalid UTF-8' => sub { $_[0] =~ s/\Q$user/u\xff\xc0\@x.example/r },
	'half of it' => sub { substr $_[0], 0, length($_[0]) / 2 },
	'no JSON' => sub { 'FLUSHALL' },
	'nothing' => sub { '' },
	'an array' => sub { "[$_[0]]" },
	'ten thousand brackets' => sub { '[' x 10_000 },
	'a number that is a text' => sub { $_[0] =~ s/"rate":0/"rate":"x"/r },
	'a number below all' => sub { $_[0] =~ s/"rate":0/"rate":-7/r },
);

for my $what (sort keys %broken) {
	my ($id, $json) = spoiled($broken{$what});

	put(op => 'run', id => $id, job => $json);
	my $job = $d->job_end($id, 20) // {};
	is($job->{state}, 'failed', "$what: the job has failed");
	ok(length($job->{text} // ''), 'and says why: '
		. ($job->{text} // ''));
	lives($what);
}

# one that says that it is another

my ($id, $json) = $d->job_json(action => 'quota-recalc', target => $user);
my ($other) = $d->job_json(action => 'quota-recalc', target => $user);
put(op => 'run', id => $other, job => $json);
is(($d->job_end($other, 20) // {})->{state}, 'failed',
	'a job under the name of another');
is($d->job($id), undef, 'which is not begun by that');
lives('a job under the name of another');

# a mailbox that there is not is for Dovecot to say

my $job = $d->run('quota-recalc', target => 'nobody@crowd.example');
is($job->{state}, 'failed', 'a mailbox that there is not');
like(failures($job), qr/there is no such user/, 'says so')
	or diag(explain($job));

$job = $d->run('index-rebuild', target => 'nowhere.example');
is(sum_of($job), 'done 0 0 0 0', 'a domain that there is not has nobody')
	or diag(explain($job));

# the queue itself is something else

$d->redis('DEL', $queue);
is(sum_of($d->run('quota-recalc', target => $user)), 'done 1 1 0 0',
	'the queue was removed: the next job is done');
is($d->worker_pid(), $worker, 'by the worker of before');
$d->redis('DEL', $queue);
$d->redis('SET', $queue, 'a text');
cmp_ok($d->post('quota-recalc', target => $user)->{status}, '>=', 500,
	'the queue is no queue: no job is taken');
$d->redis('DEL', $queue);
my $again = $d->post('quota-recalc', target => $user);
if ($again->{status} == 409) {
	my $half = $again->{json}{job};
	is($d->cancel($half)->{status}, 202, 'what was made of it');
	is(($d->get_end($half) // {})->{state}, 'cancelled', 'is cancelled');
	$again = $d->post('quota-recalc', target => $user);
}
is(sum_of($d->get_end($again->{json}{id}) // {}), 'done 1 1 0 0',
	'it is gone: the next job is done');
is($d->worker_pid(), $worker, 'by the worker of before');

$d->done();
