#!/usr/bin/perl

# What every answer carries, HEAD beside GET, what has not been modified, and
# the policy of every page.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/../lib";

use File::Find;
use IO::Socket::INET;
use Test::More;
use Test::Mailportal qw/ wait_for /;
use Test::Mailportal::HTTP;

my $t = Test::Mailportal->new();
my $cookie = $t->role('MasterAdmin');


sub get { return $t->http(GET => $_[0], cookie => $cookie, @_[1 .. $#_]); }


# the routes that read

my $paths = get('/api/v1/openapi.json')->{json}{paths};
my $job = $t->api(POST => '/jobs', role => 'MasterAdmin',
	headers => { 'Idempotency-Key' => 'headers' },
	json => { action => 'quota-recalc' })->{json}{id};
my %name = (list => 'blacklist', service => 'postfix', id => $job);

# a stream does not end, and a backup is a file
my @reads = map { "/api/v1$_" =~ s/\{(\w+)\}/$name{$1}/r }
	grep { $paths->{$_}{get} && !m{/(?:events|stream|\{name\})$} }
	sort keys %$paths;

s{/explain$}{/explain?sender=x\@a.example&score=4} for @reads;
cmp_ok(scalar @reads, '>', 8, 'there are routes that read');

for my $path (@reads, '/healthz', '/metrics') {
	my $res = get($path);
	my %h = %{ $res->{headers} };

	is($res->{status}, 200, "GET $path");
	is($h{'x-content-type-options'}, 'nosniff', 'keeps its type');
	is($h{'cache-control'}, 'no-store', 'and no cache keeps it');
	like($h{'x-request-id'}, qr/^[0-9a-f]{32}$/, 'it has an id');
	is($h{'access-control-allow-origin'}, undef,
		'no other site may read it');
	is($h{server}, 'nginx', 'and the version of nginx is not told');

	my $head = $t->http(HEAD => $path, cookie => $cookie);
	is("$head->{status} $head->{body}", '200 ', "HEAD $path has no body");
	is($head->{headers}{$_}, $h{$_}, "and the $_ of GET")
		for qw/ content-type etag x-content-type-options /;
}

my $res = get('/api/v1/nothing');
is($res->{headers}{'x-content-type-options'}, 'nosniff',
	'a failure keeps its type, too');
is($res->{headers}{'cache-control'}, 'no-store', 'and is not kept');


# what has not been modified

my $settings = '/api/v1/settings';
my $tag = get($settings)->{headers}{etag};

$res = get($settings, headers => { 'If-None-Match' => $tag });
is("$res->{status} $res->{body}", '304 ', 'settings that one has seen');
is($res->{headers}{etag}, $tag, 'are still of that version');
is(get($settings, headers => { 'If-None-Match' => $_ })->{status}, 304,
	"If-None-Match: $_") for "W/$tag", "\"x\", $tag", '*';
is(get($settings, headers => { 'If-None-Match' => '"0"' })->{status}, 200,
	'others are sent');
is($t->http(GET => $settings, headers => { 'If-None-Match' => $tag })
	->{status}, 401, 'nobody is told that anything is the same');

$res = $t->http(PATCH => $settings, cookie => $cookie,
	json => { antispam => { reject => 11 } },
	headers => { 'If-Match' => $tag, 'If-None-Match' => '*' });
is($res->{status}, 200, 'a write is answered as a write');
ok(wait_for(sub { get($settings, headers => { 'If-None-Match' => $tag })
	->{status} == 200 }, 10), 'and then the old version is another');


# the pages

my @pages;
my $root = $t->build() . '/web';
find({ no_chdir => 1, wanted => sub {
	push @pages, $File::Find::name =~ s/^\Q$root\E//r
		if -f && !m{/\.};
} }, $root);
cmp_ok(scalar @pages, '>', 10, 'there are pages');

my %want = (
	'x-content-type-options' => 'nosniff',
	'x-frame-options' => 'DENY',
	'referrer-policy' => 'no-referrer',
	'cross-origin-opener-policy' => 'same-origin',
	'cross-origin-resource-policy' => 'same-origin',
);

for my $page ('/', sort @pages) {
	$res = get($page);
	my %h = %{ $res->{headers} };
	my %policy = map { /^\s*(\S+)\s*(.*?)\s*$/ ? ($1 => $2) : () }
		split /;/, $h{'content-security-policy'} // '';
	my @bad = grep { ($h{$_} // '') ne $want{$_} } sort keys %want;

	push @bad, 'status' if $res->{status} != 200;
	push @bad, 'default-src' if ($policy{'default-src'} // '') ne "'none'";
	push @bad, 'script-src' if ($policy{'script-src'} // '') ne "'self'";
	push @bad, 'style-src' if ($policy{'style-src'} // '') ne "'self'";
	push @bad, 'connect-src' if ($policy{'connect-src'} // '') ne "'self'";
	push @bad, 'frame' if ($policy{'frame-ancestors'} // '') ne "'none'";
	push @bad, 'base-uri' if ($policy{'base-uri'} // '') ne "'none'";
	push @bad, 'a source beyond this server'
		if ($h{'content-security-policy'} // '') =~ /unsafe|\*|https?:/;
	is(join(', ', @bad), '', "$page has the whole policy");
}

for my $path ('/index.html', '/api/v1/about') {
	is(get($path, headers => { Origin => 'http://evil.example' })
		->{headers}{'access-control-allow-origin'}, undef,
		"$path is not for other sites");
}

# what needs no session is for this host only; 127.1.1.1 is another

for my $path ('/metrics', '/settings.json') {
	my $sock = IO::Socket::INET->new(LocalAddr => '127.1.1.1',
		PeerAddr => '127.0.0.1', PeerPort => $t->port('nginx'))
		or die "connect: $!\n";

	print $sock Test::Mailportal::HTTP::head('127.0.0.1', 'GET', $path,
		{});
	$sock->flush();
	is(Test::Mailportal::HTTP::read_answer($sock, 'GET')->{status}, 403,
		"$path is not for other hosts");
}

for my $path ('/../conf/nginx/nginx.conf', '/%2e%2e/conf/nginx/nginx.conf',
	'/.done', '/package.json', '/package-lock.json', '/node_modules/')
{
	like(get($path)->{status}, qr/^40[034]$/, "$path is no page");
}

$t->done();
