package Bench::Dovecot;

# Work on mailboxes, against the same work by doveadm; what it costs those
# who deliver mail meanwhile; and the worker's memory.

use warnings;
use strict;

use Time::HiRes qw/ sleep time /;

use Test::Bench qw/ alternate median prefer say_now /;
use Test::Mailportal::Dovecot::Jobs qw/ failures sum_of /;

my $EVENTS = 'mp:{jobs}:events';
my $USERS = $ENV{BENCH_USERS} // 2000;
my $MANY = $ENV{BENCH_MANY_USERS} // 10_000;
my $EACH = 50;
my $MAILS = $ENV{BENCH_MAILS} // 1000;
my $RATE = 20; # that of the worker's own sweeps
my $PATIENCE = 600;


# One Dovecot for each format, with nobody else in it: so -A, and a job for
# all, are the same users.

sub _portal {
	my ($format, $users, %opt) = @_;
	my $d = Test::Mailportal::Dovecot::Jobs->new(%opt);

	say_now("making $users mailboxes with $EACH messages, $format");
	$d->remove_users($d->users());
	$d->crowd($users, 'bench.example', format => $format,
		messages => $EACH);
	prefer(-15, grep { defined } map { $d->t()->pid($_) }
		qw/ redis dovecot nginx /);
	return $d;
}


sub _rate {
	my ($count, $code) = @_;
	my $begin = time;

	$code->();
	return { per_second => $count / (time - $begin) };
}


# From the request to the answer that tells the end.  Who looks is told when
# there is something new, for to look all the time costs what is measured.

