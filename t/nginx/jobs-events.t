#!/usr/bin/perl

# The events of a job: each change is told, until it has ended; by a stream
# that outlives reloads, restarts of Redis and slow clients.

use warnings;
use strict;

use Digest::SHA qw/ sha256_hex /;
use IO::Select;
use Test::More;
use Time::HiRes qw/ time /;

use lib 't/lib';
use Test::Mailportal qw/ wait_for /;
use Test::Mailportal::Events;
use Test::Mailportal::Jobs;

my $t = Test::Mailportal->new(allow => [qr/exited on signal 9/]);
my $jobs = Test::Mailportal::Jobs->new($t);
my $cookie = $t->role('MasterAdmin');
my $master = $t->pid('nginx');
my $targets = 0;

$jobs->alive('dovecot:one');


sub make { return $jobs->make('quota-recalc', 't' . ++$targets . '.example'); }

sub listen_to {
	my ($id, %opt) = @_;

	return Test::Mailportal::Events->new($t, "/jobs/$id/events",
		cookie => $cookie, %opt);
}

# a stream that has told the first state

sub opened {
	my ($id, %opt) = @_;
	my $s = listen_to($id, %opt);

	$s->next() // die "no first event\n";
	return $s;
}

sub done_is {
	my ($done) = @_;

	return sub { $_[0]{done} == $done };
}

sub running {
	my ($id, $done, %more) = @_;

	return $jobs->progress($id, 'one', state => 'running', total => 100,
		done => $done, %more);
}

sub workers {
	return grep { $_ } split ' ', `pgrep -P $master`;
}

sub connections {
	my ($name) = @_;

	return scalar grep { /name=\Q$name\E / }
		split /\n/, $t->redis('CLIENT', 'LIST');
}


sub a_life {
	my $id = make();
	my $s = listen_to($id);
	my $event = $s->next();

	is($s->status(), 200, 'the events of a job are told');
	is($s->{headers}{'content-type'}, 'text/event-stream', 'as such');
	is($s->{headers}{'x-accel-buffering'}, 'no', 'no proxy keeps them');
	is($s->{headers}{'cache-control'}, 'no-store', 'nor anybody else');
	is($event->{event}, 'job', 'each is an event "job"');
	my $job = $jobs->get($id)->{json};
	is_deeply(delete $job->{silent}, [], 'nobody is silent');
	is_deeply($event->{json}, $job, 'the first is the present state');
	is($event->{id}, $t->redis('XREVRANGE', 'mp:{jobs}:events', '+', '-',
		'COUNT', 1)->[0][0], 'with the id of the stream of events');

	running($id, 1);
	$event = $s->next();
	is($event->{json}{done}, 1, 'a change is told');
	is($event->{id}, $t->redis('XREVRANGE', 'mp:{jobs}:events', '+', '-',
		'COUNT', 1)->[0][0], 'with its id');

	running(make(), 5) for 1 .. 3;
	running($id, 2);
	is($s->next()->{json}{done}, 2, 'that of other jobs is not');

	$jobs->cancel($id);
	is($s->until(sub { $_[0]{cancelled_by} })->{json}{cancelled_by},
		$t->env('MP_ADMIN'), 'a cancel is');
	$jobs->progress($id, 'one', state => 'cancelled', total => 100,
		done => 3);
	is($s->until(sub { $_[0]{state} eq 'cancelled' })->{json}{done}, 3,
		'and the end');
	ok($s->ends(), 'then the stream ends');
	is($s->next(1), undef, 'with nothing after it');

	$s = listen_to($id);
	is($s->next()->{json}{state}, 'cancelled', 'later there is the end');
	ok($s->ends(), 'and the end of the stream');
	return;
}


# what changes often is told a few times a second, and the last change always

