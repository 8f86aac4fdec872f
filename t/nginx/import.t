#!/usr/bin/perl

# Import and export of the lists.

use warnings;
use strict;
use utf8;

use Test::More;
use Time::HiRes qw/ time /;

use lib 't/lib';
use Test::Mailportal;
use Test::Mailportal::HTTP;

my $t = Test::Mailportal->new();
my $cookie = $t->role('MasterAdmin');


sub import_list {
	my ($list, $text, %opt) = @_;

	utf8::encode($text) if utf8::is_utf8($text);
	return $t->api(POST => "/lists/$list/import", cookie => $cookie,
		body => $text, type => 'text/plain', timeout => 120, %opt);
}


sub counts {
	my ($res) = @_;
	my $j = $res->{json} // {};

	return join ' ', $res->{status}, map { $_ // 'undef' }
		@$j{qw/ added already_present rejected_count /};
}


sub refused {
	my ($res) = @_;

	return join ' ', map { $_->{line} }
		sort { $a->{line} <=> $b->{line} }
		@{ $res->{json}{rejected} // [] };
}


# what is an entry

my $res = import_list('blacklist', "One.Example\r\n\n# a comment\n"
	. "  two.example\t\nBÜCHER.example\nthree.example.");
is(counts($res), '200 4 0 0', 'blank lines and comments are no entries');
is(join(' ', sort @{ $t->redis('SMEMBERS', 'mp:{list}:black') }),
	'one.example three.example two.example xn--bcher-kva.example',
	'each in its one form, the last line without its end');

my %info = %{ Test::Mailportal::json()->decode(
	$t->redis('HGET', 'mp:{list}:black:info', 'one.example')) };
is($info{by}, $t->env('MP_ADMIN'), 'with the name of who did it');

my $log = $t->redis('XREVRANGE', 'mp:{list}:log', '+', '-', 'COUNT', 1);
my %change = @{ $log->[0][1] };
is("$change{op} $change{list}", 'add black', 'one change is published');
is(join(' ', sort split /\n/, $change{d}),
	'one.example three.example two.example xn--bcher-kva.example',
	'with all of its entries');

$res = import_list('blacklist', "one.example\nfour.example\nFOUR.example\n");
is(counts($res), '200 1 2 0', 'what is there already is counted');

$res = import_list('blacklist', "\xef\xbb\xbffive.example\n");
is(counts($res), '200 1 0 0', 'a byte order mark is no part of a name');

my @bad = ('co..uk', '192.0.2.1', '[192.0.2.1]', '*.example.com',
	'x@example.com', 'localhost', 'a b.example', '-a.example', 'x' x 300,
	'y' x 5000, "a\0b.example", "\x1b[2J.example",
	'a.example; DEL mp:{cfg}:log');
$res = import_list('blacklist', join("\n", 'six.example', @bad,
	'seven.example', "\xff\xfe.example") . "\n");
is(counts($res), '200 2 0 ' . (@bad + 1), 'good and bad lines in one');
is(refused($res), join(' ', 2 .. @bad + 1, @bad + 3),
	'every refused line is reported');

for (@{ $res->{json}{rejected} }) {
	ok(length $_->{reason}, "line $_->{line} says why: $_->{reason}");
	cmp_ok(length $_->{text}, '<=', 256, 'and shows not too much of it');
}

$res = import_list('whitelist', "one.example\nwhite.example\n");
is(counts($res), '200 1 0 1', 'an entry of the other list is refused');
like($res->{json}{rejected}[0]{reason}, qr/blacklist/, 'and says where it is');


# what changes nothing

my $before = $t->fingerprint();

for (['', 'nothing'], ["\n\n  \n", 'blank lines'], ["# only\n#this", 'comments'])
{
	my ($text, $what) = @$_;
	$res = import_list('blacklist', $text);
	is($res->{status}, 422, "$what is no import");
	is($res->{json}{code}, 'invalid', 'and said to be invalid');
}

$res = import_list('blacklist', join "\n", @bad);
is(counts($res), '200 0 0 ' . @bad, 'only bad lines: all are reported');
$res = import_list('blacklist', 'one.example', type => 'application/json');
is($res->{status}, 415, 'JSON is no list');
$res = import_list('blacklist', 'new.example', headers => {
	'Sec-Fetch-Site' => 'cross-site' });
is($res->{status}, 403, 'another site cannot import');
$res = import_list('greylist', 'new.example');
is($res->{status}, 404, 'into a list that is none');

$res = $t->api(POST => '/lists/blacklist/import', cookie => $cookie,
	type => 'text/plain', headers => { 'Content-Length' => 70_000_000,
		Expect => '100-continue' });
is($res->{status}, 413, 'more than 64 MiB is refused before it is read');
is($t->fingerprint(), $before, 'and not one byte in Redis changed');


# lines that cost more than others

$res = import_list('whitelist', join '', map { "bücher$_.example\n" } 1 .. 3000);
is(counts($res), '200 3000 0 0', 'thousands of U-labels');
is($t->redis('SCARD', 'mp:{list}:white'), 3001, 'are all there');
$t->redis('SREM', 'mp:{list}:white', grep { /^xn--/ }
	@{ $t->redis('SMEMBERS', 'mp:{list}:white') });


# a report that is longer than any buffer on its way

$res = import_list('blacklist', "no_domain\n" x 120_000);
is(counts($res), '200 0 0 120000', 'more bad lines than are reported');
is(scalar @{ $res->{json}{rejected} }, 100_000, 'the report has a limit');
is($res->{json}{truncated}, JSON::PP::true, 'and says so');


# a body in small pieces, broken at every place

my $text = join '', map { "p$_.example\n" } 1 .. 40;
my $sock = Test::Mailportal::HTTP::connect_to('127.0.0.1', $t->port('nginx'));
my $request = Test::Mailportal::HTTP::head('127.0.0.1:' . $t->port('nginx'),
	'POST', '/api/v1/lists/blacklist/import', { cookie => $cookie,
	type => 'text/plain', headers => { 'Content-Length' => length $text } });
$sock->autoflush(1);
print $sock $request;
for my $i (0 .. length($text) / 7) {
	print $sock substr $text, 7 * $i, 7;
	select undef, undef, undef, 0.001;
}
$res = Test::Mailportal::HTTP::read_answer($sock, 'POST', 20);
is(counts($res), '200 40 0 0', 'pieces of seven bytes are put together');

$sock = Test::Mailportal::HTTP::connect_to('127.0.0.1', $t->port('nginx'));
$request =~ s/^Content-Length:.*?\r\n/Transfer-Encoding: chunked\r\n/m;
Test::Mailportal::HTTP::write_all($sock,
	$request . "7\r\nc1.exam\r\n9\r\nple\nc2.ex\r\n6\r\nample\n\r\n0\r\n\r\n");
$res = Test::Mailportal::HTTP::read_answer($sock, 'POST', 20);
is(counts($res), '200 2 0 0', 'a chunked body too');


# a client that goes away

$sock = Test::Mailportal::HTTP::connect_to('127.0.0.1', $t->port('nginx'));
$request =~ s/^Transfer-Encoding:.*?\r\n/Content-Length: 50000000\r\n/m;
$sock->autoflush(1);
print $sock $request, map { "gone$_.example\n" } 1 .. 20000;
close $sock;
ok($t->wait_for(sub {
	$t->api(GET => '/lists/blacklist?limit=1', cookie => $cookie)
		->{status} == 200
}, 10), 'a client that goes away leaves a worker that answers');


# a million lines, some of them bad

my $million = 1_000_000;
my $each = 40_000;
my $start = time();
my $big = join '', map { $_ % $each ? "m$_.bulk.example\n" : "m$_..example\n" }
	1 .. $million;
diag(sprintf 'made %.0f MB in %.1f s', length($big) / 1e6, time() - $start);

my $entries = $t->redis('SCARD', 'mp:{list}:black');
my $wait = 0;
my $pid = fork() // die "fork: $!\n";

if ($pid == 0) {
	# the longest wait of others while it runs
	my $worst = 0;
	my $end = time() + 60;
	while (time() < $end && !-e $t->dir() . '/imported') {
		my $from = time();
		my $r = $t->http(GET => '/healthz', timeout => 30);
		my $took = time() - $from;
		$worst = $took if $took > $worst;
		select undef, undef, undef, 0.01;
	}
	$t->write_file('worst', sprintf '%.1f', 1000 * $worst);
	POSIX::_exit(0);
}

$start = time();
$res = import_list('blacklist', $big);
my $took = time() - $start;
$t->write_file('imported', '');
waitpid $pid, 0;

my $bad = $million / $each;
is(counts($res), '200 ' . ($million - $bad) . " 0 $bad",
	'a million lines are imported');
is(refused($res), join(' ', map { $_ * $each } 1 .. $bad),
	'and each refused line is reported');
is($t->redis('SCARD', 'mp:{list}:black'), $entries + $million - $bad,
	'all of them are in the set');
cmp_ok($t->redis('XLEN', 'mp:{list}:log'), '<=', 2500,
	'the change stream stays short');
diag(sprintf 'a million lines took %.1f s; the longest wait of another '
	. 'request meanwhile was %s ms', $took, $t->read_file('worst'));


# export

$start = time();
$res = $t->api(GET => '/lists/blacklist/export', cookie => $cookie,
	timeout => 120);
diag(sprintf 'its export took %.1f s', time() - $start);
is($res->{status}, 200, 'the list is exported');
like($res->{headers}{'content-type'}, qr{^text/plain}, 'as text');
like($res->{headers}{'content-disposition'},
	qr/attachment; filename="?blacklist\.txt/, 'in a file');
ok($res->{whole}, 'to its end');

my %line = map { $_ => 1 } split /\n/, $res->{body};
is(keys %line, $entries + $million - $bad, 'with every entry');
ok($line{'xn--bcher-kva.example'} && $line{'m1.bulk.example'}, 'by name');

my $exported = $t->api(GET => '/lists/whitelist/export', cookie => $cookie);
is($exported->{body}, "white.example\n", 'a short list too');
$t->api(DELETE => '/lists/whitelist/entries/white.example', cookie => $cookie);
is(counts(import_list('whitelist', $exported->{body})), '200 1 0 0',
	'what is exported can be imported');
$t->api(DELETE => '/lists/whitelist/entries/white.example', cookie => $cookie);
is($t->api(GET => '/lists/whitelist/export', cookie => $cookie)->{body}, '',
	'an empty list is an empty file');
$res = $t->api(HEAD => '/lists/blacklist/export', cookie => $cookie);
is("$res->{status} '$res->{body}'", "200 ''", 'HEAD brings no body');

my $head = head_of_log();
$res = import_list('blacklist', join '', map { "m$_.bulk.example\n" } 1 .. 3000);
is(counts($res), '200 0 3000 0', 'the same again adds nothing');
is(head_of_log(), $head, 'and publishes nothing');

# a slow reader does not fill the worker's memory

my $before_rss = rss();
$sock = Test::Mailportal::HTTP::connect_to('127.0.0.1', $t->port('nginx'));
print $sock Test::Mailportal::HTTP::head('127.0.0.1:' . $t->port('nginx'),
	'GET', '/api/v1/lists/blacklist/export', { cookie => $cookie });
$sock->flush();
ok($t->wait_for(sub { IO::Select->new($sock)->can_read(0) }, 10),
	'an export begins');
$t->http(GET => '/healthz') for 1 .. 50;
# ASan keeps what was freed for a while; the list itself is more than either
my $most = $ENV{MP_SANITIZE} ? 16_000 : 10_000;
my $grown = rss() - $before_rss;
cmp_ok($grown, '<', $most, "the workers do not keep it ($grown KiB)");
close $sock;


sub head_of_log {
	return $t->redis('XREVRANGE', 'mp:{list}:log', '+', '-', 'COUNT', 1)
		->[0][0];
}


# P7: Redis that stops in the middle is no success

$pid = fork() // die "fork: $!\n";
if ($pid == 0) {
	my $r = import_list('whitelist', join '',
		map { "stop$_.example\n" } 1 .. 300_000);
	$t->write_file('stopped', "$r->{status} " . ($r->{json}{code} // ''));
	POSIX::_exit(0);
}

my $redis = $t->redis_as('mp-ops');
ok($t->wait_for(sub { $redis->do('SCARD', 'mp:{list}:white') > 1000 }, 30),
	'an import is under way');
kill 'STOP', $t->pid('redis');
waitpid $pid, 0;
kill 'CONT', $t->pid('redis');
like($t->read_file('stopped'), qr/^50[34] (?:redis-away|timeout)$/,
	'P7: an import that Redis did not take is not answered with success');
ok($t->wait_for(sub {
	$t->api(GET => '/lists/whitelist?limit=1', cookie => $cookie)
		->{status} == 200
}, 20), 'and afterwards all goes on');
is(counts(import_list('whitelist', join '',
	map { "stop$_.example\n" } 1 .. 300_000)) =~ s/^200 \d+ \d+ //r, '0',
	'the same import again brings the rest');
is($t->redis('SCARD', 'mp:{list}:white'), 300_000, 'and nothing is missing');


# KiB of all workers

sub rss {
	my $master = $t->pid('nginx');
	my $sum = 0;

	for my $file (glob '/proc/[0-9]*/stat') {
		my $stat = $t->read_file($file) // next;
		$stat =~ /^(\d+) \(.*?\) \S $master / or next;
		$sum += ($t->read_file("/proc/$1/status") // '')
			=~ /^VmRSS:\s+(\d+)/m ? $1 : 0;
	}

	return $sum;
}


$t->done();
