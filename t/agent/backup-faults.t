#!/usr/bin/perl

# A backup that meets a full disk, a file that shrinks, the end of the agent or
# somebody who cancels it: it ends in words or is begun anew, and nothing half
# is ever listed or left behind.

use warnings;
use strict;

use lib 't/lib';

use Fcntl qw/ :flock /;
use Test::More;
use Test::Mailportal qw/ json /;
use Test::Mailportal::Backup;

my $t = Test::Mailportal->new(only => [qw/ redis agent nginx /]);
my $store = $t->dir() . '/data/backups';
my $node = $t->env('MP_NODE');
my $user = 'alice@demo.example';
my $book = collection($t, $user, 'book');
my $lock_file = $t->dir() . '/data/radicale/.Radicale.lock';
my ($small, $large) = (1 << 20, 20 << 30);

END { system 'umount', '-l', $store if $store && mounted($store); }

sub mounted {
	my ($path) = @_;
	open my $fh, '<', '/proc/self/mounts' or return;
	return scalar grep { (split ' ')[1] eq $path } <$fh>;
}

# what is under way or was given up; the files without a name do not count
sub halves { return grep { !/\.zip(?:\.json)?$/ } listing(); }

sub listing {
	opendir my $dir, $store or return;
	return sort grep { !/^\.\.?$/ } readdir $dir;
}

sub random_bytes {
	my ($count) = @_;
	open my $fh, '<:raw', '/dev/urandom' or die;
	read $fh, my ($bytes), $count;
	return $bytes;
}

# an item that takes long to read, and no room
sub sparse {
	my ($bytes) = @_;
	write_raw("$book/large.vcf", '');
	truncate "$book/large.vcf", $bytes or die "truncate: $!\n";
	return;
}

# a backup that reads it
sub begin_large {
	sparse($large);
	my $id = backup_begin($t);
	ok($t->wait_for(sub { backup_state($t, $id) eq 'running'
		&& !try_lock(LOCK_EX) }, 60), 'a backup is at work');
	return $id;
}

# whether it can be had now
sub try_lock {
	my ($how) = @_;
	open my $fh, '+<', $lock_file or die "$lock_file: $!\n";
	return flock $fh, $how | LOCK_NB;
}

write_raw($lock_file, '');
write_raw("$book/one.vcf", 'one');
is(make_backup($t)->{state}, 'done', 'a backup to begin with');
my ($first) = backups($t);

# cancelled while it reads one large file
my $id = begin_large();
ok(try_lock(LOCK_SH), 'who reads from Radicale goes on');
is(scalar(halves()), 1, 'what is not whole has a name of its own');
my ($part) = halves();
is(scalar(backups($t)), 1, 'and is not listed');
for my $name ($part, $part =~ s/\.part$//r) {
	is(download($t, $name)->{status}, 404, "nobody can fetch $name");
	is($t->api(DELETE => "/backups/$name", role => 'MasterAdmin')->{status},
		404, 'or remove it');
}
is(download($t, $first->{name})->{status}, 200, 'others can be fetched');
is($t->api(DELETE => "/backups/$first->{name}", role => 'MasterAdmin')
	->{status}, 204, 'and be removed');
ok($t->wait_for(sub { !-e "$store/$first->{name}" }, 20),
	'at once, not when it is done');
$t->api(DELETE => "/jobs/$id", role => 'MasterAdmin');
is(backup_end($t, $id, 20)->{state}, 'cancelled',
	'in the middle of a large file it can be cancelled');
is(join(' ', listing()), '', 'and leaves nothing behind');
ok(try_lock(LOCK_EX), 'nor the lock');

# a file that shrinks while it is read
$id = begin_large();
sparse(0);
my $job = backup_end($t, $id);
is($job->{state}, 'failed', 'a file that became shorter ends it');
like(backup_text($t, $job), qr/became shorter while it was read/, 'in words');
is(join(' ', listing()), '', 'and leaves nothing behind');

# one that grows, or goes: what it was when it was opened
my $pid = fork() // die "fork: $!\n";
if ($pid == 0) {
	while (1) {
		open my $fh, '>>:raw', "$book/grows.vcf" or next;
		syswrite $fh, 'x' x 100 for 1 .. 100;
		close $fh;
		unlink "$book/grows.vcf";
	}
}
for (1 .. 5) {
	my $job = make_backup($t);
	like($job->{state}, qr/^(?:done|failed)/,
		'a file that grows and vanishes');
	unpack_zip($t, download($t, backup_of($t, $job)->{name})->{body})
		if $job->{state} =~ /^done/;
}
kill 'KILL', $pid;
waitpid $pid, 0;
unlink "$book/grows.vcf";
is(join(' ', halves()), '', 'leaves nothing behind');

