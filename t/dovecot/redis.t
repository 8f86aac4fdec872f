#!/usr/bin/perl

# Redis goes away, comes back, and comes back empty, while a job runs: the job
# goes on, and is told when there is somebody to tell.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use Test::Mailportal::Dovecot;
use Test::Mailportal::Worker;

use Time::HiRes qw/ sleep /;

my $d = Test::Mailportal::Dovecot->new(worker => { redis_timeout => '500ms' });
my $t = $d->t();
my @users = $d->add_users(150, 'many.test');
my $pid = $d->wait_for(sub { $d->worker_pid() }, 20, 'a worker');


sub job {
	my $id = $d->job_push(action => 'quota-recalc', target => 'many.test',
		rate => 50, @_);

	$d->job_at($id, 5);
	return $id;
}


sub whole {
	my ($name, $id) = @_;
	my $job = $d->job_end($id);

	is_deeply([@$job{qw/ state total done failed /}],
		['done', 150, 150, 0], "$name: the job is done");
	is($d->redis('HEXISTS', "mp:{jobs}:j:$id", 'job'), 1,
		"$name: its record is there");
	is($d->redis('ZSCORE', 'mp:{jobs}:index', $id) // '',
		hex(substr $id, 0, 6) * 2 ** 24 + hex substr($id, 6, 6),
		"$name: and it is in the list");
	return;
}


# a restart

my $id = job();
$t->restart('redis');
whole('restarted', $id);

# a connection that is cut

$id = job();
$d->redis('CLIENT', 'KILL', 'USER', 'mp-dovecot') for 1 .. 3;
whole('connections killed', $id);

# it does not answer, for longer than the job takes

$id = job();
my $n = done_lines($d, $id);
hold_redis($d);
$d->wait_for(sub { status($d) =~ /^redis .*does not answer in time/m }, 20,
	'it to be seen');
like(status($d), qr/^redis +Redis unix:\S+: does not answer in time$/m,
	'a Redis that hangs is seen by its deadline');
like(status($d), qr/^queue +waits for Redis$/m, 'the queue waits');
$d->wait_for(sub { ($t->read_file(journal_file($d, $id, 'done')) // '')
	=~ /^\+end\t/m }, 20, 'the end');
is(once_each($d, $id, 150), '', 'the job comes to its end all the same');
like(status($d), qr/$id .*: at its end, Redis is to be told/,
	'which the status says');
ok(-e journal_file($d, $id, 'job'), 'its journal stays until Redis has it');
resume_redis($d);
whole('stopped', $id);

# gone, and back empty

$id = job();
my $other = $d->job_push(action => 'quota-recalc', target => $users[0]);
$d->job_end($other);
$d->redis('FLUSHALL');
whole('emptied', $id);
is($d->redis('EXISTS', "mp:{jobs}:j:$other"), 0,
	'one that was at its end before is not made up again');

# the queue alone is deleted, under a reader who waits

for my $how ('DEL', 'UNLINK') {
	$d->redis($how, 'mp:{jobs}:dovecot');
	$id = $d->job_push(action => 'quota-recalc', target => $users[1]);
	is($d->job_end($id)->{state}, 'done', "$how of the queue: what is "
		. 'put into a new one is done');
}

$d->redis('XGROUP', 'DESTROY', 'mp:{jobs}:dovecot', $d->node());
$id = $d->job_push(action => 'quota-recalc', target => $users[1]);
is($d->job_end($id)->{state}, 'done', 'the group destroyed: it is made again');
my $log = $t->read_file('log/dovecot.log');
my $done = () = $log =~ /Job $id /g;
$t->redis('XGROUP', 'SETID', 'mp:{jobs}:dovecot', $d->node(), 0);
$d->job_end($d->job_push(action => 'quota-recalc', target => $users[1]));
is(() = $t->read_file('log/dovecot.log') =~ /Job $id /g, $done,
	'and what it holds from before is not done again');

# an entry that was read into the journal, and never acknowledged

kill 'STOP', $d->worker_pid();
$id = $d->job_push(action => 'quota-recalc', target => $users[2]);
$d->redis('XREADGROUP', 'GROUP', $d->node(), 'worker', 'STREAMS',
	'mp:{jobs}:dovecot', '>');
kill 'CONT', $d->worker_pid();
$d->redis('CLIENT', 'KILL', 'USER', 'mp-dovecot');
is($d->job_end($id)->{state}, 'done',
	'what was given to a reader who was cut off is read again');

# gone for a while

$id = job();
$t->stop('redis');
$d->wait_for(sub { done_lines($d, $id) >= 60 }, 20, 'the job to go on');
cmp_ok(scalar done_lines($d, $id), '>=', 60, 'a job goes on without Redis');
$t->start('redis');
whole('stopped and started', $id);
is($d->worker_pid(), $pid, 'it is the same worker all the time');

$d->done();
