#!/usr/bin/perl

# Dovecot's userdb: names that are none, a userdb that is slow, away, or
# cannot list its users.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use Test::Mailportal::Dovecot;
use Test::Mailportal::Worker;

my $d = Test::Mailportal::Dovecot->new(
	allow => [qr/auth.*killed with signal 9/]);
my $t = $d->t();

quiet($d);
my $long = 'x' x 320 . '@odd.test';
my @odd = $d->add_users(["b\xffd\@odd.test", $long, 'y' x 3000 . '@odd.test',
	'o.k@odd.test']);

$d->add_users(40, 'some.test');


sub auth_pids {
	my $master = $t->pid('dovecot');

	return grep { ($t->read_file("/proc/$_/stat") // '')
			=~ /^\d+ \(auth\) . $master / }
		map { m!(\d+)$! } glob '/proc/[0-9]*';
}


# names

my $job = $d->job_end($d->job_push(action => 'quota-recalc',
	target => 'odd.test'));
is($job->{state}, 'done-with-failures', 'names that are none');
is_deeply([@$job{qw/ total done failed /}], [4, 4, 3],
	'each is counted, and the good one is done');
my %text = map { substr($_->{target}, 0, 1) => $_->{text} }
	@{ $job->{errors} };
is_deeply(\%text, { b => 'the name is not valid UTF-8',
	x => 'the name is too long', y => 'the name is too long' },
	'with what is wrong');

# a userdb that does not answer

my @auth = auth_pids();
cmp_ok(scalar @auth, '>=', 1, 'there is an auth process');
kill 'STOP', @auth;
my $all = $d->job_push(action => 'quota-recalc');
my $one = $d->job_push(action => 'quota-recalc', target => 'u3@some.test');
$d->wait_for(sub { status($d) =~ /$all .*asks for its users/
	&& status($d) =~ /$one .*asks for its users/ }, 20, 'jobs to ask');
like(status($d), qr/$all .*: asks for its users/,
	'while it is slow, the worker goes on');
is($d->job($all)->{state}, 'running', 'and tells that the job runs');
$d->job_cancel($one);
is($d->job_end($one)->{state}, 'cancelled',
	'a job that asks can be cancelled');

# and then it is killed

kill 'KILL', @auth;
kill 'CONT', @auth;
$job = $d->job_end($all);
is_deeply([@$job{qw/ state done /}], ['done-with-failures',
	scalar $d->users()], 'when it ends, a new one is asked');

# a userdb that cannot list

$t->write_file('conf/dovecot/local.d/60-more.conf', << 'END');
userdb {
  driver = passwd-file
  args = /nowhere/users
}
END
$d->reload();
$job = $d->job_end($d->job_push(action => 'quota-recalc'));
is($job->{state}, 'failed', 'a userdb that cannot list its users');
like($job->{text}, qr/cannot list its users/, 'is told');
$job = $d->job_end($d->job_push(action => 'quota-recalc',
	target => 'u3@some.test'));
is($job->{state}, 'done', 'a job for a mailbox is done all the same');

$d->done();
