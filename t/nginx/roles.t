#!/usr/bin/perl

# Who may call what: every route of /openapi.json by nobody, by an expired
# session, by a DomainAdmin and by a MasterAdmin.  Only the cells that the
# table allows succeed, and a refused call changes nothing.

use warnings;
use strict;

use Digest::SHA qw/ sha256_hex /;
use Test::More;

use lib 't/lib';
use JSON::PP ();
use Test::Mailportal;
use Test::Mailportal::Events;

my $t = Test::Mailportal->new();
my @methods = qw/ GET POST PUT PATCH DELETE /;

my $api = $t->api(GET => '/openapi.json', role => 'MasterAdmin');
is($api->{status}, 200, 'the table is read');
my $paths = $api->{json}{paths} // {};
cmp_ok(keys %$paths, '>', 10, 'and has routes');


# What makes each route succeed.  A route without a row here fails the test.

my %who;
my %call = (
	'POST /session' => sub { (json => {
		username => $t->env('MP_ADMIN'),
		password => $t->env('MP_ADMIN_PASSWORD') }) },
	'PATCH /settings' => sub { (json => { antispam => { defer => 2 } },
		headers => { 'If-Match' => version() }) },
	'POST /settings/restore' => sub { (json => { version => 1 },
		headers => { 'If-Match' => version() }) },
	'PUT /lists/{list}/entries/{entry}' => sub { (json => {}) },
	'POST /lists/{list}/import' => sub { (body => "roles.example\n",
		type => 'text/plain') },
	'POST /jobs' => sub { (json => { action => 'quota-recalc',
		target => 'roles.example' },
		headers => { 'Idempotency-Key' => 'roles' }) },
	'GET /explain' => sub { (query => '?sender=x@a.example&score=4') },
);


# A job that is there to be looked at, and at last to be cancelled.

my $job = $t->api(POST => '/jobs', role => 'MasterAdmin',
	json => { action => 'index-rebuild', target => 'roles.example' },
	headers => { 'Idempotency-Key' => 'a job' })->{json}{id};
like($job, qr/^[0-9a-f]{24}$/, 'there is a job');


# A backup of this node, as its agent would have left it.

my $backup = 'radicale-roles.zip';

sub backup {
	my $node = $t->env('MP_NODE');
	my %fact = (name => $backup, node => $node, bytes => 3,
		created_at => '2026-01-01T00:00:00Z', sha256 => '0' x 64,
		collections => 1, items => 1, target => undef);

	mkdir $t->dir() . '/data/backups';
	$t->write_file("data/backups/$backup", 'ZIP');
	chmod 0644, $t->dir() . "/data/backups/$backup";
	$t->redis(HSET => 'mp:{hb}:index', "agent:$node", time);
	$t->redis(HSET => "mp:{backup}:$node", $backup,
		JSON::PP->new->encode(\%fact));
	return;
}


sub version {
	my $id = $t->redis('XREVRANGE', 'mp:{cfg}:log', '+', '-', 'COUNT', 1);

	$id->[0][0] =~ /^(\d+)/;
	return "\"$1\"";
}


