#!/usr/bin/perl

# Backups of a Radicale that a real CalDAV and CardDAV client has filled.

use warnings;
use strict;

use lib 't/lib';

use Digest::SHA ();
use IO::Select;
use Test::More;
use Test::Mailportal qw/ json /;
use Test::Mailportal::Backup;

my $t = Test::Mailportal->new(only => [qw/ redis dovecot radicale agent nginx /]);
my $dir = $t->dir();
my $store = "$dir/data/radicale/collection-root";
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
	return write_raw("$home/local/$name/$file", $text);
}

sub radicale {
	my ($method, $user, $path, @args) = @_;
	return ($t->program('curl', '-s', '-X', $method, '-u',
		"$user:" . $t->env('MP_USER_PASSWORD'), @args,
		'http://' . $t->env('MP_RADICALE') . "/$user/$path"))[1];
}

# what a client that never saw it gets of a collection: file => bytes
sub read_anew {
	my ($user, $id) = @_;
	system 'rm', '-rf', client($user, 'caldav');
	my $home = client($user, 'caldav', $id);

	ok(sync($home), 'a client reads it');
	return ($home, map { s{.*/}{}r => slurp($_) } glob "$home/local/$id/*");
}

# all that a client can ask of a collection: items, their tags, its properties
sub told {
	my ($user, $id) = @_;
	my $items = radicale(PROPFIND => $user, "$id/", '-H', 'Depth: 1',
		'-H', 'Content-Type: application/xml', '-d', <<'XML');
<propfind xmlns="DAV:"><prop><getetag/><getcontenttype/><getcontentlength/>
<displayname/><resourcetype/></prop></propfind>
XML
	my $all = radicale(REPORT => $user, "$id/", '-H', 'Depth: 1',
		'-H', 'Content-Type: application/xml', '-d', <<'XML');
<C:calendar-query xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav">
<prop><getetag/><C:calendar-data/></prop>
<C:filter><C:comp-filter name="VCALENDAR"/></C:filter></C:calendar-query>
XML
	return join "\n", map { join '', sort split /(?=<response>)/ }
		$items, $all;
}

# nothing there yet
my $job = make_backup($t);
is($job->{state}, 'failed', 'without a collection there is nothing to back up');
like(backup_text($t, $job), qr/never used here/, 'which is said');
is(scalar backups($t), 0, 'and nothing is listed');

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

$job = make_backup($t);
is($job->{state}, 'done', 'all is backed up') or diag(json()->encode($job));
my ($one) = backups($t);
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
my $res = download($t, $one->{name});
is($res->{status}, 200, 'it can be downloaded');
is(length $res->{body}, $one->{bytes}, 'whole');
is(Digest::SHA::sha256_hex($res->{body}), $one->{sha256}, 'as it was made');
like($res->{headers}{'content-disposition'}, qr/\Q$one->{name}\E/,
	'as a file with its name');
my $tag = $res->{headers}{etag} // '';
like($tag, qr/^"\w+-\w+"$/, 'with a tag');
is($res->{headers}{'cache-control'}, 'no-store', 'which nobody keeps');
is($res->{headers}{'x-content-type-options'}, 'nosniff', 'or guesses about');
my $part = download($t, $one->{name}, Range => 'bytes=10-19');
is($part->{status}, 206, 'also a part of it');
is($part->{body}, substr($res->{body}, 10, 10), 'the right one');
is($part->{headers}{'content-range'}, "bytes 10-19/$one->{bytes}",
	'and says which');
my $rest = $one->{bytes} - 20;
for (["$rest-", substr $res->{body}, $rest], ['-20', substr $res->{body}, -20],
	["0-" . 2 * $one->{bytes}, $res->{body}]) {
	$part = download($t, $one->{name}, Range => "bytes=$_->[0]");
	is($part->{status}, 206, "bytes=$_->[0]");
	is($part->{body}, $_->[1], 'the right ones');
}
$part = download($t, $one->{name}, Range => 'bytes=0-1,10-11');
like($part->{headers}{'content-type'} // '', qr{^multipart/byteranges},
	'two parts at once');
