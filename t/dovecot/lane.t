#!/usr/bin/perl

# A lane by itself: the test is its worker.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use IO::Select;
use IO::Socket::UNIX;
use Time::HiRes qw/ time /;
use Test::Mailportal::Dovecot;

my $d = Test::Mailportal::Dovecot->new(only => ['dovecot'],
	worker => { lane_users => 40 });
my ($user, $new, @many) = $d->add_users(40, 'lane.test');
my $VERSION = "VERSION\tmailportal-lane\t1\t0";

$d->fill([$user, @many], 2);


# a connection: what it was sent is in lines

sub lane {
	my ($first) = @_;
	my $sock = IO::Socket::UNIX->new(
		Peer => $d->dir() . '/run/dovecot/mailportal-lane')
		or die "lane: $!\n";
	my $self = { sock => $sock, bytes => '' };

	send_lines($self, $first // $VERSION);
	return $self;
}


sub send_lines {
	my ($self, @lines) = @_;

	local $SIG{PIPE} = 'IGNORE';
	my $bytes = join '', map { s/ /\t/gr . "\n" } @lines;
	while (length $bytes) {
		my $n = syswrite($self->{sock}, $bytes) // return;
		substr $bytes, 0, $n, '';
	}
	return;
}


# the next line, '' when the lane has closed the connection

sub line {
	my ($self) = @_;
	my $until = time() + 60;

	while ($self->{bytes} !~ /\n/) {
		IO::Select->new($self->{sock})->can_read($until - time())
			or die "the lane does not answer\n";
		sysread($self->{sock}, $self->{bytes}, 65536,
			length $self->{bytes}) or return '';
	}
	$self->{bytes} =~ s/^(.*)\n//;
	return $1;
}


# all lines until the connection is closed, or until one matches

sub lines {
	my ($self, $last) = @_;
	my @lines;

	while ((my $line = line($self)) ne '') {
		push @lines, $line;
		last if defined $last && $line =~ $last;
	}
	return @lines;
}


sub text { return join '|', map { s/\t/ /gr } @_; }


sub logged {
	my ($what) = @_;

	return ok($d->wait_for(sub {
		$d->t()->read_file('log/dovecot.log') =~ $what }, 30,
		"$what in the log"), 'and the log says why');
}


# what is asked, what is answered

my $lane = lane();
is(line($lane), $VERSION, 'a lane says its version');
send_lines($lane, "1 recalc $user", "2 resync $user", "3 usage $user",
	"4 clear $user junk=1 trash=1 dry=1", "5 usage $new",
	'6 usage nobody@lane.test');
my ($bytes) = map { /\t(\d+)\t1073741824\t/ } ($d->doveadm('-f', 'tab',
	'mailportal', 'usage', '-u', $user))[1] =~ s/\t2\t/\t/r;
my $usage = "ok messages=2 bytes=$bytes limit=1073741824";
is(text(map { line($lane) } 1 .. 6), join('|',
	"1 ok before=$bytes after=$bytes messages=2 limit=1073741824",
	'2 ok folders=1 messages=2', "3 $usage", '4 ok', '5 skip',
	'6 fail text=there is no such user'), 'and answers in order');
ok(!-e $d->home($new), 'who has no home gets none');

# requests that are understood so far that they can be answered

send_lines($lane, "7 format $user", "8 usage \xff\xfe\@lane.test",
	"9 clear $user junk=soon", "10 usage $user\0", '11 usage ',
	'12 usage ' . 'x' x 2000, "13 usage ../../etc/passwd", "14 usage $user");
is(text(map { line($lane) } 7 .. 14), join('|',
	'7 fail text=unknown action: format',
	'8 fail text=not the name of a user: ??@lane.test',
	'9 fail text=unknown option: junk=soon',
	"10 $usage",
	'11 fail text=not the name of a user: ',
	'12 fail text=not the name of a user: ' . 'x' x 77 . '...',
	'13 fail text=there is no such user',
	"14 $usage"),
	'what cannot be done fails by name, and the lane lives');
send_lines($lane, "4294967295 usage $user");
is((split /\t/, line($lane))[0], 4294967295, 'the highest number');
close $lane->{sock};

# what is no request at all

for (
	['VERSION other 1 0', 'another service', qr/not a VERSION.*other/],
	['VERSION mailportal-lane 2 0', 'another version', qr/VERSION.*lane.2/],
	["1 usage $user", 'no version', qr/not a VERSION.*1.usage/],
	["\x80\xff\0\x1b[31m\x07", 'bytes', qr/not a VERSION/],
	["$VERSION\nhello", 'a word', qr/not a request: hello/],
	["$VERSION\n-1 usage $user", 'a number below 0', qr/a request: -1/],
	["$VERSION\n4294967296 usage $user", 'a number too high',
		qr/request: 4294967296/],
	["$VERSION\n1 usage", 'no user', qr/not a request: 1.usage/],
	["$VERSION\n" . 'y' x 200000, 'a huge line', qr/a line is too long/],
	["$VERSION\n" . "\n" x 10, 'empty lines', qr/not a request: $/m],
	["$VERSION\n" . join("\n", map { "$_ usage $user" } 1 .. 200),
		'more than can be waited for', qr/too many requests/],
) {
	my ($send, $what, $log) = @$_;
	my $bad = lane($send);
	my @got = lines($bad);
	is($got[0], $VERSION, "$what: the connection is closed");
	logged(qr/mailportal-lane.*Error: the worker's connection is closed: .*$log/m);
}

# CANCEL: what has not begun is dropped, what has begun is answered

$lane = lane();
send_lines($lane, (map { "$_ resync $many[$_]" } 0 .. 9), 'CANCEL',
	"10 usage $user");
my @got = lines($lane, qr/^10\t/);
shift @got;
my ($ok, $drop) = (0, 0);
$ok += /^\d+\tok/, $drop += /^\d+\tdrop$/ for @got;
is($ok + $drop, 11, 'CANCEL: each request has one answer');
cmp_ok($drop, '>=', 9, 'and at most one had begun');
like($got[-1], qr/^10\tok/, 'the next one is worked on');
close $lane->{sock};

# the worker is gone: nobody works for it any more

$lane = lane();
line($lane);
$d->remove_indexes($_) for @many[10 .. 20];
send_lines($lane, map { "$_ resync $many[$_]" } 10 .. 20);
close $lane->{sock};
$lane = lane();
send_lines($lane, "1 usage $user");
like((lines($lane, qr/^1\t/))[-1], qr/^1\tok/, 'another worker is served');
close $lane->{sock};

# after lane_users the process ends; what has not begun is dropped

$lane = lane();
send_lines($lane, map { "$_ usage $user" } 1 .. 60);
@got = map { s/\t/ /gr } lines($lane);
shift @got;
my @done = grep { / ok / } @got;
cmp_ok(scalar @done, '<=', 40, 'a lane ends after lane_users');
is(scalar(grep { / (?:ok|drop)\b/ } @got), 60, 'and drops the others');
is(text(map { (split / /)[0] } @got), text(1 .. 60), 'in their order');
$lane = lane();
send_lines($lane, map { "$_ usage $user" } 1 .. 24);
is(scalar(grep { /\tok/ } map { line($lane) } 0 .. 24), 24,
	'another process goes on');
close $lane->{sock};

# each user is worked on with that user's rights, whoever came before

my ($else) = $d->add_users(['else@lane.test'], uid => 5001, gid => 5001);
system('cp', '-a', $d->home($user), $d->home($else)) == 0 or die;
system('chown', '-R', '5001:5001', $d->home($else)) == 0 or die;
chmod 0711, $d->dir() . "/data/mail$_" for '', '/lane.test';
chmod 0700, $d->home($_) for $user, $else;
$lane = lane();
send_lines($lane, "1 resync $user", "2 resync $else", "3 resync $user",
	"4 usage nobody\@lane.test", "5 resync $else");
is(text((map { line($lane) } 0 .. 5)[1 .. 5]), join('|',
	'1 ok folders=1 messages=2', '2 ok folders=1 messages=2',
	'3 ok folders=1 messages=2', '4 fail text=there is no such user',
	'5 ok folders=1 messages=2'), 'users of different ids');
$d->set_user($else, uid => 5002, gid => 5002);
send_lines($lane, "6 resync $else", "7 resync $user");
like(line($lane), qr/^6\tfail\ttext=.*\(\Q${\$d->home($else)}\E\b.*Permission/,
	'and cannot see what is not theirs');
like(line($lane), qr/^7\tok/, 'which hinders nobody else');
my %owner;
$owner{(stat)[4]}++ for glob $d->home($else) . '/Maildir/*';
is(join(' ', keys %owner), 5001, 'have files of their own only');
close $lane->{sock};

# a lane holds its lock while it works, and only then

my $lock = $d->t()->env('MP_WORKER_STATE') . '/lanes.lock';
open my $fh, '+>>', $lock or die "$lock: $!\n";
ok($d->wait_for(sub { flock $fh, 6 }, 30, 'the lock'),
	'a lane that waits holds no lock');
$lane = lane();
send_lines($lane, "1 usage $user");
is(line($lane), $VERSION, 'while somebody else holds it');
ok(!IO::Select->new($lane->{sock})->can_read(0.5), 'nobody is worked on');
flock $fh, 8;
like(line($lane), qr/^1\tok/, 'and then it goes on');
close $lane->{sock};

# Dovecot stops: the user at hand is answered

$lane = lane();
line($lane);
$d->t()->stop('dovecot');
is(line($lane), '', 'with Dovecot, the lane ends');

$d->done();
