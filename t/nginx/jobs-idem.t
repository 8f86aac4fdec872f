#!/usr/bin/perl

# P5: one job for a key, one job at a time for an action and a target, however
# many ask at once, and whatever died half-way.  A request that died is played
# by taking away from Redis what it would not have written.

use warnings;
use strict;

use Digest::SHA qw/ sha256_hex /;
use POSIX ();
use Test::More;
use Time::HiRes qw/ time /;

use lib 't/lib';
use Test::Mailportal qw/ wait_for /;
use Test::Mailportal::Jobs qw/ at_once /;

my $t = Test::Mailportal->new(allow => [qr/exited on signal 9/]);
my $jobs = Test::Mailportal::Jobs->new($t);
my $admin = $t->env('MP_ADMIN');
my $targets = 0;


sub target { return 't' . ++$targets . '.example'; }

sub order { my ($target) = @_;
	return { action => 'quota-recalc', target => $target }; }

sub idem { my ($key) = @_;
	return 'mp:{jobs}:idem:' . sha256_hex("$admin\0$key"); }

sub busy {
	my ($target, @id) = @_;

	return $t->redis(@id ? 'HSET' : 'HGET', 'mp:{jobs}:busy',
		"quota-recalc $target", @id);
}

# what is there of a target: ids, by record, index and queue

