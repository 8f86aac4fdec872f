package Bench::Log;

# The logs: how soon the newest lines of a large one are there, and whether
# the agent keeps up with a busy one.

use warnings;
use strict;

use POSIX ();
use Test::Bench qw/ finish median percentile spawn wait_until /;
use Test::Mailportal;
use Time::HiRes qw/ sleep time /;

my $GIB = $ENV{BENCH_LOG_BYTES} // 1 << 30;
my $RATE = 20_000;
my $SECONDS = 10;
my $ROUNDS = 5;


# Five lines of a message; its id has the time.

sub _message {
	my ($n) = @_;
	my $head = POSIX::strftime('%b %e %H:%M:%S', localtime) . ' mx postfix';
	my $q = sprintf 'A%09X', $n;

	return "$head/smtpd[11]: $q: client=mail.example[192.0.2.10]\n"
		. sprintf("$head/cleanup[12]: $q: message-id=<%.3f.%d\@example>\n",
			time(), $n)
		. "$head/qmgr[13]: $q: from=<a\@b.example>, size=1000, nrcpt=1 "
		. "(queue active)\n$head/lmtp[14]: $q: to=<u\@d.example>, "
		. 'relay=127.0.0.1[127.0.0.1]:24, delay=0.1, delays=0.1/0/0/0, '
		. "dsn=2.0.0, status=sent (250 2.0.0 <u\@d.example> S$q Saved)\n"
		. "$head/qmgr[13]: $q: removed\n";
}


sub _large {
	my ($path) = @_;
	my $block = join '', map { _message($_) } 1 .. 2000;

	open my $fh, '>', $path or die "$path: $!\n";
	print {$fh} $block for 1 .. $GIB / length $block;
	print {$fh} _message($_) for 1 .. 2500;
	close $fh or die "$path: $!\n";
	return;
}


sub _lines {
	my ($t, $cookie) = @_;

	return $t->api(GET => '/logs/postfix?format=text&limit=10000',
		cookie => $cookie)->{body};
}


sub _cold {
	my ($t, $cookie, $expected) = @_;
	my $node = $t->env('MP_NODE');

	$t->redis(DEL => $_) for map { "mp:{log}:$_:$node" } 'postfix', 'trace',
		'traces', 'open', map { ("place:agent-$_", "place:agent-trace-$_") }
		'postfix', 'dovecot';
	my $begin = time;
	my $pid = spawn($t->log_file('bench-agent'),
		$t->build() . '/mailportal-agent', '-c',
		$t->dir() . '/conf/agent.conf');

	wait_until('the newest lines', sub {
		sleep 0.005;
		($t->redis(XLEN => "mp:{log}:postfix:$node") // 0) == 10000;
	});
	my $asked = time;
	my $text = _lines($t, $cookie);
	my ($all, $answer) = (time() - $begin, time() - $asked);

	finish($pid);
	die "not the newest lines\n" unless $text eq $expected;
	return ($all, $answer);
}


sub cold {
	my ($bench) = @_;
	my $t = Test::Mailportal->new(only => [qw/ redis agent nginx /]);
	my $cookie = $t->role('MasterAdmin');
	my $mail = $t->dir() . '/log/mail.log';
	my (@all, @answer, @json);

	$t->stop('agent');
	_large($mail);
	my $expected = `tail -n 10000 $mail`;

	for (1 .. $ROUNDS) {
		my ($all, $answer) = _cold($t, $cookie, $expected);
		push @all, 1000 * $all;
		push @answer, 1000 * $answer;
	}

	for (1 .. $ROUNDS) {
		my $begin = time;
		$t->http('GET', '/api/v1/logs/postfix?limit=10000',
			cookie => $cookie);
		push @json, 1000 * (time() - $begin);
	}

	$bench->result(name => 'log-cold', unit => 'ms', at_most => 300,
		value => median(@all), raw => \@all,
		what => 'start of the agent to the newest 10,000 lines of 1 GiB');
	$bench->result(name => 'log-answer', unit => 'ms', at_most => 50,
		value => median(@answer), raw => { text => \@answer, json => \@json },
		what => 'answer of 10,000 lines');
	return;
}


sub _write {
	my ($mail) = @_;
	my $pid = fork() // die "fork: $!\n";
	my ($n, $begin) = (0, time);

	return $pid if $pid;

	open my $fh, '>>', $mail or POSIX::_exit(1);
	$fh->autoflush(1);
	while (5 * $n < $RATE * $SECONDS) {
		print {$fh} join '', map { _message(++$n) } 1 .. 20;
		my $ahead = 5 * $n / $RATE - (time() - $begin);
		sleep $ahead if $ahead > 0;
	}
	POSIX::_exit(5 * $n / (time() - $begin) > 0.98 * $RATE ? 0 : 2);
}


# Redis gives a line the time when it took it; the line has that of its writer.

sub _lags {
	my ($t, $pid) = @_;
	my $node = $t->env('MP_NODE');
	my @lags;

	until (waitpid $pid, POSIX::WNOHANG()) {
		my $lines = $t->redis(XREVRANGE => "mp:{log}:postfix:$node", '+', '-',
			'COUNT', 100) // [];
		for my $entry (@$lines) {
			my ($at) = $entry->[1][3] =~ /message-id=<([\d.]+)\.\d+@/
				or next;
			my ($taken) = $entry->[0] =~ /^(\d+)/;
			push @lags, $taken - 1000 * $at;
		}
		sleep 0.05;
	}
	die "the writer was too slow\n" if $?;
	return @lags;
}


sub follow {
	my ($bench) = @_;
	my $t = Test::Mailportal->new(only => [qw/ redis agent nginx /]);
	my $mail = $t->dir() . '/log/mail.log';
	my $node = $t->env('MP_NODE');
	my $pid = _write($mail);
	my @lags = _lags($t, $pid);
	my $end = time;

	wait_until('the last line', sub {
		my $last = $t->redis(XREVRANGE => "mp:{log}:postfix:$node", '+', '-',
			'COUNT', 1);
		my $q = sprintf 'A%09X', $RATE * $SECONDS / 5;
		sleep 0.005;
		$last->[0][1][3] =~ /$q: removed/;
	});
	my $behind = 1000 * (time() - $end);
	my ($peak) = ($t->read_file('/proc/' . $t->pid('agent') . '/status')
		// '') =~ /^VmHWM:\s+(\d+)/m;

	$bench->result(name => 'log-lag', unit => 'ms', at_most => 200,
		value => percentile(0.99, @lags),
		raw => { median => median(@lags), behind => $behind },
		what => "lag (p99) at $RATE lines/s for $SECONDS s");
	$bench->result(name => 'log-memory', unit => 'MiB', at_most => 32,
		value => $peak / 1024, what => 'memory of the agent then, at most');
	return;
}


1;
