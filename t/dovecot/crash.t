#!/usr/bin/perl

# P5: the worker is killed at many moments of a job; each user is worked on
# once, nobody is left out, and the end is told.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use Test::Mailportal::Dovecot;
use Test::Mailportal::Worker;

use Time::HiRes qw/ sleep /;

my $d = Test::Mailportal::Dovecot->new(quota => 'maildir:User quota',
	worker => { lanes => 2 });
my $t = $d->t();

quiet($d);
my @users = $d->add_users(120, 'many.test');

$d->fill_maildir(\@users, 2);
$d->deliver($_) for @users[0 .. 9];
$d->fake_maildirsize($_, 999999, 777) for @users[0 .. 9];

# killed again and again, as soon as there is one

my $id = $d->job_push(action => 'quota-recalc', target => 'many.test',
	rate => 60);
my $kills = 0;
my $seen = 0;

while (!-s journal_file($d, $id, 'users')) { sleep 0.01; }
while ($kills < 12) {
	$d->wait_for(sub { done_lines($d, $id) > $seen }, 20, 'progress');
	$seen = done_lines($d, $id) + 5;
	last if $seen >= 100;
	sleep rand 0.05;
	$d->kill_worker();
	$kills++;
}
cmp_ok($kills, '>=', 5, "the worker was killed $kills times");

# the end is in the journal while Redis does not take it

hold_redis($d);
$d->wait_for(sub { ($t->read_file(journal_file($d, $id, 'done')) // '')
	=~ /^\+end\t/m }, 30, 'the end of the job');
is(once_each($d, $id, 120), '', 'each user was worked on once');
$d->kill_worker();
resume_redis($d);

my $job = $d->job_end($id);
is($job->{state}, 'done', 'killed between its end and its report, it is told');
is_deeply([@$job{qw/ total done failed /}], [120, 120, 0],
	'nobody is left out, nobody twice');
is($job->{drifted}, 10, 'what was found before a kill is counted');
is(scalar @{ $job->{details} }, 10, 'and named');
$d->wait_for(sub { !-e journal_file($d, $id, '') }, 30, 'the journal to go');
ok(!-e journal_file($d, $id, ''), 'then the journal goes');

# killed while the userdb is asked, and before the first user

for my $after (0, 0.002, 0.005, 0.01, 0.02, 0.05) {
	$id = $d->job_push(action => 'quota-recalc', target => 'many.test');
	sleep $after;
	$d->kill_worker();
	$job = $d->job_end($id);
	is_deeply([@$job{qw/ state total done /}], ['done', 120, 120],
		"killed after $after s, it is done");
}

# killed while a lane works on a user

hold($d, $users[0]);
$id = $d->job_push(action => 'index-rebuild', target => $users[0]);
$d->wait_for(sub { busy($d) == 1 }, 20, 'a lane at work');
$d->kill_worker();
$d->wait_for(sub { status($d) =~ /its lanes, to end/ }, 20, 'it to wait');
like(status($d), qr/its lanes, to end/, 'a new worker waits for the lane');
hold_redis($d);
release($d, $users[0]);
$d->wait_for(sub { ($t->read_file(journal_file($d, $id, 'done')) // '')
	=~ /^\+end\t/m }, 30, 'the end of the job');
is(once_each($d, $id, 1), '', 'what the lane did is not done again');
resume_redis($d);
$job = $d->job_end($id);
is_deeply([@$job{qw/ state done messages /}], ['done', 1, 3],
	'and is in the count');

# an entry that was read and not acknowledged is there after a kill

kill 'STOP', $d->worker_pid();
$id = $d->job_push(action => 'quota-recalc', target => $users[3]);
$d->kill_worker();
is($d->job_end($id)->{state}, 'done', 'a job is done that waited in the queue');

$d->done();
