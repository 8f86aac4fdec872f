#!/usr/bin/perl

# The lists: one entry at a time, what is no entry, paging and search.

use warnings;
use strict;
use utf8;

use Test::More;

use lib 't/lib';
use Test::Mailportal;

my $t = Test::Mailportal->new();
my %master = (role => 'MasterAdmin');
my $black = '/lists/blacklist';
my $white = '/lists/whitelist';


sub entry {
	my ($list, $entry) = @_;

	$entry =~ s/([^A-Za-z0-9.-])/sprintf '%%%02X', ord $1/ge;
	return "/lists/$list/entries/$entry";
}


sub names {
	my ($res) = @_;

	return join ' ', map { $_->{entry} } @{ $res->{json}{entries} // [] };
}


# one entry

my $res = $t->api(GET => $black, %master);
is($res->{status}, 200, 'an empty list is answered');
is_deeply($res->{json}, { entries => [], total => 0, cursor => undef },
	'and is empty');

$res = $t->api(PUT => entry('blacklist', 'Spam.Example.'), %master,
	json => { comment => 'a <b> & "c"' });
is($res->{status}, 201, 'a new entry is 201');
is($res->{json}{entry}, 'spam.example', 'in its one form');
is($res->{json}{comment}, 'a <b> & "c"', 'with its comment');
is($res->{json}{added_by}, $t->env('MP_ADMIN'), 'by whom');
like($res->{json}{added_at}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/, 'when');
is($res->{json}{expires}, undef, 'for ever');

is($t->redis('SISMEMBER', 'mp:{list}:black', 'spam.example'), 1,
	'it is in the set');
my $log = $t->redis('XREVRANGE', 'mp:{list}:log', '+', '-', 'COUNT', 1);
my %change = @{ $log->[0][1] };
is("$change{op} $change{list} $change{d}", 'add black spam.example',
	'and in the change stream');

is($change{req}, $res->{headers}{'x-request-id'},
	'with the id that the request was answered with');

my $id = $log->[0][0];
$res = $t->wait_for(sub {
	my $r = $t->api(GET => $black, %master);
	$r->{json}{total} ? $r : undef;
}, 5, 'the entry');
is(names($res), 'spam.example', 'it is listed');
is($res->{headers}{etag}, "\"$id\"", 'the ETag is the id of the last change');

$res = $t->api(PUT => entry('blacklist', 'spam.example'), %master,
	json => { comment => undef, expires => '2099-01-01T00:00:00Z' });
is($res->{status}, 200, 'the same entry again is 200');
is($res->{json}{expires}, '2099-01-01T00:00:00Z', 'with what was changed');
is($t->redis('ZSCORE', 'mp:{list}:expires', 'black:spam.example'),
	4070908800, 'the expiry is kept by its second');
$res = $t->api(PUT => entry('blacklist', 'spam.example'), %master, json => {});
is($res->{status}, 200, 'an empty body is no details');
is($t->redis('ZSCORE', 'mp:{list}:expires', 'black:spam.example'), undef,
	'and no expiry');


# the details are optional, and so is the body that they would be in

for ([{}, 'without a body'], [{ body => '' }, 'with a body of no bytes'],
	[{ body => '', type => 'application/json' }, 'of JSON without any'])
{
	my ($opt, $what) = @$_;
	$res = $t->api(PUT => entry('whitelist', 'plain.example'), %master,
		%$opt);
	is($res->{status}, 201, "a PUT $what adds an entry");
	is($res->{json}{comment}, undef, 'without a comment');
	$res = $t->api(DELETE => entry('whitelist', 'plain.example'), %master);
	is($res->{status}, 204, 'which is removed again');
}

my $before = $t->fingerprint();
$res = $t->api(PUT => entry('whitelist', 'plain.example'), %master,
	body => '{}', type => 'text/plain');
is($res->{status}, 415, 'what has a body has its type');
$res = $t->api(PUT => entry('whitelist', 'plain.example'), %master,
	type => 'application/json', headers => { 'Content-Length' => undef,
		'Transfer-Encoding' => 'chunked' },
	body => "1388\r\n" . ' ' x 5000 . "\r\n0\r\n\r\n");
is($res->{status}, 413, 'a body that does not say how long it is has an end');
$res = $t->api(PUT => entry('whitelist', 'plain.example'), %master,
	headers => { 'Sec-Fetch-Site' => 'cross-site' });
is($res->{status}, 403, 'another site cannot add one without a body either');

$res = $t->api(PUT => entry('whitelist', 'spam.example'), %master, json => {});
is($res->{status}, 409, 'an entry of the other list is a conflict');
is($res->{json}{code}, 'conflict', 'which the code says');
like($res->{json}{detail}, qr/spam\.example.*blacklist/, 'and names both');
is($t->fingerprint(), $before, 'and not one byte changed');

$res = $t->api(DELETE => entry('blacklist', 'other.example'), %master);
is($res->{status}, 404, 'what is not there is not found');
is($t->fingerprint(), $before, 'and nothing changed');
$res = $t->api(DELETE => entry('blacklist', 'SPAM.example'), %master);
is($res->{status}, 204, 'an entry is removed');
is($res->{body}, '', 'without a body');
is($t->redis('SCARD', 'mp:{list}:black'), 0, 'from the set');
is($t->redis('HLEN', 'mp:{list}:black:info'), 0, 'with its details');


# what an entry looks like

my @same = (
	['BÜCHER.example' => 'xn--bcher-kva.example', 'U-labels'],
	['XN--BCHER-KVA.example' => 'xn--bcher-kva.example', 'A-labels'],
	[' mail.example ' => 'mail.example', 'blanks around it'],
	['a.b.c.d.example.' => 'a.b.c.d.example', 'a trailing dot'],
	['日本.example' => 'xn--wgv71a.example', 'Japanese'],
);

for (@same) {
	my ($text, $form, $what) = @$_;
	utf8::encode($text);
	$res = $t->api(PUT => entry('blacklist', $text), %master, json => {});
	is($res->{json}{entry}, $form, "an entry with $what");
	$t->api(DELETE => entry('blacklist', $form), %master);
}

my @bad = (
	['x' x 300, 'a name of 300 bytes'],
	[join('.', ('a' x 60) x 5), 'a name of 304 bytes in labels'],
	['a' x 64 . '.example', 'a label of 64 bytes'],
	['co..uk', 'an empty label'],
	['.example.com', 'a leading dot'],
	['192.0.2.1', 'an IPv4 address'],
	['[192.0.2.1]', 'an address literal'],
	['[IPv6:2001:db8::1]', 'an IPv6 literal'],
	['2001:db8::1', 'an IPv6 address'],
	['*.example.com', 'a wildcard'],
	['x@example.com', 'a mailbox'],
	['@example.com', 'a mailbox without a local part'],
	['localhost', 'one label'],
	['-a.example', 'a label that begins with a dash'],
	['a-.example', 'a label that ends with a dash'],
	['exa mple.com', 'a blank inside'],
	["a.example\r\nDEL mp:{cfg}:log\r\n", 'a line break and a command'],
	["a.example\0", 'a NUL'],
	['%s%n%s.example', 'format directives'],
	["\x1b[2J.example", 'an escape sequence'],
	["\xff\xfe.example", 'bytes that are not UTF-8'],
	[' ', 'a blank'],
);

$before = $t->fingerprint();

for my $list (qw/ blacklist whitelist /) {
	for (@bad) {
		my ($text, $what) = @$_;
		$res = $t->api(PUT => entry($list, $text), %master,
			json => {});
		# a NUL is refused by nginx itself
		like($res->{status}, qr/^(?:422|400)$/,
			"$what is refused by the $list");
	}
}

is($t->fingerprint(), $before, 'and not one byte in Redis changed');

$res = $t->api(PUT => entry('blacklist', 'co..uk'), %master, json => {});
is($res->{json}{code}, 'invalid', 'a bad entry is invalid');
is($res->{json}{errors}[0]{field}, 'entry', 'the fault names its field');
isnt($res->{json}{errors}[0]{text}, '', 'in words');

my @body = (
	[{ comment => 7 }, 'comment', 'a comment that is a number'],
	[{ comment => 'x' x 2000 }, 'comment', 'a comment of 2000 bytes'],
	[{ comment => "a\nb" }, 'comment', 'a line break in a comment'],
	[{ expires => 'tomorrow' }, 'expires', 'an expiry that is no time'],
	[{ expires => 5 }, 'expires', 'an expiry that is a number'],
	[{ expires => '2001-01-01T00:00:00Z' }, 'expires', 'one in the past'],
	[{ colour => 'red' }, 'colour', 'an unknown field'],
);

for (@body) {
	my ($body, $field, $what) = @$_;
	$res = $t->api(PUT => entry('blacklist', 'a.example'), %master,
		json => $body);
	is("$res->{status} $res->{json}{errors}[0]{field}", "422 $field",
		"$what is refused");
}

$res = $t->api(PUT => entry('blacklist', 'a.example'), %master,
	body => '{"comment":"a","comment":"b"}', type => 'application/json');
is($res->{status}, 400, 'a duplicate key is malformed');
$res = $t->api(PUT => entry('blacklist', 'a.example'), %master,
	json => ['comment']);
is($res->{status}, 400, 'an array is not a body');
$res = $t->api(PUT => entry('greylist', 'a.example'), %master, json => {});
is($res->{status}, 404, 'there are two lists');
is($t->fingerprint(), $before, 'and again not one byte changed');


# paging, search, hits

my @all = map { sprintf 'n%03d.example', $_ } 0 .. 249;
$t->redis('SADD', 'mp:{list}:black', @all);
$t->redis('HSET', 'mp:{list}:black:hits', 'n007.example', 42);
$t->redis('HSET', 'mp:{list}:black:last', 'n007.example', 1700000000);

my (@seen, $cursor, $pages);

do {
	my $query = '?limit=100' . (defined $cursor ? "&cursor=$cursor" : '');
	$res = $t->api(GET => "$black$query", %master);
	push @seen, map { $_->{entry} } @{ $res->{json}{entries} };
	is($res->{json}{total}, 250, 'a page knows the total');
	$cursor = $res->{json}{cursor};
} while (defined $cursor && ++$pages < 10);

is("@seen", "@all", 'the pages bring every entry once, in order');

$res = $t->api(GET => "$black?q=n007", %master);
is(names($res), 'n007.example', 'a search is literal');
my ($e) = @{ $res->{json}{entries} };
is($e->{hits}, 42, 'an entry shows its hits');
is($e->{last_hit}, '2023-11-14T22:13:20Z', 'and the last of them');
is($e->{added_by}, undef, 'and null for what nobody wrote down');

is(names($t->api(GET => "$black?q=N00&limit=3", %master)),
	'n000.example n001.example n002.example', 'in any case');
is(names($t->api(GET => "$black?q=n00*", %master)), '',
	'a star is a star');
is(names($t->api(GET => "$black?q=.*", %master)), '', 'and a dot a dot');
is(names($t->api(GET => "$black?q=%5B0-9%5D", %master)), '',
	'brackets are brackets');

for (qw/ limit=0 limit=1001 limit=x limit=-1 cursor=%00 /,
	'cursor=' . 'a' x 400)
{
	$res = $t->api(GET => "$black?$_", %master);
	is($res->{status}, 422, "$_ is refused") if !/%00/;
	like($res->{status}, qr/^4/, "$_ is refused") if /%00/;
}

# a list that is too long to be sorted for each page

$t->redis('SADD', 'mp:{list}:white',
	map { sprintf 'w%05d.example', $_ } 1 .. 30000);
my %count;
($cursor, $pages) = (undef, 0);

do {
	my $query = '?limit=1000'
		. (defined $cursor ? "&cursor=$cursor" : '');
	$res = $t->api(GET => "$white$query", %master);
	$count{$_->{entry}}++ for @{ $res->{json}{entries} };
	$cursor = $res->{json}{cursor};
} while (defined $cursor && ++$pages < 500);

is(keys %count, 30000, 'a long list is paged whole');

my @found;
($cursor, $pages) = (undef, 0);

do {
	my $query = '?q=w29999' . (defined $cursor ? "&cursor=$cursor" : '');
	$res = $t->api(GET => "$white$query", %master);
	push @found, names($res) if @{ $res->{json}{entries} };
	$cursor = $res->{json}{cursor};
} while (defined $cursor && ++$pages < 500);

is("@found", 'w29999.example', 'and searched whole');
is(names($t->api(GET => "$white?q=w00\\*", %master)), '',
	'a pattern is no pattern there either');
is(names($t->api(GET => "$white?q=%5B0-9%5D", %master)), '',
	'whatever it is');
is(names($t->api(GET => "$white?q=00007.EXAMPLE", %master)),
	'w00007.example', 'and case does not matter');


# a stream that is gone is not an empty list

$t->redis('DEL', 'mp:{list}:log');
$before = $t->fingerprint();
$res = $t->api(PUT => entry('blacklist', 'late.example'), %master, json => {});
is($res->{status}, 409, 'without its stream a list takes no write');
is($res->{json}{code}, 'state-regressed', 'and says why');
$res = $t->api(DELETE => entry('blacklist', 'n007.example'), %master);
is($res->{status}, 409, 'nor a removal');
is($t->fingerprint(), $before, 'and not one byte changed');

$t->done();