sub often {
	my $id = make();
	my $s = opened($id);
	my ($begin, $count, $done) = (time(), 0, 0);

	running($id, ++$done) while time() < $begin + 2;
	$s->until(sub { $count++; $_[0]{done} == $done });
	my $seconds = time() - $begin;

	cmp_ok($done, '>', 100, "$done changes");
	cmp_ok($count, '<=', 6 * $seconds + 3, "are told in $count events");
	cmp_ok($count, '>=', 4, 'and not only at the end');
	$s->close();
	return;
}


sub where_it_was {
	my ($id, $other) = (make(), make());
	my $s = listen_to($id);
	my $first = $s->next()->{id};

	running($id, 1);
	my $seen = $s->next()->{id};
	$s->close();

	$s = listen_to($id, headers => { 'Last-Event-ID' => $seen });
	is($s->status(), 200, 'who has seen all may listen again');
	running($other, 1) for 1 .. 3;
	running($id, 2);
	is($s->next()->{json}{done}, 2, 'and is told only what is new');
	$s->close();

	running($id, 3);
	$s = listen_to($id, headers => { 'Last-Event-ID' => $seen });
	is($s->next()->{json}{done}, 3, 'what happened meanwhile is told');
	$s->close();

	my $now = $t->redis('XREVRANGE', 'mp:{jobs}:events', '+', '-',
		'COUNT', 1)->[0][0];
	running($other, 2) for 1 .. 3;
	$s = listen_to($id, headers => { 'Last-Event-ID' => $now });
	running($id, 4);
	is($s->next()->{json}{done}, 4, 'what happened to others is not');
	$s->close();

	for my $bad ('1-1', '99999999999999-0', 'x', '-', '', '1-1-1', "1 $now",
		'9' x 31, '9' x 200)
	{
		$s = listen_to($id, headers => { 'Last-Event-ID' => $bad });
		is($s->next()->{json}{done}, 4,
			"an id that was never told tells nothing: '$bad'");
		$s->close();
	}

	running($other, 3) for 1 .. 600;
	$s = listen_to($id, headers => { 'Last-Event-ID' => $now });
	is($s->next()->{json}{done}, 4, 'nor does one of long ago');
	$s->close();

	$jobs->finish($id, 'one');
	$s = listen_to($id, headers => { 'Last-Event-ID' => $first });
	my $end = $s->next();
	is($end->{json}{state}, 'done', 'also the end is told');
	is(listen_to($id, headers => { 'Last-Event-ID' => $end->{id} })
		->status(), 204, 'and a browser that has it need not come again');
	return;
}


sub refused {
	my $id = make();

	is(listen_to('0' x 24)->status(), 404, 'no job, no events');
	is(listen_to('x')->status(), 404, 'nor of what can be none');
	is(listen_to($id, cookie => undef)->status(), 401, 'nor for nobody');
	is(listen_to($id, cookie => $t->role('DomainAdmin'))->status(), 403,
		'nor for a DomainAdmin');
	my $res = $t->api(HEAD => "/jobs/$id/events", cookie => $cookie);
	is("$res->{status} $res->{body}", '200 ', 'HEAD does not stay');
	return;
}


sub a_session_ends {
	my $id = make();
	my $own = $t->sign_in($t->env('MP_ADMIN'),
		$t->env('MP_ADMIN_PASSWORD'));
	my @s = map { opened($id, cookie => $own) } 1 .. 2;
	my $other = opened($id);

	$t->api(DELETE => '/session', cookie => $own);
	ok($_->ends(40), 'a stream ends with its session') for @s;

	running($id, 7);
	is($other->until(done_is(7))->{json}{done}, 7, 'others go on');
	ok($other->said(qr/^$/, 40), 'a silent one says that it is there');
	$other->close();
	return;
}


