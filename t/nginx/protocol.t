#!/usr/bin/perl

# HTTP as clients speak it when they are slow, odd or gone.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/../lib";

use IO::Socket::INET;
use Socket qw/ SOL_SOCKET SO_LINGER /;
use Test::More;
use Test::Mailportal qw/ wait_for /;

my $t = Test::Mailportal->new();
my $cookie = $t->role('MasterAdmin');
my $host = '127.0.0.1:' . $t->port('nginx');


sub sock { return IO::Socket::INET->new(PeerAddr => $host)
	// die "$host: $!\n"; }

sub say_to {
	my ($sock, $bytes) = @_;
	local $SIG{PIPE} = 'IGNORE';
	return syswrite $sock, $bytes;
}

sub rest {
	my ($sock) = @_;
	return Test::Mailportal::HTTP::read_all($sock, 20);
}

sub head {
	my ($method, $path, @lines) = @_;
	return join("\r\n", "$method /api/v1$path HTTP/1.1", "Host: $host",
		"Cookie: $cookie", 'Sec-Fetch-Site: same-origin', @lines)
		. "\r\n\r\n";
}

sub reset_it {
	my ($sock) = @_;
	setsockopt $sock, SOL_SOCKET, SO_LINGER, pack('II', 1, 0);
	close $sock;
	return;
}

sub works { return $t->api('GET', '/settings', cookie => $cookie)->{status}
	== 200; }

sub workers { my $m = $t->pid('nginx'); return split ' ', `pgrep -P $m`; }

sub open_files {
	my $n = 0;
	$n += () = glob("/proc/$_/fd/*") for workers();
	return $n;
}

my $patch = '{"antispam":{"defer":1.5}}';
my @json = ('Content-Type: application/json', 'If-Match: "1"');


# bodies

my $s = sock();
say_to($s, head('PATCH', '/settings?dry_run=1', @json,
	'Transfer-Encoding: chunked', 'Connection: close'));
for my $byte (split //, $patch) {
	say_to($s, "1\r\n$byte\r\n");
	select undef, undef, undef, 0.001;
}
say_to($s, "0\r\n\r\n");
like(rest($s), qr/"defer":1\.5/, 'a body in chunks of one byte');

$s = sock();
say_to($s, head('PATCH', '/settings?dry_run=1', @json,
	'Transfer-Encoding: chunked', 'Connection: close')
	. join('', map { "1\r\n$_\r\n" } split //, $patch . ' ' x 20000)
	. "0\r\n\r\n");
like(rest($s), qr/"defer":1\.5/, 'chunks that fill every buffer');

$s = sock();
say_to($s, head('PATCH', '/settings', @json, 'Transfer-Encoding: chunked',
	'Connection: close'));
for (1 .. 40) { say_to($s, "1000\r\n" . ' ' x 4096 . "\r\n") // last; }
like(rest($s), qr/^HTTP\/1\.1 413 /, 'chunks without an end');

$s = sock();
say_to($s, head('PATCH', '/settings', @json, 'Content-Length: 1000000000',
	'Connection: close'));
like(rest($s), qr/^HTTP\/1\.1 413 /, 'a gigabyte is refused before it comes');

$s = sock();
say_to($s, head('PATCH', '/settings', @json, 'Content-Length: 26',
	'Transfer-Encoding: chunked', 'Connection: close'));
like(rest($s), qr/^HTTP\/1\.1 400 /, 'a length and chunks at once');

$s = sock();
say_to($s, head('PATCH', '/settings?dry_run=1', @json, 'Content-Length: '
	. length $patch, 'Expect: 100-continue', 'Connection: close'));
sysread $s, my $hundred, 100;
like($hundred, qr/^HTTP\/1\.1 100 /, 'a client that waits is told to go on');
say_to($s, $patch);
like(rest($s), qr/"defer":1\.5/, 'and is answered');

$s = sock();
say_to($s, head('GET', '/settings', 'Content-Length: 5') . 'hello'
	. head('GET', '/settings', 'Connection: close'));
is(scalar(() = rest($s) =~ /HTTP\/1\.1 200/g), 2,
	'a body that nobody wants is not taken for a request');


# pipelining

$s = sock();
say_to($s, head('GET', '/settings') x 99
	. head('GET', '/settings', 'Connection: close'));
is(scalar(() = rest($s) =~ /HTTP\/1\.1 200/g), 100, 'a hundred in one go');

$s = sock();
say_to($s, head('PATCH', '/settings', @json, 'Content-Length: '
	. length $patch) . $patch . head('GET', '/settings',
	'Connection: close'));
my $both = rest($s);
is(scalar(() = $both =~ /ETag: "2"/g), 2, 'a write, and then its reading');


# names

for my $case (['evil.example', 421], ["evil.example:80", 421],
	["$host", 200], ['localhost', 200])
{
	is($t->api('GET', '/settings', cookie => $cookie,
		headers => { Host => $case->[0] })->{status}, $case->[1],
		"Host: $case->[0]");
}
is($t->http('GET', 'http://evil.example/api/v1/settings',
	cookie => $cookie)->{status}, 421, 'the absolute form');
is($t->api('GET', '/settings', cookie => $cookie, headers => {
	'X-Forwarded-Host' => 'evil.example' })->{status}, 200,
	'X-Forwarded-Host is nothing');
$s = sock();
say_to($s, "GET /api/v1/settings HTTP/1.1\r\nHost: $host\r\n"
	. "Host: evil.example\r\nConnection: close\r\n\r\n");
like(rest($s), qr/^HTTP\/1\.1 400 /, 'two Hosts');
is($t->api('GET', '/settings', headers => { 'X-Big' => 'x' x 1_000_000 })
	->{status}, 400, 'a header of a megabyte');
is($t->api('GET', $_, cookie => $cookie)->{status}, 404, "no $_")
	for '/', '/setting', '/settings/', '/settings/x', '/lists',
	'/lists/whitelist/entries/', '/sessionx';
is($t->api('OPTIONS', '/settings', cookie => $cookie)->{status}, 405,
	'OPTIONS');
is($t->http('GET', '/api/v1')->{status}, 404, 'no API without a route');
my $problem = $t->http('GET', '/nothing');
is($problem->{json}{code}, 'not-found', "the core's errors are problems too");


# clients that go

ok(works(), 'before');
my $files = open_files();
my $request = head('PATCH', '/settings', @json, 'Content-Length: '
	. length $patch) . $patch;

for my $n (1 .. length($request) - 1) {
	$s = sock();
	say_to($s, substr $request, 0, $n);
	$n % 2 ? close $s : reset_it($s);
}
ok(works(), 'clients that leave at each byte');

for (1 .. 300) {
	$s = sock();
	say_to($s, head('PATCH', '/settings', @json, 'Content-Length: 100',
		'Expect: 100-continue'));
	reset_it($s);
}
ok(works(), 'clients that expect 100-continue and reset');

$t->redis('CLIENT', 'PAUSE', 400, 'ALL');
for my $n (1 .. 60) {
	$s = sock();
	say_to($s, $n % 2 ? head('GET', '/settings') : $request);
	select undef, undef, undef, 0.002;
	$n % 3 ? close $s : reset_it($s);
}
ok(wait_for(\&works), 'clients that leave while Redis is asked');

for my $n (1 .. 8) {
	my $body = '{"username":"leaver","password":"x"}';
	$s = sock();
	say_to($s, head('POST', '/session', 'Content-Type: application/json',
		'Content-Length: ' . length $body) . $body);
	select undef, undef, undef, 0.02;
	$n % 2 ? close $s : reset_it($s);
}
ok(works(), 'clients that leave while a password is checked');
ok(wait_for(sub { open_files() <= $files }, 20),
	'nothing stays open behind them');


# clients that never get to the point

my @slow_ones = map { my $c = sock(); say_to($c, "GET / HTTP/1.1\r\nHo"); $c }
	1 .. 600;
ok(works(), 'six hundred half headers do not keep others out');
ok(wait_for(sub { !grep { my $c = $_; $c->blocking(0);
	defined sysread($c, my $x, 1) ? 0 : $!{EAGAIN} } @slow_ones }, 20),
	'and are sent away');
@slow_ones = ();


# replies that are longer than what hiredis reads at once; with time enough,
# as what is asked is whether they end at all

my $conf = $t->read_file('conf/nginx/mailportal.conf');
$conf =~ s/timeout=\w+;/timeout=10s;/;
$t->write_file('conf/nginx/mailportal.conf', $conf);
$t->restart('nginx');

my $log = 'mp:{cfg}:log';
my %f = @{ $t->redis('XREVRANGE', $log, '+', '-', 'COUNT', 1)->[0][1] };
$f{doc} = 'x' x (8 << 20);
$t->redis('XADD', $log, '99-0', %f);

my @failed = grep { $t->api('GET', '/settings/history?limit=1',
	cookie => $cookie)->{status} != 409 } 1 .. 5;
is(scalar @failed, 0, 'a reply of 8 MB arrives, and is refused as no version');
ok(works(), 'what is in force stays');
$t->redis('XDEL', $log, '99-0');

$t->done();
