#!/usr/bin/perl

# P5: a reload of Dovecot or nginx and a restart of Redis are nothing to a
# job; when Redis loses all it has, the job goes on and is told anew.

use warnings;
use strict;

use Test::More;

use lib 't/lib';
use Test::Mailportal::Dovecot::Jobs qw/ failures sum_of /;

my ($users, $lanes) = (300, 2);
my $d = Test::Mailportal::Dovecot::Jobs->new(worker => { lanes => $lanes });
my $t = $d->t();
my @names = $d->crowd($users, 'crowd.example', format => 'sdbox',
	messages => 1);
my @job = (target => 'crowd.example', rate => 80);


# Begins a job, breaks something in the middle of it, and looks at the end.

sub survives {
	my ($what, $break) = @_;
	my $from = $d->log_end();
	my $id = $d->begin('index-rebuild', @job);

	$d->get_when($id, sub { $_[0]{done} >= 40 }, 30, '40 users');
	$break->($id);
	my $job = $d->get_end($id) or return fail("$what: no end");

	my $times = $d->rebuilt($from);
	my @missing = grep { !$times->{$_} } @names;
	my $twice = 0;
	$twice += ($times->{$_} // 1) - 1 for @names;

	is(sum_of($job), "done $users $users 0 0", "$what: done with all")
		or diag(failures($job));
	is(join(' ', splice @missing, 0, 5), '', 'nobody is left out');
	is($twice, 0, 'and nobody was done again');
	return $id;
}


survives('doveadm reload', sub { $d->reload(); });

survives('nginx is reloaded', sub {
	my $master = $t->pid('nginx');
	my ($before) = `pgrep -P $master` =~ /(\d+)/;
	kill HUP => $master;
	$d->wait_for(sub { !kill 0, $before }, 30, 'a new nginx worker');
});

survives('Redis is restarted', sub {
	$t->restart('redis');
});

survives('Redis is killed, and away until the job is done', sub {
		my ($id) = @_;
		my $done = sub { () = ($d->journal($id)->{done} // '')
			=~ /\n/g; };

		kill KILL => $t->pid('redis');
		$d->wait_for(sub { $done->() >= $users }, 30,
			'all users in the journal')
			or diag($done->() . ' users in the journal');
		$t->start('redis');
	});

# All is lost: not only the job, but the queue and its group.  What was in it
# before must not begin again.

my $from = $d->log_end();
my $lost = $d->begin('index-rebuild', @job);
my ($queued) = map { { @{ $_->[1] } } }
	@{ $d->redis('XRANGE', 'mp:{jobs}:dovecot', '-', '+', 'COUNT', 1) };

$d->get_when($lost, sub { $_[0]{done} >= 40 }, 30, '40 users');
$d->redis('FLUSHALL');

my $node = $d->job_end($lost);
is(sum_of($node // {}), "done $users $users 0 0",
	'Redis is emptied: the job is done with all');
my $times = $d->rebuilt($from);
is(scalar(grep { ($times->{$_} // 0) == 1 } @names), $users,
	'each of them once');

my $password = $t->dir() . '/secrets/admin.pw';
$t->ctl(qw/ init --anew /);
$t->ctl(qw/ admin add admin --password-file /, $password);
delete $t->{cookies};
delete $d->{cookie};
my $job = $d->get($lost);
is(sum_of($job), "done $users $users 0 0", 'the API has it again')
	or diag(explain($job));
is($job->{action}, 'index-rebuild', 'with what was asked');
my $list = $d->ask(GET => '/jobs')->{json}{jobs};
is($list->[0]{id}, $lost, 'and it is in the list');

# what an old copy of Redis' files would bring back

$from = $d->log_end();
is($queued->{op}, 'run', 'an entry of a job that is done comes again');
$d->redis('XADD', 'mp:{jobs}:dovecot', '*', %$queued);
$d->ready();
ok($d->has_read_all(), 'the worker reads it');
my $one;
$d->wait_for(sub { $one = $d->post('index-rebuild', target => $names[0]);
	$one->{status} == 202 }, 30, 'the API to go on') or diag($one->{body});
is(sum_of($d->get_end($one->{json}{id})), 'done 1 1 0 0', 'does another one');
is_deeply($d->rebuilt($from), { $names[0] => 1 }, 'and not the old one');

# Redis is away when the worker begins

my $id = $d->begin('index-rebuild', @job);
$d->get_when($id, sub { $_[0]{done} >= 40 }, 30, '40 users');
$t->stop('redis');
$d->kill_worker();
$d->wait_for(sub { (() = ($d->journal($id)->{done} // '') =~ /\n/g) >= $users },
	30, 'all users in the journal');
$t->start('redis');
is(sum_of($d->get_end($id) // {}), "done $users $users 0 0",
	'a worker that starts without Redis ends what was begun');

$t->allow(qr/killed with signal 9/);
$d->done();