sub too_many {
	my $id = make();
	my @s = map { listen_to($id) } 1 .. 60;
	my %status;

	push @{ $status{$_->status()} }, $_ for @s;
	my @open = @{ $status{200} };
	is(join(' ', sort keys %status), '200 503', 'a session has a limit');
	cmp_ok(scalar @open, '>=', 16, 'which is not too low');
	cmp_ok(scalar @open, '<=', 16 * workers(), 'for each worker');
	ok($status{503}[0]{headers}{'retry-after'}, 'and is told when to come');

	$_->close() for @s;
	ok(wait_for(sub { my $s = listen_to($id); my $is = $s->status();
		$s->close(); $is == 200 }, 10), 'who has gone makes room');

	my @cookies = map { my $key = $_; my $token = sprintf '%043d', $_;
		$t->redis('HSET', 'mp:{sess}:' . sha256_hex($token),
			user => $t->env('MP_ADMIN'), role => 'MasterAdmin',
			created => int(time()), seen => int(time()));
		"__Host-mailportal=$token" } 1 .. 45;
	my (@all, %count);

	for my $own (@cookies) {
		my @some = map { listen_to($id, cookie => $own) } 1 .. 12;
		$count{$_->status()}++ for @some;
		push @all, @some;
	}

	cmp_ok($count{503} // 0, '>', 0, 'a worker has a limit, too');
	cmp_ok($count{200}, '<=', 256 * workers(), 'of some hundreds');
	running($id, 9);
	my @told = grep { $_->{status} == 200
		&& $_->until(done_is(9), 30) } @all;
	is(scalar @told, $count{200}, 'all of them are told');
	$_->close() for @all;
	return;
}


# A client that reads nothing costs one event, and does not hold up others.
# Each is so large that the kernel keeps only a few.

sub slow {
	my @nodes = map { "big$_" } 1 .. 8;
	$jobs->node("dovecot:$_") for @nodes;
	my $id = make();
	$t->redis('HDEL', 'mp:{hb}:index', map { "dovecot:$_" } @nodes);

	my @items = map { { target => "u$_\@x", text => 'x' x 190,
		folder => 'f' x 240 } } 1 .. 100;
	$jobs->progress($id, $_, state => 'running', total => 1, done => 0,
		errors => \@items, details => \@items) for @nodes;
	my ($lazy, $quick) = map { opened($id, brief => 1) } 1 .. 2;
	my $before = memory();

	for my $n (1 .. 20) {
		running($id, $n);
		$quick->until(done_is($n)) // die "no event $n\n";
	}

	my $kept = memory() - $before;
	my $count = 0;
	is($lazy->until(sub { $count++; $_[0]{done} == 20 })->{json}{done}, 20,
		'who reads late gets to the newest');
	cmp_ok($count, '<', 15, "by $count events of 20");

	# ASan keeps what was freed, up to 256 MiB

	cmp_ok($kept >> 20, '<', $ENV{MP_SANITIZE} ? 512 : 16,
		'what it does not read is not kept');
	$_->close() for $lazy, $quick;
	return;
}

sub memory {
	my $sum = 0;

	for my $pid (workers()) {
		my ($kib) = ($t->read_file("/proc/$pid/status") // '')
			=~ /^VmRSS:\s+(\d+)/m;
		$sum += ($kib // 0) << 10;
	}
	return $sum;
}


sub through_a_reload {
	my $id = make();
	my @s = map { opened($id) } 1 .. 6;
	my %old = map { $_ => 1 } workers();

	running($id, 1);
	$_->until(done_is(1)) for @s;
	kill 'HUP', $master;
	is(scalar(grep { $_->ends(10) } @s), 6,
		'a reload ends the streams, each with its last chunk');
	ok(wait_for(sub { !grep { $old{$_} } workers() }, 20),
		'and the old workers go');

	my @again = map { listen_to($id, headers => { 'Last-Event-ID'
		=> $_->{last} }) } @s;
	running($id, 2);
	is(scalar(grep { ($_->next() // { json => { done => 0 } })
		->{json}{done} == 2 } @again), 6,
		'with where they were, they miss nothing and hear nothing twice');
	$_->close() for @again;
	return;
}


sub a_worker_killed {
	my $id = make();
	my @s = map { opened($id) } 1 .. 8;
	my ($first) = workers();

	kill 'KILL', $first;
	ok(wait_for(sub { my @w = workers(); @w == 2
		&& !grep { $_ == $first } @w }, 10), 'a worker is replaced');
	running($id, 1);

	my $on = 0;
	for my $s (@s) {
		my $event = $s->until(done_is(1), 5);
		$on++ if $event;
		next if $event;
		$s = listen_to($id, headers => { 'Last-Event-ID'
			=> $s->{last} });
		$event = $s->next();
		$on++ if $event && $event->{json}{done} == 1;
	}
	is($on, 8, 'the streams of the other one go on, the rest begin again');
	$_->close() for @s;
	return;
}


# it is there, and has read what it keeps

sub is_back {
	return wait_for(sub {
		(eval { $t->redis('PING') } // '') eq 'PONG'
	}, 20);
}


sub without_redis {
	my $id = make();
	my @s = map { opened($id) } 1 .. 4;

	$t->stop('redis');
	$_->said(qr/Redis does not tell/, 20) for @s;
	is(scalar(grep { !$_->{ended} } @s), 4,
		'without Redis the streams stay');
	is(listen_to($id)->status(), 503, 'and none can begin');
	$t->start('redis');

	ok(is_back(), 'Redis is back');
	running($id, 1);
	is(scalar(grep { $_->until(done_is(1), 20) } @s), 4,
		'the streams go on by themselves');
	is(scalar(grep { 1 == grep { /does not tell/ }
		@{ $_->{comments} } } @s), 4, 'each was told, once');

	my $pid = $t->pid('redis');
	$_->{comments} = [] for @s;
	kill 'STOP', $pid;
	is(scalar(grep { $_->said(qr/Redis does not tell/, 20) } @s), 4,
		'each is told when Redis is silent');
	kill 'CONT', $pid;
	running($id, 2);
	is(scalar(grep { $_->until(done_is(2), 20) } @s), 4,
		'also after a Redis that was silent');

	$t->redis('CLIENT', 'KILL', 'TYPE', 'normal');
	is_back();
	running($id, 3);
	is(scalar(grep { $_->until(done_is(3), 20) } @s), 4,
		'and after all connections were cut');
	$_->close() for @s;
	return;
}


# Redis has lost the job: its executor brings it back

sub lost {
	my $id = make();
	my $s = opened($id);
	my $job = $t->redis('HGET', "mp:{jobs}:j:$id", 'job');

	$t->redis('DEL', "mp:{jobs}:j:$id", 'mp:{jobs}:events');
	$jobs->multi(['HSETNX', "mp:{jobs}:j:$id", 'job', $job],
		['XADD', 'mp:{jobs}:events', '*', 'id', $id]);
	running($id, 1);
	is($s->until(done_is(1))->{json}{done}, 1,
		'a job that comes back is told of');

	$t->redis('HSET', "mp:{jobs}:p:$id", 'n:one', 'garbage');
	$t->redis('XADD', 'mp:{jobs}:events', '*', 'no', 'id');
	$t->redis('XADD', 'mp:{jobs}:events', '*', 'id', $id);
	is($s->until(sub { $_[0]{state} eq 'queued' })->{json}{done}, 0,
		'garbage is left out');
	running($id, 2);
	is($s->until(done_is(2))->{json}{done}, 2, 'and it goes on');
	$s->close();
	return;
}


sub nothing_is_left {
	ok(wait_for(sub { connections('mailportal-nginx-jobs') == workers() },
		20), 'a worker has one connection for all of them');

	my $calls = sub {
		my ($n) = $t->redis('INFO', 'commandstats')
			=~ /cmdstat_xread:calls=(\d+)/;
		return $n // 0;
	};
	my ($before, $begin) = ($calls->(), time());
	ok(wait_for(sub { time() > $begin + 6 }, 10), 'for a while');
	my $n = $calls->() - $before;
	cmp_ok($n, '<=', 2 * 4 + 2, "nobody listens: $n reads, for settings");
	return;
}


a_life();
often();
where_it_was();
refused();
a_session_ends();
too_many();
slow();
through_a_reload();
a_worker_killed();
without_redis();
lost();
nothing_is_left();

$t->done();
