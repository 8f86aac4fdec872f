package Test::Bench;

# What the measurements share: rounds that alternate, medians, processor
# time, the two load generators, and the table at the end.

use warnings;
use strict;

use Exporter 'import';
use File::Basename qw/ dirname /;
use File::Path qw/ mkpath /;
use JSON::PP ();
use POSIX ();
use Time::HiRes qw/ sleep time /;

our @EXPORT_OK = qw/ median percentile pin prefer cpu_usecs alternate run_json wrk
	say_now wait_until spawn finish domain_names write_lines /;

our $SERVER_CPU = 1;
our $LOAD_CPU = 0;

my $TICK = 1e6 / POSIX::sysconf(POSIX::_SC_CLK_TCK());


sub new {
	my ($class, %opt) = @_;

	return bless { results => [], load => load(), %opt }, $class;
}


# How busy the machine is with something else, before we begin.

sub load {
	open my $fh, '<', '/proc/loadavg' or return;
	return (split ' ', <$fh>)[0] + 0;
}


sub rounds { return $ENV{BENCH_ROUNDS} // 15; }
sub cpus { return _machine()->{cpus} || 1; }
sub seconds { return $ENV{BENCH_SECONDS} // 1; }


sub say_now {
	my ($text) = @_;

	printf STDERR "# %s\n", $text;
	return;
}


sub median {
	my @sorted = sort { $a <=> $b } @_;

	return unless @sorted;
	return ($sorted[@sorted / 2] + $sorted[(@sorted - 1) / 2]) / 2;
}


sub percentile {
	my ($part, @values) = @_;
	my @sorted = sort { $a <=> $b } @values;

	return $sorted[POSIX::ceil($part * @sorted) - 1];
}


# Processes

sub spawn {
	my ($log, @cmd) = @_;
	my $pid = fork() // die "fork: $!\n";

	return $pid if $pid;

	open STDIN, '<', '/dev/null';
	open STDOUT, '>>', $log or POSIX::_exit(126);
	open STDERR, '>&', \*STDOUT;
	exec @cmd or POSIX::_exit(127);
}


# libmilter takes up to five seconds to stop when asked kindly.

sub finish {
	my ($pid, $signal) = @_;

	kill $signal // 'KILL', $pid;
	waitpid $pid, 0;
	return;
}


sub wait_until {
	my ($what, $ready, $seconds) = @_;
	my $end = time + ($seconds // 30);

	until ($ready->()) {
		die "$what: not within " . ($seconds // 30) . " s\n"
			if time > $end;
		sleep 0.01;
	}

	return;
}


sub pin {
	my ($cpu, @pids) = @_;

	system("taskset -acp $cpu $_ > /dev/null 2>&1") for @pids;
	return;
}


# What else the machine does waits; both sides of a ratio get the same.  The
# kernel weighs sessions first (autogroup), then the processes in them.

sub prefer {
	my ($nice, @pids) = @_;

	for my $pid (@pids) {
		eval { setpriority(0, $pid, $nice); };
		open my $fh, '>', "/proc/$pid/autogroup" or next;
		print $fh $nice;
		close $fh;
	}

	return;
}


# Processor time of processes, ended threads included.

sub cpu_usecs {
	my (@pids) = @_;
	my $sum = 0;

	for my $pid (@pids) {
		open my $fh, '<', "/proc/$pid/stat" or next;
		my @field = split ' ', (<$fh> =~ s/^.*\) //sr);
		$sum += ($field[11] + $field[12]) * $TICK;
	}

	return $sum;
}


# Runs every subject once a round, in turn and each round beginning with
# another: what else the machine does meets all of them.  Returns the results
# by name, one a round.

sub alternate {
	my ($rounds, @subjects) = @_;
	my %results;

	for my $round (0 .. $rounds) {
		for my $i (0 .. @subjects / 2 - 1) {
			my $at = ($i + $round) % (@subjects / 2);
			my ($name, $code) = @subjects[2 * $at, 2 * $at + 1];
			my $result = $code->();
			# the first round warms up
			push @{ $results{$name} }, $result if $round;
		}
	}

	return \%results;
}


sub run_json {
	my (@cmd) = @_;

	open my $fh, '-|', @cmd or die "$cmd[0]: $!\n";
	my $out = do { local $/; <$fh> } // '';
	close $fh or die "@cmd: exit status $?\n$out";

	return JSON::PP::decode_json($out);
}


my %UNIT = (us => 1, ms => 1e3, s => 1e6);

# wrk with keepalive; options: connections, seconds, headers, script, lua (a
# file), all of it.  Every answer must be 2xx.

sub wrk {
	my ($url, %opt) = @_;
	my @cmd = ('taskset', '-c', $LOAD_CPU, 'wrk', '-t1',
		'-c' . ($opt{connections} // 64),
		'-d' . ($opt{seconds} // seconds()) . 's', '--latency',
		(map { ('-H', $_) } @{ $opt{headers} // [] }),
		($opt{lua} ? ('-s', $opt{lua}) : ()), $url);
	my $before = cpu_usecs(@{ $opt{pids} // [] });

	open my $fh, '-|', @cmd or die "wrk: $!\n";
	my $out = do { local $/; <$fh> };
	close $fh or die "wrk $url: $out";

	my ($requests) = $out =~ /(\d+) requests in/ or die "wrk: $out";
	my ($bad) = $out =~ /Non-2xx or 3xx responses: (\d+)/;
	die "wrk $url: $bad of $requests answers are no success\n"
		if $bad && !$opt{any};

	return {
		requests => $requests + 0,
		per_second => $out =~ /Requests\/sec:\s+([\d.]+)/ && $1 + 0,
		cpu_us => $requests
			? (cpu_usecs(@{ $opt{pids} // [] }) - $before) / $requests
			: 0,
		(map { my $p = $_; $out =~ /^\s+$p%\s+([\d.]+)(us|ms|s)\s*$/m
			? ("p${p}_ms" => $1 * $UNIT{$2} / 1e3) : () } 50, 99),
		bad => ($bad // 0) + 0,
	};
}


# Names as people register them, always the same ones.

my @SYLLABLES = qw/ ba co de fi go hu ka lo ma ni po ra se ti va wo zen ter
	mark shop mail net data web land blau /;
my @ENDINGS = qw/ example.com example.net example.org test invalid.example /;

sub domain_names {
	my ($count, $seed) = @_;
	my ($state, @names) = length($seed // '') + 1;

	for my $i (1 .. $count) {
		my $name = '';
		for (1 .. 3) {
			$state = ($state * 1103515245 + 12345) & 0x7fffffff;
			$name .= $SYLLABLES[($state >> 8) % @SYLLABLES];
		}
		push @names, sprintf '%s%x%s.%s', $name, $i, $seed // '',
			$ENDINGS[$i % @ENDINGS];
	}

	return \@names;
}


sub write_lines {
	my ($path, $lines) = @_;

	open my $fh, '>', $path or die "$path: $!\n";
	print $fh map { "$_\n" } @$lines;
	close $fh or die "$path: $!\n";

	return $path;
}


# Results: name, what, unit, value, one of at_least and at_most, and raw.

sub result {
	my ($self, %r) = @_;

	$r{ok} = defined $r{value}
		&& (!defined $r{at_least} || $r{value} >= $r{at_least})
		&& (!defined $r{at_most} || $r{value} <= $r{at_most})
		? JSON::PP::true : JSON::PP::false;
	$r{floor} = defined $r{at_least} ? ">= $r{at_least}"
		: defined $r{at_most} ? "<= $r{at_most}" : '-';

	push @{ $self->{results} }, \%r;
	say_now(sprintf '%s: %s %s (%s) %s', $r{name}, _number($r{value}),
		$r{unit}, $r{floor}, $r{ok} ? 'ok' : 'MISSED');
	return;
}


# Two subjects of alternate(): the median of the rounds' ratios.

sub ratio {
	my ($self, $results, $ours, $theirs, %r) = @_;
	my ($a, $b) = @$results{ $ours, $theirs };
	my @ratios = map { $a->[$_]{per_second} / $b->[$_]{per_second} }
		0 .. $#$a;
	my ($cost_a, $cost_b) = map { median(map { $_->{cpu_us} // 0 } @$_) }
		$a, $b;

	$self->result(%r, unit => 'ratio', value => median(@ratios), raw => {
		ratios => \@ratios,
		cpu_us => { $ours => $cost_a, $theirs => $cost_b },
		cpu_ratio => $cost_a ? $cost_b / $cost_a : undef,
		rounds => { $ours => $a, $theirs => $b },
	});
	return;
}


sub _number {
	my ($n) = @_;

	return 'none' unless defined $n;
	return sprintf $n >= 100 ? '%.0f' : $n >= 10 ? '%.1f' : '%.3f', $n;
}


sub failed {
	my ($self) = @_;

	return scalar grep { !$_->{ok} && $_->{floor} ne '-' }
		@{ $self->{results} };
}


# Both sides of a ratio by processor time; only ratio() measures that.

sub _by_cpu {
	my ($raw) = @_;
	my $cpu = ref $raw eq 'HASH' ? $raw->{cpu_us} : undef;

	return '' unless ref $cpu eq 'HASH' && grep { $_ } values %$cpu;
	return sprintf '%.2f: %s', $raw->{cpu_ratio} // 0, join ', ',
		map { sprintf '%s %.1f us', $_, $cpu->{$_} } sort keys %$cpu;
}


sub table {
	my ($self) = @_;
	my @rows = map { [
		$_->{what}, _number($_->{value}) . " $_->{unit}", $_->{floor},
		$_->{floor} eq '-' ? '' : $_->{ok} ? 'ok' : 'MISSED',
		_by_cpu($_->{raw}),
	] } @{ $self->{results} };

	unshift @rows, [qw/ what measured floor verdict /, 'by processor time'];
	my @width = map { my $c = $_; (sort { $b <=> $a }
		map { length $_->[$c] } @rows)[0] } 0 .. 4;

	return join '', map { my $row = $_; join('  ', map {
		sprintf '%-*s', $width[$_], $row->[$_] } 0 .. 4) =~ s/ +$/\n/r
		=~ s/(?<!\n)\z/\n/r } @rows;
}


sub save {
	my ($self, $path) = @_;
	my ($commit) = -e '.git' ? `git rev-parse --short HEAD` =~ /(\w+)/ : ();

	mkpath(dirname($path));
	open my $fh, '>', $path or die "$path: $!\n";
	print $fh JSON::PP->new->pretty->canonical->encode({
		at => POSIX::strftime('%Y-%m-%dT%H:%M:%SZ', gmtime),
		commit => $commit, machine => _machine(),
		rounds => rounds() + 0, seconds => seconds() + 0,
		load_before => $self->{load}, load_after => load(),
		results => $self->{results},
	});
	close $fh or die "$path: $!\n";
	return;
}


sub _machine {
	open my $fh, '<', '/proc/cpuinfo' or return {};
	my @cpus = map { /^model name\s*:\s*(.*)/ ? $1 : () } <$fh>;

	return { cpus => scalar @cpus, model => $cpus[0] };
}


1;
