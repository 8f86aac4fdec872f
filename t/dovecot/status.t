#!/usr/bin/perl

# doveadm mailportal status: what the worker says of itself.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use Test::Mailportal::Dovecot;
use Test::Mailportal::Worker;

my $d = Test::Mailportal::Dovecot->new(worker => { lanes => 2 });
my $t = $d->t();

quiet($d);
my @users = $d->add_users(20, 'some.test');
my $node = $d->node();
my $pid = $d->worker_pid();

$d->fill_maildir([$users[0]], 1);
$d->wait_for(sub { status($d) =~ /^queue +ok$/m }, 20, 'the queue');

# each part has a line

my $status = status($d);
like($status, qr/^worker +\Q$node\E, process $pid, version \d/,
	'which worker it is');
like($status, qr/^redis +ok$/m, 'Redis');
like($status, qr/^queue +ok$/m, 'the queue');
like($status, qr/^lanes +2 at most, \d connected, 0 at work$/m, 'the lanes');
unlike($status, qr/^(?:job|waiting)/m, 'no job');

# a job

hold($d, $users[0]);
my $id = $d->job_push(action => 'index-rebuild', target => 'some.test');
$d->wait_for(sub { status($d) =~ /$id .* 19 of 20/ }, 20, 'the job');
like(status($d), qr/^job +$id index-rebuild some\.test: runs, 19 of 20 users/m,
	'a job, and how far it is');
like(status($d), qr/^lanes .*, 1 at work$/m, 'a lane that is at work');

# without Redis

hold_redis($d);
$d->wait_for(sub { status($d) =~ /^redis .*in time/m }, 20, 'it to be seen');
$status = status($d);
like($status, qr/^redis +Redis \S+: does not answer in time$/m,
	'Redis that is away');
like($status, qr/$id .* 19 of 20/, 'and the job all the same');
resume_redis($d);
release($d, $users[0]);
$d->job_end($id);
$d->wait_for(sub { status($d) !~ /$id/ }, 20, 'it to go');
unlike(status($d), qr/$id/, 'a job at its end is not there any more');

# a password that is none

my $file = $d->dir() . '/secrets/redis-mp-dovecot.pw';
my $password = $t->read_file($file);
$t->write_file('secrets/redis-mp-dovecot.pw', "wrong\n");
$d->redis('CLIENT', 'KILL', 'USER', 'mp-dovecot');
$d->wait_for(sub { status($d) =~ /^redis .*WRONGPASS/m }, 20, 'the answer');
like(status($d), qr/^redis .*WRONGPASS/m, 'what Redis says to a wrong password');
unlink $file;
$d->wait_for(sub { status($d) =~ /^redis .*No such file/m }, 20, 'no file');
like(status($d), qr/^redis .*redis_password_file .*No such file/m,
	'a file that is not there');
$t->write_file('secrets/redis-mp-dovecot.pw', $password);
$d->wait_for(sub { status($d) =~ /^redis +ok$/m }, 20, 'Redis');
like(status($d), qr/^redis +ok$/m, 'it comes back by itself');

# a Redis that forgets

$d->redis('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
$d->redis('CLIENT', 'KILL', 'USER', 'mp-dovecot');
$d->wait_for(sub { status($d) =~ /^redis .*noeviction/m }, 20, 'it');
like(status($d), qr/^redis .*maxmemory-policy is allkeys-lru/m,
	'a Redis that would forget is not used, and why');
$d->redis('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
$d->wait_for(sub { status($d) =~ /^redis +ok$/m }, 20, 'Redis');

# a disk that takes nothing: a folder cannot be made where a file is

rename state($d) . '/jobs', state($d) . '/jobs.away' or die $!;
$t->write_file(state($d) =~ s!^\Q@{[$d->dir()]}\E/!!r . '/jobs', '');
$id = $d->job_push(action => 'quota-recalc', target => $users[1]);
$d->wait_for(sub { status($d) =~ /^queue .*Not a directory/m }, 20, 'it');
like(status($d), qr/^queue .*mkdir.*Not a directory/m,
	'a job that cannot be kept');
unlink state($d) . '/jobs';
rename state($d) . '/jobs.away', state($d) . '/jobs' or die $!;
is($d->job_end($id)->{state}, 'done', 'stays in the queue until it can');

is($d->worker_pid(), $pid, 'it is the same worker all the time');

$d->done();
