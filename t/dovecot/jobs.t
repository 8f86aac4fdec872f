#!/usr/bin/perl

# Jobs of the queue are done: who is covered, what is counted, what is told.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use File::Path qw/ make_path /;
use Test::Mailportal::Dovecot;
use Test::Mailportal::Worker;

my $d = Test::Mailportal::Dovecot->new(quota => 'maildir:User quota');
my $t = $d->t();

my @here = $d->add_users(5, 'here.test');
my @there = $d->add_users(3, 'there.test');
my $all = $d->users();

$d->fill_maildir(\@here, 4);


sub result {
	my (%job) = @_;

	return $d->job_end($d->job_push(%job), 30);
}


# who

my $job = result(action => 'quota-recalc');
is($job->{state}, 'done', 'a job for all is done');
is($job->{total}, $all, 'for every user of the userdb');
is($job->{done}, $all, 'each of them');
is($job->{failed}, 0, 'nobody failed');
is($job->{skipped}, $all - @here, 'those without a mailbox are skipped');
like($job->{started_at}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/, 'it began');
like($job->{ended_at}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/, 'it ended');
is($job->{eta}, 0, 'no time is left');

$job = result(action => 'quota-recalc', target => 'here.test');
is($job->{total}, @here, 'a job for a domain is for its users');

$job = result(action => 'quota-recalc', target => 'u2@there.test');
is_deeply([@$job{qw/ state total done skipped /}], ['done', 1, 1, 1],
	'a job for a mailbox is for that one');

$job = result(action => 'quota-recalc', target => 'nobody@here.test');
is($job->{state}, 'failed', 'a mailbox that is not there fails the job');
is($job->{text}, 'there is no such user', 'by name');
is($job->{total}, 0, 'and nobody is counted');

$job = result(action => 'quota-recalc', target => 'nobody.test');
is_deeply([@$job{qw/ state total /}], ['done', 0],
	'a domain without users is done');

$job = result(action => 'quota-recalc', target => 'u1@here.test',
	nodes => [$d->node(), 'other']);
is_deeply([@$job{qw/ state total text /}], ['done', 1, undef],
	'of several nodes the one that has the mailbox does it');
$job = result(action => 'quota-recalc', target => 'nobody@here.test',
	nodes => [$d->node(), 'other']);
is_deeply([@$job{qw/ state total text /}],
	['done', 0, 'there is no such user on this node'],
	'and the others say that it is not there');

# what

$d->fake_maildirsize($_, 999999, 777) for @here[0, 1];
$job = result(action => 'quota-recalc', target => 'here.test');
is($job->{drifted}, 2, 'two quotas were wrong');
is_deeply([sort map { $_->{target} } @{ $job->{details} }],
	[@here[0, 1]], 'and are named');
cmp_ok($job->{bytes_before}, '!=', $job->{bytes_after},
	'with bytes before and after');
is($job->{bytes_before}, $job->{details}[0]{before}
	+ $job->{details}[1]{before}, 'before: their sum');
is($job->{bytes_after}, $job->{details}[0]{after}
	+ $job->{details}[1]{after}, 'after: their sum');

$job = result(action => 'index-rebuild', target => $here[0]);
is_deeply([@$job{qw/ state total failed messages /}], ['done', 1, 0, 4],
	'a rebuild counts the messages that are there');
cmp_ok($job->{folders}, '>=', 1, 'and the folders');

$job = result(action => 'clear-folders', target => $here[0], junk_days => 1,
	dry_run => 1);
is_deeply([@$job{qw/ state failed messages bytes /}], ['done', 0, 0, 0],
	'nothing is old enough to be cleared');

# a user who is broken

$d->break_user($here[2], 'location');
$job = result(action => 'quota-recalc', target => 'here.test');
is($job->{state}, 'done-with-failures', 'one broken user fails alone');
is_deeply([@$job{qw/ total done failed /}], [5, 5, 1], 'and is counted');
is($job->{errors}[0]{target}, $here[2], 'by name');
like($job->{errors}[0]{text}, qr/nosuchformat/, 'with what is wrong');

# more of them than can be told

for my $name ($d->add_users(120, 'bad.test', mail => 'nosuchformat:~/mail')) {
	make_path($d->home($name));
}
$job = result(action => 'index-rebuild', target => 'bad.test');
is_deeply([@$job{qw/ total done failed /}], [120, 120, 120],
	'each failure is counted');
is(scalar @{ $job->{errors} }, 100, 'and the first hundred are named');

# the userdb's own writing of a name

$d->add_users(['Mixed@There.Test']);
$job = result(action => 'quota-recalc', target => 'there.test');
is($job->{total}, @there + 1,
	'a domain has its users in whatever case the userdb writes them');

# what is left behind

my $id = $d->job_push(action => 'quota-recalc');
$d->job_end($id);
$d->wait_for(sub { !-e state($d) . "/jobs/$id" }, 30,
	'the journal to be removed');
is_deeply([glob state($d) . '/jobs/*'], [], 'no journal is left');
like($t->read_file(state($d) . '/finished'), qr/^$id$/m,
	'it is remembered that it was done');
my $pending = $d->redis('XPENDING', 'mp:{jobs}:dovecot', $d->node());
is($pending->[0], 0, 'no entry of the queue is left open');

push_raw($d, op => 'run', id => $id, job => ($d->job_json(id => $id,
	action => 'quota-recalc'))[1]);
my $last = $d->job_push(action => 'quota-recalc', target => $there[0]);
$d->job_end($last);
ok(!-e journal_file($d, $id, ''),
	'an entry that comes once more is not begun again');

# requests with one Idempotency-Key that come together may each queue it

my ($double, $text) = $d->job_json(action => 'index-rebuild',
	target => 'here.test', rate => 5);
my @entry = (op => 'run', id => $double, job => $text);
push_raw($d, @entry) for 1 .. 3;
$d->job_at($double, 1);
push_raw($d, @entry);
$job = $d->job_end($double);
is_deeply([@$job{qw/ total done /}], [5, 5], 'each user is done once');
kill 'STOP', $d->worker_pid();
push_raw($d, @entry);
$d->kill_worker();
push_raw($d, @entry);
$d->job_end($d->job_push(action => 'quota-recalc', target => $there[0]));
is(scalar(() = $t->read_file('log/dovecot.log') =~ /Job $double \(/g), 1,
	'a job that is queued many times is one job');
is($d->redis('XPENDING', 'mp:{jobs}:dovecot', $d->node())->[0], 0,
	'whose entries are all read');

$id = $d->job_push(action => 'quota-recalc', nodes => ['other']);
$d->job_end($d->job_push(action => 'quota-recalc', target => $there[0]));
is($d->job($id), undef, 'what is for another node is left to it');
is($d->redis('XPENDING', 'mp:{jobs}:dovecot', $d->node())->[0], 0,
	'and read all the same');

# the record of each job

is($d->redis('HEXISTS', "mp:{jobs}:j:$last", 'job'), 1, 'the record is there');
cmp_ok($d->redis('TTL', "mp:{jobs}:p:$last"), '>', 7000000,
	'progress goes by itself, in months');

$d->done();
