#!/usr/bin/perl

# P5: a job that is cancelled begins no other user.

use warnings;
use strict;

use Test::More;

use lib 't/lib';
use Test::Mailportal::Dovecot::Jobs qw/ sum_of /;

my ($users, $lanes) = (1000, 2);
my $d = Test::Mailportal::Dovecot::Jobs->new(audit => 1, worker => { lanes => $lanes });

$d->crowd($users, 'crowd.example', messages => 1);

my @job = (target => 'crowd.example');


sub begun { return scalar keys %{ $d->looked_up($_[0]) }; }


# The lanes are held in the middle, so that what happens after the cancel can
# be told from what happened before.

for my $rate (undef, 50) {
	my $what = $rate ? "$rate users a second" : 'no limit';
	my $from = $d->log_end();
	my $id = $d->begin('index-rebuild', @job,
		$rate ? (rate => $rate) : ());

	$d->wait_for(sub { begun($from) >= 20 }, 20, 'the first users');
	my @lanes = $d->lane_pids();
	is(kill(STOP => @lanes), $lanes, "$what: the lanes are held");
	my $before = begun($from);
	cmp_ok($before, '<', $users - $lanes, 'in the middle');

	my $res = $d->cancel($id);
	is($res->{status}, 202, 'DELETE is taken') or diag($res->{body});
	ok($d->has_read_all(), 'and the worker has read it');
	kill CONT => @lanes;

	my $job = $d->get_end($id);
	is($job->{state}, 'cancelled', 'the job is cancelled');
	is($job->{cancelled_by}, 'admin', 'by somebody');

	my $after = begun($from);
	cmp_ok($after - $before, '<=', $lanes,
		'and no user was begun but those in hand');
	is($job->{done}, $after, 'it tells how many were done');
	is($job->{total}, $users, 'of how many');
	is($d->cancel($id)->{status}, 409, 'it cannot be cancelled again');
}

# the next one is not held by it

my $job = $d->run('index-rebuild', @job);
is(sum_of($job), "done $users $users 0 0", 'another one is done with all');
is($d->cancel($job->{id})->{status}, 409, 'and cannot be cancelled then');

# one that has not begun, for the worker is held

my $worker = $d->worker_pid();
kill STOP => $worker;
my $from = $d->log_end();
my $id = $d->begin('quota-recalc', @job);
is($d->cancel($id)->{status}, 202, 'a job that has not begun');
kill CONT => $worker;
is($d->get_end($id)->{state}, 'cancelled', 'is cancelled');
cmp_ok(begun($from), '<=', $lanes, 'before more than the lanes take at once');

$d->done();
