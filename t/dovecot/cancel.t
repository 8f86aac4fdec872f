#!/usr/bin/perl

# A job is cancelled within one user, wherever it stands.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use Test::Mailportal::Dovecot;
use Test::Mailportal::Worker;

my $d = Test::Mailportal::Dovecot->new(worker => { lanes => 2 });
my $t = $d->t();

quiet($d);
my @users = $d->add_users(300, 'many.test');
my $all = $d->users();

$d->fill_maildir([@users[0 .. 2]], 1);


sub gone {
	my ($id) = @_;

	return $d->wait_for(sub { !-e state($d) . "/jobs/$id" }, 30,
		'the journal to go');
}


# in the middle

my $id = $d->job_push(action => 'quota-recalc', rate => 100);
$d->job_at($id, 10);
$d->job_cancel($id, 'operator');
my $job = $d->job_end($id);
is($job->{state}, 'cancelled', 'a running job is cancelled');
cmp_ok($job->{done}, '>=', 10, 'what was done is counted');
cmp_ok($job->{done}, '<', $all, 'the others are left alone');
is($job->{total}, $all, 'and the total stays');
like($job->{ended_at}, qr/Z$/, 'it has an end');
ok(gone($id), 'its journal goes');
is($d->redis('HGET', "mp:{jobs}:j:$id", 'cancel'), 'operator',
	'who wanted it is in the record');

my $at = $job->{done};
$d->job_end($d->job_push(action => 'quota-recalc', target => $users[9]));
is($d->job($id)->{done}, $at, 'and it stays at its end');

# within one user: those at hand are waited for

hold($d, $_) for @users[0, 1];
$id = $d->job_push(action => 'index-rebuild', target => 'many.test');
$d->wait_for(sub { busy($d) == 2 }, 20, 'two lanes at work');
$d->job_cancel($id);
$d->wait_for(sub { status($d) =~ /is being cancelled/ }, 10, 'status');
like(status($d), qr/$id index-rebuild many\.test: is being cancelled/,
	'while users are at hand it is being cancelled');
release($d, $_) for @users[0, 1];
$job = $d->job_end($id);
is_deeply([@$job{qw/ state done failed /}], ['cancelled', 2, 0],
	'they are worked on to their end, and no others');

# before it begins

hold($d, $users[0]);
my @busy = map { $d->job_push(action => 'index-rebuild', target => $users[0],
	created_by => "a$_") } 1 .. 8;
$d->wait_for(sub { status($d) =~ /$busy[7]/ }, 20, 'all places to be taken');
$id = $d->job_push(action => 'quota-recalc', target => $users[2]);
$d->wait_for(sub { status($d) =~ /^waiting +1 jobs/m }, 20, 'it to wait');
$d->job_cancel($id);
$job = $d->job_end($id);
is_deeply([@$job{qw/ state total done started_at /}],
	['cancelled', 0, 0, undef], 'one that waits is cancelled at once');
$d->job_cancel($_) for @busy;
release($d, $users[0]);
is($d->job_end($_)->{state}, 'cancelled', 'so is each that runs') for @busy;

# while nobody is there to read it

$id = $d->job_push(action => 'quota-recalc', rate => 50);
$d->job_at($id, 5);
kill 'STOP', $d->worker_pid();
$d->job_cancel($id);
$d->kill_worker();
is($d->job_end($id)->{state}, 'cancelled',
	'a cancellation waits for a new worker');

# its entry was read, the worker was killed, and Redis came back empty

$id = $d->job_push(action => 'quota-recalc', rate => 50);
$d->job_at($id, 5);
hold($d, $users[1]);
my $held = $d->job_push(action => 'index-rebuild', target => $users[1]);
$d->wait_for(sub { busy($d) >= 1 }, 20, 'a lane at work');
$d->job_cancel($held);
$d->wait_for(sub { -e journal_file($d, $held, 'cancel') }, 10,
	'the cancellation to be on the disk');
kill 'KILL', $d->worker_pid();
$d->redis('FLUSHALL');
release($d, $users[1]);
is($d->job_end($held)->{state}, 'cancelled',
	'a cancellation outlives the worker and Redis');
is($d->redis('HGET', "mp:{jobs}:j:$held", 'cancel'), 'admin',
	'and is in the record again');

# only the record says it

$d->job_cancel($id);
is($d->job_end($id)->{state}, 'cancelled', 'the other job goes on till then');
$id = $d->job_push(action => 'quota-recalc', rate => 50);
$d->job_at($id, 5);
$d->redis('HSETNX', "mp:{jobs}:j:$id", 'cancel', 'somebody');
$d->kill_worker();
is($d->job_end($id)->{state}, 'cancelled',
	'a job that is taken up again sees it in its record');

# an id that nobody has

$d->job_cancel('01890000000000000000beef');
push_raw($d, op => 'cancel', id => 'x' x 70000, by => 'admin');
is($d->job_end($d->job_push(action => 'quota-recalc', target => $users[2]))
	->{state}, 'done', 'cancelling what is not there harms nobody');

$d->done();