sub _job {
	my ($d, $action, $users, %opt) = @_;
	my $place = ($d->redis('XREVRANGE', $EVENTS, '+', '-', 'COUNT', 1)
		->[0] // ['0-0'])->[0];

	return _rate($users, sub {
		my $id = $d->begin($action, %opt);
		my $end = time + $PATIENCE;
		my $job = { state => 'queued' };

		while ($job->{state} =~ /^(?:queued|running)$/) {
			die "$action does not end\n" if time > $end;
			my $new = $d->redis('XREAD', 'BLOCK', 5000, 'STREAMS',
				$EVENTS, $place);
			$place = $new->[0][1][-1][0] if $new;
			$job = $d->get($id);
		}

		die "$action: " . sum_of($job) . "\n" . failures($job) . "\n"
			if sum_of($job) ne "done $users $users 0 0";
	});
}


sub _doveadm {
	my ($d, $users, @command) = @_;

	return _rate($users, sub {
		my ($rc, $out) = $d->stock(@command);
		die "doveadm @command: $rc $out\n" if $rc;
	});
}


my %WORK = (
	'quota-recalc' => [qw/ quota recalc -A /],
	'index-rebuild' => ['force-resync', '-A', '*'],
);


# By number of lanes, of which 0 is what an operator has who sets none: the
# floors are about some, the others are told.

sub _against_doveadm {
	my ($bench, $action, $floors) = @_;
	my @doveadm = @{ $WORK{$action} };

	for my $format (qw/ sdbox maildir /) {
		my $d = _portal($format, $USERS);

		for my $lanes (1, 2, 0) {
			$d->set_worker(lanes => $lanes);
			$d->ready();

			my $results = alternate($bench->rounds(),
				ours => sub { _job($d, $action, $USERS) },
				doveadm => sub { _doveadm($d, $USERS,
					@doveadm) });
			$bench->ratio($results, 'ours', 'doveadm',
				name => "$action-$format-$lanes",
				what => "$action, $USERS users, $format, "
					. 'lanes: ' . ($lanes || 'default')
					. " / doveadm @doveadm",
				$floors->{$lanes}
					? (at_least => $floors->{$lanes}) : ());
		}
		$d->t()->down();
	}

	return;
}


sub recalc {
	my ($bench) = @_;

	_against_doveadm($bench, 'quota-recalc', { 1 => 1.0 });
	return;
}


sub rebuild {
	my ($bench) = @_;

	_against_doveadm($bench, 'index-rebuild', { 0 => 1.5 });
	return;
}


# LMTP

# A Dovecot without us: the file that an operator adds is not read.

sub _without_us {
	my $d = Test::Mailportal::Dovecot::Jobs->new(only => ['dovecot'], down => 1);

	Test::Mailportal::Dovecot::up($d);
	my $conf = $d->t()->read_file('conf/dovecot/dovecot.conf');
	$conf =~ s/^!include 90-mailportal\.conf\n//m or die "no include\n";
	$d->t()->write_file('conf/dovecot/dovecot.conf', $conf);
	$d->t()->restart('dovecot');
	die "our worker is there\n" if $d->worker_pid();

	return $d;
}


# As many mailboxes as messages, so that no two deliveries meet.

sub _letters {
	my ($d) = @_;
	my $file = $d->t()->write_file('letter', "Subject: a letter\n"
		. "From: <somebody\@elsewhere.example>\n\n"
		. "a line of an ordinary letter, of which there are many\n"
		x 100);

	return sub {
		system('smtp-source', '-L', '-N', '-s', 8, '-m', $MAILS, '-F',
			$file, '-f', 'somebody@elsewhere.example', '-t',
			'u@bench.example', '127.0.0.1:'
			. $d->t()->port('lmtp')) == 0
			or die "smtp-source: status $?\n";
	};
}


# While jobs run all the time: enough of them that they outlast it, for who
# looks after them costs more than they do.

sub _beside {
	my ($d, $deliver, %job) = @_;
	my @ids = map { $d->begin('index-rebuild', %$_, %job) }
		{ target => 'bench.example' }, {};

	$d->get_when($ids[0], sub { $_[0]{done} > 0 }, 60, 'the first users');
	my $result = _rate($MAILS, $deliver);
	die "the jobs were over before the delivery\n"
		if $d->get($ids[-1])->{state} !~ /^(?:queued|running)$/;

	for my $id (reverse @ids) {
		$d->cancel($id);
		$d->get_end($id, $PATIENCE);
	}

	return $result;
}


sub lmtp {
	my ($bench) = @_;
	my %opt = (format => 'sdbox', messages => $EACH,
		name => sub { "$_[0]u" });
	my ($ours, $none) = (Test::Mailportal::Dovecot::Jobs->new(), _without_us());
	my ($to_ours, $to_none) = map { _letters($_) } $ours, $none;

	for my $d ($ours, $none) {
		$d->crowd($MAILS, 'bench.example', %opt);
		prefer(-15, grep { defined } map { $d->t()->pid($_) }
			qw/ redis dovecot nginx /);
	}

	my $results = alternate($bench->rounds(),
		idle => sub { _rate($MAILS, $to_ours) },
		limited => sub { _beside($ours, $to_ours, rate => $RATE) },
		unlimited => sub { _beside($ours, $to_ours) },
		none => sub { _rate($MAILS, $to_none) });
	my %what = (idle => 'no job', limited => "a job of $RATE users/s",
		unlimited => 'a job without a limit');

	for my $name (qw/ idle limited unlimited /) {
		# two cores that are asked for all they have are shared by halves
		$bench->ratio($results, $name, 'none',
			($name eq 'unlimited' ? () : (at_least => 0.95)),
			name => "lmtp-$name",
			what => "LMTP delivery, $what{$name} / without us");
	}

	$_->t()->down() for $ours, $none;
	return;
}


# Memory

sub memory {
	my ($bench) = @_;
	my $d = _portal('maildir', $MANY);
	my $worker = $d->worker_pid();
	my (@seen, %lane);

	for my $action (qw/ quota-recalc index-rebuild /) {
		my $id = $d->begin($action);
		my $job = $d->get_when($id, sub {
			my ($job) = @_;
			push @seen, [$job->{done}, $d->memory($worker)];
			for my $pid ($d->lane_pids()) {
				my $now = $d->memory($pid) // next;
				$lane{$now} = 1;
			}
			return $job->{state} !~ /^(?:queued|running)$/;
		}, $PATIENCE, "the end of $action");
		die "$action: " . sum_of($job // {}) . "\n"
			if sum_of($job // {}) ne "done $MANY $MANY 0 0";
	}
	die "another worker\n" if $worker != $d->worker_pid();

	my ($most) = sort { $b <=> $a } map { $_->[1] } @seen;
	my ($early) = map { $_->[1] } grep { $_->[0] >= $MANY / 10 } @seen;
	my ($lane) = sort { $b <=> $a } keys %lane;
	my %raw = (raw => { kib => [map { $_->[1] } @seen] });

	$bench->result(name => 'worker-memory', unit => 'MiB', at_most => 16,
		what => "worker memory, jobs for $MANY users",
		value => $most / 1024, %raw);
	$bench->result(name => 'worker-growth', unit => 'MiB', at_most => 0.5,
		what => "growth of it from the first tenth to the end",
		value => ($seen[-1][1] - $early) / 1024, %raw);
	$bench->result(name => 'lane-memory', unit => 'MiB',
		what => "lane memory, jobs for $MANY users",
		value => $lane / 1024);
	$d->t()->down();
	return;
}


1;
