#!/usr/bin/perl

# P5: a Redis that comes back without its last seconds, as after a crash of
# its machine or when a replica takes over, is told again how jobs ended.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use Test::Mailportal::Dovecot;
use Test::Mailportal::Worker;

my $d = Test::Mailportal::Dovecot->new(worker => { lanes => 2 });
my $t = $d->t();
my $data = $d->dir() . '/data/redis';
my $lost = 0;

quiet($d);
my @users = $d->add_users(20, 'lost.test');
$d->fill_maildir(\@users, 2);


# Redis as it is now, for later; and as it was then.

sub keep {
	hold_redis($d);
	my $rc = system 'cp', '-a', $data, "$data.then";
	resume_redis($d);
	die "cp\n" if $rc;
	return;
}


sub restore {
	$t->stop('redis');
	rename $data, "$data.lost" . ++$lost or die "$data: $!\n";
	rename "$data.then", $data or die "$data: $!\n";
	return $t->start('redis');
}


# A job that is at its last user while $between is called; as it was before.

sub half {
	my ($action) = @_;

	hold($d, $users[7]);
	my $id = $d->job_push(action => $action, target => 'lost.test');
	$d->job_at($id, @users - 1);
	is($d->job($id)->{state}, 'running', "$action: runs");
	keep();
	release($d, $users[7]);
	is($d->job_end($id)->{state}, 'done', 'and ends');
	return $id;
}


sub as_before {
	my ($id, $was) = @_;

	my $is = $d->wait_for(sub { my $job = $d->job($id);
		$job && $job->{state} ne 'running' ? $job : undef }, 30,
		'the end of the job, once more');
	return is_deeply($is, $was, 'it is told how the job ended');
}


# the connection was lost

my $id = half('index-rebuild');
my $was = $d->job($id);
ok(restore(), 'Redis comes back without the end');
as_before($id, $was);
is(once_each($d, $id, 20), '', 'nobody is worked on again');

# the worker ended, too

$id = half('index-rebuild');
$was = $d->job($id);
my $pid = $d->worker_pid();
kill 'STOP', $pid;
restore();
kill 'KILL', $pid;
as_before($id, $was);

# one that has failed as a whole, and one that was cancelled

my $failed = $d->job_push(action => 'index-rebuild',
	target => 'nobody@lost.test');
keep();
$was = $d->job_end($failed);
is($was->{state}, 'failed', 'a job fails');
restore();
$d->wait_for(sub { ($d->job($failed) // {})->{state} }, 30, 'the failed job');
is_deeply($d->job($failed), $was, 'which Redis is told again');

hold($d, $users[7]);
$id = $d->job_push(action => 'index-rebuild', target => 'lost.test');
$d->job_at($id, @users - 1);
keep();
$d->job_cancel($id);
release($d, $users[7]);
$was = $d->job_end($id);
like($was->{state}, qr/^(?:cancelled|done)$/, 'a job is cancelled');
restore();
as_before($id, $was);

# all this is not for ever

ok($d->wait_for(sub { !grep { -e journal_file($d, $_, '') } $id, $failed },
	40, 'the journals to go'), 'what Redis has kept is kept here no longer');
is($d->job($id)->{state}, $was->{state}, 'and stays in Redis');

$d->done();
