#!/usr/bin/perl

# What goes wrong on a node is said in /nodes in words, and what can mend
# itself is well again without anybody's doing: a log that is missing or no
# file, a Redis that is gone or cannot write, a disk that is full.

use warnings;
use strict;

use lib 't/lib';

use POSIX ();
use Socket qw/ SOCK_STREAM /;
use Test::More;
use Test::Mailportal qw/ json /;
use Test::Mailportal::Logs;

my $t = Test::Mailportal->new(only => [qw/ redis nginx agent /]);
my $log = Test::Mailportal::Logs->new($t);
my $mail = $log->mail();
my $node = $t->env('MP_NODE');
my @mounts;

END { system 'umount', '-l', $_ for splice @mounts; }

sub api { return $t->api(@_, role => 'MasterAdmin'); }

# what the answer of /nodes says of Redis itself
sub redis_says {
	my ($re, $what) = @_;
	my $said;
	my $ok = $t->wait_for(sub {
		my $res = api(GET => '/nodes');
		$said = join '; ', @{ $res->{json}{problems} // [] };
		$res->{status} == 200 && $said =~ $re }, 40);

	diag("it says: " . ($said // 'nothing')) unless $ok;
	return ok($ok, $what);
}

sub change {
	my (%change) = @_;
	my $head = api(GET => '/settings');
	return api(PATCH => '/settings', json => \%change,
		headers => { 'If-Match' => $head->{headers}{etag} });
}

# a file system of that size in place of a folder, with what is in it
sub small {
	my ($path, $size) = @_;
	my ($mode, $uid, $gid) = (stat $path)[2, 4, 5];
	my $options = sprintf 'size=%s,mode=%o,uid=%d,gid=%d', $size,
		$mode & 07777, $uid, $gid;

	system('cp', '-a', $path, "$path.was") == 0 or return;
	system('mount', '-t', 'tmpfs', '-o', $options, 'none', $path) == 0
		or return;
	unshift @mounts, $path;
	return system("cp -a '$path.was/.' '$path/'") == 0;
}

sub fill {
	my ($path, $left) = @_;

	open my $fh, '>', "$path/.ballast" or die "$path: $!\n";
	1 while syswrite $fh, "\0" x 4096;
	truncate $fh, (-s $fh) - ($left // 0);
	close $fh;
	return;
}

sub room { return unlink "$_[0]/.ballast"; }


# an agent that something else starts, which may take something from it

sub agent {
	my @cmd = (@_, $t->build() . '/mailportal-agent', '-c',
		$t->dir() . '/conf/agent.conf');
	my $pid = fork() // die "fork: $!\n";

	return $pid if $pid;
	open STDOUT, '>>', $t->log_file('other') or POSIX::_exit(1);
	open STDERR, '>&', \*STDOUT;
	exec @cmd or POSIX::_exit(127);
}

sub ended {
	my ($pid) = @_;

	kill 'TERM', $pid;
	waitpid $pid, 0;
	is($?, 0, 'it ends well');
	return $t->start('agent');
}


# Logs.  That of Dovecot goes on whatever the other one is.

my $n = 0;

sub missed {
	my ($re, $what) = @_;

	$log->says(qr/the log of Postfix is not followed: .*$re/, $what);
	$log->put($log->dovecot(), 'imap-login: Info: ' . ++$n . "\n");
	ok($t->wait_for(sub { ($log->lines('dovecot?limit=1'))[0]
		eq "imap-login: Info: $n" }, 20), 'and another log goes on');
	return;
}

sub mended {
	my ($what) = @_;

	$log->add("$what $n");
	$log->is_well("$what: it is well again");
	return $log->reaches("$what $n", 'and followed');
}

$log->add('first');
$log->put($log->dovecot(), "imap-login: Info: first\n");
$log->reaches('first');
$log->is_well('at first nothing is wrong');

rename $mail, "$mail.1";
missed(qr/mail\.log: No such file/, 'a missing log is said');
mended('a file');

rename $mail, "$mail.1";
mkdir $mail;
missed(qr/mail\.log is no plain file/, 'a folder in its place is said');
rmdir $mail;
mended('no folder');

rename $mail, "$mail.1";
POSIX::mkfifo($mail, 0600);
missed(qr/mail\.log is no plain file/, 'a FIFO in its place is said');
$t->stop('agent');
my $pid = agent();
missed(qr/mail\.log is no plain file/, 'and does not stop one that begins');
unlink $mail;
mended('no FIFO');
ended($pid);

rename $mail, "$mail.1";
my $socket = IO::Socket::UNIX->new(Type => SOCK_STREAM, Local => $mail,
	Listen => 1);
missed(qr/mail\.log: No such device/, 'a socket in its place is said');
undef $socket;
unlink $mail;
mended('no socket');

rename $t->dir() . '/log', $t->dir() . '/log.was';
$log->says(qr/Postfix .*mail\.log: No such file.*; .*Dovecot .*No such file/,
	'without the folder both are missing');
rename $t->dir() . '/log.was', $t->dir() . '/log';
mended('the folder');

# the helper may be root and not allowed to read all
chown +(getpwnam 'nobody')[2], -1, $mail;
chmod 0600, $mail;
$t->stop('agent');
$pid = agent('setpriv', '--bounding-set', '-dac_override,-dac_read_search');
missed(qr/mail\.log: Permission denied/, 'a log that it may not read is said');
chown 0, -1, $mail;
mended('with the right');
ended($pid);


# Redis does not answer, is not there, has no memory

my $redis = $t->pid('redis');
api(GET => '/nodes') for 1 .. 40;
kill 'STOP', $redis;
$log->add('stopped');
redis_says(qr/./, 'a Redis that does not answer is said');
kill 'CONT', $redis;
redis_says(qr/^$/, 'and it is well again');
$log->is_well();
$log->reaches('stopped', 'with the lines of meanwhile');

$t->stop('redis');
$log->add('away');
redis_says(qr/No such file/, 'a Redis that is not there is said');
$t->start('redis');
redis_says(qr/^$/, 'and it is well again');
$log->is_well();
$log->reaches('away', 'with the lines of meanwhile');
is(scalar(grep { /^(?:stopped|away)$/ } $log->texts('postfix?limit=10000')),
	2, 'each once');


# Disks

SKIP: {
	my $dir = $t->dir() . '/data';

	$t->stop('agent');
	my $can = !grep { !small("$dir/$_", '512k') } qw/ agent maps backups /;
	$t->start('agent');
	skip 'file systems cannot be mounted here', 1 unless $can;

	# what it must remember
	$log->is_well();
	fill("$dir/agent");
	is(change(antispam => { reject => 12 })->{status}, 200, 'a change');
	$log->says(qr{data/agent/settings cannot be written: No space left},
		'a full disk of its own is said');
	room("$dir/agent");
	$log->is_well();
	my ($head) = $t->redis(XREVRANGE => 'mp:{cfg}:log', '+', '-', 'COUNT', 1)
		->[0][0] =~ /^(\d+)/;
	like($t->read_file('data/agent/settings'), qr/^$head /,
		'and the version is remembered then');

	# the maps of Postfix, which only a node with Postfix has
	mkdir $t->dir() . '/conf/postfix';
	$t->write_file('conf/postfix/main.cf', "# $dir/maps/relayhost\n");
	fill("$dir/maps", 8192);
	is(change(relayhost => { host => '[mx.example.org]', port => 25 })
		->{status}, 200, 'a relayhost');
	$log->says(qr{the relayhost is not in force: .*data/maps.*: No space left},
		'a full disk of the maps is said');
	room("$dir/maps");
	$log->is_well();
	like($t->read_file('data/maps/relayhost'), qr/mx\.example\.org/,
		'and it is in force');

	# backups
	fill("$dir/backups");
	$log->says(qr{no backup can be made: .*data/backups: No space left},
		'a full disk of the backups is said');
	room("$dir/backups");
	$log->is_well();

	# Redis's own
	$t->stop('redis');
	skip 'no file system for Redis', 1 unless small("$dir/redis", '8m');
	$t->start('redis');
	$log->is_well('Redis on a disk of its own');
	fill("$dir/redis");
	$log->add('disk');
	redis_says(qr/Redis cannot write to its disk/,
		'that Redis cannot write is said');
	$log->add('disk again');
	ok($t->wait_for(sub { $t->read_file('log/agent.log')
		=~ /Postfix is not followed: MISCONF/ }, 20), 'the agent says it');
	is(change(antispam => { reject => 13 })->{json}{code}, 'redis-disk',
		'to who wants to change something, too');
	room("$dir/redis");
	redis_says(qr/^$/, 'and it is well again');
	$log->is_well();
	$log->reaches('disk again', 'with the lines of meanwhile');
	my @said = grep { /Postfix is not followed: MISCONF/ }
		split /\n/, $t->read_file('log/agent.log');
	is(scalar @said, 2, 'which was said once, and that it is over');
	is(change(antispam => { reject => 13 })->{status}, 200, 'and changes');
}

$t->done();
