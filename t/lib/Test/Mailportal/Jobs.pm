package Test::Mailportal::Jobs;

# Jobs at the API, and what their executors write into Redis: the test plays
# them by the same commands as mp_progress_commands().

use warnings;
use strict;

use Exporter 'import';
use JSON::PP ();
use POSIX ();
use Time::HiRes qw/ time /;

our @EXPORT_OK = qw/ at_once /;

my $json = JSON::PP->new->utf8->canonical->allow_nonref;
my $keys = 0;

my @COUNTS = qw/ total done failed skipped drifted bytes_before bytes_after
	folders messages bytes /;


sub new {
	my ($class, $t) = @_;

	return bless { t => $t, cookie => $t->role('MasterAdmin') }, $class;
}


sub new_key { return "test $$ " . ++$keys; }


# POST; options: key (undef leaves it out), query, cookie, headers.

sub post {
	my ($self, $body, %opt) = @_;
	my $key = exists $opt{key} ? $opt{key} : new_key();

	return $self->{t}->api(POST => '/jobs' . ($opt{query} // ''),
		cookie => $opt{cookie} // $self->{cookie}, json => $body,
		headers => { 'Idempotency-Key' => $key,
			%{ $opt{headers} // {} } });
}


# A job that is there, by its id.

sub make {
	my ($self, $action, $target, %opt) = @_;
	my $res = $self->post({ action => $action,
		defined $target ? (target => $target) : () }, %opt);

	die "POST /jobs: $res->{status} $res->{body}\n"
		unless $res->{status} == 202;
	return $res->{json}{id};
}


sub get {
	my ($self, $id) = @_;

	return $self->{t}->api(GET => "/jobs/$id", cookie => $self->{cookie});
}


sub list {
	my ($self, $query) = @_;

	return $self->{t}->api(GET => '/jobs' . ($query // ''),
		cookie => $self->{cookie});
}


sub cancel {
	my ($self, $id) = @_;

	return $self->{t}->api(DELETE => "/jobs/$id",
		cookie => $self->{cookie});
}


# A node that does jobs, seen so many seconds ago.

sub node {
	my ($self, $name, $ago) = @_;

	$self->{t}->redis('HSET', 'mp:{hb}:index', $name,
		int(time()) - ($ago // 0));
	return;
}


# The node is there, and has a heartbeat.

sub alive {
	my ($self, $name) = @_;
	my ($component, $node) = split /:/, $name;

	$self->node($name);
	$self->{t}->redis('SET', "mp:{hb}:$name", $json->encode({
		component => $component, node => $node,
		version => '9.8.7', pid => 42, settings => 1, lists => '5-0',
		whitelist => 0, blacklist => 0, lag_ms => 0,
		stale => JSON::PP::false, problems => [] }));
	return;
}


# How far a node is; errors and details are lists of items.

sub progress {
	my ($self, $id, $node, %is) = @_;
	my %p = map { $_ => $is{$_} // 0 } @COUNTS;
	my @more;

	$p{$_} = $is{$_} for qw/ state eta started_at ended_at text /;
	push @more, "e:$node", $json->encode($is{errors}) if $is{errors};
	push @more, "d:$node", $json->encode($is{details}) if $is{details};

	$self->multi(
		['HSET', "mp:{jobs}:p:$id", "n:$node", $json->encode(\%p),
			@more],
		['EXPIRE', "mp:{jobs}:p:$id", 7776000],
		['XADD', 'mp:{jobs}:events', 'MAXLEN', '~', 10000, '*',
			'id', $id]);
	return;
}


sub multi {
	my ($self, @commands) = @_;
	my $t = $self->{t};

	$t->redis('MULTI');
	$t->redis(@$_) for @commands;
	return $t->redis('EXEC');
}


sub finish {
	my ($self, $id, $node, %is) = @_;

	return $self->progress($id, $node, state => 'done', total => 1,
		done => 1, started_at => '2026-01-31T12:00:00Z',
		ended_at => '2026-01-31T12:00:01Z', %is);
}


# The entries of an executor's queue, as { op, id, job or by }.

sub queue {
	my ($self, $executor) = @_;
	my $entries = $self->{t}->redis('XRANGE', "mp:{jobs}:$executor",
		'-', '+');

	return map { { @{ $_->[1] } } } @$entries;
}


# What Redis has of jobs: hashes that hold one.

sub records {
	my ($self) = @_;

	return grep { $self->{t}->redis('HEXISTS', $_, 'job') }
		grep { /^mp:\{jobs\}:j:/ } @{ $self->{t}->_keys() };
}


# Many clients at once; their answers, as [status, id, job, field, note].

sub at_once {
	my ($count, $sub) = @_;
	my (@pids, @answers);

	pipe(my $start, my $go);
	pipe(my $reader, my $writer);

	for my $n (1 .. $count) {
		my $pid = fork() // die "fork: $!\n";
		if ($pid == 0) {
			close $go;
			sysread $start, my $byte, 1;
			syswrite $writer, _line($_) for $sub->($n);
			POSIX::_exit(0);
		}
		push @pids, $pid;
	}

	close $_ for $writer, $start, $go;
	while (my $line = <$reader>) {
		push @answers, [split ' ', $line];
	}
	waitpid $_, 0 for @pids;
	return @answers;
}


sub _line {
	my ($res) = @_;
	my $j = $res->{json} // {};
	my $fault = ($j->{errors} // [])->[0] // {};

	return join(' ', $res->{status}, $j->{id} // '-', $j->{job} // '-',
		$fault->{field} // '-', $res->{note} // '-') . "\n";
}


# An id of so many seconds ago.

sub id {
	my ($self, $ago) = @_;

	return sprintf '%012x%012x', int((time() - ($ago // 0)) * 1000),
		int rand 2 ** 32;
}


1;
