#!/usr/bin/perl

# The settings document: what is taken, and that what is not taken changes
# not one byte in Redis.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/../lib";

use MIME::Base64 qw/ decode_base64 /;
use Test::More;
use Test::Mailportal qw/ wait_for /;

my $t = Test::Mailportal->new();
my $cookie = $t->role('MasterAdmin');


sub get { return $t->api('GET', '/settings', cookie => $cookie, @_); }

sub patch {
	my ($body, %opt) = @_;
	my $tag = exists $opt{tag} ? delete $opt{tag} : version();
	my $path = '/settings' . (delete $opt{query} // '');
	my %body = ref $body ? (json => $body)
		: (body => $body, type => delete $opt{type}
			// 'application/merge-patch+json');

	return $t->api('PATCH', $path, cookie => $cookie, %body,
		headers => { 'If-Match' => $tag }, %opt);
}

sub version { return get()->{headers}{etag}; }
sub log_length { return $t->redis('XLEN', 'mp:{cfg}:log'); }


# reading

my $res = get();
is($res->{status}, 200, 'the settings');
is($res->{headers}{etag}, '"1"', 'have their version as ETag');
is($res->{json}{antispam}{reject}, 10, 'and their defaults');
is($res->{json}{relayhost}{password_set}, JSON::PP::false,
	'a password is only set or not');
is($t->api('HEAD', '/settings', cookie => $cookie)->{body}, '',
	'HEAD has no body');
is($t->api('GET', '/settings', cookie => $cookie,
	headers => { 'If-None-Match' => '"1"' })->{status}, 304,
	'who has seen them is told so');
is($t->api('PUT', '/settings', cookie => $cookie, json => {})->{headers}{allow},
	'GET, HEAD, PATCH', 'a 405 names the methods');


# writing

$res = patch({ antispam => { reject => 12.25 } });
is($res->{status}, 200, 'a patch');
is($res->{headers}{etag}, '"2"', 'makes the next version');
is($res->{json}{antispam}{reject}, 12.25, 'and answers with it');
is($res->{json}{antispam}{defer}, 3, 'whole');
is(get()->{json}{antispam}{reject}, 12.25, 'it is read back');
is(scalar(grep { get()->{headers}{etag} ne '"2"' } 1 .. 50), 0,
	'by every worker at once');

$res = patch({ antispam => { reject => 12.25 } });
is($res->{status}, 200, 'a patch that changes nothing');
is($res->{headers}{etag}, '"2"', 'makes no version');
is(log_length(), 2, 'and writes nothing');

is(patch({ antispam => { reject => 12.5 } }, tag => 'W/"2"')->{status}, 200,
	'a weak tag, as gzip makes them, is taken');

$res = patch({ antispam => { reject => 20 } }, query => '?dry_run=1',
	tag => undef);
is($res->{status}, 200, 'a dry run needs no If-Match');
is($res->{json}{antispam}{reject}, 20, 'shows what would be');
is(log_length(), 3, 'and does nothing');
is(patch({ antispam => { reject => 1 } }, query => '?dry_run=1')->{status},
	422, 'but it is strict');

my %everything = (
	antispam => { reject => 999, add_header => 5.5, defer => 1.01 },
	system_mailer => { host => 'mail.example', port => 587,
		tls => 'starttls', username => 'portal', from => 'p@example.org' },
	clearing => { junk_days => 30, trash_days => 3650 },
	relayhost => { host => '[relay.example]', port => 2525, tls => 'secure' },
	imap_master => { username => 'support', allow_nets => ['10.0.0.0/8'],
		expires => '2030-01-01T00:00:00Z' },
);
$res = patch(\%everything);
is($res->{status}, 200, 'all groups at once');
for my $group (sort keys %everything) {
	is_deeply({ map { $_ => $res->{json}{$group}{$_} }
		keys %{ $everything{$group} } }, $everything{$group}, $group);
}
is(patch({ clearing => { junk_days => undef } })->{json}{clearing}{junk_days},
	undef, 'null is never');


# passwords

my $secret = 'not-to-be-seen-anywhere';
$res = patch({ relayhost => { password => $secret } });
is($res->{status}, 200, 'a password');
is($res->{json}{relayhost}{password_set}, JSON::PP::true, 'is set');
unlike($res->{body}, qr/\Q$secret/, 'and not answered');

my %sealed = @{ $t->redis('XREVRANGE', 'mp:{sec}:log', '+', '-')->[0][1] };
is($sealed{name}, 'relayhost.password', 'it has an entry of its own');
is(length decode_base64($sealed{sealed}), length($secret) + 48,
	'sealed to the public key');

$res = patch({ imap_master => { enabled => JSON::PP::true,
	password => $secret } });
is($res->{status}, 200, 'a master password');
my %hashed = @{ $t->redis('XREVRANGE', 'mp:{sec}:log', '+', '-')->[0][1] };
like($hashed{hash}, qr/^\$argon2id\$/, 'is kept as a hash');
ok(!defined $hashed{sealed}, 'only');

$res = patch({ relayhost => { password => $secret } }, query => '?dry_run=1');
is($res->{json}{relayhost}{password_set}, JSON::PP::true,
	'a dry run shows that it would be set');
is($t->redis('XLEN', 'mp:{sec}:log'), 2, 'and keeps nothing');
is(patch({ relayhost => { password => undef } })
	->{json}{relayhost}{password_set}, JSON::PP::false, 'null clears it');

is(scalar(grep { $t->_value($_) =~ /\Q$secret/ } @{ $t->_keys() }), 0,
	'the password itself is in no key');
is(scalar(grep { ($t->read_file($_) // '') =~ /\Q$secret/ }
	grep { -f } glob($t->dir() . '/log/*')), 0, 'and in no log');


# what is refused

my $nested = '{"a":' x 17 . '1' . '}' x 17;
my @bad = (
	# name, body, status, field
	['reject below add_header', '{"antispam":{"reject":5,"add_header":5}}',
		422, qr/antispam\.(reject|add_header)/],
	['defer above add_header', '{"antispam":{"defer":600}}', 422, qr/defer/],
	['NaN', '{"antispam":{"reject":NaN}}', 400],
	['Infinity', '{"antispam":{"reject":Infinity}}', 400],
	['1e309', '{"antispam":{"reject":1e309}}', 400],
	['a number in quotes', '{"antispam":{"reject":"10"}}', 422, qr/reject/],
	['a negative score', '{"antispam":{"reject":-1}}', 422, qr/reject/],
	['a score of 999.01', '{"antispam":{"reject":999.01}}', 422, qr/reject/],
	['three decimals', '{"antispam":{"reject":10.001}}', 422, qr/reject/],
	['a huge number', '{"antispam":{"reject":1e300}}', 422, qr/reject/],
	['null for a score', '{"antispam":{"reject":null}}', 422, qr/reject/],
	['a list for a score', '{"antispam":{"reject":[10]}}', 422, qr/reject/],
	['duplicate keys', '{"antispam":{"reject":10,"reject":0}}', 400],
	['an unknown field', '{"antispam":{"rejekt":10}}', 422, qr/rejekt/],
	['an unknown group', '{"spam":{"reject":10}}', 422, qr/spam/],
	['a group that is a number', '{"antispam":1}', 422, qr/antispam/],
	['null for a group', '{"antispam":null}', 422, qr/antispam/],
	['a version', '{"version":7}', 422, qr/version/],
	['password_set', '{"relayhost":{"password_set":true}}', 422, qr/password/],
	['17 levels', $nested, 400],
	['3000 levels', '[' x 3000, 400],
	['an array', '[]', 400],
	['a number', '1', 400],
	['nothing', '', 400],
	['half a document', '{"antispam":{"reject":1', 400],
	['bytes after it', '{}x', 400],
	['invalid UTF-8', "{\"relayhost\":{\"host\":\"\xff\xfe\"}}", 400],
	['a NUL', '{"relayhost":{"host":"a\u0000b"}}', 400],
	['a lone surrogate', '{"relayhost":{"host":"\ud800"}}', 400],
	['zero days', '{"clearing":{"junk_days":0}}', 422, qr/junk_days/],
	['3651 days', '{"clearing":{"junk_days":3651}}', 422, qr/junk_days/],
	['half a day', '{"clearing":{"junk_days":0.5}}', 422, qr/junk_days/],
	['port 0', '{"relayhost":{"port":0}}', 422, qr/port/],
	['port 65536', '{"relayhost":{"port":65536}}', 422, qr/port/],
	['an unknown choice', '{"relayhost":{"tls":"maybe"}}', 422, qr/tls/],
	['a line in a host', '{"relayhost":{"host":"a.example\nb = c"}}', 422,
		qr/host/],
	['a shell in a host', '{"relayhost":{"host":"$(id)"}}', 422, qr/host/],
	['a socket for a host', '{"relayhost":{"host":"unix:/x"}}', 422, qr/host/],
	['a host of 300 bytes', '{"relayhost":{"host":"' . 'a' x 300 . '"}}', 422,
		qr/host/],
	['a broken address', '{"system_mailer":{"from":"a@b\r\nBcc: x@y"}}', 422,
		qr/from/],
	['a short master password', '{"imap_master":{"password":"short"}}', 422,
		qr/password/],
	['a bad network', '{"imap_master":{"allow_nets":["10.0.0.0/33"]}}', 422,
		qr/allow_nets/],
	['a bad time', '{"imap_master":{"expires":"tomorrow"}}', 422, qr/expires/],
);

$t->role('DomainAdmin');
my $before = $t->fingerprint();

for my $case (@bad) {
	my ($name, $body, $status, $field) = @$case;
	my $r = patch($body);
	is($r->{status}, $status, "$name: $status");
	is($r->{headers}{'content-type'}, 'application/problem+json',
		"$name: a problem");
	ok(length $r->{json}{detail}, "$name: in words");
	like(join(' ', map { $_->{field} } @{ $r->{json}{errors} }), $field,
		"$name: names the field") if $field;
}

$res = patch('{"antispam":{"reject":"10","defer":-1},"x":1}');
cmp_ok(scalar @{ $res->{json}{errors} }, '>=', 3, 'all faults are named');

my $big = '{"relayhost":{"host":"' . 'a' x 70000 . '"}}';
is(patch($big)->{status}, 413, 'a document over 64 KiB');
is(patch('{}', type => $_)->{status}, 415, "type $_")
	for 'text/plain', 'application/jsonx', 'multipart/form-data';
is(patch({}, tag => undef)->{status}, 428, 'no If-Match');
is(patch({}, tag => '*')->{status}, 422, 'any version');
for my $tag ('"1"', '"99"', '1', '"x"', '"-1"', '""',
	'"18446744073709551616"')
{
	$res = patch({ antispam => { defer => 2 } }, tag => $tag);
	is($res->{status}, 412, "stale If-Match $tag");
	is($res->{headers}{etag}, version(), 'is told the current one');
}
is(patch({ antispam => { defer => 2 } }, query => '?dry_run=x')->{status},
	422, 'a dry run is 0 or 1');
is(patch({ antispam => { defer => 2 } }, headers => {
	'Sec-Fetch-Site' => 'cross-site', 'If-Match' => version() })->{status},
	403, 'another site');
is($t->api('PATCH', '/settings', json => { antispam => { defer => 2 } },
	headers => { 'If-Match' => version() })->{status}, 401, 'nobody');
is($t->api('PATCH', '/settings', json => { antispam => { defer => 2 } },
	role => 'DomainAdmin', headers => { 'If-Match' => version() })->{status},
	403, 'a DomainAdmin');

is($t->fingerprint(), $before, 'and not one byte in Redis has changed');
$t->redis('SADD', 'mp:{list}:white', 'byte.example');
isnt($t->fingerprint(), $before, 'which would be seen');
$t->redis('SREM', 'mp:{list}:white', 'byte.example');


# two at once

my $tag = version();
my @pids;
pipe(my $reader, my $writer);
for my $n (1 .. 6) {
	my $pid = fork();
	if (!$pid) {
		my $r = patch({ antispam => { defer => "0.0$n" + 0 } }, tag => $tag);
		syswrite $writer, "$r->{status}\n";
		POSIX::_exit(0);
	}
	push @pids, $pid;
}
close $writer;
my @statuses = sort map { chomp; $_ } <$reader>;
waitpid $_, 0 for @pids;
is("@statuses", '200 412 412 412 412 412', 'of many at once, one wins');

$t->done();
