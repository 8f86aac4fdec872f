package Bench::Milter;

# The milter alone, by its own protocol: how much it carries, and how soon it
# is ready.

use warnings;
use strict;

use Cwd qw/ abs_path /;
use IO::Socket::UNIX;
use Socket qw/ SOCK_STREAM /;
use Time::HiRes qw/ sleep time /;

use Bench::Portal;
use Test::Bench qw/ alternate cpu_usecs finish median pin run_json say_now
	spawn wait_until /;

my @running;


END {
	my $status = $?;
	finish($_) for @running;
	$? = $status;
}


# Our milter without a score source.  Options: name, redis (a socket),
# snapshot (a file).

sub _start {
	my (%opt) = @_;
	my $t = Bench::Portal::portal();
	my $dir = $t->dir();
	my $socket = "$dir/run/$opt{name}.sock";
	my $conf = $t->write_file("$opt{name}.conf", <<"END");
socket = unix:$socket
socket_mode = 0666
node = $opt{name}
redis = unix:$opt{redis}
redis_user = mp-milter
redis_password_file = $dir/secrets/redis-mp-milter.pw
snapshot = $opt{snapshot}
score_source = none
END
	unlink $socket;
	my $pid = spawn($t->log_file($opt{name}),
		$t->build() . '/mailportal-milter', '-c', $conf);
	push @running, $pid;

	return ($pid, $socket);
}


sub _stop {
	my ($pid) = @_;

	@running = grep { $_ != $pid } @running;
	finish($pid);
	return;
}


# The answer to MAIL of this sender, one letter, or nothing.

sub _ask {
	my ($socket, $domain) = @_;
	my $peer = IO::Socket::UNIX->new(Type => SOCK_STREAM, Peer => $socket)
		or return;
	my @frames = (
		'O' . pack('NNN', 6, 0x1ff, 0x1fffff),
		'C' . "host.example\0" . '4' . pack('n', 12345) . "192.0.2.1\0",
		"Hhost.example\0",
		"DM{mail_addr}\0u\@$domain\0",
		"M<u\@$domain>\0",
	);
	my ($protocol, $answer) = (0);

	for my $frame (@frames) {
		my $kind = substr $frame, 0, 1;
		next if $kind eq 'C' && $protocol & 1;
		next if $kind eq 'H' && $protocol & 2;
		syswrite $peer, pack('N', length $frame) . $frame or return;
		next if $kind eq 'D' || $kind eq 'C' && $protocol & 0x1000
			|| $kind eq 'H' && $protocol & 0x2000;
		$answer = _frame($peer) // return;
		$protocol = unpack 'x9N', $answer if $kind eq 'O';
	}

	return substr $answer, 0, 1;
}


sub _frame {
	my ($peer) = @_;

	sysread($peer, my $head, 4) == 4 or return;
	my ($len, $frame) = (unpack('N', $head), '');
	while (length $frame < $len) {
		sysread $peer, $frame, $len - length $frame, length $frame
			or return;
	}

	return $frame;
}


sub _refuses {
	my ($socket, $domain) = @_;

	return (_ask($socket, $domain) // '') =~ /^[ry]$/;
}


# Seconds from the start to the first refusal by the last of the domains.

sub _seconds_to_ready {
	my (%opt) = @_;
	my $domain = Bench::Portal::names()->[-1];
	my $begin = time;
	my ($pid, $socket) = _start(%opt);
	my $seconds;

	while (time < $begin + 60) {
		if (_refuses($socket, $domain)) {
			$seconds = time - $begin;
			last;
		}
		die 'the milter ended: ' . Bench::Portal::portal()->read_file(
			Bench::Portal::portal()->log_file($opt{name}))
			if waitpid($pid, 1) > 0;
		sleep 0.001;
	}

	die "the milter is not ready after a minute\n" unless $seconds;
	return ($seconds, $pid, $socket);
}


sub start {
	my ($bench) = @_;
	my $t = Bench::Portal::portal();
	my $dir = $t->dir();
	my $snapshot = "$dir/data/bench.snapshot";
	my $redis = "$dir/run/redis.sock";
	my (@redis, @file);

	Bench::Portal::load_million();

	for my $round (1 .. 5) {
		unlink $snapshot;
		my ($seconds, $pid) = _seconds_to_ready(name => 'bench-redis',
			redis => $redis, snapshot => $snapshot);
		push @redis, $seconds;
		wait_until('the snapshot file', sub { -s $snapshot }, 60);
		_stop($pid);

		($seconds, $pid) = _seconds_to_ready(name => 'bench-file',
			redis => "$dir/run/nobody.sock", snapshot => $snapshot);
		push @file, $seconds;
		_stop($pid);
	}

	$bench->result(name => 'start-file', unit => 's', at_most => 0.2,
		what => 'milter start to ready, 1M domains, snapshot file',
		value => median(@file), raw => { runs => \@file,
			bytes => -s $snapshot });
	$bench->result(name => 'start-redis', unit => 's', at_most => 2,
		what => 'milter start to ready, 1M domains, Redis',
		value => median(@redis), raw => { runs => \@redis });
	return;
}


sub _load {
	my ($socket, $pid, @more) = @_;
	my $before = cpu_usecs($pid);
	my $result = run_json('taskset', '-c', $Test::Bench::LOAD_CPU,
		Bench::Portal::portal()->build() . '/bench/milter_load',
		'-s', $socket, '-t', Test::Bench::seconds(),
		'-d', Bench::Portal::strangers(), @more);

	die "milter_load: $result->{rejected} refused\n"
		if $result->{rejected} || $result->{deferred};
	$result->{cpu_us} = (cpu_usecs($pid) - $before) / $result->{messages};
	return $result;
}


sub throughput {
	my ($bench) = @_;
	my $t = Bench::Portal::portal();
	my $dir = $t->dir();

	Bench::Portal::load_million();
	my (undef, $ours, $socket) = _seconds_to_ready(name => 'bench-load',
		redis => "$dir/run/redis.sock",
		snapshot => "$dir/data/bench-load.snapshot");

	# what ours negotiated is what the other one does
	my $probe = run_json($t->build() . '/bench/milter_load', '-s', $socket,
		'-t', 0.1, '-c', 1);
	my $noop = spawn($t->log_file('bench-noop'),
		$t->build() . '/bench/milter_noop', "$dir/run/noop.sock",
		$probe->{actions}, $probe->{protocol});
	push @running, $noop;
	wait_until('the baseline', sub { -S "$dir/run/noop.sock" });
	pin($Test::Bench::SERVER_CPU, $ours, $noop);

	# the two are so close that it takes more rounds to tell them apart
	for my $each (1, 10) {
		my $results = alternate(2 * $bench->rounds(),
			ours => sub { _load($socket, $ours, '-m', $each) },
			noop => sub { _load("$dir/run/noop.sock", $noop,
				'-m', $each) });
		$bench->ratio($results, 'ours', 'noop', at_least => 0.95,
			name => "milter-$each", what => 'milter, 1M domains, '
			. "$each a connection / libmilter no-op");
	}

	_stop($ours);
	_stop($noop);
	return;
}


1;
