#!/usr/bin/perl

# A lane by itself: the test is its worker.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use Test::Mailportal::Dovecot;
use Test::Mailportal::Lane;

my $d = Test::Mailportal::Dovecot->new(only => ['dovecot'],
	worker => { lane_users => 0 });
my ($user, $new, @many) = $d->add_users(40, 'lane.test');
my $VERSION = $Test::Mailportal::Lane::VERSION_LINE;

$d->fill([$user, @many], 2);


sub lane { return Test::Mailportal::Lane->new($d, @_); }


sub logged {
	my ($what) = @_;

	return ok($d->wait_for(sub {
		$d->t()->read_file('log/dovecot.log') =~ $what }, 30,
		"$what in the log"), 'and the log says why');
}


# what is asked, what is answered

my $lane = lane();
is($lane->line(), $VERSION, 'a lane says its version');
$lane->put("1 recalc $user", "2 resync $user", "3 usage $user",
	"4 clear $user junk=1 trash=1 dry=1", "5 usage $new",
	'6 usage nobody@lane.test');
my ($bytes) = map { /\t(\d+)\t1073741824\t/ } ($d->doveadm('-f', 'tab',
	'mailportal', 'usage', '-u', $user))[1] =~ s/\t2\t/\t/r;
my $usage = "ok messages=2 bytes=$bytes limit=1073741824";
is(join('|', map { $lane->line() } 1 .. 6), join('|',
	"1 ok before=$bytes after=$bytes messages=2 limit=1073741824",
	'2 ok folders=1 messages=2', "3 $usage", '4 ok', '5 skip',
	'6 fail text=there is no such user'), 'and answers in order');
ok(!-e $d->home($new), 'who has no home gets none');

# whoever delivers or reads mail comes first

