#!/usr/bin/perl

# Load, memory and disks: sampled, kept in bounds, forecast, and not stopped
# by a file system that hangs or is full.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use Test::Mailportal qw/ json /;

my $t = Test::Mailportal->new(only => [qw/ redis nginx agent /]);
my $node = $t->env('MP_NODE');
my ($minutes, $hours) = ("mp:{ts}:m:$node", "mp:{ts}:h:$node");
my ($below, $above, $small) = map { $t->dir() . "/$_" } qw/ below above small /;
my $fuse;

mkdir $_ for $below, $above, $small;

# a mount that hangs would keep the directory from going away
END {
	if ($fuse) {
		kill 'CONT', $fuse;
		kill 'KILL', $fuse;
		waitpid $fuse, 0;
	}
	for my $path (grep { defined } $above, $small) {
		system 'umount', '-l', $path if mounted($path);
	}
}

sub mounted {
	my ($path) = @_;
	open my $fh, '<', '/proc/self/mounts' or return;
	return scalar grep { (split ' ')[1] eq $path } <$fh>;
}

sub latest {
	my $text = $t->redis(LINDEX => $minutes, 0) // return {};
	return json()->decode($text);
}

sub disk {
	my ($name) = @_;
	my ($disk) = grep { $_->{name} eq $name } @{ latest()->{disks} // [] };
	return $disk // {};
}

sub problems {
	my $text = $t->redis(GET => "mp:{hb}:agent:$node") // return '';
	return join "\n", @{ json()->decode($text)->{problems} };
}

sub usage {
	my ($query, %opt) = @_;
	return $t->api(GET => "/usage$query", role => 'MasterAdmin', %opt);
}

# the agent's configuration, with other lines
sub configure {
	my (%line) = @_;
	my $conf = $t->read_file('conf/agent.conf');

	$conf =~ s/^\Q$_\E =.*/$_ = $line{$_}/m for keys %line;
	$t->write_file('conf/agent.conf', $conf);
	return $t->restart('agent');
}

ok($t->wait_for(sub { latest()->{memory} }, 20), 'a sample is taken at once');
is($t->redis(LLEN => $hours), 1, 'the first one is one of the hours, too');

# as the system says
my ($total) = $t->read_file('/proc/meminfo') =~ /^MemTotal:\s+(\d+)/m;
is(latest()->{memory}, $total * 1024, 'the memory is that of the machine');
cmp_ok(latest()->{available}, '<=', latest()->{memory}, 'some is available');
my ($files) = `stat -f -c %c /` =~ /(\d+)/;
is(disk('root')->{inodes}, $files, 'so are the inodes of the root');
cmp_ok(disk('root')->{used} + disk('root')->{free}, '==',
	disk('root')->{bytes}, 'what is used and free is all there is');
is(scalar @{ latest()->{load} }, 3, 'the load has three averages');

# the API
my $res = usage('?hours=1');
is($res->{status}, 200, '/usage answers');
is($res->{json}{nodes}[0]{node}, $node, 'by node');
is($res->{json}{nodes}[0]{samples}[-1]{memory}, $total * 1024,
	'with what was sampled, newest last');
is(usage('?hours=1', role => 'DomainAdmin')->{status}, 403,
	'a DomainAdmin may not see it');
for my $hours (qw/ 0 -1 x 8761 1.5 /) {
	$res = usage("?hours=$hours");
	is($res->{status}, 422, "hours=$hours is refused");
	is($res->{json}{errors}[0]{field}, 'hours', 'and named');
}

# bounds
$t->redis(LPUSH => $minutes, ('x') x 500) for 1 .. 21;
configure(sample_every => '1s',
	disks => "root=/ above=$above small=$small gone=/nonexistent");
ok($t->wait_for(sub { $t->redis(LLEN => $minutes) == 7 * 24 * 60 }, 20),
	'no more than a week of minutes is kept');
$res = usage('?hours=1');
is($res->{status}, 200, 'what is no sample does not hurt');
is(scalar(grep { ref ne 'HASH' } @{ $res->{json}{nodes}[0]{samples} }), 0,
	'and is left out');

$t->redis(DEL => $hours);
$t->redis(LPUSH => $hours, ('x') x 500) for 1 .. 18;
$t->restart('agent');
ok($t->wait_for(sub { $t->redis(LLEN => $hours) == 365 * 24 }, 20),
	'nor more than a year of hours');
my $year = 365 * 86400;
ok($t->redis(TTL => $minutes) > 0 && $t->redis(TTL => $minutes) <= 7 * 86400,
	'those of a node that is gone go after a week');
ok($t->redis(TTL => $hours) > 7 * 86400 && $t->redis(TTL => $hours) <= $year,
	'and after a year');

# Radicale's counts
is($res->{json}{nodes}[0]{radicale}{calendars}, 0,
	'the collections of Radicale are beside it');
for my $bad ('[]', '{"collections":-1}', 'x') {
	$t->redis(SET => "mp:{dav}:$node", $bad);
	is(usage('?hours=1')->{json}{nodes}[0]{radicale}, undef,
		"$bad is no count");
}

# one that is not there
ok($t->wait_for(sub { problems() =~ m!disk gone \(/nonexistent\): No such file! },
	20), 'a disk that is not there is named');
configure(disks => "root=/ above=$above small=$small");
ok($t->wait_for(sub { problems() eq '' }, 20), 'without it all is well');

# one that hangs
SKIP: {
	skip 'no FUSE here', 8 unless -w '/dev/fuse';

	$fuse = fork() // die "fork: $!\n";
	if ($fuse == 0) {
		open STDOUT, '>', '/dev/null';
		exec 'bindfs', '-f', $below, $above or POSIX::_exit(127);
	}
	ok($t->wait_for(sub { mounted($above) }, 20), 'a file system is mounted');
	ok($t->wait_for(sub { disk('above')->{answers} }, 20), 'and answers');

	kill 'STOP', $fuse;
	ok($t->wait_for(sub { problems() =~ /disk above .*: it does not answer/ }, 30),
		'when it hangs, that is said');
	my $before = latest()->{at};
	ok($t->wait_for(sub { latest()->{at} gt $before
		&& disk('root')->{answers} && !disk('above')->{answers} }, 30),
		'and the others are sampled all the same');

	ok($t->stop('agent'), 'the agent can be stopped all the same');
	ok($t->start('agent'), 'and started');
	$before = latest()->{at};
	ok($t->wait_for(sub { latest()->{at} gt $before
		&& disk('root')->{answers} && !disk('above')->{answers} }, 30),
		'and samples what answers');

	kill 'CONT', $fuse;
	ok($t->wait_for(sub { disk('above')->{answers} && problems() eq '' }, 30),
		'when it answers again all is well');
}

# one that is full
SKIP: {
	skip 'nothing can be mounted here', 2
		if system 'mount', '-t', 'tmpfs', '-o', 'size=1m', 'none', $small;

	open my $fh, '>', "$small/file" or die;
	print {$fh} 'x' x (1 << 20);
	close $fh;
	ok($t->wait_for(sub { problems() =~ /disk small .* 95 % full/ }, 20),
		'a full disk is named');
	unlink "$small/file";
	ok($t->wait_for(sub { problems() eq '' }, 20), 'until it is not');
}

# a trend: a GiB more each hour, as the hours say
my $root = disk('root');
my $now = time();
$t->stop('agent');
$t->redis(DEL => $hours);
for my $hour (reverse 1 .. 100) {
	my @when = gmtime $now - 3600 * $hour;
	my %old = (%{ latest() }, at => POSIX::strftime('%Y-%m-%dT%H:%M:%SZ',
		@when), disks => [{ %$root,
			used => $root->{used} - $hour * (1 << 24) }]);
	$t->redis(LPUSH => $hours, json()->encode(\%old));
}
$t->start('agent');
my $wanted = $root->{free} / (1 << 24) * 3600;
ok($t->wait_for(sub { defined disk('root')->{full_secs} }, 20)
	|| $wanted > 365 * 86400, 'the trend is seen');
SKIP: {
	skip 'the disk is too large', 1 if $wanted > 365 * 86400;
	my $secs = disk('root')->{full_secs};
	ok($secs > $wanted * 0.8 && $secs < $wanted * 1.2,
		'and says about when the disk is full');
}

# Redis away
$t->stop('redis');
is(usage('?hours=1')->{status}, 503, 'P7: without Redis there is no answer');
$t->start('redis');
$t->wait_for(sub { ref $t->redis('ROLE') eq 'ARRAY' }, 20);
my $was = latest()->{at} // '';
ok($t->wait_for(sub { (latest()->{at} // '') gt $was }, 30),
	'when Redis is there again, samples go on');

$t->done();