# killed in the middle: begun anew, and what was begun before is gone
$id = begin_large();
($part) = halves();
kill 'KILL', $t->pid('agent');
$t->wait_for(sub { try_lock(LOCK_EX) }, 20);
is(join(' ', halves()), $part, 'a killed agent leaves what it had');
write_raw("$store/radicale-x.zip.part", 'half');
write_raw("$store/.radicale-x.zip.json.new", 'half');
write_raw("$store/radicale-x.zip.json", '{}');
write_raw("$store/mine.txt", 'of the operator');
sparse($small);
$t->start('agent');
$job = backup_end($t, $id);
is($job->{state}, 'done', 'P5: its job is done after all');
is(join(' ', halves()), 'mine.txt',
	'of what was half nothing is left, and nothing else is touched');
ok(!-e "$store/radicale-x.zip.json", 'nor what belongs to no ZIP');
unlink "$store/mine.txt";
my $to = unpack_zip($t, download($t, backup_of($t, $job)->{name})->{body});
is(-s "$to/collection-root/$user/book/large.vcf", $small, 'it is whole');

# stopped in the middle: not a failure of the job
$id = begin_large();
$t->stop('agent');
is(join(' ', halves()), '', 'an agent that is stopped leaves nothing half');
sparse($small);
$t->start('agent');
is(backup_end($t, $id)->{state}, 'done', 'and begins anew when it comes back');

# a full disk
SKIP: {
	my $gid = (stat $store)[5];
	my $uid = (stat $store)[4];
	skip 'nothing can be mounted here', 9 if system 'mount', '-t', 'tmpfs',
		'-o', "size=2m,uid=$uid,gid=$gid,mode=2750", 'none', $store;

	$t->restart('agent');
	unlink "$book/large.vcf";
	is(make_backup($t)->{state}, 'done', 'what has room is made');
	my @before = listing();
	write_raw("$book/random$_.vcf", random_bytes($small)) for 1 .. 4;
	$job = make_backup($t);
	is($job->{state}, 'failed', 'what has none fails');
	like(backup_text($t, $job), qr/No space left on device/, 'in words');
	is(join(' ', listing()), "@before", 'and leaves nothing behind');
	is(scalar(backups($t)), 1, 'nor in the list');
	is(download($t, (backups($t))[0]{name})->{status}, 200,
		'what was there is as before');

	# the ZIP fits, what stands beside it does not
	unlink glob "$book/random*";
	open my $fh, '>:raw', "$store/fill" or die;
	1 while syswrite $fh, 'x' x 4096;
	close $fh;
	$job = make_backup($t);
	is($job->{state}, 'failed', 'without any room, too');
	unlink "$store/fill";
	is(join(' ', listing()), "@before", 'and nothing is left');
	is(make_backup($t)->{state}, 'done', 'with room again it is made');
	system 'umount', $store;
	$t->restart('agent');
}

# a ZIP that is not what it was is none
unlink glob "$store/*";
my ($good, $bad) = map { backup_of($t, make_backup($t)) } 1 .. 2;
is(scalar(backups($t)), 2, 'the list is what is in the folder');
open my $fh, '>>:raw', "$store/$bad->{name}" or die;
print {$fh} 'x';
close $fh;
$t->restart('agent');
ok($t->wait_for(sub { backups($t) == 1 }, 20),
	'a ZIP of another size is not listed');
unlink "$store/$good->{name}";
is(download($t, $good->{name})->{status}, 404,
	'one that somebody removed is not found');
$t->restart('agent');
ok($t->wait_for(sub { backups($t) == 0 }, 20), 'and then not listed');
unlink glob "$store/*";

# retention: what is damaged, or says that it is of the future, is nobody's
# reason to remove what is good
$t->write_file('conf/agent.conf', $t->read_file('conf/agent.conf')
	=~ s/^backup_keep = .*/backup_keep = 2/mr);
$t->restart('agent');
$good = backup_of($t, make_backup($t));
for my $n (1 .. 3) {
	my %lie = (%$good, name => "radicale-future$n.zip",
		created_at => "2090-01-0${n}T00:00:00Z");
	write_raw("$store/$lie{name}", slurp("$store/$good->{name}"));
	write_raw("$store/$lie{name}.json", json()->encode(\%lie));
	%lie = (%$good, name => "radicale-empty$n.zip",
		created_at => "2020-01-0${n}T00:00:00Z");
	write_raw("$store/$lie{name}", '');
	write_raw("$store/$lie{name}.json", json()->encode(\%lie));
}
$job = make_backup($t);
is($job->{state}, 'done', 'and one more');
is(join(' ', sort map { $_->{name} } backups($t)),
	join(' ', sort map { $_->{name} } $good, backup_of($t, $job)),
	'both are kept, and what is of the future goes first');

$t->done();
