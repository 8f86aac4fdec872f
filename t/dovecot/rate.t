#!/usr/bin/perl

# The rate of a job is kept: not faster, and not much slower.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use Test::Mailportal::Dovecot;
use Test::Mailportal::Worker;

use Time::HiRes qw/ time /;

my $d = Test::Mailportal::Dovecot->new(worker => { lanes => 2 });

$d->add_users(300, 'many.test');
$d->add_users(60, 'few.test');

# from the first user to the last as the journal sees them: a job is never
# faster than its rate, however busy the machine is

for (['few.test', 30, 60], ['many.test', 150, 300]) {
	my ($domain, $rate, $users) = @$_;
	my $id = $d->job_push(action => 'quota-recalc', target => $domain,
		rate => $rate);
	my $first = $d->wait_for(sub { done_lines($d, $id) ? time() : 0 }, 20,
		'the first user');
	my $n = done_lines($d, $id);
	my $job = $d->job_end($id);
	my $took = time() - $first;

	cmp_ok($took, '>=', ($users - $n - 5) / $rate - 0.05,
		"$users users at $rate a second");
	is_deeply([@$job{qw/ state done /}], ['done', $users], 'all of them');
}

# a rate of one a second begins at once, and does not hold others up

my $slow = $d->job_push(action => 'quota-recalc', rate => 1);
is($d->job_at($slow, 1)->{state}, 'running', 'the first does not wait');
my $fast = $d->job_end($d->job_push(action => 'index-rebuild',
	target => 'many.test'));
is($fast->{done}, 300, 'another job is done meanwhile');
my $job = $d->job($slow);
is($job->{state}, 'running', 'before the slow one');

# and the time that is left is told by the pace

$job = $d->wait_for(sub { my $j = $d->job($slow);
	($j->{eta} // -1) > 0 ? $j : 0 }, 20, 'a guess');
cmp_ok($job->{eta}, '>=', 100, 'which is a long time');
like(status($d), qr/$slow .*, \d+ s left/, 'that the status tells too');
$d->job_cancel($slow);
is($d->job_end($slow)->{state}, 'cancelled', 'a slow job ends at once');

# without a rate the pace of the last seconds tells it: all but one are done,
# some of them since more than a second

my @users = map { "u$_\@few.test" } 30, 31;
$d->fill_maildir(\@users, 1);
hold($d, $_) for @users;
my $id = $d->job_push(action => 'index-rebuild', target => 'few.test');
$d->wait_for(sub { busy($d) == 2 }, 20, 'two lanes at work');
my $then = time();
$d->wait_for(sub { time() > $then + 1.2 }, 20, 'the clock');
release($d, $users[0]);
$job = $d->job_at($id, 59);
is_deeply([@$job{qw/ total done eta /}], [60, 59, 0],
	'a job without a rate tells what is left, too');
release($d, $users[1]);
is($d->job_end($id)->{state}, 'done', 'and ends');

$d->done();
