package Test::Mailportal;

# A TAP harness: real servers, each test in a directory and on ports of its
# own.  t/README shows how a test uses it.

use warnings;
use strict;

use Cwd qw/ abs_path /;
use Digest::SHA qw/ sha256_hex /;
use Exporter 'import';
use File::Basename qw/ dirname /;
use File::Path qw/ remove_tree /;
use File::Temp ();
use IO::Socket::INET;
use JSON::PP ();
use POSIX ();
use Test::More ();
use Time::HiRes qw/ sleep time /;

use Test::Mailportal::HTTP;
use Test::Mailportal::IMAP;
use Test::Mailportal::Redis;
use Test::Mailportal::SMTP;

our @EXPORT_OK = qw/ json wait_for /;

our $ROOT = abs_path(dirname(__FILE__) . '/../../..');

my %OFFSET = (
	nginx => 0, smtp => 1, submission => 2, imap => 3, pop3 => 4,
	lmtp => 5, radicale => 6, rspamd => 7, rspamd_ctl => 8, sieve => 9,
);

# What no daemon may say in a test, unless the test allows it.

my @BAD = (
	qr/\[alert\]/, qr/\[emerg\]/, qr/\bPanic\b/, qr/\bpanic:/,
	qr/Sanitizer/, qr/runtime error:/, qr/SIGSEGV/, qr/signal 11\b/,
	qr/open socket .* left/, qr/worker process \d+ exited with code [1-9]/,
);

my @live;


