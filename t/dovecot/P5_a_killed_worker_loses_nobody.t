#!/usr/bin/perl

# P5: the worker is killed at any moment, again and again: every user is
# done, and none is done twice but those who were in hand.

use warnings;
use strict;

use Test::More;

use lib 't/lib';
use Test::Mailportal::Dovecot::Jobs qw/ failures sum_of /;

my ($users, $lanes) = (300, 2);
my $d = Test::Mailportal::Dovecot::Jobs->new(worker => { lanes => $lanes });
my @names = $d->crowd($users, 'crowd.example', format => 'sdbox',
	messages => 1);
my @job = (target => 'crowd.example');

srand 11;


# Checks a job that is at its end, and what Dovecot tells of it, when so many
# users may have been in hand.

sub done_with_all {
	my ($what, $id, $from, $in_hand) = @_;
	my $job = $d->get_end($id) or return fail("$what: no end");
	my $times = $d->rebuilt($from);
	my @missing = grep { !$times->{$_} } @names;
	my $twice = 0;

	$twice += ($times->{$_} // 1) - 1 for @names;
	is(sum_of($job), "done $users $users 0 0", "$what: done with all")
		or diag(failures($job));
	is(join(' ', splice @missing, 0, 5), '', 'nobody is left out');
	cmp_ok($twice, '<=', $in_hand, "of $in_hand users who may have been "
		. "in hand $twice were done again");
	is_deeply($d->journal($id), { job => undef, users => undef,
		done => undef }, 'nothing of it is left on the disk')
		if $d->wait_for(sub { !grep { defined }
			values %{ $d->journal($id) } }, 30,
			'the end of the journal');
	return;
}


# In the middle, at several places

my $from = $d->log_end();
my $id = $d->begin('index-rebuild', @job, rate => 60);
my ($kills, $last, $back) = (0, 0, 0);

for my $place (1, 40, 41, 120, 200, 290) {
	$d->get_when($id, sub {
		my ($job) = @_;
		$back++ if $job->{done} < $last;
		$last = $job->{done};
		return $last >= $place;
	}, 30, "$place users") or last;
	$d->kill_worker();
	$kills++;
}
is($kills, 6, 'the worker is killed six times');
done_with_all('in the middle', $id, $from, $kills * $lanes);
is($back, 0, 'what is told of it never goes back');

# With the lanes, which then have users in hand for a second time

$from = $d->log_end();
$id = $d->begin('index-rebuild', @job, rate => 100);
for my $place (30, 100, 200) {
	$d->get_when($id, sub { $_[0]{done} >= $place }, 30, "$place users");
	kill KILL => $d->worker_pid(), $d->lane_pids();
}
done_with_all('with its lanes', $id, $from, 2 * 3 * $lanes);

# Only the lanes: their users are tried once more

$from = $d->log_end();
$id = $d->begin('index-rebuild', @job, rate => 100);
for my $place (30, 150) {
	$d->get_when($id, sub { $_[0]{done} >= $place }, 30, "$place users");
	$d->kill_lanes();
}
done_with_all('only the lanes', $id, $from, 2 * $lanes);

# From the first moment on: while it takes the job, lists the users and writes
# that down

for my $round (1 .. 6) {
	$from = $d->log_end();
	$id = $d->begin('index-rebuild', @job);

	my $kills = 0;
	for (1 .. 3) {
		kill KILL => $d->worker_pid() // next;
		$kills++;
		select undef, undef, undef, rand 0.06;
	}
	done_with_all("at once, round $round", $id, $from,
		$kills * $lanes);
}

# What is asked twice with one key is done once, whatever happens to the
# worker between

$from = $d->log_end();
my $first = $d->post('index-rebuild', @job, rate => 200, key => 'the-key');
$d->kill_worker();
my $second = $d->post('index-rebuild', @job, rate => 200, key => 'the-key');
is($second->{json}{id}, $first->{json}{id}, 'the same key is the same job');
done_with_all('asked twice', $first->{json}{id}, $from, $lanes);

$d->t()->allow(qr/killed with signal 9/);
$d->done();
