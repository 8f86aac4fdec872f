#!/usr/bin/perl

# P10: any version of the settings can be restored.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;
use Test::Mailportal;
use Test::Mailportal::Milter;

my $t = Test::Mailportal->new();
my $cookie = $t->role('MasterAdmin');


sub get { return $t->api('GET', $_[0], cookie => $cookie); }

sub post {
	my ($json, %h) = @_;
	return $t->api('POST', '/settings/restore', cookie => $cookie,
		json => $json, headers => \%h);
}

sub patch {
	my ($json) = @_;
	my $tag = get('/settings')->{headers}{etag};
	my $res = $t->api('PATCH', '/settings', cookie => $cookie, json => $json,
		headers => { 'If-Match' => $tag });
	die "patch: $res->{body}\n" unless $res->{status} == 200;
	return;
}

patch({ antispam => { reject => $_ } }) for 11 .. 34;
patch({ relayhost => { password => 'the-first-password' } });
patch({ relayhost => { password => 'the-second-password' } });


# history

my $res = get('/settings/history');
my @v = @{ $res->{json}{versions} };

is($res->{status}, 200, 'the history');
is(scalar @v, 20, 'comes in pages of twenty');
is($v[0]{version}, 27, 'the last first');
is($v[0]{actor}, $t->env('MP_ADMIN'), 'with who');
like($v[0]{at}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/, 'and when');
like($v[0]{request_id}, qr/^[0-9a-f]{32}$/, 'and by which request');
is($v[0]{changes}[0]{field}, 'relayhost.password', 'and what was changed');
unlike($res->{body}, qr/password"[^}]*(first|second)/, 'but no password');
is_deeply($v[2]{changes}, [{ field => 'antispam.reject', from => 33,
	to => 34 }], 'from what to what');
is($res->{json}{next}, 8, 'and where to go on');

$res = get('/settings/history?before=8');
@v = @{ $res->{json}{versions} };
is(join(' ', map { $_->{version} } @v), '7 6 5 4 3 2 1', 'the rest');
is($res->{json}{next}, undef, 'ends');
is_deeply($v[0]{changes}, [{ field => 'antispam.reject', from => 15,
	to => 16 }], 'a page begins with its own change');
is_deeply($v[-1]{changes}, [], 'the first version changed nothing');

is(join(' ', map { $_->{version} }
	@{ get('/settings/history?limit=2&before=5')->{json}{versions} }),
	'4 3', 'limit');
is(scalar @{ get('/settings/history?limit=100')->{json}{versions} }, 27,
	'a hundred at most');
is(get("/settings/history?$_")->{status}, 422, "refused: $_")
	for qw/ limit=0 limit=101 limit=x before=1 before=-1 before=x /;
is_deeply(get('/settings/history?before=2')->{json}{versions}[0]{version}, 1,
	'before the second is the first');


# P10

$res = post({ version => 3 }, 'If-Match' => '"27"');
is($res->{status}, 200, 'P10: an old version is restored');
is($res->{headers}{etag}, '"28"', 'P10: as a new one');
is($res->{json}{antispam}{reject}, 12, 'P10: with its values');
is($res->{json}{relayhost}{password_set}, JSON::PP::false,
	'P10: and without a password that it had not');
is(get('/settings')->{json}{antispam}{reject}, 12, 'P10: it is in force');

my @docs = map { my %f = @{ $_->[1] }; $f{doc} }
	@{ $t->redis('XRANGE', 'mp:{cfg}:log', '-', '+') };

for my $n (1 .. 27) {
	$res = post({ version => $n }, 'If-Match' => '"' . (27 + $n) . '"');
	my $last = $t->redis('XREVRANGE', 'mp:{cfg}:log', '+', '-', 'COUNT', 1);
	my %f = @{ $last->[0][1] };
	is($f{doc}, $docs[$n - 1], "P10: version $n is restored, byte for byte");
}

my $tag = get('/settings')->{headers}{etag};
my $before = $t->fingerprint();

is(post({ version => 27 }, 'If-Match' => $tag)->{headers}{etag}, $tag,
	'what is in force already makes no version');
is(post({ version => 999 }, 'If-Match' => $tag)->{status}, 404,
	'there is no such version');
is(post({ version => 1 }, 'If-Match' => '"3"')->{status}, 412,
	'a stale If-Match');
is(post({ version => 1 })->{status}, 428, 'no If-Match');
is(post($_, 'If-Match' => $tag)->{status}, 422, 'not a version')
	for {}, { version => '1' }, { version => 0 }, { version => -1 },
	{ version => 1.5 }, { version => undef }, { version => 1, x => 1 };
is($t->fingerprint(), $before, 'and nothing of that changed a byte');


# a version that somebody has forged, behind one that is good

my $head = Test::Mailportal::Milter::head($t);
my %v = (%$head, number => $head->{number} + 1, prev => $head->{h});
my @names = qw/ epoch doc h prev actor at req /;
$v{doc} =~ s/"reject":\d+/"reject":0/;
$t->redis('XADD', 'mp:{cfg}:log', "$v{number}-0", map { $_ => $v{$_} } @names);
my %good = (%$head, number => $head->{number} + 2, prev => $head->{h});
$good{h} = Test::Mailportal::Milter::seal(%good);
$t->redis('XADD', 'mp:{cfg}:log', "$good{number}-0",
	map { $_ => $good{$_} } @names);

$before = $t->fingerprint();
$res = post({ version => $v{number} }, 'If-Match' => "\"$good{number}\"");
is($res->{status}, 409, 'a forged version is not restored');
like($res->{json}{detail}, qr/does not match its hash/, 'and said to be one');
is($t->fingerprint(), $before, 'and not one byte changed');

my %audit = map { my %f = @{ $_->[1] }; $f{what} => 1 }
	@{ $t->redis('XRANGE', 'mp:{audit}:in', '-', '+') };
ok($audit{'settings.restore'}, 'a restore is audited');

$t->done();
