#!/usr/bin/perl

# P5 with two Dovecots on one Redis: each does its own users, and a job waits
# for the one that is down.

use warnings;
use strict;

use Test::More;

use lib 't/lib';
use Test::Mailportal::Dovecot::Jobs qw/ failures sum_of /;

my $one = Test::Mailportal::Dovecot::Jobs->new(node => 'one');
my $two = Test::Mailportal::Dovecot::Jobs->new(node => 'two',
	redis_of => $one);
my %users = (one => 30, two => 50);
my %node = (one => $one, two => $two);
my %names = (
	one => [$one->crowd($users{one}, 'one.example', format => 'sdbox',
		messages => 2)],
	two => [$two->crowd($users{two}, 'two.example', format => 'sdbox',
		messages => 2)],
);

# what a new stack has besides
my %all = map { $_ => scalar $node{$_}->users() } keys %node;


sub by_node {
	my ($job) = @_;

	return join ', ', map { "$_: " . sum_of($job->{nodes}{$_}) }
		sort keys %{ $job->{nodes} };
}


sub not_own {
	my (%from) = @_;
	my @wrong;

	for my $name (qw/ one two /) {
		my %own = map { $_ => 1 } $node{$name}->users();
		my $times = $node{$name}->rebuilt($from{$name});
		push @wrong, map { "$name did $_" }
			grep { !$own{$_} } keys %$times;
		push @wrong, map { "$name did $_ " . ($times->{$_} // 0)
			. ' times' } grep { ($times->{$_} // 0) != 1 }
			@{ $names{$name} };
	}

	return join "\n", splice @wrong, 0, 8;
}


sub ends { return map { $_ => $node{$_}->log_end() } qw/ one two /; }


for my $action (qw/ quota-recalc index-rebuild /) {
	my %from = ends();
	my $job = $one->run($action);
	my $skipped = $job->{skipped};

	is($job->{state}, 'done', "$action for all") or diag(failures($job));
	is($job->{total}, $all{one} + $all{two}, 'has the users of both');
	is(join(' ', sort keys %{ $job->{nodes} }), 'one two',
		'and tells both');
	is($job->{nodes}{$_}{total}, $all{$_}, "$_ has its own")
		for qw/ one two /;
	is(not_own(%from), '', 'each did its own, once')
		if $action eq 'index-rebuild';
}

# one domain is on one of them only

my %from = ends();
my $job = $one->run('index-rebuild', target => 'two.example');
is(by_node($job), "one: done 0 0 0 0, two: done $users{two} $users{two} 0 0",
	'a domain of the second');
is(sum_of($job), "done $users{two} $users{two} 0 0", 'and the sum');
is(scalar(keys %{ $one->rebuilt($from{one}) }), 0,
	'the first touched nobody');

$job = $one->run('index-rebuild', target => $names{two}[7]);
is(sum_of($job), 'done 1 1 0 0', 'a mailbox of the second')
	or diag(by_node($job), failures($job));

# the second is down, and comes back

$two->t()->stop('dovecot');
%from = ends();
my $id = $one->begin('index-rebuild');
ok($one->get_when($id, sub { ($_[0]{nodes}{one}{state} // '') eq 'done' },
	30, 'the first node'), 'the second is down: the first is done');
$job = $one->get($id);
is($job->{nodes}{one}{done}, $all{one}, 'with its own');
is($job->{nodes}{two}{state}, 'queued', 'and the second is awaited');
like($job->{state}, qr/^(?:queued|running)$/, 'so the job is not done');

$two->t()->start('dovecot');
$job = $one->get_end($id);
is($job->{state}, 'done', 'the second comes back: the job is done');
is($job->{done}, $all{one} + $all{two}, 'with all');
is(not_own(%from), '', 'each did its own, once');

# it crashes in the middle

%from = ends();
$id = $one->begin('index-rebuild', rate => 20);
$one->get_when($id, sub { ($_[0]{nodes}{two}{done} // 0) >= 10 }, 30,
	'ten users of the second');
kill KILL => $two->worker_pid(), $two->lane_pids();
kill KILL => $two->t()->pid('dovecot');
$two->t()->stop('dovecot');
is($one->get_when($id, sub { $_[0]{nodes}{one}{state} eq 'done' }, 30,
	'the first node')->{nodes}{one}{done}, $all{one},
	'the second crashes: the first is done');
# what was killed may still have its number
unlink $two->dir() . '/run/dovecot/master.pid';
ok($two->t()->start('dovecot'), 'the second starts again');
$job = $one->get_end($id);
is($job->{state}, 'done', 'and is done, too');
is($job->{nodes}{two}{done}, $all{two}, 'with all of its own');
my $times = $two->rebuilt($from{two});
is(scalar(grep { !$times->{$_} } @{ $names{two} }), 0, 'nobody left out');

$_->t()->allow(qr/killed with signal 9/) for $one, $two;
$two->t()->down();
is(join('', $two->t()->alerts()), '', 'no alerts at the second');
$one->done();