$part = download($t, $one->{name}, Range => "bytes=$one->{bytes}-");
is($part->{status}, 416, 'a part that it has not');
is($part->{headers}{'content-range'}, "bytes */$one->{bytes}",
	'and how long it is');
is(download($t, $one->{name}, Range => 'lines=1-2')->{status}, 200,
	'a range of something else is all');
is(download($t, $one->{name}, Range => 'bytes=0-9', 'If-Range' => $tag)
	->{status}, 206, 'a download that was cut off goes on');
for my $other ('"0-0"', 'Thu, 01 Jan 1970 00:00:00 GMT') {
	is(download($t, $one->{name}, Range => 'bytes=0-9',
		'If-Range' => $other)->{status}, 200,
		"but not with another's: $other");
}
is(download($t, $one->{name}, 'If-None-Match' => $tag)->{status}, 304,
	'who has it need not fetch it');
is(download($t, $one->{name}, 'If-Match' => '"0-0"')->{status}, 412,
	'nor who wants another');
my $head = $t->api(HEAD => "/backups/$one->{name}", role => 'MasterAdmin');
is($head->{status}, 200, 'one may only look');
is($head->{headers}{'content-length'}, $one->{bytes}, 'how long it is');
is($head->{body}, '', 'and gets nothing');
is($t->api(HEAD => "/backups/$one->{name}")->{status}, 401,
	'but not without a session');
is($t->api(GET => "/backups/$one->{name}", role => 'DomainAdmin')->{status},
	403, 'but not by a DomainAdmin');
is($t->http(GET => "/mailportal-backups/$one->{name}")->{status}, 404,
	'nor past the API');
for my $name ('..', '..%2f..%2fetc%2fpasswd', 'radicale-x', 'radicale-.zip.json',
	'radicale-no.zip') {
	is($t->api(GET => "/backups/$name", role => 'MasterAdmin')->{status}, 404,
		"V26: $name is none");
}
my $to = unpack_zip($t, $res->{body});
my $manifest = json()->decode(slurp("$to/MANIFEST.json"));
is_deeply([@$manifest{qw/ collections addressbooks calendars items /}],
	[5, 3, 2, 11], 'the manifest counts them');

