package Test::Mailportal::RedisServer;

# A redis-server of our own with the files of conf/redis, in a directory of
# its own, for tests that need nothing else.

use warnings;
use strict;

use Cwd qw/ abs_path /;
use Digest::SHA qw/ sha256_hex /;
use File::Basename qw/ dirname /;
use File::Path qw/ make_path /;
use File::Temp ();
use POSIX ();
use Time::HiRes qw/ sleep /;

use Test::Mailportal::Redis;

our $ROOT = abs_path(dirname(__FILE__) . '/../../../..');

our @USERS = qw/ ops read api milter dovecot agent /;


# more: lines after those of redis.conf, which they replace.

sub new {
	my ($class, %opt) = @_;
	my $self = bless { pid => undef, owner => $$ }, $class;

	$self->{tmp} = File::Temp->newdir('mp-t-XXXXXX',
		DIR => $ENV{MP_TMP} // '/tmp');
	$self->{dir} = "$self->{tmp}";
	make_path(map { "$self->{dir}/$_" }
		qw! conf/redis data/redis log run secrets !);

	my %fill = (DIR => $self->{dir});
	for my $user (@USERS) {
		$fill{"HASH_\U$user"} = sha256_hex("password of $user");
		$self->write("secrets/redis-mp-$user.pw",
			"password of $user\n");
	}

	for my $name (qw/ redis.conf users.acl /) {
		my $text = $self->_read("$ROOT/conf/redis/$name");
		$text =~ s/@([A-Z_]+)@/$fill{$1} \/\/ die "no $1\n"/ge;
		$self->write("conf/redis/$name", $text);
	}

	$self->start($opt{more}) unless $opt{down};
	return $self;
}


sub dir { return $_[0]{dir}; }
sub socket { return "$_[0]{dir}/run/redis.sock"; }
sub pid { return $_[0]{pid}; }
sub password_file { return "$_[0]{dir}/secrets/redis-$_[1].pw"; }


sub _read {
	my ($self, $path) = @_;

	open my $fh, '<:raw', $path or die "$path: $!\n";
	local $/;
	return scalar <$fh>;
}


sub write {
	my ($self, $name, $bytes) = @_;
	my $path = "$self->{dir}/$name";

	open my $fh, '>:raw', $path or die "$path: $!\n";
	print $fh $bytes or die "$path: $!\n";
	close $fh or die "$path: $!\n";
	return $path;
}


sub start {
	my ($self, $more) = @_;
	my $conf = $self->_read("$self->{dir}/conf/redis/redis.conf");
	my $path = $self->write('conf/redis/started.conf',
		$conf . ($more // ''));

	my $pid = fork() // die "fork: $!\n";
	if ($pid == 0) {
		open STDIN, '<', '/dev/null';
		open STDOUT, '>>', "$self->{dir}/log/redis.out";
		open STDERR, '>&', \*STDOUT;
		exec 'redis-server', $path or POSIX::_exit(127);
	}

	$self->{pid} = $pid;

	for (1 .. 500) {
		return $self if eval { $self->client('mp-ops')
			->do('PING') eq 'PONG' };
		last if waitpid($pid, POSIX::WNOHANG()) == $pid;
		sleep 0.02;
	}

	die "redis-server does not start:\n"
		. $self->_read("$self->{dir}/log/redis.out")
		. $self->_read("$self->{dir}/log/redis.log");
}


sub stop {
	my ($self, $signal) = @_;

	return unless $self->{pid} && $self->{owner} == $$;
	kill $signal // 'TERM', $self->{pid};
	kill 'CONT', $self->{pid};
	waitpid $self->{pid}, 0;
	$self->{pid} = undef;
	return;
}


sub client {
	my ($self, $user) = @_;

	return Test::Mailportal::Redis->new($self->socket()) unless $user;
	(my $name = $user) =~ s/^mp-//;
	return Test::Mailportal::Redis->new($self->socket(), $user,
		"password of $name");
}


sub do {
	my ($self, @argv) = @_;

	return $self->client('mp-ops')->do(@argv);
}


sub DESTROY {
	my ($self) = @_;
	local $?;

	$self->stop('KILL');
	return;
}


1;
