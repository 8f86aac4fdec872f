package Test::Mailportal::Machine;

# A machine as Debian's packages leave it, for docs/install.md: namespaces in
# which what an installation writes to are copies of ours, all else is read
# only, the ports are free, and nobody outlives the test.

use warnings;
use strict;

use Cwd qw/ abs_path /;
use File::Basename qw/ dirname /;
use File::Path qw/ make_path /;
use File::Temp ();
use POSIX ();

use Test::Mailportal qw/ wait_for /;

our $ROOT = abs_path(dirname(__FILE__) . '/../../../..');

# copied whole
my @COPIES = qw! /etc /usr/lib/dovecot /usr/lib/nginx/modules
	/usr/lib/systemd/system /usr/lib/sysusers.d /usr/lib/tmpfiles.d !;

# full of links to what is there
my @FARMS = qw! /usr/sbin /usr/share !;

# begun anew
my %EMPTY = (
	'/run' => 'root',
	'/var/lib' => 'root', '/var/log' => 'root', '/var/mail' => 'root',
	'/var/spool/postfix' => 'root',
	'/run/redis' => 'redis', '/run/dovecot' => 'root',
	'/var/lib/redis' => 'redis', '/var/log/redis' => 'redis',
	'/var/lib/postfix' => 'postfix', '/var/lib/dovecot' => 'root',
	'/var/lib/nginx' => 'root', '/var/log/nginx' => 'root',
	'/var/lib/radicale' => 'radicale',
	'/var/lib/radicale/collections' => 'radicale',
);


sub new {
	my ($class, %opt) = @_;
	my $tmp = File::Temp->newdir('mp-t-XXXXXX', DIR => $ENV{MP_TMP} // '/tmp');
	my $self = bless { tmp => $tmp, dir => "$tmp", owner => $$,
		address => $opt{address} }, $class;

	chmod 0755, "$tmp";
	$self->_copy($_) for @COPIES;
	$self->_farm($_) for @FARMS;
	# links that lead to a neighbour, as nginx's to its modules
	symlink '/usr/lib', "$tmp/real/usr/lib";

	for my $path (sort keys %EMPTY) {
		make_path("$tmp$path");
		run('chown', "$EMPTY{$path}:", "$tmp$path");
	}

	chmod 0750, "$tmp/var/lib/radicale";
	return $self;
}


sub dir { return $_[0]{dir}; }


sub run { return system(@_) == 0 || die "@_: $?\n"; }


sub _copy {
	my ($self, $path) = @_;

	make_path("$self->{dir}$path");
	run('cp', '-a', "$path/.", "$self->{dir}$path");
	return;
}


sub _farm {
	my ($self, $path) = @_;
	my $real = "$self->{dir}/real$path";

	make_path("$self->{dir}$path", $real);
	opendir my $dh, $path or die "$path: $!\n";
	symlink "$real/$_", "$self->{dir}$path/$_"
		for grep { !/^\.\.?$|^mailportal/ } readdir $dh;
	closedir $dh;
	return;
}


# The shell that makes the namespaces' mounts, and then takes in orphans.

sub _setup {
	my ($self) = @_;
	my @lines = ('mount --make-rprivate /', 'ip link set lo up',
		"ip address add $self->{address}/32 dev lo",
		"mount --bind $self->{dir} $self->{dir}");

	push @lines, "mount --bind $_ $self->{dir}/real$_" for @FARMS;
	my %whole = map { $_ => 1 } @COPIES, @FARMS,
		grep { m!^/(?:run|var/[a-z]+|var/spool/postfix)$! } keys %EMPTY;
	push @lines, "mount --bind $self->{dir}$_ $_" for sort keys %whole;
	push @lines, 'mount -o remount,bind,ro /',
		q{exec perl -e '$SIG{CHLD} = "IGNORE"; sleep 3600 while 1'};

	return join "\n", @lines;
}


sub start {
	my ($self) = @_;
	my $pid = fork() // die "fork: $!\n";

	if ($pid == 0) {
		open STDIN, '<', '/dev/null';
		open STDOUT, '>>', "$self->{dir}/out";
		open STDERR, '>&', \*STDOUT;
		exec 'unshare', qw/ -m -n -p -f --mount-proc --kill-child /,
			'sh', '-ec', $self->_setup() or POSIX::_exit(127);
	}

	$self->{pid} = $pid;
	return wait_for(sub {
		open my $fh, '<', "/proc/$pid/task/$pid/children" or return;
		($self->{init}) = split ' ', <$fh> // '';
		return $self->{init} && ($self->shell('true'))[0] == 0
			&& ($self->shell('pgrep -x perl'))[0] == 0;
	}, 20, 'the machine');
}


# A shell of root on it, in the checkout; (exit code, output).

sub shell {
	my ($self, $text) = @_;

	open my $fh, '-|', 'nsenter', '-t', $self->{init}, qw/ -m -n -p /,
		'env', "PATH=$ROOT/t/install/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		'MAKEFLAGS=', 'sh', '-ec', "exec 2>&1 < /dev/null\ncd $ROOT\n$text"
		or die "nsenter: $!\n";
	local $/;
	my $out = <$fh> // '';
	close $fh;
	return ($? >> 8, $out);
}


sub write_file {
	my ($self, $name, $text) = @_;

	open my $fh, '>', "$self->{dir}/$name" or die "$name: $!\n";
	print $fh $text;
	close $fh or die "$name: $!\n";
	return;
}


sub stop {
	my ($self) = @_;

	return unless $self->{pid} && $self->{owner} == $$;
	local $?;
	kill 'KILL', $self->{pid};
	waitpid $self->{pid}, 0;
	$self->{pid} = undef;
	return;
}


sub DESTROY { $_[0]->stop(); return; }

1;
