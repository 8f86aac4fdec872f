#!/usr/bin/perl

# The module beside others, its directives, and the check of any location.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;
use Test::Mailportal qw/ wait_for /;

my $nchan = '/usr/lib/nginx/modules/ngx_nchan_module.so';
my $t = Test::Mailportal->new();
my $module = $t->build() . '/ngx_http_mailportal_module.so';
my $cookie = $t->role('MasterAdmin');


# what other modules could trip over

my @symbols = map { (split)[2] } grep { / [BDRT] / }
	split /\n/, `nm -D --defined-only $module`;
is(join(' ', sort grep { !/^(?:__|_init|_fini)/ } @symbols),
	'ngx_module_names ngx_module_order ngx_modules',
	'only what nginx looks for is exported');


# directives; ASan wants to be loaded first

my $n = 0;
my @asan;

if ($t->build() =~ /sanitize$/) {
	chomp(my $library = `gcc -print-file-name=libasan.so`);
	@asan = ("LD_PRELOAD=$library", 'ASAN_OPTIONS=detect_leaks=0');
}

sub configure {
	my ($main, $location) = @_;
	my $name = 'conf/test-' . ++$n . '.conf';
	my $path = $t->write_file($name, "load_module $module;\n"
		. "pid " . $t->dir() . "/run/test.pid;\n"
		. "thread_pool mailportal threads=1 max_queue=1;\n"
		. "events {}\nhttp {\naccess_log off;\n$main\n"
		. "server { listen 127.0.0.1:1; location / { $location } }\n}\n");
	my ($rc, $out) = $t->program('env', @asan, 'nginx', '-t', '-p', $t->dir() . '/', '-c',
		$path, '-e', $t->dir() . '/test-conf.out');
	return $rc == 0 ? '' : $out;
}

my $redis = 'mailportal_redis unix:/nowhere;';
$t->write_file('empty', "\n");
$t->write_file('short', "abcdef\n");

is(configure('', ''), '', 'the module does nothing unless it is told to');
is(configure("$redis mailportal_node a;", 'mailportal_api;'), '',
	'the least configuration');
is(configure('mailportal_redis 127.0.0.1:6379 user=u timeout=1s;'
	. ' mailportal_node a-1._B;', ''), '', 'an address');

for my $case (
	['mailportal_redis redis.example:6379;', 'wants "unix:/path"'],
	['mailportal_redis 127.0.0.1;', 'wants "unix:/path"'],
	['mailportal_redis 127.0.0.1:0;', 'wants "unix:/path"'],
	['mailportal_redis unix:/a colour=red;', 'invalid parameter'],
	['mailportal_redis unix:/a timeout=0;', 'bad timeout'],
	['mailportal_redis unix:/a password_file=/nowhere;', 'failed'],
	['mailportal_redis unix:/a password_file=' . $t->dir() . '/empty;',
		'no first line'],
	["$redis $redis", 'is duplicate'],
	["$redis mailportal_node 'a b';", 'letters, digits'],
	["$redis mailportal_node " . 'a' x 64 . ';', '1 to 63'],
	["$redis mailportal_thread_pool none;", 'unknown thread pool'],
	['mailportal_public_key /nowhere;', 'failed'],
	['mailportal_public_key ' . $t->dir() . '/short;', '64 hex digits'],
	['mailportal_auth maybe;', '"on" or "off"'],
	['mailportal_auth on role=King;', 'MasterAdmin'],
	['mailportal_api;', 'not allowed here'],
) {
	like(configure($case->[0], ''), qr/\Q$case->[1]/,
		substr $case->[0], 0, 60);
}
like(configure($redis, 'mailportal_api; mailportal_healthz;'),
	qr/is duplicate/, 'a location has one handler');


# beside nchan, which brings a hiredis of its own, and with guarded places

my $conf = $t->read_file('conf/nginx/nginx.conf');
$conf =~ s/^load_module/load_module $nchan;\nload_module/m if -e $nchan;
$t->write_file('conf/nginx/nginx.conf', $conf);

my $portal = $t->read_file('conf/nginx/mailportal.conf');
my $root = $t->dir() . '/guarded';
mkdir $root;
mkdir "$root/any";
mkdir "$root/master";
$t->write_file("guarded/$_/page", "seen\n") for qw/ any master /;
$portal =~ s{(    location = /healthz)}{    location /any/ {
        root $root;
        mailportal_auth on;
    }

    location /master/ {
        root $root;
        mailportal_auth on role=MasterAdmin;
    }

    location /off/ {
        mailportal_auth off;
    }

$1};
$t->write_file('conf/nginx/mailportal.conf', $portal);
ok($t->restart('nginx'), 'nginx with nchan before us');

for (1 .. 20) {
	last unless is($t->api('GET', '/settings', cookie => $cookie)->{status},
		200, 'our hiredis is ours');
}
ok(wait_for(sub { $t->redis('GET', 'mp:{hb}:nginx:' . $t->env('MP_NODE')) }),
	'the worker lives');
unlike($t->read_file('log/nginx-error.log'), qr/exited on signal/,
	'none has crashed');

is($t->http('GET', '/any/page')->{status}, 401, 'a guarded place: nobody');
is($t->http('GET', '/any/page', cookie => '__Host-mailportal='
	. 'x' x 43)->{status}, 401, 'nor a wrong cookie');
is($t->http('GET', '/any/page', cookie => $cookie)->{body}, "seen\n",
	'but a session');
my $tenant = $t->role('DomainAdmin');
is($t->http('GET', '/any/page', cookie => $tenant)->{status}, 200,
	'of any role');
is($t->http('GET', '/master/page', cookie => $tenant)->{status}, 403,
	'unless one is asked for');
is($t->http('GET', '/master/page', cookie => $cookie)->{status}, 200,
	'a MasterAdmin is one');
is($t->http('POST', '/any/page', cookie => $cookie, body => '',
	headers => { 'Sec-Fetch-Site' => 'cross-site' })->{status}, 403,
	'another site may not post there');
is($t->http('GET', '/any/page', cookie => $cookie)->{status}, 200,
	'and again') for 1 .. 3;
$t->stop('redis');
is($t->http('GET', '/any/none', cookie => "__Host-mailportal="
	. 'y' x 43)->{status}, 503, 'without Redis nobody is let in');

$t->done();