sub there {
	my ($target) = @_;
	my %in = map { $_ => 1 } @{ $t->redis('ZRANGE', 'mp:{jobs}:index',
		0, -1) };
	my @records = grep { ($t->redis('HGET', $_, 'job') // '')
		=~ /"target":"\Q$target\E"/ } $jobs->records();
	my @ids = map { s/.*://r } @records;
	my %queued = map { $_->{id} => 1 } grep { $_->{op} eq 'run'
		&& $_->{job} =~ /"target":"\Q$target\E"/ }
		$jobs->queue('dovecot');

	is(join(' ', sort keys %queued), join(' ', sort @ids),
		'what is queued has a record');
	is(join(' ', grep { !$in{$_} } @ids), '', 'and is in the list');
	return sort @ids;
}

# As if the request that made a job had died before it: keeps what is named.

sub undo {
	my ($id, $target, %keep) = @_;
	my $old = $keep{age} ? $jobs->id($keep{age}) : $id;

	$t->redis('DEL', "mp:{jobs}:j:$id");
	$t->redis('ZREM', 'mp:{jobs}:index', $id);
	for my $entry (@{ $t->redis('XRANGE', 'mp:{jobs}:dovecot', '-', '+') })
	{
		my %f = @{ $entry->[1] };
		$t->redis('XDEL', 'mp:{jobs}:dovecot', $entry->[0])
			if $f{id} eq $id;
	}

	if ($keep{busy}) {
		busy($target, $old);

	} else {
		$t->redis('HDEL', 'mp:{jobs}:busy', "quota-recalc $target");
	}

	my $key = idem($keep{key});
	my $value = $t->redis('GET', $key) =~ s/^\S+/$old/r;
	$t->redis('SET', $key, $value, 'KEEPTTL');
	return $old;
}


sub repeats {
	my ($target, $key) = (target(), 'again and again');
	my $res = $jobs->post(order($target), key => $key);
	my $id = $res->{json}{id};

	is($res->{status}, 202, 'a job');
	my $before = $t->fingerprint();
	for (1 .. 10) {
		$res = $jobs->post(order($target), key => $key);
		is("$res->{status} $res->{json}{id}", "202 $id",
			'the same again is the same job');
	}
	is($res->{headers}{location}, "/api/v1/jobs/$id", 'and where it is');
	is($jobs->post({ %{ order(uc $target) }, rate => undef },
		key => $key)->{json}{id}, $id, 'also if it is written otherwise');
	is($t->fingerprint(), $before, 'nothing is written');

	for ([order(target()), '', 'another target'],
		[{ %{ order($target) }, rate => 3 }, '', 'another rate'],
		[{ action => 'index-rebuild', target => $target }, '',
			'another action'],
		[{ action => 'clear-folders', target => $target,
			junk_days => 1 }, '?dry_run=1', 'a dry run'])
	{
		$res = $jobs->post($_->[0], key => $key, query => $_->[1]);
		is("$res->{status} " . ($res->{json}{errors}[0]{field} // ''),
			'422 Idempotency-Key', "$_->[2] with the same key");
	}
	is($t->fingerprint(), $before, 'writes nothing either');

	$jobs->finish($id, 'one');
	$res = $jobs->post(order($target), key => $key);
	is("$res->{status} $res->{json}{id} $res->{json}{state}",
		"202 $id done", 'a job that has ended is not done again');
	is(join(' ', there($target)), $id, 'there is one');

	my $ttl = $t->redis('TTL', idem($key));
	ok($ttl > 86000 && $ttl <= 86400, 'the key is remembered for a day');
	return;
}


sub somebody_else {
	my $file = $t->write_file('other.pw', "another-admin-of-tests\n");
	my ($target, $key) = (target(), 'the same words');

	$t->ctl('admin', 'add', 'other', '--role', 'master',
		'--password-file', $file);
	my $cookie = $t->sign_in('other', 'another-admin-of-tests');
	my $mine = $jobs->post(order($target), key => $key);
	my $theirs = $jobs->post(order(target()), key => $key,
		cookie => $cookie);

	is($theirs->{status}, 202, 'a key is of one administrator');
	isnt($theirs->{json}{id}, $mine->{json}{id}, 'who has another job');
	is($theirs->{json}{created_by}, 'other', 'and has made it');
	return;
}


sub clearing {
	my %order = (action => 'clear-folders', target => target());
	my $patch = sub {
		my $tag = $t->api(GET => '/settings', role => 'MasterAdmin')
			->{headers}{etag};
		return $t->api(PATCH => '/settings', role => 'MasterAdmin',
			json => { clearing => { junk_days => $_[0] } },
			headers => { 'If-Match' => $tag })->{status};
	};

	is($patch->(30), 200, 'days');
	my $id = $jobs->post(\%order, key => 'clearing')->{json}{id};
	is($patch->(60), 200, 'other days');
	my $res = $jobs->post(\%order, key => 'clearing');
	is("$res->{status} $res->{json}{id} $res->{json}{junk_days}",
		"202 $id 30", 'a repeat is what it was when it was asked for');
	is($jobs->post({ %order, junk_days => 30 }, key => 'clearing')
		->{status}, 422, 'who names the days asks for something else');
	return;
}


sub many_keys {
	for my $round (1 .. 4) {
		my $target = target();
		my @answers = at_once(24, sub {
			$jobs->post(order($target), key => "r$round n$_[0]") });
		my @taken = grep { $_->[0] == 202 } @answers;
		my @refused = grep { $_->[0] == 409 } @answers;

		is(scalar @answers, 24, 'all are answered');
		is(scalar @taken, 1, '24 keys at once: one job');
		is(scalar @refused, 23, 'and the others are refused');
		is(scalar(grep { $_->[2] ne $taken[0][1] } @refused), 0,
			'by its name');
		is(join(' ', there($target)), $taken[0][1], 'there is one');

		# and again, when that one has ended

		$jobs->finish($taken[0][1], 'one');
		@answers = at_once(24, sub {
			$jobs->post(order($target), key => "s$round n$_[0]") });
		my @next = grep { $_->[0] == 202 } @answers;
		is(scalar @next, 1, '24 keys after its end: one more');
		is(scalar(grep { $_->[0] == 409 && $_->[2] eq $next[0][1] }
			@answers), 23, 'which all the others are told');
		is(join(' ', there($target)), "$taken[0][1] $next[0][1]",
			'there are two');
		is(busy($target), $next[0][1], 'the second has the place');
	}
	return;
}


sub one_key {
	for my $round (1 .. 4) {
		my $target = target();
		my @answers = at_once(24, sub {
			$jobs->post(order($target), key => "one $round") });
		my %ids = map { $_->[1] => 1 } @answers;

		is(scalar(grep { $_->[0] == 202 } @answers), 24,
			'one key, 24 times at once: all are taken');
		is(scalar keys %ids, 1, 'as one job');
		is(join(' ', there($target)), join(' ', keys %ids),
			'there is one');
	}
	return;
}


# It died when it had its key, or its place, too; young and old.

sub half_way {
	for my $case (['with its key', 0, 0], ['with its key, long ago', 0, 60],
		['with its key, a moment ago', 0, 7],
		['with its place', 1, 0], ['with its place, long ago', 1, 60],
		['with its place, a moment ago', 1, 7],
		['with its place, in the future', 1, -60])
	{
		my ($what, $place, $age) = @$case;
		my ($target, $key) = (target(), "half $what");
		my $id = $jobs->make('quota-recalc', $target, key => $key);
		my $old = undo($id, $target, key => $key, busy => $place,
			age => $age);

		my $res = $jobs->post(order($target), key => $key);
		is($res->{status}, 202, "it died $what: a repeat makes it");
		my $new = $res->{json}{id};
		is($new eq $old, !$age, $age ? 'under another name'
			: 'under its own name');
		is($jobs->post(order($target), key => $key)->{json}{id}, $new,
			'and only once');
		is(join(' ', there($target)), $new, 'there is one');
		is(busy($target), $new, 'it has the place');
	}
	return;
}


# It was not dead: the job comes late, when its key has another name already.

sub late {
	my ($target, $key) = (target(), 'late');
	my $id = $jobs->make('quota-recalc', $target, key => $key);
	my $job = $t->redis('HGET', "mp:{jobs}:j:$id", 'job');
	my $old = undo($id, $target, key => $key, busy => 1, age => 7);
	my $idem = $t->redis('GET', idem($key));
	my $new = $jobs->post(order($target), key => $key)->{json}{id};

	undo($new, $target, key => $key, busy => 1);
	$t->redis('SET', idem($key), $idem);
	busy($target, $old);
	$t->redis('HDEL', "mp:{jobs}:j:$old", 'next');
	$t->redis('HSET', "mp:{jobs}:j:$old", 'job', $job =~ s/$id/$old/r);
	my $res = $jobs->post(order($target), key => $key);
	is("$res->{status} $res->{json}{id}", "202 $old",
		'a job that comes late is the one of its key');
	return;
}


# Somebody else wants the place of one that died.

sub in_the_way {
	my ($target, $key) = (target(), 'died with its place');
	my $id = $jobs->make('quota-recalc', $target, key => $key);

	undo($id, $target, key => $key, busy => 1);
	my $res = $jobs->post(order($target));
	is("$res->{status} $res->{json}{job}", "409 $id",
		'who has just taken a place may be about to make a job');

	my $old = undo($id, $target, key => $key, busy => 1, age => 7);
	is($jobs->post(order($target))->{json}{job}, $old,
		'also some seconds later');
	$id = $old;
	$old = undo($id, $target, key => $key, busy => 1, age => 60);
	my @answers = at_once(16, sub { $jobs->post(order($target),
		key => "after $_[0]") });
	my @taken = grep { $_->[0] == 202 } @answers;
	is(scalar @taken, 1, 'when it never did, one comes after it');
	is($t->redis('HGET', "mp:{jobs}:j:$old", 'next'), $taken[0][1],
		'which is written down');
	is(join(' ', there($target)), $taken[0][1], 'there is one');
	is($jobs->get($old)->{status}, 404, 'what died is no job');

	$res = $jobs->post(order($target), key => $key);
	is("$res->{status} $res->{json}{job}", "409 $taken[0][1]",
		'the first is refused when it comes again');
	$jobs->finish($taken[0][1], 'one');
	is($jobs->post(order($target), key => $key)->{status}, 202,
		'and taken when that one has ended');
	return;
}


# It died when it had come after one that had ended.

sub after_the_end {
	for my $age (0, 60) {
		my ($target, $key) = (target(), "successor $age");
		my $first = $jobs->make('quota-recalc', $target);

		$jobs->finish($first, 'one');
		my $id = $jobs->make('quota-recalc', $target, key => $key);
		my $old = undo($id, $target, key => $key, busy => 1,
			age => $age);
		busy($target, $first);
		$t->redis('HSET', "mp:{jobs}:j:$first", 'next', $old);

		if (!$age) {
			my $res = $jobs->post(order($target));
			is("$res->{status} $res->{json}{job}", "409 $old",
				'it may be about to make it');
			is($jobs->post(order($target), key => $key)
				->{json}{id}, $old, 'and does');
			is($t->redis('HGET', 'mp:{jobs}:busy',
				"quota-recalc $target"), $old,
				'with the place');
			next;
		}

		my @answers = at_once(16, sub { $jobs->post(order($target),
			key => $_[0] % 2 ? $key : "after $age $_[0]") });
		my %taken = map { $_->[1] => 1 }
			grep { $_->[0] == 202 } @answers;
		is(scalar keys %taken, 1,
			'long ago: one comes after it, by whichever key');
		is(scalar(grep { $_->[0] !~ /^(?:202|409)$/ } @answers), 0,
			'and nobody meets with anything else');
		is(scalar(grep { $_ ne $first } there($target)), 1,
			'there is one');
	}
	return;
}


# All who repeat an old request agree on one name.

sub old_together {
	my ($target, $key) = (target(), 'old together');
	my $id = $jobs->make('quota-recalc', $target, key => $key);

	undo($id, $target, key => $key, busy => 1, age => 3600);
	my @answers = at_once(24, sub { $jobs->post(order($target),
		key => $key) });
	my %ids = map { $_->[1] => 1 } @answers;
	is(scalar(grep { $_->[0] == 202 } @answers), 24,
		'an old key, 24 times at once: all are taken');
	is(scalar keys %ids, 1, 'as one job');
	is(join(' ', there($target)), join(' ', keys %ids), 'there is one');

	# a chain of attempts that all died

	($target, $key) = (target(), 'a chain');
	$id = $jobs->make('quota-recalc', $target, key => $key);
	my $old = undo($id, $target, key => $key, busy => 1, age => 900);
	my @chain = ($old, map { $jobs->id(900 - 60 * $_) } 1 .. 5);

	for my $n (1 .. $#chain) {
		$t->redis('HSET', "mp:{jobs}:j:$chain[$n - 1]", 'again',
			$chain[$n], 'next', $chain[$n]);
	}
	my $res = $jobs->post(order($target), key => $key);
	is($res->{status}, 202, 'after many that died one lives');
	is(busy($target), $res->{json}{id}, 'and has the place');
	is($jobs->post(order($target))->{json}{job}, $res->{json}{id},
		'which others are told');

	($target, $key) = (target(), 'a ring');
	$id = $jobs->make('quota-recalc', $target, key => $key);
	$old = undo($id, $target, key => $key, busy => 1, age => 900);
	$t->redis('HSET', "mp:{jobs}:j:$old", 'again', $old, 'next', $old);
	is($jobs->post(order($target), key => $key)->{status}, 503,
		'a ring is left');
	is($jobs->post(order($target))->{status}, 503, 'by everybody');
	return;
}


sub strangers {
	my $key = 'of a stranger';

	for my $value ('', 'x', '0' x 24, ('0' x 24) . ' ' . 'x' x 63,
		('0' x 24) . '  ' . 'x' x 64, ('z' x 24) . ' ' . 'x' x 64)
	{
		$t->redis('SET', idem($key), $value);
		my $res = $jobs->post(order(target()), key => $key);
		is("$res->{status} $res->{json}{code}", '409 state-regressed',
			'what is not of ours is not believed: ' . $value);
	}
	return;
}


# Workers of nginx are killed while jobs are made; each client repeats until
# it is told something.  At the end there is one job for each target, and who
# was told of a job was told of that one.

sub killed {
	my $master = $t->pid('nginx');
	my $end = time() + 12;
	my $killer = fork() // die "fork: $!\n";

	if ($killer == 0) {
		while (time() < $end) {
			my @w = split ' ', `pgrep -P $master`;
			kill 'KILL', $w[rand @w] if @w;
			select undef, undef, undef, 0.05 + rand 0.1;
		}
		POSIX::_exit(0);
	}

	my @answers = at_once(12, sub { insist($end, @_) });
	waitpid $killer, 0;

	my %told;
	push @{ $told{$_->[4]} }, $_ for @answers;
	is(scalar(grep { $_->[0] !~ /^(?:202|409)$/ } @answers), 0,
		'in the end everybody is told');
	cmp_ok(scalar keys %told, '>', 50, scalar(keys %told) . ' targets');

	my (@bad, %records);

	for my $key ($jobs->records()) {
		my ($target) = $t->redis('HGET', $key, 'job')
			=~ /"target":"(k\d+\.example)"/ or next;
		push @{ $records{$target} }, $key =~ s/.*://r;
	}
	for my $target (keys %told) {
		my @ids = @{ $records{$target} // [] };
		my %of = map { $_->[1] => 1 }
			grep { $_->[0] == 202 } @{ $told{$target} };
		push @bad, "$target: @ids, told " . join(' ', keys %of)
			if @ids != 1 || "@ids" ne join ' ', keys %of;
	}
	is(join("\n", @bad), '', 'each has one job, of which they were told');
	return;
}

# One target after the other; every second client has the same key.

sub insist {
	my ($end, $n) = @_;
	my @answers;

	for (my $k = 0; time() < $end; $k++) {
		my $res;

		while (!$res || $res->{status} !~ /^(?:202|409)$/) {
			$res = eval { $jobs->post(order("k$k.example"),
				key => "killed $k " . $n % 2) };
			last if time() > $end + 20;
			select undef, undef, undef, 0.01 unless $res;
		}
		push @answers, { %{ $res // { status => 0 } },
			note => "k$k.example" };
		select undef, undef, undef, 0.05;
	}
	return @answers;
}


repeats();
somebody_else();
clearing();
many_keys();
one_key();
half_way();
late();
in_the_way();
after_the_end();
old_together();
strangers();
killed();

$t->done();
