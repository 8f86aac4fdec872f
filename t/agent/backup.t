#!/usr/bin/perl

# Backups of a Radicale that a real CalDAV and CardDAV client has filled.

use warnings;
use strict;

use lib 't/lib';

use Digest::SHA ();
use Test::More;
use Test::Mailportal qw/ json /;

my $t = Test::Mailportal->new(only => [qw/ redis dovecot radicale agent nginx /]);
my $dir = $t->dir();
my $store = "$dir/data/radicale/collection-root";
my $keys = 0;
my @users = map { "$_@" . $t->env('MP_DOMAIN') } qw/ alice bob /;

# vdirsyncer, with folders of its own for a user and a kind of collection
sub client {
	my ($user, $type, @names) = @_;
	my $home = "$dir/client-" . ($user =~ s/@.*//r) . "-$type";
	my $suffix = $type eq 'caldav' ? '.ics' : '.vcf';
	my $names = json()->encode(\@names);

	mkdir $_ for $home, "$home/local", map { "$home/local/$_" } @names;
	$t->write_file(substr("$home/config", 1 + length $dir), <<"END");
[general]
status_path = "$home/status"
[pair p]
a = "here"
b = "there"
collections = $names
[storage here]
type = "filesystem"
path = "$home/local"
fileext = "$suffix"
[storage there]
type = "$type"
url = "http://@{[ $t->env('MP_RADICALE') ]}/"
username = "$user"
password = "@{[ $t->env('MP_USER_PASSWORD') ]}"
END
	return $home;
}

sub sync {
	my ($home) = @_;
	local $ENV{VDIRSYNCER_CONFIG} = "$home/config";
	my ($rc, $out) = $t->program('sh', '-c',
		'yes | vdirsyncer discover && vdirsyncer sync');

	diag($out) if $rc;
	return $rc == 0;
}

sub event {
	my ($uid, $text) = @_;
	return join "\r\n", 'BEGIN:VCALENDAR', 'VERSION:2.0', 'PRODID:-//t//t',
		'BEGIN:VEVENT', "UID:$uid", 'DTSTAMP:20260101T000000Z',
		'DTSTART:20260102T100000Z', "SUMMARY:$text", 'END:VEVENT',
		'END:VCALENDAR', '';
}

sub card {
	my ($uid, $name) = @_;
	return join "\r\n", 'BEGIN:VCARD', 'VERSION:3.0', "UID:$uid",
		"FN:$name", "N:$name;;;;", 'END:VCARD', '';
}

sub put {
	my ($home, $name, $file, $text) = @_;
	open my $fh, '>:raw', "$home/local/$name/$file" or die "$file: $!\n";
	print {$fh} $text;
	close $fh;
	return;
}

sub slurp {
	my ($file) = @_;
	open my $fh, '<:raw', $file or return;
	local $/;
	return scalar <$fh>;
}

sub job {
	my ($target) = @_;
	my $res = $t->api(POST => '/jobs', role => 'MasterAdmin',
		headers => { 'Idempotency-Key' => 'k' . ++$keys },
		json => { action => 'radicale-backup',
			($target ? (target => $target) : ()) });
	my ($job, $id) = ({}, $res->{json}{id} // die "jobs: $res->{body}\n");

	$t->wait_for(sub {
		$job = $t->api(GET => "/jobs/$id", role => 'MasterAdmin')->{json};
		$job->{state} =~ /^(done|failed|cancelled)/;
	}, 60);
	return $job;
}

sub text_of { return $_[0]{nodes}{ $t->env('MP_NODE') }{text} // ''; }

sub backups {
	return @{ $t->api(GET => '/backups', role => 'MasterAdmin')
		->{json}{backups} };
}

sub download {
	my ($name, %headers) = @_;
	return $t->api(GET => "/backups/$name", role => 'MasterAdmin',
		headers => \%headers);
}

# a ZIP, unpacked: path => bytes
sub unpack_zip {
	my ($bytes) = @_;
	my $file = $t->write_file('got.zip', $bytes);
	my ($rc, $out) = $t->program('unzip', '-t', '-q', $file);

	is($rc, 0, 'unzip -t finds no fault') or diag($out);
	($rc, $out) = $t->program('/usr/bin/python3', '-c',
		'import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]);'
		. 'assert z.testzip() is None; print(len(z.namelist()))', $file);
	is($rc, 0, 'nor does Python') or diag($out);

	my $to = "$dir/unpacked" . ++$keys;
	$t->program('unzip', '-q', '-d', $to, $file);
	my ($sums, $said) = $t->program('sh', '-c',
		"cd $to && sha256sum --quiet -c SHA256SUMS");
	is($sums, 0, 'the sums in it are right') or diag($said);
	return $to;
}

# nothing there yet
my $job = job();
is($job->{state}, 'failed', 'without a collection there is nothing to back up');
like(text_of($job), qr/never used here/, 'which is said');
is(scalar backups(), 0, 'and nothing is listed');

# three address books, two calendars, of two users
my $cal = client($users[0], 'caldav', 'work', 'home');
my $abook = client($users[0], 'carddav', 'friends', 'family');
my $bob = client($users[1], 'carddav', 'all');
put($cal, 'work', "e$_.ics", event("e$_", "meeting $_")) for 1 .. 5;
put($cal, 'home', 'dinner.ics', event('dinner', 'dinner'));
put($abook, 'friends', "c$_.vcf", card("c$_", "Friend $_")) for 1 .. 3;
put($abook, 'family', 'aunt.vcf', card('aunt', "Aunt \xc3\x84nne"));
put($bob, 'all', 'x.vcf', card('x', 'Somebody'));
ok(sync($_), 'a client fills Radicale') for $cal, $abook, $bob;

$job = job();
is($job->{state}, 'done', 'all is backed up') or diag(json()->encode($job));
my ($one) = backups();
is($one->{collections}, 5, 'five collections');
is($one->{items}, 11, 'eleven items');
is($one->{node}, $t->env('MP_NODE'), 'of this node');
like($one->{name}, qr/^radicale-.*\.zip$/, 'by a name that says what it is');

# counted, for the statistics
$t->restart('agent');
ok($t->wait_for(sub {
	my $dav = json()->decode($t->redis(GET => 'mp:{dav}:'
		. $t->env('MP_NODE')) // '{}');
	($dav->{addressbooks} // 0) == 3 && $dav->{calendars} == 2
		&& $dav->{collections} == 5 }, 20),
	'address books and calendars are counted');

# downloaded
my $res = download($one->{name});
is($res->{status}, 200, 'it can be downloaded');
is(length $res->{body}, $one->{bytes}, 'whole');
is(Digest::SHA::sha256_hex($res->{body}), $one->{sha256}, 'as it was made');
like($res->{headers}{'content-disposition'}, qr/\Q$one->{name}\E/,
	'as a file with its name');
my $part = download($one->{name}, Range => 'bytes=10-19');
is($part->{status}, 206, 'also a part of it');
is($part->{body}, substr($res->{body}, 10, 10), 'the right one');
is($t->api(GET => "/backups/$one->{name}", role => 'DomainAdmin')->{status},
	403, 'but not by a DomainAdmin');
is($t->http(GET => "/mailportal-backups/$one->{name}")->{status}, 404,
	'nor past the API');
for my $name ('..', '..%2f..%2fetc%2fpasswd', 'radicale-x', 'radicale-.zip.json',
	'radicale-no.zip') {
	is($t->api(GET => "/backups/$name", role => 'MasterAdmin')->{status}, 404,
		"V26: $name is none");
}
my $to = unpack_zip($res->{body});
my $manifest = json()->decode(slurp("$to/MANIFEST.json"));
is_deeply([@$manifest{qw/ collections addressbooks calendars items /}],
	[5, 3, 2, 11], 'the manifest counts them');

# one user
$job = job($users[1]);
is($job->{state}, 'done', 'one user is backed up');
my ($his) = grep { ($_->{target} // '') eq $users[1] } backups();
is($his->{items}, 1, 'with what is his');
$job = job('nobody@demo.example');
is($job->{state}, 'failed', 'a user without collections fails');
like(text_of($job), qr/nothing of that user/, 'and it is said');

# restored, as docs/operate.md says: one collection of one user
my ($calendar) = grep { slurp("$_/.Radicale.props") =~ /VCALENDAR/
	&& -e "$_/e1.ics" || grep { slurp($_) =~ /meeting 1/ } glob "$_/*.ics" }
	glob "$to/collection-root/$users[0]/*";
my ($id) = $calendar =~ m{([^/]+)$};
system 'rm', '-rf', "$store/$users[0]/$id";
$t->program('sh', '-c', "cd $to && cp -R 'collection-root/$users[0]/$id'"
	. " '$store/$users[0]/' && chown -R radicale:radicale"
	. " '$store/$users[0]/$id'");
my $again = client($users[0], 'caldav', $id);
ok(sync($again), 'the client reads the restored collection');
my %got = map { slurp($_) =~ /SUMMARY:(.*?)\r?$/m ? ($1 => 1) : () }
	glob "$again/local/$id/*.ics";
is_deeply([sort keys %got], [map { "meeting $_" } 1 .. 5],
	'and gets the same as before');

# what is no plain file stays out
symlink '/etc/passwd', "$store/$users[0]/$id/passwd.ics";
symlink '/etc', "$store/$users[0]/etc";
POSIX::mkfifo("$store/$users[0]/$id/fifo.ics", 0600);
mkdir "$store/..backslash";
open my $odd, '>', "$store/$users[0]/$id/a\nb.ics";
close $odd;
$job = job();
is($job->{state}, 'done-with-failures', 'odd files are named as failures');
my %odd = map { $_->{target} => $_->{text} } @{ $job->{errors} };
like($odd{"$users[0]/$id/passwd.ics"} // '', qr/symbolic link/, 'a link');
like($odd{"$users[0]/etc"} // '', qr/symbolic link/, 'a link to a folder');
like($odd{"$users[0]/$id/fifo.ics"} // '', qr/no plain file/, 'a FIFO');
is(scalar(grep { /cannot be in a ZIP/ } values %odd), 1, 'a line break');
($one) = backups();
$to = unpack_zip(download($one->{name})->{body});
my ($rc, $found) = $t->program('sh', '-c', "cat $to/collection-root/*/*/*"
	. ' | grep -c root:x');
like($found, qr/^0/, 'V26: nothing of outside came into it');
unlink "$store/$users[0]/$id/$_" for 'passwd.ics', 'fifo.ics', "a\nb.ics";
unlink "$store/$users[0]/etc";
rmdir "$store/..backslash";

# while somebody writes: an item is wholly in it, or not at all
my $pid = fork() // die;
if ($pid == 0) {
	for my $n (1 .. 60) {
		my $text = event("w$n", "writing $n" . 'x' x 20000);
		$t->write_file("w$n.ics", $text);
		$t->program('curl', '-s', '-o', '/dev/null', '-T', "$dir/w$n.ics",
			'-u', "$users[0]:" . $t->env('MP_USER_PASSWORD'),
			'http://' . $t->env('MP_RADICALE') . "/$users[0]/$id/w$n.ics");
	}
	POSIX::_exit(0);
}
my $whole = 0;
for (1 .. 3) {
	is(job()->{state}, 'done', 'a backup while somebody writes');
	($one) = backups();
	$to = unpack_zip(download($one->{name})->{body});
	my @cut = grep { slurp($_) !~ /END:VCALENDAR\r?\n?\z/ }
		glob "$to/collection-root/$users[0]/$id/*.ics";
	is(scalar @cut, 0, 'each item is whole');
	$whole += () = glob "$to/collection-root/$users[0]/$id/w*.ics";
}
waitpid $pid, 0;

# the lock of Radicale is obeyed
open my $lock, '+<', "$dir/data/radicale/.Radicale.lock" or die;
flock $lock, 2;
$res = $t->api(POST => '/jobs', role => 'MasterAdmin',
	headers => { 'Idempotency-Key' => 'lock' },
	json => { action => 'radicale-backup' });
my $held = $res->{json}{id};
$t->wait_for(sub { $t->api(GET => "/jobs/$held", role => 'MasterAdmin')
	->{json}{state} eq 'running' }, 20);
is($t->api(DELETE => "/jobs/$held", role => 'MasterAdmin')->{status}, 202,
	'one that waits for the lock can be cancelled');
ok($t->wait_for(sub { $t->api(GET => "/jobs/$held", role => 'MasterAdmin')
	->{json}{state} eq 'cancelled' }, 20), 'and ends');
flock $lock, 8;
is(scalar(glob("$dir/data/backups/*.part") // ''), '', 'nothing half is left');

# kept by number, and removed by hand
job() for 1 .. 6;
is(scalar(grep { !defined $_->{target} } backups()), 7, 'seven of all are kept');
ok((grep { ($_->{target} // '') eq $users[1] } backups()),
	'which are counted by user');
($one) = backups();
is($t->api(DELETE => "/backups/$one->{name}", role => 'MasterAdmin')->{status},
	204, 'one can be removed');
ok($t->wait_for(sub { !-e "$dir/data/backups/$one->{name}"
	&& !grep { $_->{name} eq $one->{name} } backups() }, 20),
	'its file goes, and its entry');
is($t->api(DELETE => "/backups/$one->{name}", role => 'MasterAdmin')->{status},
	404, 'then it is none');
$t->redis(DEL => 'mp:{backup}:' . $t->env('MP_NODE'));
$t->restart('agent');
ok($t->wait_for(sub { backups() >= 6 }, 40),
	'Redis lost the list: it comes again from the folder');
$t->redis(HSET => 'mp:{backup}:' . $t->env('MP_NODE'), 'radicale-x.zip', '{}',
	'radicale-y.zip', json()->encode({ %$one, name => '../../etc/passwd' }));
is($t->api(GET => '/backups/radicale-y.zip', role => 'MasterAdmin')->{status},
	404, 'V26: an entry that lies leads nowhere');

# killed in the middle: begun anew
$t->redis(SET => 'x', 1);
$res = $t->api(POST => '/jobs', role => 'MasterAdmin',
	headers => { 'Idempotency-Key' => 'kill' },
	json => { action => 'radicale-backup' });
kill 'KILL', $t->pid('agent');
$t->start('agent');
ok($t->wait_for(sub { $t->api(GET => "/jobs/$res->{json}{id}",
	role => 'MasterAdmin')->{json}{state} eq 'done' }, 60),
	'P5: one that was at work when the agent was killed is done');

$t->done();
