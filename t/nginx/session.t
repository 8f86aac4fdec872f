#!/usr/bin/perl

# Signing in and out: the cookie, its session in Redis, throttling, CSRF.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Digest::SHA qw/ sha256_hex /;
use Test::More;
use Test::Mailportal qw/ wait_for /;

my $t = Test::Mailportal->new();
my ($admin, $password) = ($t->env('MP_ADMIN'), $t->env('MP_ADMIN_PASSWORD'));


sub post { my (%opt) = @_; return $t->api('POST', '/session', %opt); }

sub try_in {
	my ($user, $pass, %opt) = @_;
	return post(json => { username => $user, password => $pass }, %opt);
}

sub key { my ($cookie) = @_; return 'mp:{sess}:' . id($cookie); }
sub id { my ($token) = $_[0] =~ /=(.*)/; return sha256_hex($token); }
sub who { my ($cookie) = @_; return $t->api('GET', '/session',
	cookie => $cookie); }

sub forget_attempts {
	my @keys = map { "mp:{auth}:$_" } 'net:127.0.0.0/24',
		map { "account:$_" } $admin, 'nobody', 'off', '-';
	return $t->redis('DEL', @keys);
}


# the cookie

my $res = try_in($admin, $password);
my $set = $res->{headers}{'set-cookie'};

is($res->{status}, 200, 'the right password signs in');
is($res->{json}{username}, $admin, 'the answer names the account');
is($res->{json}{role}, 'MasterAdmin', 'and its role');
like($res->{json}{expires_at}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/,
	'and when the session ends at the latest');
like($set, qr/^__Host-mailportal=[\w-]{43}; /, 'a token of 256 bits');
like($set, qr/; $_(;|$)/, "the cookie is $_")
	for 'HttpOnly', 'Secure', 'SameSite=Strict', 'Path=/';
unlike($set, qr/Domain=/i, 'for this host only');
is($res->{headers}{'cache-control'}, 'no-store', 'no cache keeps it');

my ($cookie) = $set =~ /^([^;]+)/;
my %hash = @{ $t->redis('HGETALL', key($cookie)) };

is(join(' ', sort keys %hash), 'created lists role seen settings user',
	'the session has a fixed set of fields');
is($t->redis('EXISTS', 'mp:{sess}:' . substr($cookie, 18)), 0,
	'Redis does not know the token');
my $ttl = $t->redis('TTL', key($cookie));
ok($ttl > 0 && $ttl <= 1800, 'it ends when idle');
is(who($cookie)->{status}, 200, 'the cookie is accepted');
is(who('__Host-mailportal=' . 'A' x 43)->{status}, 401, 'another is not');
is(who('__Host-mailportal=' . 'A' x 4000)->{status}, 401, 'nor a long one');
is(who('mailportal=' . substr($cookie, 18))->{status}, 401,
	'nor the token under another name');
is($t->api('GET', '/session')->{status}, 401, 'nor none');
ok($t->api('GET', '/session')->{headers}{'www-authenticate'},
	'a 401 says how to authenticate');


# the life of a session

my $two = $t->sign_in($admin, $password);
isnt($two, $cookie, 'each sign-in has a token of its own');
is(who($cookie)->{status}, 200, 'the first session lives on');

$res = try_in($admin, $password, cookie => $two);
is(who($two)->{status}, 401, 'to sign in again ends this browser\'s session');

my $now = time();
$t->redis('HSET', key($cookie), 'seen', $now - 100);
$t->redis('EXPIRE', key($cookie), 500);
is(who($cookie)->{status}, 200, 'a session in use goes on');
cmp_ok(wait_for(sub { my $ttl = $t->redis('TTL', key($cookie));
	$ttl > 500 && $ttl }), '>', 500, 'and is renewed');
cmp_ok($t->redis('HGET', key($cookie), 'seen'), '>=', $now, 'and seen');

$t->redis('HSET', key($cookie), 'created', $now - 28700, 'seen',
	$now - 100);
who($cookie);
ok(wait_for(sub { $t->redis('TTL', key($cookie)) <= 100 }),
	'renewal stops at eight hours');

$t->redis('HSET', key($cookie), 'created', $now - 28801);
is(who($cookie)->{status}, 401, 'after eight hours it is over, used or not');

for my $bad ([role => 'Root'], [role => ''], [user => ''],
	[user => 'x' x 100], [created => 'soon'], [seen => '-1'])
{
	my $c = $t->sign_in($admin, $password);
	$t->redis('HSET', key($c), @$bad);
	is(who($c)->{status}, 401, "a session whose $bad->[0] is odd is none");
}

my $odd = $t->sign_in($admin, $password);
$t->redis('DEL', key($odd));
$t->redis('SET', key($odd), 'a string');
is(who($odd)->{status}, 500, 'a key of another type is our fault');
$t->redis('DEL', key($odd));

my $out = $t->sign_in($admin, $password);
$res = $t->api('DELETE', '/session', cookie => $out);
is($res->{status}, 204, 'signing out');
like($res->{headers}{'set-cookie'}, qr/Max-Age=0/, 'takes the cookie back');
is(who($out)->{status}, 401, 'and ends the session');
is($t->redis('EXISTS', key($out)), 0, 'in Redis');


# who is refused

forget_attempts();

$res = try_in($admin, 'wrong');
is($res->{status}, 401, 'a wrong password is refused');
is($res->{json}{code}, 'credentials', 'by its code');
my $unknown = try_in('nobody', 'wrong');
is($unknown->{status}, 401, 'an unknown name is refused');
is($unknown->{json}{detail}, $res->{json}{detail}, 'in the same words');
is(try_in(uc $admin, $password)->{status}, 200, 'names have no case');

