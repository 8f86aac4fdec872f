#!/usr/bin/perl

# The worker's memory over 10,000 users: small, and flat.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use Test::Mailportal::Dovecot;
use Test::Mailportal::Worker;

my $d = Test::Mailportal::Dovecot->new();

$d->add_users(10_000, 'large.test');
my $pid = $d->worker_pid();


sub files { my @fd = glob "/proc/$pid/fd/*"; return scalar @fd; }


# one job for all

my $id = $d->job_push(action => 'quota-recalc', target => 'large.test');
my $before = $d->memory($pid);
my $files = files();

my $job = $d->job_at($id, 1000, 60);
my $early = $d->memory($pid);
$job = $d->job_end($id, 120);
my $late = $d->memory($pid);

is_deeply([@$job{qw/ state done failed skipped /}],
	['done', 10_000, 0, 10_000], 'a job for 10,000 users');
is($d->worker_pid(), $pid, 'by one worker');
diag("resident: $before KiB before, $early KiB at 1,000 users, $late KiB "
	. 'at the end');

SKIP: {
	skip 'ASan keeps what is freed', 2 if $d->t()->build() =~ /sanitize/;
	cmp_ok($late, '<=', 16 * 1024, 'the worker stays below 16 MiB');
	cmp_ok($late, '<=', $early + 512, 'and does not grow on the way');
}

# many jobs

$d->job_end($d->job_push(action => 'quota-recalc',
	target => "u$_\@large.test")) for 1 .. 20;
$early = $d->memory($pid);
my @ids = map { $d->job_push(action => 'quota-recalc',
	target => "u$_\@large.test") } 1 .. 500;
$d->job_end($_) for @ids;
$late = $d->memory($pid);
diag("$early KiB after 20 jobs, $late KiB after 500 more");

SKIP: {
	skip 'ASan keeps what is freed', 1 if $d->t()->build() =~ /sanitize/;
	cmp_ok($late, '<=', $early + 1024, 'jobs leave nothing behind');
}

# a lane each, and what is at hand; not one for each of 500 jobs
$d->wait_for(sub { files() <= $files + 16 }, 20, 'files to be closed');
cmp_ok(files(), '<=', $files + 16, 'nor open files');

$d->done();