sub new {
	my ($class, %opt) = @_;

	my $self = bless {
		only => $opt{only} // [qw/ redis nginx /],
		options => $opt{options} // [],
		build => abs_path($ENV{MP_BUILD} // "$ROOT/build")
			// die("no build directory\n"),
		allow => [@{ $opt{allow} // [] }],
		cookies => {},
		pid => $$,
		started => 0,
	}, $class;

	$self->{dir} = File::Temp::tempdir('mp-t-XXXXXX',
		DIR => $ENV{MP_TMP} // '/tmp');
	chmod 0755, $self->{dir};
	$self->_claim_ports();

	push @live, $self;
	$self->up() unless $opt{down};

	return $self;
}


# A claimed block of ports is held by listening on its last one.

sub _claim_ports {
	my ($self) = @_;
	my ($from, $to) = split /-/, $ENV{MP_PORTS} // '28000-32000';
	my $blocks = int(($to - $from) / 16);

	for my $i (0 .. $blocks - 1) {
		my $base = $from + 16 * (($$ + $i) % $blocks);

		$self->{claim} = IO::Socket::INET->new(
			Listen => 1, LocalAddr => '127.0.0.1',
			LocalPort => $base + 15) or next;
		next if grep { _taken($base + $_) } 0 .. 9;

		$self->{base} = $base;
		return;
	}

	die "no free block of ports in $from-$to\n";
}


sub _taken {
	my ($port) = @_;

	return !IO::Socket::INET->new(Listen => 1, ReuseAddr => 1,
		LocalAddr => '127.0.0.1', LocalPort => $port);
}


sub dir { return $_[0]{dir}; }
sub build { return $_[0]{build}; }
sub base { return $_[0]{base}; }


sub port {
	my ($self, $name) = @_;

	die "no port of '$name'\n" unless defined $OFFSET{$name};
	return $self->{base} + $OFFSET{$name};
}


# Servers

sub _stack {
	my ($self, $verb, @args) = @_;
	my @cmd = ("$ROOT/auto/stack", $verb, '--dir', $self->{dir}, @args);
	my $log = "$self->{dir}/stack.log";

	# the claim must not be inherited by a daemon
	my $pid = fork() // die "fork: $!\n";
	if ($pid == 0) {
		open STDIN, '<', '/dev/null';
		open STDOUT, '>>', $log;
		open STDERR, '>&', \*STDOUT;
		chdir $ROOT;
		exec @cmd or POSIX::_exit(127);
	}

	waitpid $pid, 0;
	my $ok = $? == 0;

	$self->_remember();
	return $ok;
}


# The servers are ours even when somebody removes the directory in which
# their pid files are.  A pid alone may be somebody else's by then, so its
# start time is kept too.

sub _remember {
	my ($self) = @_;

	for my $file (glob "$self->{dir}/run/*.pid") {
		my ($pid) = ($self->read_file($file) // '') =~ /^\s*(\d+)/
			or next;
		next if exists $self->{pids}{$pid};
		$self->{pids}{$pid} = _started($pid);
	}

	return;
}


sub _started {
	my ($pid) = @_;

	open my $fh, '<', "/proc/$pid/stat" or return;
	my $stat = readline $fh;
	return defined $stat && $stat =~ /\) (.*)/
		? (split / /, $1)[19] : undef;
}


sub _kill_remembered {
	my ($self) = @_;

	for my $pid (keys %{ $self->{pids} // {} }) {
		my $was = $self->{pids}{$pid} // next;
		my $is = _started($pid) // next;
		kill 'TERM', $pid if $is eq $was;
	}

	return;
}


sub up {
	my ($self) = @_;
	my @only = @{ $self->{only} };

	$self->{started} = 1;
	$self->_stack('up', '--port-base', $self->{base},
		'--build', $self->{build}, '--only', "@only",
		@{ $self->{options} })
		or die "auto/stack up failed:\n" . $self->_tail('stack.log');

	delete $self->{env};
	return $self;
}


sub _tail {
	my ($self, $name) = @_;
	my @lines = split /^/, $self->read_file($name) // '';

	return join '', @lines > 40 ? @lines[-40 .. -1] : @lines;
}


sub stop { my ($self, $name) = @_; return $self->_verb('stop', $name); }
sub start { my ($self, $name) = @_; return $self->_verb('start', $name); }
sub restart { my ($self, $name) = @_; return $self->_verb('restart', $name); }


# Our own connection to Redis does not outlive it.

sub _verb {
	my ($self, $verb, $name) = @_;

	$self->{redis} = undef if $name eq 'redis';
	return $self->_stack($verb, $name);
}


sub pid {
	my ($self, $name) = @_;
	my $text = $self->read_file("run/$name.pid") // '';

	return $text =~ /^\s*(\d+)/ ? $1 : undef;
}


sub env {
	my ($self, $name) = @_;

	$self->{env} //= { map { /^(\w+)=(?:'(.*)'|"(.*)"|(.*))$/
		? ($1 => $2 // $3 // $4) : () }
		split /\n/, $self->read_file('env') // '' };

	return defined $name ? $self->{env}{$name} : $self->{env};
}


# Files

sub read_file {
	my ($self, $name) = @_;
	my $path = $name =~ m{^/} ? $name : "$self->{dir}/$name";

	open my $fh, '<:raw', $path or return;
	local $/;
	return scalar <$fh>;
}


sub write_file {
	my ($self, $name, $bytes) = @_;
	my $path = "$self->{dir}/$name";

	open my $fh, '>:raw', $path or die "$path: $!\n";
	print $fh $bytes or die "$path: $!\n";
	close $fh or die "$path: $!\n";
	return $path;
}


sub log_file { my ($self, $name) = @_; return "$self->{dir}/log/$name.log"; }


# A program of ours, with its output: (exit code, stdout and stderr).

sub program {
	my ($self, @cmd) = @_;

	$cmd[0] = "$self->{build}/$cmd[0]" if $cmd[0] =~ /^mailportal-/;
	my $pid = open(my $fh, '-|') // die "fork: $!\n";
	if ($pid == 0) {
		open STDERR, '>&', \*STDOUT;
		exec @cmd or POSIX::_exit(127);
	}

	local $/;
	my $out = <$fh> // '';
	close $fh;
	return ($? >> 8, $out);
}


sub ctl {
	my ($self, @args) = @_;

	return $self->program('mailportal-ctl',
		'--redis', "unix:$self->{dir}/run/redis.sock",
		'--redis-user', 'mp-ops', '--redis-password-file',
		"$self->{dir}/secrets/redis-mp-ops.pw", @args);
}


# Redis

sub redis_as {
	my ($self, $user) = @_;
	my $password = $self->read_file("secrets/redis-$user.pw")
		// die "no password of $user\n";
	$password =~ s/\n.*//s;

	return Test::Mailportal::Redis->new("$self->{dir}/run/redis.sock",
		$user, $password);
}


sub redis {
	my ($self, @argv) = @_;

	$self->{redis} = undef if $self->{redis} && !$self->{redis}->alive();
	$self->{redis} //= $self->redis_as('mp-ops');
	return $self->{redis}->do(@argv);
}


# A digest of every key that holds state.  Sessions, counters and heartbeats
# change without anybody's wish and are left out.  The audit entry of a request
# is written when it is answered already: so it is taken until it stays.

sub fingerprint {
	my ($self, %opt) = @_;
	my ($last, $same) = ('', 0);

	$self->wait_for(sub {
		my $now = $self->_digest(%opt);
		$same = $now eq $last ? $same + 1 : 0;
		$last = $now;
		$same == 3;
	}, 20, 'Redis to come to rest');

	return $last;
}


sub _digest {
	my ($self, %opt) = @_;
	my $except = $opt{except} // qr/^mp:(?:\{(?:hb|stat|sess|auth)\})/;
	my $sha = Digest::SHA->new(256);

	$self->_wait_for_audit();
	for my $key (sort @{ $self->_keys() }) {
		next if $key =~ $except;
		my $value = $self->_value($key);
		$sha->add(length($key) . ":$key" . length($value) . ":$value");
	}

	return $sha->hexdigest();
}


# A change is answered before its entry in the audit log is in Redis: that of
# what was done before must not look like a trace of what is done next.

sub _wait_for_audit {
	my ($self) = @_;
	my %missing = map { $_ => 1 } @{ delete $self->{changes} // [] };

	return unless %missing;
	$self->wait_for(sub {
		my $log = $self->redis('XREVRANGE', 'mp:{audit}:in', '+', '-');
		for my $entry (@$log) {
			my %f = @{ $entry->[1] };
			delete $missing{$f{req} // ''};
		}
		return !%missing;
	}, 1);
	return;
}


sub _keys {
	my ($self) = @_;
	my ($cursor, %seen) = (0);

	do {
		my $reply = $self->redis('SCAN', $cursor, 'COUNT', 1000);
		$cursor = $reply->[0];
		$seen{$_} = 1 for @{ $reply->[1] };
	} while ($cursor);

	return [keys %seen];
}


sub _value {
	my ($self, $key) = @_;
	my $type = $self->redis('TYPE', $key);
	my %read = (
		string => sub { [$self->redis('GET', $key)] },
		set => sub { [sort @{ $self->redis('SMEMBERS', $key) }] },
		list => sub { $self->redis('LRANGE', $key, 0, -1) },
		zset => sub { $self->redis('ZRANGE', $key, 0, -1,
			'WITHSCORES') },
		stream => sub { $self->redis('XRANGE', $key, '-', '+') },
		hash => sub {
			my %h = @{ $self->redis('HGETALL', $key) };
			[map { $_ => $h{$_} } sort keys %h];
		},
	);

	die "a key of type $type\n" unless $read{$type};
	return "$type " . _flat($read{$type}->());
}


# Nested replies as one text, in which no two of them look the same.

sub _flat {
	my ($value) = @_;

	return '[' . join('', map { _flat($_) } @$value) . ']' if ref $value;
	return defined $value ? length($value) . ":$value" : '-';
}


# HTTP

sub json { return JSON::PP->new->utf8->allow_nonref; }


sub http {
	my ($self, $method, $path, %opt) = @_;
	my $res = Test::Mailportal::HTTP::request('127.0.0.1',
		$self->port('nginx'), $method, $path, %opt);

	push @{ $self->{changes} }, $res->{headers}{'x-request-id'} // ()
		if $method !~ /^(?:GET|HEAD)$/ && $res->{status} =~ /^2/;
	return $res;
}


# role signs in as that role; json is encoded.  What a browser would send
# from our own page is sent, unless headers say otherwise.

sub api {
	my ($self, $method, $path, %opt) = @_;
	my $role = delete $opt{role};

	$opt{cookie} //= $self->role($role) if defined $role;

	return $self->http($method, "/api/v1$path", %opt);
}


# Signs in and returns the cookie, "name=token".

sub sign_in {
	my ($self, $user, $password) = @_;

	my $res = $self->api('POST', '/session',
		json => { username => $user, password => $password });
	die "sign-in of $user: $res->{status} $res->{body}\n"
		unless $res->{status} == 200;

	my ($cookie) = ($res->{headers}{'set-cookie'} // '')
		=~ /^(__Host-mailportal=[^;]+)/;
	return $cookie // die "no cookie\n";
}


# The cookie of a MasterAdmin or DomainAdmin, signed in once.

sub role {
	my ($self, $role) = @_;

	return $self->{cookies}{$role}
		//= $self->sign_in($self->credentials($role));
}


# (user, password) of a MasterAdmin or DomainAdmin, made when first asked for.

sub credentials {
	my ($self, $role) = @_;

	return ($self->env('MP_ADMIN'), $self->env('MP_ADMIN_PASSWORD'))
		if $role eq 'MasterAdmin';

	my $password = 'a-domain-admin-of-tests';
	return ('tenant', $password) if $self->{tenant}++;

	my $file = $self->write_file('domain-admin.pw', "$password\n");
	my ($rc, $out) = $self->ctl('admin', 'add', 'tenant', '--role',
		'domain', '--password-file', $file);
	die "admin add: $out\n" if $rc;

	return ('tenant', $password);
}


# Mail

sub smtp_open {
	my ($self, %opt) = @_;
	my $port = $self->port(delete $opt{port} // 'smtp');

	return Test::Mailportal::SMTP->new('127.0.0.1', $port, %opt);
}


# One message; returns the replies by step: {connect, mail, rcpt, data, end}.

sub smtp {
	my ($self, %opt) = @_;
	my %session = map { exists $opt{$_} ? ($_ => $opt{$_}) : () }
		qw/ port xclient helo auth /;
	my $smtp = $self->smtp_open(%session);
	my $replies = $smtp->message(%opt);

	$smtp->quit();
	return $replies;
}


sub imap {
	my ($self, $user, $password) = @_;

	return Test::Mailportal::IMAP->new('127.0.0.1', $self->port('imap'),
		$user // $self->env('MP_USER'),
		$password // $self->env('MP_USER_PASSWORD'));
}


# Waiting and ending

sub wait_for {
	my ($self, $sub, $seconds, $what) = ref $_[0] eq 'CODE'
		? (undef, @_) : @_;
	my $end = time() + ($seconds // 10);

	while (1) {
		my $value = eval { $sub->() };
		return $value if $value;
		last if time() > $end;
		sleep 0.02;
	}

	Test::More::diag("waited in vain for $what") if defined $what;
	return;
}


# Lines that no daemon should have written.

sub alerts {
	my ($self) = @_;
	my @found;

	for my $file (glob("$self->{dir}/log/* $self->{dir}/log/asan/*")) {
		next unless -f $file;
		open my $fh, '<:raw', $file or next;
		while (my $line = <$fh>) {
			next unless grep { $line =~ $_ } @BAD;
			next if grep { $line =~ $_ } @{ $self->{allow} };
			push @found, "$file: $line";
		}
	}

	return @found;
}


sub allow { my ($self, @re) = @_; push @{ $self->{allow} }, @re; return; }


# The end of every test file: stops the servers, then looks at their logs.

sub done {
	my ($self) = @_;

	$self->down();
	my @found = $self->alerts();
	splice @found, 20;
	Test::More::is(join('', @found), '', 'no alerts');
	Test::More::done_testing();
	return;
}


sub down {
	my ($self) = @_;

	return unless $self->{started};
	$self->{started} = 0;
	$self->{redis} = undef;

	if (-d "$self->{dir}/run") {
		$self->_stack('down');

	} else {
		Test::More::diag("$self->{dir} was removed under the test");
		$self->_kill_remembered();
	}

	return;
}


sub _clean {
	my ($self) = @_;

	return if $self->{pid} != $$;
	$self->down();

	if ($ENV{MP_KEEP}) {
		Test::More::diag("kept $self->{dir}");

	} elsif (defined $self->{dir}) {
		remove_tree($self->{dir});
	}
	return;
}


$SIG{INT} = $SIG{TERM} = sub { exit 130; };

# a server that hangs up must not end the test before it has cleaned up; a
# program that is started has the default again

$SIG{PIPE} = sub { };


END {
	my $status = $?;
	$_->_clean() for @live;
	$? = $status;
}


1;
