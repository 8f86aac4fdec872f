#!/usr/bin/perl

# P5 and P7 of jobs: what Redis did not take is not said to be done, what it
# took is not lost, and when nobody knows, the same request finds it.

use warnings;
use strict;

use POSIX ();
use Test::More;
use Time::HiRes qw/ time /;

use lib 't/lib';
use Test::Mailportal qw/ wait_for /;
use Test::Mailportal::Jobs qw/ at_once /;

my $t = Test::Mailportal->new();
my $jobs = Test::Mailportal::Jobs->new($t);
my $targets = 0;

my $there = $jobs->make('quota-recalc', 'there.example');


sub order { return { action => 'quota-recalc',
	target => 't' . ++$targets . '.example' }; }

# Every worker is connected and takes writes again.

sub settle {
	my $good = 0;

	eval { $t->redis('PING') };
	return wait_for(sub {
		my $res = $jobs->post({ action => 'no' });
		my $put = $t->api(PUT => '/lists/blacklist/entries/a.example',
			cookie => $jobs->{cookie}, json => {});
		$good = $res->{status} == 422 && $put->{status} =~ /^20/
			? $good + 1 : 0;
		$good > 20;
	}, 30, 'all workers');
}

sub count { return scalar $jobs->records(); }

sub refused {
	my ($res, $code, $what) = @_;

	is("$res->{status} " . ($res->{json}{code} // ''), "503 $code",
		"P7: $what");
	ok($res->{headers}{'retry-after'}, 'and when to come again');
	return;
}


# What is asked is refused while it is so, and nothing of it is done later.

sub while_down {
	my ($what, $code, $break, $mend, %opt) = @_;
	my $before = $opt{count} // count();
	my @orders = map { [order(), $jobs->new_key()] } 1 .. 4;

	$break->();
	for my $order (@orders) {
		my $res;
		ok(wait_for(sub {
			$res = $jobs->post($order->[0], key => $order->[1]);
			$res->{status} == 503;
		}, 20), "$what: a job is refused");
		refused($res, $code, "$what, a job");
		last if $opt{slow};
	}
	refused($jobs->cancel($there), $code, "$what, a cancel");

	for ($opt{reads} ? () : ($jobs->get($there), $jobs->list())) {
		refused($_, $code, "$what, even looking at one");
	}
	for ($opt{reads} ? ($jobs->get($there), $jobs->list()) : ()) {
		is($_->{status}, 200, "$what: looking goes on");
	}

	$mend->();
	ok(settle(), 'it goes on by itself');
	is(count(), $before, 'P7: what was refused was not done');
	ok(!$jobs->get($there)->{json}{cancelled_by}, 'nor was the cancel');

	for my $order ($opt{slow} ? $orders[0] : @orders) {
		is($jobs->post($order->[0], key => $order->[1])->{status},
			202, 'P5: the same again is taken');
	}
	return;
}


sub stopped {
	while_down('Redis is stopped', 'redis-away',
		sub { $t->stop('redis') }, sub { $t->start('redis') });

	my $last;
	while_down('Redis is killed', 'redis-away', sub {
		$last = $jobs->make('quota-recalc', 'last.example');
		my $pid = $t->pid('redis');
		kill 'KILL', $pid;
		wait_for(sub { !kill 0, $pid });
	}, sub { $t->stop('redis'); $t->start('redis') },
		count => count() + 1);
	is($jobs->get($last)->{json}{state}, 'queued',
		'P5: a job that was taken a moment before is not lost');
	is(scalar(grep { $_->{id} eq $last } $jobs->queue('dovecot')), 1,
		'and is queued');

	my $pid = $t->pid('redis');
	while_down('Redis is silent', 'redis-away', sub { kill 'STOP', $pid },
		sub { kill 'CONT', $pid }, count => count(), slow => 1);
	return;
}


sub no_writes {
	while_down('Redis is full', 'redis-full',
		sub { $t->redis('CONFIG', 'SET', 'maxmemory', '1mb') },
		sub { $t->redis('CONFIG', 'SET', 'maxmemory', '0') });
	while_down('Redis is a replica', 'redis-readonly',
		sub { $t->redis('REPLICAOF', '127.0.0.1', 1) },
		sub { $t->redis('REPLICAOF', 'NO', 'ONE') }, reads => 1);
	while_down('Redis evicts', 'redis-unsafe', sub {
		$t->redis('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
		wait_for(sub { 20 == grep { $t->api(PUT =>
			'/lists/blacklist/entries/a.example', json => {},
			cookie => $jobs->{cookie})->{status} == 503 }
			1 .. 20 }, 20);
	}, sub { $t->redis('CONFIG', 'SET', 'maxmemory-policy',
		'noeviction') }, reads => 1);
	return;
}


# The settings have gone, and so has perhaps more.

sub regressed {
	my $log = $t->redis('XRANGE', 'mp:{cfg}:log', '-', '+');
	my $before = count();

	$t->redis('DEL', 'mp:{cfg}:log');
	my $res;
	ok(wait_for(sub {
		$res = $jobs->post(order());
		$res->{status} == 409;
	}, 20), 'P4: a Redis that has lost something takes no job');
	is($res->{json}{code}, 'state-regressed', 'by its code');
	$t->redis('XADD', 'mp:{cfg}:log', $_->[0], @{ $_->[1] }) for @$log;
	ok(settle(), 'until it is whole again');
	return;
}


# Redis takes a write and does not answer: 504, and a repeat finds what it did.

sub unknown {
	$t->redis('CLIENT', 'PAUSE', 20000, 'WRITE');
	my $res = $jobs->cancel($there);
	is("$res->{status} $res->{json}{code}", '504 timeout',
		'P7: a cancel without an answer: nobody knows');
	ok($res->{headers}{'retry-after'}, 'and when to come again');
	my $order = order();
	$res = $jobs->post($order, key => 'unknown');
	is($res->{status}, 503, 'P7: a job that does not even get its name');
	$t->redis('CLIENT', 'UNPAUSE');
	ok(settle(), 'it goes on');
	is($jobs->cancel($there)->{status} =~ /^(?:202|409)$/, 1,
		'the same again is answered');
	is($jobs->post($order, key => 'unknown')->{status}, 202,
		'also the job');
	return;
}


# Redis is silent for a moment at any step; the same again makes it one job.

sub at_any_step {
	my $before = count();
	my @answers;

	# what nobody knows of is a matter of luck
	for my $round (1 .. 10) {
		push @answers, a_round($round);
		last if grep { $_->[0] == 504 } @answers;
	}

	my %status;
	$status{$_->[0]}++ for @answers;
	my $counts = join ', ', map { "$_ x $status{$_}" } sort keys %status;
	cmp_ok($status{504} // 0, '>', 0, "P7: nobody knows of some: $counts");
	delete @status{qw/ 202 503 504 /};
	is(join(' ', keys %status), '', 'P7: all others are made or refused');

	my (@bad, %ids);
	for my $answer (@answers) {
		my ($status, $id, undef, undef, $note) = @$answer;
		my $res = $jobs->post({ action => 'quota-recalc',
			target => "$note.example" }, key => $note);
		my $found = $res->{json}{id} // '';

		push @bad, "$note: $res->{status} $res->{body}"
			if $res->{status} != 202;
		push @bad, "$note: $id became $found"
			if $status == 202 && $id ne $found;
		$ids{$found}++;
	}
	is(join("\n", @bad), '', 'P5: the same again finds each');
	is(scalar keys %ids, scalar @answers, 'one for each');
	is(count() - $before, scalar @answers, 'and there are no others');
	return;
}

sub a_round {
	my ($round) = @_;
	my $pid = $t->pid('redis');
	my $end = time() + 7;
	my $break = fork() // die "fork: $!\n";

	if ($break == 0) {
		while (time() < $end - 1.5) {
			select undef, undef, undef, 0.1 + rand 0.2;
			kill 'STOP', $pid;
			select undef, undef, undef, 1.2;
			kill 'CONT', $pid;
		}
		POSIX::_exit(0);
	}

	my @answers = at_once(8, sub { make_many($end, "m$round-@_-") });
	waitpid $break, 0;
	ok(settle(), 'all is well again');
	return @answers;
}

sub make_many {
	my ($end, $name) = @_;
	my @answers;

	while (time() < $end) {
		my $note = $name . @answers;
		my $res = $jobs->post({ action => 'quota-recalc',
			target => "$note.example" }, key => $note);

		push @answers, { %$res, note => $note };
		select undef, undef, undef, 0.02 if $res->{status} != 202;
	}
	return @answers;
}


settle();
stopped();
no_writes();
regressed();
unknown();
at_any_step();

$t->done();
