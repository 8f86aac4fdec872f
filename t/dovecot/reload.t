#!/usr/bin/perl

# doveadm reload and a restart of Dovecot in the middle of jobs.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use Test::Mailportal::Dovecot;
use Test::Mailportal::Worker;

my $d = Test::Mailportal::Dovecot->new(quota => 'maildir:User quota',
	worker => { lanes => 2 });
my $t = $d->t();

quiet($d);
my @users = $d->add_users(150, 'many.test');

$d->fill_maildir([@users[0 .. 3]], 2);


sub end_in_journal {
	my ($id) = @_;

	return $d->wait_for(sub {
		($t->read_file(journal_file($d, $id, 'done')) // '')
			=~ /^\+end\t/m }, 40, 'the end of the job');
}


# again and again

my $id = $d->job_push(action => 'quota-recalc', target => 'many.test',
	rate => 40);
for my $at (10, 40, 70, 100) {
	$d->wait_for(sub { done_lines($d, $id) >= $at }, 30, "$at users");
	$d->reload();
}
hold_redis($d);
end_in_journal($id);
is(once_each($d, $id, 150), '', 'four reloads: each user was worked on once');
resume_redis($d);
is_deeply([@{ $d->job_end($id) }{qw/ state total done failed /}],
	['done', 150, 150, 0], 'and the job is done');

# while a lane works on a user, for longer than it is waited for

hold($d, $users[0]);
$id = $d->job_push(action => 'index-rebuild', target => $users[0]);
$d->wait_for(sub { busy($d) == 1 }, 20, 'a lane at work');
my $was = $d->worker_pid();
is(($d->stock('reload'))[0], 0, 'a reload while a lane is at work');
$d->wait_for(sub { !kill 0, $was }, 20, 'the old worker to end');
ok(!kill(0, $was), 'the old worker does not wait for ever');
$d->wait_for(sub { status($d) =~ /its lanes, to end/ }, 20, 'status');
like(status($d), qr/its lanes, to end/, 'the new one waits for the lane');
release($d, $users[0]);
my $job = $d->job_end($id);
is_deeply([@$job{qw/ state done failed messages /}], ['done', 1, 0, 2],
	'what the lane did is in the count');

# an answer that comes in time

hold($d, $users[1]);
$id = $d->job_push(action => 'index-rebuild', target => $users[1]);
$d->wait_for(sub { busy($d) == 1 }, 20, 'a lane at work');
$was = $d->worker_pid();
is(($d->stock('reload'))[0], 0, 'a reload');
release($d, $users[1]);
is($d->job_end($id)->{state}, 'done', 'and an answer that comes meanwhile');

# the configuration is read anew

$d->set_worker(lanes => 3);
$d->wait_for(sub { status($d) =~ /^lanes +3 at most/m }, 20, 'three lanes');
like(status($d), qr/^lanes +3 at most/m, 'worker.conf is read anew');

# a restart

$id = $d->job_push(action => 'quota-recalc', target => 'many.test',
	rate => 60);
$d->wait_for(sub { done_lines($d, $id) >= 20 }, 30, '20 users');
$t->restart('dovecot');
hold_redis($d);
end_in_journal($id);
is(once_each($d, $id, 150), '',
	'a restart of Dovecot: each user was worked on once');
resume_redis($d);
is($d->job_end($id)->{state}, 'done', 'and the job is done');

# no lane that nobody needs any more

$d->job_end($d->job_push(action => 'quota-recalc', target => $users[3]));
my @lanes = $d->lane_pids();
cmp_ok(scalar @lanes, '<=', 3, 'no more lanes than there may be');

$d->done();
