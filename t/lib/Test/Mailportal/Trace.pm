package Test::Mailportal::Trace;

# A program under strace: what each of its processes has asked the kernel for.

use warnings;
use strict;

use POSIX ();


# Starts it; its output goes to a file.  The program is one process, whose
# descendants are told apart by what the calls themselves say.

sub new {
	my ($class, $t, $out, @cmd) = @_;
	my $self = bless { t => $t, dir => $t->dir() . '/trace' }, $class;

	mkdir $self->{dir};
	$self->{strace} = fork() // die "fork: $!\n";
	if ($self->{strace} == 0) {
		open STDIN, '<', '/dev/null';
		open STDOUT, '>>', $out;
		open STDERR, '>&', \*STDOUT;
		# which is a tracer itself, and there can be but one
		$ENV{ASAN_OPTIONS} = ($ENV{ASAN_OPTIONS} // '')
			. ':detect_leaks=0';
		exec 'strace', '-ff', '-y', '-s', '4096', '-o',
			"$self->{dir}/t", @cmd or POSIX::_exit(127);
	}

	# strace itself has children for a moment before
	my $kids = "/proc/$self->{strace}/task/$self->{strace}/children";
	$t->wait_for(sub {
		($self->{pid}) = grep { ($t->read_file("/proc/$_/comm")
			// 'strace') !~ /^strace/ }
			split ' ', $t->read_file($kids) // '';
		$self->{pid} }, 20, 'a traced program') or die;
	return $self;
}


sub pid { return $_[0]{pid}; }


# Ends it, and reads what was written down.

sub stop {
	my ($self) = @_;

	return unless $self->{strace};
	kill 'TERM', $self->{pid} if $self->{pid};
	waitpid $self->{strace}, 0;
	$self->{strace} = undef;
	$self->{status} = $?;
	$self->_read($_) for glob "$self->{dir}/t.*";
	return $self->{status};
}


sub DESTROY {
	my ($self) = @_;

	local ($?, $!);
	$self->stop();
	return;
}


# Each call: { name, args, result }; result is a number, or "?".

sub _read {
	my ($self, $file) = @_;
	my ($id) = $file =~ /\.(\d+)$/;
	my @calls;

	open my $fh, '<:raw', $file or die "$file: $!\n";
	while (my $line = <$fh>) {
		my ($name, $args, $result) =
			$line =~ /^(\w+)\((.*)\)\s+= (-?\w+|\?)/ or next;
		push @calls, { name => $name, args => $args,
			result => $result };
		$self->{parent}{$result} = $id
			if $name =~ /^(?:clone3?|v?fork)$/;
	}
	close $fh;
	$self->{calls}{$id} = \@calls;
	return;
}


# The calls of a process with all its threads and descendants, in the order of
# each, without those of some other and its.

sub calls {
	my ($self, $pid, $without) = @_;

	return map { @{ $self->{calls}{$_} } }
		grep { $self->_is_of($_, $pid)
			&& !(defined $without && $self->_is_of($_, $without)) }
		sort { $a <=> $b } keys %{ $self->{calls} };
}


sub _is_of {
	my ($self, $id, $pid) = @_;

	while (defined $id && $id != $pid) {
		$id = $self->{parent}{$id};
	}
	return defined $id;
}


# Programs that were executed: [path, argument, ...].

sub executed {
	my ($self, @calls) = @_;

	return map { [ map { s/\\(.)/$1/gr } $_->{args}
			=~ /"((?:[^"\\]|\\.)*)"(?=[,\]])/g ] }
		grep { $_->{name} =~ /^execve/ && $_->{result} eq '0' } @calls;
}


my %CHANGES = map { $_ => 1 } qw/ mkdir mkdirat unlink unlinkat rmdir rename
	renameat renameat2 link linkat symlink symlinkat mknod mknodat chmod
	fchmod fchmodat chown lchown fchown fchownat truncate ftruncate setxattr
	fsetxattr lsetxattr utimensat bind mount umount2 /;

# Paths that were made, written, moved or removed.

sub changed {
	my ($self, @calls) = @_;
	my @paths;

	for my $call (@calls) {
		my ($name, $args) = @$call{qw/ name args /};

		next if $call->{result} =~ /^-/;
		next unless $CHANGES{$name} || $name =~ /^(?:open|openat2?|creat)$/
			&& $args =~ /\bO_(?:WRONLY|RDWR|CREAT|TRUNC)\b/;
		next if $name eq 'bind' && $args !~ /sun_path="/;
		next if $args =~ /^\d+<(?:pipe|socket|\/memfd|anon)/;
		push @paths, _paths($args);
	}

	return @paths;
}


# (fd</folder>, "name", ...) and so on, in any number.

sub _paths {
	my ($args) = @_;
	my (@paths, $folder);

	while ($args =~ /(?:(?:\d+|AT_FDCWD)<((?:[^<>\\]|\\.)*)>|"((?:[^"\\]|\\.)*)")/g) {
		if (defined $1) {
			push @paths, $folder if defined $folder;
			$folder = $1;
			next;
		}
		my $name = $2;
		push @paths, $name =~ m{^/} || !defined $folder ? $name
			: "$folder/$name";
		$folder = undef;
	}
	push @paths, $folder if defined $folder;
	return @paths;
}


1;