sub niceness { return (split ' ', (read_proc(shift) =~ s/.*\)//sr))[16]; }


sub read_proc {
	my ($pid) = @_;

	open my $fh, '<', "/proc/$pid/stat" or die "/proc/$pid/stat: $!\n";
	return join '', <$fh>;
}


is(join(' ', map { niceness($_) - niceness($$) } $d->lane_pids()), 10,
	'a lane is nicer than mail');

# requests that are understood so far that they can be answered

$lane->put("7 format $user", "8 usage \xff\xfe\@lane.test",
	"9 clear $user junk=soon", "10 usage $user\0", '11 usage ',
	'12 usage ' . 'x' x 2000, "13 usage ../../etc/passwd", "14 usage $user");
is(join('|', map { $lane->line() } 7 .. 14), join('|',
	'7 fail text=unknown action: format',
	'8 fail text=not the name of a user: ??@lane.test',
	'9 fail text=unknown option: junk=soon',
	"10 $usage",
	'11 fail text=not the name of a user: ',
	'12 fail text=not the name of a user: ' . 'x' x 77 . '...',
	'13 fail text=there is no such user',
	"14 $usage"),
	'what cannot be done fails by name, and the lane lives');
$lane->put("4294967295 usage $user");
is((split / /, $lane->line())[0], 4294967295, 'the highest number');
$lane->close();

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
	my @got = $bad->lines();
	is($got[0], $VERSION, "$what: the connection is closed");
	logged(qr/mailportal-lane.*Error: the worker's connection is closed: .*$log/m);
}

# CANCEL: what has not begun is dropped, what has begun is answered

$lane = lane();
$lane->put((map { "$_ resync $many[$_]" } 0 .. 9), 'CANCEL',
	"10 usage $user");
my @got = $lane->lines(qr/^10 /);
shift @got;
my ($ok, $drop) = (0, 0);
$ok += /^\d+ ok/, $drop += /^\d+ drop$/ for @got;
is($ok + $drop, 11, 'CANCEL: each request has one answer');
cmp_ok($drop, '>=', 9, 'and at most one had begun');
like($got[-1], qr/^10 ok/, 'the next one is worked on');
$lane->close();

# the worker is gone: nobody works for it any more

$lane = lane();
$lane->line();
$d->remove_indexes($_) for @many[10 .. 20];
$lane->put(map { "$_ resync $many[$_]" } 10 .. 20);
$lane->close();
$lane = lane();
$lane->put("1 usage $user");
like(($lane->lines(qr/^1 /))[-1], qr/^1 ok/, 'another worker is served');
$lane->close();

# each user is worked on with that user's rights, whoever came before

my ($else) = $d->add_users(['else@lane.test'], uid => 5001, gid => 5001);
system('cp', '-a', $d->home($user), $d->home($else)) == 0 or die;
system('chown', '-R', '5001:5001', $d->home($else)) == 0 or die;
chmod 0711, $d->dir() . "/data/mail$_" for '', '/lane.test';
chmod 0700, $d->home($_) for $user, $else;
$lane = lane();
$lane->put("1 resync $user", "2 resync $else", "3 resync $user",
	"4 usage nobody\@lane.test", "5 resync $else");
is(join('|', (map { $lane->line() } 0 .. 5)[1 .. 5]), join('|',
	'1 ok folders=1 messages=2', '2 ok folders=1 messages=2',
	'3 ok folders=1 messages=2', '4 fail text=there is no such user',
	'5 ok folders=1 messages=2'), 'users of different ids');
$d->set_user($else, uid => 5002, gid => 5002);
$lane->put("6 resync $else", "7 resync $user");
like($lane->line(), qr/^6 fail text=.*\(\Q${\$d->home($else)}\E\b.*Permission/,
	'and cannot see what is not theirs');
like($lane->line(), qr/^7 ok/, 'which hinders nobody else');
my %owner;
$owner{(stat)[4]}++ for glob $d->home($else) . '/Maildir/*';
is(join(' ', keys %owner), 5001, 'have files of their own only');
$lane->close();

# a lane holds its lock while it works, and only then

my $lock = $d->t()->env('MP_WORKER_STATE') . '/lanes.lock';
open my $fh, '+>>', $lock or die "$lock: $!\n";
ok($d->wait_for(sub { flock $fh, 6 }, 30, 'the lock'),
	'a lane that waits holds no lock');
$lane = lane();
$lane->put("1 usage $user");
is($lane->line(), $VERSION, 'while somebody else holds it');
ok(!$lane->ready(0.5), 'nobody is worked on');
flock $fh, 8;
like($lane->line(), qr/^1 ok/, 'and then it goes on');
$lane->close();

# memory does not grow with the number of users

my %memory;
$lane = lane();
$lane->line();
for my $round (1 .. 12) {
	for my $name (@many) {
		$lane->put(map { "1 $_ $name" } qw/ resync recalc usage /);
		$lane->line() for 1 .. 3;
	}
	$memory{$round} = (sort { $b <=> $a } map { $d->memory($_) }
		$d->lane_pids())[0];
}
SKIP: {
	skip('sanitizers take memory', 2) if $d->t()->build() =~ /sanitize/;
	cmp_ok($memory{12}, '<', $memory{4} + 512,
		"the memory stays: $memory{4} KiB, then $memory{12}");
	cmp_ok($memory{12}, '<', 16 * 1024, 'and is less than 16 MiB');
}
$lane->close();

# a CANCEL, and the end of the worker, are seen before each user

ok($d->wait_for(sub { flock $fh, 6 }, 30, 'the lock'), 'a held lock');
$lane = lane();
$lane->put(map { "$_ usage $user" } 1 .. 3);
$lane->line();
ok(!$lane->ready(0.5), 'before a user is begun');
$lane->put('CANCEL');
flock $fh, 8;
is(join('|', map { $lane->line() } 1 .. 3), '1 drop|2 drop|3 drop',
	'CANCEL comes in time');
ok(flock($fh, 6) || $d->wait_for(sub { flock $fh, 6 }, 30, 'the lock'),
	'the lock is free again');
$d->remove_indexes($many[30]);
my @left = $d->index_files($many[30]);
$lane->put("4 resync $many[30]");
ok(!$lane->ready(0.5), 'before another is begun');
$lane->close();
flock $fh, 8;
$lane = lane();
$lane->put("5 usage $user");
like(($lane->lines(qr/^5 /))[-1], qr/^5 ok/, 'the worker ends');
is(join(' ', $d->index_files($many[30])), "@left",
	'and its user is not worked on');
$lane->close();

# after lane_users the process ends; what has not begun is dropped

$d->set_worker(lane_users => 5);
$lane = lane();
$lane->put(map { "$_ usage $user" } 1 .. 12);
@got = $lane->lines();
shift @got;
is(scalar(grep { / ok / } @got), 5, 'a lane ends after lane_users');
is(scalar(grep { / drop$/ } @got), 7, 'and drops the others');
is(join('|', map { (split / /)[0] } @got), join('|', 1 .. 12),
	'in their order');
$lane = lane();
$lane->put(map { "$_ usage $user" } 1 .. 4);
is(scalar(grep { / ok / } map { $lane->line() } 0 .. 4), 4,
	'another process goes on');

# Dovecot stops: the user at hand is answered

$d->t()->stop('dovecot');
is($lane->line(), '', 'with Dovecot, the lane ends');

$d->done();
