#!/usr/bin/perl

# Lanes are killed: their users are worked on once more, then failed by name.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use Test::Mailportal::Dovecot;
use Test::Mailportal::Worker;

use POSIX ();
use Time::HiRes qw/ sleep /;

my $d = Test::Mailportal::Dovecot->new(worker => { lanes => 2 },
	allow => [qr/mailportal-lane.*killed with signal 9/]);
my $t = $d->t();

quiet($d);

my @users = $d->add_users(100, 'many.test', mail => 'sdbox:~/sdbox');
my ($victim) = $d->add_users(['victim@one.test']);

$d->fill(\@users, 2);
$d->fill_maildir($victim, 2);


sub end_in_journal {
	my ($id) = @_;

	return $d->wait_for(sub {
		($t->read_file(journal_file($d, $id, 'done')) // '')
			=~ /^\+end\t/m }, 40, 'the end of the job');
}


# at any moment; on a busy machine a job is done before it met many kills

my $kills = 0;


sub killed_at_any_moment {
	my $id = $d->job_push(action => 'index-rebuild', target => 'many.test',
		rate => 40);
	my $seen = 0;

	while (!-s journal_file($d, $id, 'users')) { sleep 0.01; }
	while ($kills < 10) {
		$d->wait_for(sub { done_lines($d, $id) > $seen }, 40,
			'progress');
		$seen = done_lines($d, $id) + 6;
		last if $seen >= 90;
		# Dovecot waits before it starts anew what ends as soon as it
		# begins
		my @pids;
		$d->wait_for(sub { @pids = $d->lane_pids();
			@pids && status($d) =~ /(\d+) connected/
				&& $1 == @pids }, 40, 'lanes that are there');
		$kills += kill 'KILL', $pids[0] // die "no lane\n";
	}
	hold_redis($d);
	end_in_journal($id);
	is(once_each($d, $id, 100), '', 'each user was worked on once');
	resume_redis($d);
	return $d->job_end($id);
}


my %lost;
my %failed;

while ($kills < 5) {
	my $job = killed_at_any_moment();

	is_deeply([@$job{qw/ total done /}], [100, 100],
		'nobody is left out');
	$failed{ $_->{target} } = 1 for @{ $job->{errors} };
}
pass("lanes were killed $kills times");

# one whose second lane was killed too, by chance, has failed
$lost{$_}++ for $t->read_file('log/dovecot.log')
	=~ /A lane ended while it worked on (\S+)/g;
is(scalar(grep { $lost{$_} < 2 } keys %failed), 0,
	'who failed was in two lanes that were killed');

# at work on a user: once

hold($d, $victim);
my $id = $d->job_push(action => 'index-rebuild', target => $victim);
$d->wait_for(sub { busy($d) == 1 }, 20, 'a lane at work');
$d->kill_lanes();
$d->wait_for(sub { $d->lane_pids() && busy($d) == 1 }, 20, 'another lane');
release($d, $victim);
my $job = $d->job_end($id);
is_deeply([@$job{qw/ state done failed messages /}], ['done', 1, 0, 2],
	'a user whose lane is killed is worked on by another');

# twice

hold($d, $victim);
$id = $d->job_push(action => 'index-rebuild', target => $victim);
for (1 .. 2) {
	$d->wait_for(sub { busy($d) == 1 }, 20, 'a lane at work');
	my ($pid) = $d->lane_pids();
	$d->kill_lanes();
	$d->wait_for(sub { !grep { $_ == $pid } $d->lane_pids() }, 10,
		'the lane to end');
}
$job = $d->job_end($id);
is_deeply([@$job{qw/ state done failed /}], ['done-with-failures', 1, 1],
	'and fails when that one is killed too');
is_deeply($job->{errors}, [{ target => $victim,
	text => 'the process that worked on it ended unexpectedly' }],
	'by name');
release($d, $victim);

$job = $d->job_end($d->job_push(action => 'index-rebuild',
	target => $victim));
is($job->{state}, 'done', 'the next job for that user is done');

# a lane that is killed leaves the lock of its Maildir, as Dovecot writes it:
# that of a process which is there is waited for up to two minutes

my ($pid) = $d->lane_pids();
$d->kill_lanes();
$d->wait_for(sub { !-e "/proc/$pid" }, 20, 'the lane to be gone');
hold($d, $victim, "$pid:" . (POSIX::uname())[1]);
like($d->deliver($victim), qr/^250/, 'mail is taken all the same');
ok($d->wait_for(sub { $d->count($victim) == 3 }, 60, 'the new message'),
	'and shown soon, for Dovecot sees that nobody has the lock');
hold($d, $victim, "$pid:" . (POSIX::uname())[1]);
$job = $d->job_end($d->job_push(action => 'index-rebuild',
	target => $victim));
is_deeply([@$job{qw/ state failed messages /}], ['done', 0, 3],
	'nor does the next job');

$d->done();
