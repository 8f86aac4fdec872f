package Test::Mailportal::Dovecot;

# A Dovecot with the worker, its lanes and a Redis: users, processes, jobs.
# What is done to mailboxes is in Test::Mailportal::Dovecot::Mailboxes.

use warnings;
use strict;

use parent 'Test::Mailportal::Dovecot::Mailboxes';

use File::Path qw/ make_path /;
use JSON::PP ();
use POSIX ();
use Time::HiRes qw/ sleep time /;

use Test::Mailportal;

my $GROUP = 5000;
my $serial = 0;

# doveadm reads its settings by another program, which drops the rest of the
# environment; a date of saving that is not in the cache is that of the file

my $FAKETIME = <<'END';

import_environment = $import_environment LD_PRELOAD FAKETIME
mail_always_cache_fields = date.save
END


# Options besides those of Test::Mailportal: mail (mail_location), quota (the
# setting of the quota plugin), conf (more lines for Dovecot), worker (a hash
# for worker.conf), redis_of (another of these, whose Redis is used), node,
# valgrind, faketime (for save() with a date).

sub new {
	my ($class, %opt) = @_;
	my %mine = map { $_ => delete $opt{$_} }
		qw/ mail quota conf worker redis_of node valgrind faketime /;
	my @options = @{ delete $opt{options} // [] };
	my $down = delete $opt{down};

	push @options, '--node', $mine{node} if defined $mine{node};
	push @options, '--redis-of', $mine{redis_of}->t()->dir()
		if $mine{redis_of};
	$opt{only} //= $mine{redis_of} ? ['dovecot'] : [qw/ redis dovecot /];

	my $self = bless { %mine, users => {}, order => [] }, $class;
	$self->{t} = Test::Mailportal->new(%opt, options => \@options,
		down => 1);
	$self->_write_conf();
	$self->up() unless $down;

	return $self;
}


sub up {
	my ($self) = @_;

	$self->{t}->up();
	$self->_read_users();
	return $self;
}


sub t { return $_[0]{t}; }
sub dir { return $_[0]{t}->dir(); }
sub done { my ($self) = @_; return $self->{t}->done(); }
sub wait_for { my ($self, @args) = @_; return $self->{t}->wait_for(@args); }


sub node {
	my ($self) = @_;

	return $self->{t}->env('MP_NODE');
}


# Configuration

sub _write_conf {
	my ($self) = @_;
	my $local = $self->dir() . '/conf/dovecot/local.d';
	my $text = $self->{conf} // '';

	$text .= "\nmail_location = $self->{mail}\n" if $self->{mail};
	$text .= "\nplugin {\n  quota = $self->{quota}\n}\n" if $self->{quota};
	$text .= $FAKETIME if $self->{faketime};
	$text .= $self->_valgrind() if $self->{valgrind};

	make_path($local);
	$self->_put("$local/50-test.conf", $text);
	$self->_put("$local/worker.more", join '', map
		{ "$_ = $self->{worker}{$_}\n" } sort keys %{ $self->{worker} })
		if $self->{worker};

	return;
}


# Both programs under valgrind; what it finds is in log/valgrind.<program>.*

sub _valgrind {
	my ($self) = @_;
	my ($dir, $build) = ($self->dir(), $self->{t}->build());

	return join '', map { <<"END" } qw/ worker lane /;

service mailportal-$_ {
  executable = /usr/bin/env valgrind -q --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite --num-callers=30 --log-file=$dir/log/valgrind.$_.%p $build/mailportal-$_ -c $dir/conf/dovecot/worker.conf
  vsz_limit = 0
}
END
}


sub valgrind_findings {
	my ($self) = @_;

	return grep { length } map { $self->{t}->read_file($_) }
		glob($self->dir() . '/log/valgrind.*');
}


# New settings of worker.conf, then a reload.

sub set_worker {
	my ($self, %set) = @_;
	my $file = 'conf/dovecot/worker.conf';
	my $text = $self->{t}->read_file($file);

	for my $name (sort keys %set) {
		$text =~ s/^\Q$name\E\s*=.*\n//mg;
		$text .= "$name = $set{$name}\n" if defined $set{$name};
	}

	$self->_put($self->dir() . "/$file", $text);
	return $self->reload();
}


sub _put {
	my ($self, $path, $bytes, $mode) = @_;

	open my $fh, '>:raw', "$path.new" or die "$path: $!\n";
	print $fh $bytes or die "$path: $!\n";
	close $fh or die "$path: $!\n";
	chmod $mode, "$path.new" if defined $mode;
	rename "$path.new", $path or die "$path: $!\n";
	return $path;
}


# Users

# All have one password, MP_USER_PASSWORD.

sub _read_users {
	my ($self) = @_;

	for my $line (split /\n/, $self->{t}->read_file(
		'conf/dovecot/passwords'))
	{
		my ($name, $hash) = split /:/, $line, 2;
		$self->{hash} //= $hash;
		next if $self->{users}{$name};
		push @{ $self->{order} }, $name;
		$self->{users}{$name} = {};
	}

	return;
}


# add_users(3, 'example.com') makes u1@example.com and so on; with names:
# add_users([qw/ a@x.test b@x.test /], field => value...).  Fields are those of
# a userdb (mail, quota_rule, home, uid, gid).  Returns the addresses.

sub add_users {
	my ($self, $what, @more) = @_;
	my $domain = ref $what ? undef : shift @more;
	my @names = ref $what ? @$what : map { "u$_\@$domain" } 1 .. $what;
	my %fields = @more;

	for my $name (@names) {
		push @{ $self->{order} }, $name unless $self->{users}{$name};
		$self->{users}{$name} = { %fields };
	}

	$self->_write_users();
	return @names;
}


sub set_user {
	my ($self, $name, %fields) = @_;

	$self->{users}{$name} = { %{ $self->{users}{$name} }, %fields };
	return $self->_write_users();
}


sub remove_users {
	my ($self, @names) = @_;
	my %gone = map { $_ => 1 } @names;

	delete @{ $self->{users} }{@names};
	@{ $self->{order} } = grep { !$gone{$_} } @{ $self->{order} };
	return $self->_write_users();
}


# The three ways in which a user can be broken.

my %BROKEN = (
	location => [mail => 'nosuchformat:~/mail'],
	uid => [uid => 70, gid => 70],
	quota => [quota_rule => '*:storage=plenty'],
);


sub break_user {
	my ($self, $name, $how) = @_;

	return $self->set_user($name, @{ $BROKEN{$how} // die "how?\n" });
}


sub users { return @{ $_[0]{order} }; }


# Dovecot asks for the file's time once a second at most, and sees no change
# within one: so what is new is looked up until it is there.

sub _write_users {
	my ($self) = @_;
	my $dir = $self->dir() . '/conf/dovecot';
	my $stamp = 'mp' . time() . ++$serial;
	my ($first) = @{ $self->{order} };

	$self->_put("$dir/passwords", join('', map { "$_:$self->{hash}\n" }
		@{ $self->{order} }), 0440);
	chown scalar getpwnam('dovecot'), -1, "$dir/passwords";
	$self->{users}{$first}{stamp} = $stamp if defined $first;
	$self->_put("$dir/users", join '', map { $self->_line($_) . "\n" }
		@{ $self->{order} });

	return unless defined $first && $self->{t}->pid('dovecot');
	return $self->wait_for(sub {
		my ($rc, $out) = $self->stock('user', '-f', 'stamp', $first);
		$out =~ /^\Q$stamp\E$/m;
	}, 30, 'Dovecot to read the users');
}


sub _line {
	my ($self, $name) = @_;
	my %f = %{ $self->{users}{$name} };
	my @columns = ($name, '', delete $f{uid} // '', delete $f{gid} // '',
		'', delete $f{home} // '', '');

	return join ':', @columns,
		join ' ', map { "userdb_$_=$f{$_}" } sort keys %f;
}


# Programs

# doveadm with our command in it, and without; (exit code, output).

sub doveadm {
	my ($self, @args) = @_;

	return $self->{t}->program($self->{t}->env('MP_DOVEADM'), @args);
}


sub stock {
	my ($self, @args) = @_;

	return $self->{t}->program('doveadm', '-c',
		$self->{t}->env('MP_DOVECOT_CONFIG'), @args);
}


# Processes

# The processes of a program among Dovecot's children.

sub processes {
	my ($self, $program) = @_;
	my $master = $self->{t}->pid('dovecot') // return ();
	my @found;

	for my $dir (glob '/proc/[0-9]*') {
		my ($id) = $dir =~ /(\d+)$/;
		my $stat = $self->{t}->read_file("$dir/stat") // next;
		my ($state, $parent) = $stat =~ /\) (\S) (\d+)/ or next;
		next if $parent != $master || $state eq 'Z';

		# under valgrind it is the program of its arguments
		my $what = (readlink("$dir/exe") // '') . "\0"
			. ($self->{t}->read_file("$dir/cmdline") // '');
		push @found, $id if $what =~ m!/\Q$program\E(?:\0|$)!;
	}

	return @found;
}


sub worker_pid { return ($_[0]->processes('mailportal-worker'))[0]; }
sub lane_pids { return $_[0]->processes('mailportal-lane'); }


# Ends the worker by a signal; Dovecot starts another one, whose number comes
# back.

sub kill_worker {
	my ($self, $signal) = @_;
	my $was = $self->worker_pid() // die "no worker\n";

	kill $signal // 'KILL', $was;
	return $self->_new_worker($was);
}


sub _new_worker {
	my ($self, $was) = @_;

	return $self->wait_for(sub {
		my $is = $self->worker_pid();
		defined $is && $is != $was ? $is : undef;
	}, 30, 'another worker');
}


sub kill_lanes {
	my ($self, $signal) = @_;

	return kill $signal // 'KILL', $self->lane_pids();
}


# doveadm reload; returns when a new worker has come in place of the old.

sub reload {
	my ($self) = @_;
	my $was = $self->worker_pid();

	my ($rc, $out) = $self->stock('reload');
	die "doveadm reload: $out\n" if $rc;
	return defined $was ? $self->_new_worker($was) : undef;
}


# Resident memory of a process in KiB.

sub memory {
	my ($self, $pid) = @_;
	my $text = $self->{t}->read_file("/proc/$pid/status") // '';

	return $text =~ /^VmRSS:\s+(\d+)/m ? $1 : undef;
}


# Redis

sub redis {
	my ($self, @argv) = @_;
	my $owner = $self->{redis_of} ? $self->{redis_of}{t} : $self->{t};

	return $owner->redis(@argv);
}


sub hash {
	my ($self, $key) = @_;
	my $reply = $self->redis('HGETALL', $key);

	return ref $reply eq 'ARRAY' ? { @$reply } : {};
}


sub heartbeat {
	my ($self, $node) = @_;
	my $text = $self->redis('GET', 'mp:{hb}:dovecot:'
		. ($node // $self->node()));

	return defined $text ? JSON::PP::decode_json($text) : undef;
}


# Jobs

# Makes a job as the API does, and returns its id.  Members that are not given
# are those of a job for all users on the nodes that are there.

sub job_push {
	my ($self, %job) = @_;
	my ($id, $json) = $self->job_json(%job);
	my $queue = 'mp:{jobs}:' . (delete $job{executor} // 'dovecot');
	my $msecs = hex(substr $id, 0, 6) * 2 ** 24 + hex substr $id, 6, 6;

	for my $command (['MULTI'],
		['HSETNX', "mp:{jobs}:j:$id", 'job', $json],
		['EXPIRE', "mp:{jobs}:j:$id", 7776000],
		['ZADD', 'mp:{jobs}:index', 'NX', $msecs, $id],
		['XADD', $queue, '*', 'op', 'run', 'id', $id, 'job', $json],
		['XADD', 'mp:{jobs}:events', '*', 'id', $id], ['EXEC'])
	{
		my $reply = $self->redis(@$command);
		die "@$command: $reply->{error}\n" if ref $reply eq 'HASH';
	}

	return $id;
}


sub job_json {
	my ($self, %job) = @_;
	my $now = time();
	my $id = $job{id} // sprintf '%012x%06x%06x', $now * 1000,
		$$ & 0xffffff, ++$serial;
	my %full = (target => '', rate => 0, junk_days => 0, trash_days => 0,
		nodes => [$self->nodes()], created_by => 'admin',
		created_at => POSIX::strftime('%Y-%m-%dT%H:%M:%SZ',
			gmtime $now),
		request_id => '', %job, id => $id);

	$full{dry_run} = $job{dry_run} ? JSON::PP::true : JSON::PP::false;
	$full{$_} += 0 for qw/ rate junk_days trash_days /;
	delete $full{executor};
	return ($id, JSON::PP->new->utf8->canonical->encode(\%full));
}


# The Dovecot nodes that have ever been there, as the API lists them.

sub nodes {
	my ($self) = @_;

	return sort map { /^dovecot:(.*)/ ? $1 : () }
		keys %{ $self->hash('mp:{hb}:index') };
}


sub job_cancel {
	my ($self, $id, $by) = @_;

	$by //= 'admin';
	$self->redis('HSETNX', "mp:{jobs}:j:$id", 'cancel', $by);
	return $self->redis('XADD', 'mp:{jobs}:dovecot', '*', 'op', 'cancel',
		'id', $id, 'by', $by);
}


# { node => { state, total, done, ..., errors => [], details => [] } }

sub progress {
	my ($self, $id) = @_;
	my $fields = $self->hash("mp:{jobs}:p:$id");
	my %nodes;

	for my $name (sort keys %$fields) {
		my ($kind, $node) = $name =~ /^([ned]):(.*)/ or next;
		my $value = JSON::PP::decode_json($fields->{$name});
		if ($kind eq 'n') {
			$nodes{$node} = { %{ $nodes{$node} // {} }, %$value };
		} else {
			$nodes{$node}{$kind eq 'e' ? 'errors' : 'details'}
				= $value;
		}
	}

	return \%nodes;
}


# The progress of one node, this one's; undef while there is none.

sub job {
	my ($self, $id, $node) = @_;

	return $self->progress($id)->{$node // $self->node()};
}


my $ENDED = qr/^(?:done|done-with-failures|failed|cancelled)$/;


# Waits until this node is at the end of a job, and returns its progress.

sub job_end {
	my ($self, $id, $seconds, $node) = @_;

	return $self->wait_for(sub {
		my $job = $self->job($id, $node);
		$job && ($job->{state} // '') =~ $ENDED ? $job : undef;
	}, $seconds // 60, "the end of job $id");
}


# Waits until so many users are done, or the job is at its end.

sub job_at {
	my ($self, $id, $done, $seconds) = @_;

	return $self->wait_for(sub {
		my $job = $self->job($id) or return;
		$job->{done} >= $done || $job->{state} =~ $ENDED
			? $job : undef;
	}, $seconds // 60, "$done users of job $id");
}


# What this node has on its disk of jobs that have begun.

sub journal {
	my ($self, $id) = @_;
	my $dir = $self->{t}->env('MP_WORKER_STATE') . "/jobs/$id";

	return { map { $_ => scalar $self->{t}->read_file("$dir/$_") }
		qw/ job users done / };
}


1;