for my $name ("admin\r\ntfa_verified=1\r\nuser=root", "adm\x00in", '*',
	'../admin', '', 'x' x 100, "adm\x{130}n")
{
	forget_attempts();
	my $r = try_in($name, $password);
	ok($r->{status} == 401 || $r->{status} == 400,
		'an impossible name is refused');
}
is(scalar(grep { !/^(mp:\{auth\}:(account:(admin|nobody|-)|net:127\.0\.0\.0\/24))$/ }
	grep { /\{auth\}/ } @{ $t->_keys() }), 0, 'and makes no key of its own');

forget_attempts();
is(try_in($admin, $_)->{status}, 401, 'an impossible password is refused')
	for '', 'x' x 300;
forget_attempts();

$t->write_file('off.pw', "a-password-to-be-off\n");
$t->ctl('admin', 'add', 'off', '--password-file', $t->dir() . '/off.pw');
is(try_in('off', 'a-password-to-be-off')->{status}, 200, 'an account');
$t->ctl('admin', 'disable', 'off');
is(try_in('off', 'a-password-to-be-off')->{status}, 401,
	'that is disabled is refused');


# what is not a sign-in

for my $case (
	['{}', 422], ['{"username":"a"}', 422], ['{"username":1,"password":2}', 422],
	['{"username":"a","password":"b","role":"MasterAdmin"}', 422],
	['[]', 400], ['', 400], ['{"username":"a","username":"b"}', 400],
	['x' x 5000, 413],
) {
	forget_attempts();
	is(post(body => $case->[0], type => 'application/json')->{status},
		$case->[1], 'body ' . substr($case->[0], 0, 40));
}
is(post(body => '{}', type => 'text/plain')->{status}, 415,
	'a form cannot send JSON');
is(post(body => '{}')->{status}, 415, 'nor can a body without a type');


# from where

for my $case (
	[{ 'Sec-Fetch-Site' => 'cross-site' }, 403],
	[{ 'Sec-Fetch-Site' => 'same-site' }, 403],
	[{ 'Sec-Fetch-Site' => 'none' }, 403],
	[{ 'Sec-Fetch-Site' => undef }, 403],
	[{ 'Sec-Fetch-Site' => undef, Origin => 'null' }, 403],
	[{ 'Sec-Fetch-Site' => undef, Origin => 'http://evil.example' }, 403],
	[{ 'Sec-Fetch-Site' => undef,
		Origin => 'http://127.0.0.1:' . ($t->port('nginx') + 1) }, 403],
	[{ 'Sec-Fetch-Site' => undef,
		Origin => 'https://127.0.0.1:' . $t->port('nginx') }, 403],
	[{ 'Sec-Fetch-Site' => 'cross-site',
		Origin => 'http://127.0.0.1:' . $t->port('nginx') }, 403],
	[{ 'Sec-Fetch-Site' => undef,
		Origin => 'http://127.0.0.1:' . $t->port('nginx') }, 200],
) {
	my $h = $case->[0];
	is(try_in($admin, $password, headers => $h)->{status}, $case->[1],
		join ', ', map { "$_ " . ($h->{$_} // 'absent') } sort keys %$h);
}

my $live = $t->sign_in($admin, $password);
is($t->api('DELETE', '/session', cookie => $live,
	headers => { 'Sec-Fetch-Site' => 'cross-site' })->{json}{code},
	'cross-site', 'another site cannot sign anybody out');
is(who($live)->{status}, 200, 'and has not');


# throttling

forget_attempts();
is(try_in($admin, 'wrong')->{status}, 401, "attempt $_") for 1 .. 5;
$res = try_in($admin, $password);
is($res->{status}, 429, 'the sixth is not heard, even if right');
cmp_ok($res->{headers}{'retry-after'}, '>', 800, 'and told when to come');
cmp_ok($t->redis('TTL', "mp:{auth}:account:$admin"), '>', 0,
	'the counter has an end');

$t->redis('DEL', "mp:{auth}:account:$admin");
is(try_in($admin, 'wrong')->{status}, 401, 'four') for 1 .. 4;
is(try_in($admin, $password)->{status}, 200, 'a success');
is(try_in($admin, 'wrong')->{status}, 401, 'and four more') for 1 .. 4;
is(try_in($admin, $password)->{status}, 200, 'have begun anew');

forget_attempts();
my $heard = grep { try_in("user$_", 'wrong', headers => {
	'X-Forwarded-For' => "10.0.0.$_", 'X-Real-IP' => "10.1.$_.1" })
	->{status} == 401 } 1 .. 25;
is($heard, 20, 'a network has twenty attempts, whatever it says it is');
is(try_in($admin, $password)->{status}, 429, 'for all accounts');
forget_attempts();

is(try_in($admin, $password)->{status}, 200, 'sign-in again') for 1 .. 3;
is($t->redis('GET', 'mp:{auth}:net:127.0.0.0/24'), 0,
	'who signs in uses nothing up');


# the audit log

my %seen;
for my $entry (@{ $t->redis('XRANGE', 'mp:{audit}:in', '-', '+') }) {
	my %f = @{ $entry->[1] };
	$seen{"$f{what} $f{result}"}++;
	fail("the password is in the audit log") if "@{ $entry->[1] }" =~ /\Q$password/;
}
ok($seen{$_}, "audited: $_") for 'session.create ok',
	'session.create credentials', 'session.create throttled',
	'session.delete ok';

$t->done();