sub call {
	my ($who, $method, $path, %more) = @_;
	my %opt = ($call{"$method $path"} // sub { () })->();
	my $query = delete $opt{query} // '';

	$path =~ s/\{list\}/blacklist/;
	$path =~ s/\{service\}/postfix/;
	$path =~ s/\{entry\}/roles.example/;
	$path =~ s/\{id\}/$job/;
	$path =~ s/\{name\}/$backup/;
	$opt{headers} = { %{ $opt{headers} // {} }, %{ $more{headers} } }
		if $more{headers};
	$opt{headers} //= $more{headers} // {};
	$opt{cookie} = $who if defined $who;

	# it does not end by itself
	return { status => Test::Mailportal::Events->new($t, $path,
		cookie => $who)->status() }
		if $path =~ m{/stream$} && $method eq 'GET'
			&& ($who // '') eq $who{MasterAdmin};

	return $t->api($method, "$path$query", %opt);
}


sub expired {
	my $cookie = $t->sign_in($t->env('MP_ADMIN'),
		$t->env('MP_ADMIN_PASSWORD'));
	my ($token) = $cookie =~ /=(.*)/;
	my $key = 'mp:{sess}:' . sha256_hex($token);

	die "no session $key\n" unless $t->redis('EXISTS', $key);
	$t->redis('HSET', $key, 'created', time() - 8 * 3600 - 1);
	return $cookie;
}


sub allowed {
	my ($operation, $who) = @_;
	my $role = $operation->{'x-role'} // 'none';
	my %may = (
		none => [qw/ nobody expired DomainAdmin MasterAdmin /],
		any => [qw/ DomainAdmin MasterAdmin /],
		DomainAdmin => [qw/ DomainAdmin MasterAdmin /],
		MasterAdmin => [qw/ MasterAdmin /],
	);

	return grep { $_ eq $who } @{ $may{$role} // die "role $role\n" };
}


%who = (
	nobody => undef,
	expired => expired(),
	DomainAdmin => $t->role('DomainAdmin'),
	MasterAdmin => $t->role('MasterAdmin'),
);

my @routes;

for my $path (sort keys %$paths) {
	for my $method (@methods) {
		my $op = $paths->{$path}{lc $method} or next;
		push @routes, [$method, $path, $op];
	}
}


# refused cells first: nothing may change

backup();
my $before = $t->fingerprint();

for my $who (qw/ nobody expired DomainAdmin MasterAdmin /) {
	for (@routes) {
		my ($method, $path, $op) = @$_;
		next if allowed($op, $who);
		my $want = $who =~ /Admin/ ? 403 : 401;
		my $res = call($who{$who}, $method, $path);
		is($res->{status}, $want, "$who may not $method $path");
		like($res->{headers}{'content-type'},
			qr{^application/problem\+json}, 'and is told so');
	}
}

is($t->fingerprint(), $before, 'refused calls changed nothing');


# a method that a path does not have

for my $path (sort keys %$paths) {
	my @has = grep { $paths->{$path}{lc $_} } @methods;

	for my $method (grep { !$paths->{$path}{lc $_} } @methods) {
		my $res = call($who{MasterAdmin}, $method, $path);
		is($res->{status}, 405, "$path has no $method");
		my %allow = map { $_ => 1 }
			split /,\s*/, $res->{headers}{allow} // '';
		delete @allow{qw/ HEAD OPTIONS /};
		is(join(' ', sort keys %allow), join(' ', sort @has),
			'and says what it has');
	}
}

is($t->fingerprint(), $before, 'wrong methods changed nothing');


# cross-site requests (the cookie is right, the origin is not)

my $own = $t->env('MP_URL');
my @origins = (
	[{ 'Sec-Fetch-Site' => 'cross-site' }, 'another site'],
	[{ 'Sec-Fetch-Site' => 'same-site' }, 'a sibling domain'],
	[{ 'Sec-Fetch-Site' => 'none' }, 'no page at all'],
	[{ 'Sec-Fetch-Site' => undef }, 'neither header'],
	[{ 'Sec-Fetch-Site' => undef, Origin => 'null' }, 'Origin: null'],
	[{ 'Sec-Fetch-Site' => undef, Origin => 'http://evil.example' },
		'another origin'],
	[{ 'Sec-Fetch-Site' => undef, Origin => "$own.evil.example" },
		'an origin that begins as ours'],
	[{ 'Sec-Fetch-Site' => undef, Origin => "${own}0" }, 'another port'],
	[{ 'Sec-Fetch-Site' => undef, Origin => $own =~ s/^http:/https:/r },
		'another scheme'],
	[{ 'Sec-Fetch-Site' => 'cross-site', Origin => $own },
		'a good origin from another site'],
);

for (@origins) {
	my ($headers, $what) = @$_;

	for (grep { $_->[0] ne 'GET' } @routes) {
		my ($method, $path) = @$_;
		my $res = call($who{MasterAdmin}, $method, $path,
			headers => $headers);
		is("$res->{status} " . ($res->{json}{code} // ''),
			'403 cross-site', "$method $path refuses $what");
	}
}

for my $type ('text/plain', 'application/x-www-form-urlencoded',
	'multipart/form-data; boundary=x', undef)
{
	my $res = $t->api(PATCH => '/settings', cookie => $who{MasterAdmin},
		body => '{"antispam":{"defer":2.5}}', type => $type,
		headers => { 'If-Match' => version() });
	is($res->{status}, 415, 'a form cannot patch the settings: '
		. ($type // 'no type'));
}

is($t->fingerprint(), $before, 'and again nothing changed');

my $res = call($who{MasterAdmin}, 'PUT', '/lists/{list}/entries/{entry}',
	headers => { 'Sec-Fetch-Site' => undef, Origin => $own });
is($res->{status}, 201, 'our own origin without Sec-Fetch-Site is taken');
call($who{MasterAdmin}, 'DELETE', '/lists/{list}/entries/{entry}');


# and the cells that the table allows

for my $who (qw/ nobody DomainAdmin MasterAdmin /) {
	for (sort { order($a) <=> order($b) } @routes) {
		my ($method, $path, $op) = @$_;
		next unless allowed($op, $who);

		# signing in or out ends the session that is sent along
		my $cookie = "$method $path" =~ /(?:POST|DELETE) .session/
			&& $who =~ /Admin/
			? $t->sign_in($t->credentials($who)) : $who{$who};
		backup() if $path =~ /backups/;
		my $res = call($cookie, $method, $path);
		like($res->{status}, qr/^2/, "$who may $method $path")
			or diag($res->{body});
	}
}


# removing comes after writing, reading is the last

sub order {
	my ($route) = @_;

	return { DELETE => 2, GET => 3 }->{$route->[0]} // 1;
}


$t->done();