# one user
$job = make_backup($t, $users[1]);
is($job->{state}, 'done', 'one user is backed up');
my ($his) = grep { ($_->{target} // '') eq $users[1] } backups($t);
is($his->{items}, 1, 'with what is his');
$job = make_backup($t, 'nobody@demo.example');
is($job->{state}, 'failed', 'a user without collections fails');
like(backup_text($t, $job), qr/nothing of that user/, 'and it is said');

# restored, as docs/operate.md says: one collection of one user
my ($calendar) = grep { slurp("$_/.Radicale.props") =~ /VCALENDAR/
	&& -e "$_/e1.ics" || grep { slurp($_) =~ /meeting 1/ } glob "$_/*.ics" }
	glob "$to/collection-root/$users[0]/*";
my ($id) = $calendar =~ m{([^/]+)$};
radicale(PROPPATCH => $users[0], "$id/", '-H', 'Content-Type: application/xml',
	'-d', '<propertyupdate xmlns="DAV:"><set><prop><displayname>W &amp; '
	. "\xc3\x84</displayname></prop></set></propertyupdate>");
$job = make_backup($t);
my $before = told($users[0], $id);
like($before, qr/W &amp; \xc3\x84/, 'a calendar with a name of its own');
my ($home, %was) = read_anew($users[0], $id);
is(scalar(keys %was), 5, 'with all its items');

# lost, and found changed
is(radicale(DELETE => $users[0], "$id/", '-o', '/dev/null', '-w',
	'%{http_code}'), 200, 'then it is lost');
unlike(told($users[0], $id), qr/meeting/, 'for everybody');
my ($shell) = $t->read_file("$Test::Mailportal::ROOT/docs/operate.md")
	=~ /## Radicale.*?```sh\n(.*?)```/s;
my $zip = $t->write_file('restore.zip',
	download($t, backup_of($t, $job)->{name})->{body});
$shell =~ s/^zip=\K.*/$zip/m or die 'the manual names no ZIP';
$shell =~ s/alice\@example\.com/$users[0]/g;
$shell =~ s/COLLECTION/$id/g;
$shell =~ s{/var/lib/radicale/collections/collection-root}{$store}g;
$shell =~ s{/tmp/back}{$dir/back}g;
my ($rc, $said) = $t->program('sh', '-euc', $shell);
is($rc, 0, 'what the manual says brings it back') or diag($said);
is(told($users[0], $id), $before, 'it answers the same, to the letter');
($home, my %got) = read_anew($users[0], $id);
is_deeply(\%got, \%was, 'and gets the same as before');
put($home, $id, 'later.ics', event('later', 'later'));
ok(sync($home), 'it can be written to');
like(told($users[0], $id), qr/SUMMARY:later/, 'as before');
unlink "$home/local/$id/later.ics";
ok(sync($home), 'and things be removed');
unlike(told($users[0], $id), qr/SUMMARY:later/, 'for everybody');

# while somebody writes: an item is wholly in it, or not at all; and so is a
# calendar that is put as a whole, of which each item says which one it is
sub whole {
	my ($version, $count) = @_;
	my @events = map { event("v$_", "version $version." . 'x' x 2000)
		=~ /(BEGIN:VEVENT.*END:VEVENT\r\n)/s } 1 .. $count;
	return join '', "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//t//t\r\n",
		@events, "END:VCALENDAR\r\n";
}
my $pid = fork() // die;
if ($pid == 0) {
	for (my $n = 0; ; $n++) {
		my $file = $t->write_file('put.ics', event("w$n",
			"writing $n" . 'x' x 20000));
		radicale(PUT => $users[0], "$id/w$n.ics", '--data-binary',
			"\@$file", '-o', '/dev/null', '-H',
			'Content-Type: text/calendar');
		radicale(DELETE => $users[0], "$id/w@{[ $n - 20 ]}.ics",
			'-o', '/dev/null') if $n >= 20;
		$file = $t->write_file('put.ics', whole($n, 5 + $n % 7));
		radicale(PUT => $users[0], 'whole/', '--data-binary',
			"\@$file", '-o', '/dev/null', '-H',
			'Content-Type: text/calendar');
	}
}
ok($t->wait_for(sub { glob "$store/$users[0]/whole/*.ics" }, 20),
	'somebody writes');
my (@cut, @mixed, %versions);
for (1 .. 12) {
	$job = make_backup($t);
	is($job->{state}, 'done', 'a backup while somebody writes');
	$zip = $t->write_file('got.zip',
		download($t, backup_of($t, $job)->{name})->{body});
	$to = "$dir/while$_";
	$t->program('unzip', '-q', '-d', $to, $zip);
	push @cut, grep { slurp($_) !~ /END:VCALENDAR\r?\n?\z/ }
		glob "$to/collection-root/$users[0]/*/*.ics";
	my %met;
	my @items = glob "$to/collection-root/$users[0]/whole/*.ics";
	$met{$_}++ for map { slurp($_) =~ /SUMMARY:version (\d+)\./ } @items;
	my ($version) = keys %met;
	push @mixed, $_ if keys %met != 1 || @items != 5 + $version % 7;
	$versions{ $version // '' } = 1;
}
kill 'KILL', $pid;
waitpid $pid, 0;
is(scalar @cut, 0, 'each item is whole');
is(scalar @mixed, 0, 'each calendar is one version of it, and all of it');
cmp_ok(scalar(keys %versions), '>', 3, 'of which there were some');

# a download holds no lock, and goes on when its file is removed
write_raw("$store/$users[0]/$id/large.ics", event('large', join '',
	map { pack 'N', rand 2 ** 32 } 1 .. 3_000_000));
$one = backup_of($t, make_backup($t));
unlink "$store/$users[0]/$id/large.ics";
my $sock = Test::Mailportal::HTTP::connect_to('127.0.0.1', $t->port('nginx'));
print {$sock} "GET /api/v1/backups/$one->{name} HTTP/1.0\r\n"
	. 'Host: 127.0.0.1:' . $t->port('nginx') . "\r\n"
	. 'Cookie: ' . $t->role('MasterAdmin') . "\r\n\r\n";
ok(IO::Select->new($sock)->can_read(20), 'a large one is fetched, slowly');
open my $probe, '+<', "$dir/data/radicale/.Radicale.lock" or die;
ok(flock($probe, 2 | 4), 'meanwhile Radicale can be written to');
close $probe;
is($t->api(DELETE => "/backups/$one->{name}", role => 'MasterAdmin')->{status},
	204, 'and the file be removed');
ok($t->wait_for(sub { !-e "$dir/data/backups/$one->{name}" }, 20), 'at once');
my $answer = do { local $/; <$sock> };
is(Digest::SHA::sha256_hex($answer =~ s/.*?\r\n\r\n//sr), $one->{sha256},
	'who fetches it gets all of it');

# the lock of Radicale is obeyed
open my $lock, '+<', "$dir/data/radicale/.Radicale.lock" or die;
flock $lock, 2;
my $held = backup_begin($t);
$t->wait_for(sub { $t->api(GET => "/jobs/$held", role => 'MasterAdmin')
	->{json}{state} eq 'running' }, 20);
is($t->api(DELETE => "/jobs/$held", role => 'MasterAdmin')->{status}, 202,
	'one that waits for the lock can be cancelled');
ok($t->wait_for(sub { $t->api(GET => "/jobs/$held", role => 'MasterAdmin')
	->{json}{state} eq 'cancelled' }, 20), 'and ends');
flock $lock, 8;
is(scalar(glob("$dir/data/backups/*.part") // ''), '', 'nothing half is left');

# kept by number, and removed by hand
make_backup($t) for 1 .. 6;
is(scalar(grep { !defined $_->{target} } backups($t)), 7, 'seven of all are kept');
ok((grep { ($_->{target} // '') eq $users[1] } backups($t)),
	'which are counted by user');
($one) = backups($t);
is($t->api(DELETE => "/backups/$one->{name}", role => 'MasterAdmin')->{status},
	204, 'one can be removed');
ok($t->wait_for(sub { !-e "$dir/data/backups/$one->{name}"
	&& !grep { $_->{name} eq $one->{name} } backups($t) }, 20),
	'its file goes, and its entry');
is($t->api(DELETE => "/backups/$one->{name}", role => 'MasterAdmin')->{status},
	404, 'then it is none');
$t->redis(DEL => 'mp:{backup}:' . $t->env('MP_NODE'));
$t->restart('agent');
ok($t->wait_for(sub { backups($t) >= 6 }, 40),
	'Redis lost the list: it comes again from the folder');
$t->redis(HSET => 'mp:{backup}:' . $t->env('MP_NODE'), 'radicale-x.zip', '{}',
	'radicale-y.zip', json()->encode({ %$one, name => '../../etc/passwd' }));
is($t->api(GET => '/backups/radicale-y.zip', role => 'MasterAdmin')->{status},
	404, 'V26: an entry that lies leads nowhere');

# killed in the middle: begun anew
$id = backup_begin($t);
kill 'KILL', $t->pid('agent');
$t->start('agent');
is(backup_end($t, $id)->{state}, 'done',
	'P5: one that was at work when the agent was killed is done');

$t->done();
