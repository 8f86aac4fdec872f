package Test::Mailportal::Milter;

# A milter of its own beside the servers of a test, with the configuration
# that the test wants; and what an administrator would do to it.

use warnings;
use strict;

use Digest::SHA qw/ sha256_hex /;
use JSON::PP ();
use POSIX ();
use Time::HiRes qw/ sleep time /;

use Test::Mailportal;
use Test::Mailportal::MilterSession;

my $count = 0;


# conf => {...} adds to or changes what stands here; start => 0 only writes
# the file.

sub new {
	my ($class, $t, %opt) = @_;
	my $name = 'milter-' . ++$count;
	my $dir = $t->dir();

	my $self = bless { t => $t, name => $name, pid => 0,
		path => "$dir/$name.sock", conf => "$dir/$name.conf",
		log => "$dir/log/$name.log" }, $class;

	$self->{values} = {
		socket => "unix:$self->{path}", node => $name,
		redis => "unix:$dir/run/redis.sock", redis_user => 'mp-milter',
		redis_password_file => "$dir/secrets/redis-mp-milter.pw",
		redis_timeout => '1s', snapshot => "$dir/$name.snapshot",
		score_source => 'none', trusted_networks => '',
		%{ $opt{conf} // {} },
	};

	$self->write_conf();
	$self->start() unless defined $opt{start} && !$opt{start};
	return $self;
}


sub write_conf {
	my ($self, %change) = @_;
	my %v = %{ $self->{values} } = (%{ $self->{values} }, %change);

	open my $fh, '>', $self->{conf} or die "$self->{conf}: $!\n";
	print $fh map { "$_ = $v{$_}\n" } sort keys %v;
	close $fh or die "$self->{conf}: $!\n";
	return $self;
}


sub path { return $_[0]{path}; }
sub pid { return $_[0]{pid}; }
sub node { return $_[0]{values}{node}; }
sub snapshot { return $_[0]{values}{snapshot}; }


# True when it is ready; false when it has ended instead.  early: when it has
# its socket, so that signals are not lost.

sub start {
	my ($self, %opt) = @_;
	my $from = -s $self->{log} // 0;
	my $program = $self->{t}->build() . '/mailportal-milter';

	my $pid = fork() // die "fork: $!\n";
	if ($pid == 0) {
		open STDIN, '<', '/dev/null';
		open STDOUT, '>>', $self->{log};
		open STDERR, '>&', \*STDOUT;
		exec $program, '-c', $self->{conf} or POSIX::_exit(127);
	}

	$self->{pid} = $pid;

	my $end = time() + 60;
	while (time() < $end) {
		return 1 if $opt{early} ? -e $self->{path}
			: substr($self->log(), $from) =~ /is ready at/;
		last unless $self->running();
		sleep 0.01;
	}

	return 0;
}


sub running {
	my ($self) = @_;

	return 0 unless $self->{pid};
	return 1 if waitpid($self->{pid}, POSIX::WNOHANG()) == 0;

	$self->{status} = $?;
	$self->{pid} = 0;
	return 0;
}


# Ends it, and returns its exit code, or minus the signal.

sub stop {
	my ($self, $signal) = @_;

	if ($self->running()) {
		kill $signal // 'TERM', $self->{pid};
		waitpid $self->{pid}, 0;
		$self->{status} = $?;
		$self->{pid} = 0;
	}

	my $status = $self->{status} // 0;
	return $status & 127 ? -($status & 127) : $status >> 8;
}


sub log {
	my ($self) = @_;

	open my $fh, '<:raw', $self->{log} or return '';
	local $/;
	return scalar <$fh> // '';
}


sub logged {
	my ($self, $re, $seconds) = @_;

	return Test::Mailportal::wait_for(
		sub { $self->log() =~ $re }, $seconds // 10, "$re in the log");
}


sub session {
	my ($self, %opt) = @_;

	return Test::Mailportal::MilterSession->new($self->{path}, %opt);
}


# The answer to one sender: "accept", "reject", "tempfail" or "continue".

sub mail {
	my ($self, $from, %opt) = @_;
	my $session = $self->session(%opt);
	my $reply = $session->mail($from, %opt);

	$session->quit();
	return $reply->{is};
}


sub heartbeat {
	my ($self) = @_;
	my $json = $self->{t}->redis('GET', "mp:{hb}:milter:" . $self->node());

	return defined $json && !ref $json ? JSON::PP::decode_json($json) : {};
}


# Waits for a heartbeat of which something is true.

sub beats {
	my ($self, $sub, $seconds, $what) = @_;

	return Test::Mailportal::wait_for(
		sub { local $_ = $self->heartbeat();
			($_->{pid} // 0) == $self->{pid} && $sub->($_) },
		$seconds // 10, $what);
}


sub problem {
	my ($self, $re, $seconds) = @_;

	return $self->beats(sub {
		grep { $_ =~ $re } @{ $_[0]{problems} } }, $seconds // 10,
		"the problem $re");
}


sub counter {
	my ($self, $name) = @_;

	return $self->{t}->redis('HGET', "mp:{stat}:milter:" . $self->node(),
		$name) // 0;
}


# Settings

sub head {
	my ($t) = @_;
	my $reply = $t->redis('XREVRANGE', 'mp:{cfg}:log', '+', '-',
		'COUNT', 1);
	my ($id, $fields) = @{ $reply->[0] // return };

	return { number => $id =~ s/-0$//r, @$fields };
}


sub seal {
	my (%v) = @_;

	return sha256_hex(join("\n", @v{qw/ number epoch prev actor at req /})
		. "\n$v{doc}");
}


# The next version, as the API publishes it; the values are "group.id", and
# entry => {...} changes fields of the stream's entry after they were sealed.

sub publish {
	my ($t, %change) = @_;
	my $entry = delete $change{entry} // {};
	my $head = head($t);
	my $json = JSON::PP->new->canonical;
	my $doc = $json->decode($head->{doc});

	for my $name (keys %change) {
		my ($group, $id) = split /\./, $name;
		$doc->{$group}{$id} = $change{$name};
	}

	my %v = (%$head, number => $head->{number} + 1, prev => $head->{h},
		doc => $json->encode($doc), actor => 'test', req => 'r1',
		at => POSIX::strftime('%Y-%m-%dT%H:%M:%SZ', gmtime));
	$v{h} = seal(%v);
	%v = (%v, %$entry);

	my $reply = $t->redis('XADD', 'mp:{cfg}:log', "$v{number}-0",
		map { $_ => $v{$_} } qw/ epoch doc h prev actor at req /);
	die "XADD: $reply->{error}\n" if ref $reply;

	return $v{number};
}


# Lists, as the API changes them.  op is "add" or "del", list "white" or
# "black"; returns the id of the change.

sub change {
	my ($t, $op, $list, $domains, %opt) = @_;
	my @domains = ref $domains ? @$domains : ($domains);
	my @x = $opt{expires} ? (x => $opt{expires}) : ();

	$t->redis('MULTI');
	$t->redis($op eq 'add' ? 'SADD' : 'SREM', "mp:{list}:$list", @domains);
	$t->redis('ZADD', 'mp:{list}:expires', $opt{expires},
		"$list:$domains[0]") if @x;
	$t->redis('XADD', 'mp:{list}:log', @{ $opt{xadd} // [] }, '*',
		op => $op, list => $list, d => join("\n", @domains), @x,
		actor => 'test', at => '2026-01-01T00:00:00Z', req => 'r1');
	my $reply = $t->redis('EXEC');
	die "EXEC: $reply->{error}\n" if ref $reply eq 'HASH';

	return $reply->[-1];
}


# Waits until what the administrator did is in force here.

sub settings_in_force {
	my ($self, $number) = @_;

	return $self->beats(sub { $_[0]{settings} == $number }, 10,
		"version $number in force");
}


sub lists_in_force {
	my ($self, $id) = @_;

	return $self->beats(sub { $_[0]{lists} eq $id }, 10,
		"lists $id in force");
}


sub DESTROY {
	my ($self) = @_;
	local ($?, $!);

	$self->stop('KILL') if $self->{pid} && $self->{t}{pid} == $$;
	return;
}


1;
