#!/usr/bin/perl

# The audit log as the API shows it: who did what, the newest first.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;
use Test::Mailportal;

my $t = Test::Mailportal->new(only => [qw/ redis nginx /]);
my $cookie = $t->role('MasterAdmin');


sub get { return $t->api('GET', "/audit$_[0]", cookie => $cookie); }

sub entries { return @{ get($_[0])->{json}{entries} // [] }; }

sub add {
	my (%f) = @_;
	return $t->redis('XADD', 'mp:{audit}:in', '*', %f);
}


# All pages of a question, one behind the other.

sub pages {
	my ($query) = @_;
	my (@all, $cursor);
	my $n = 0;

	do {
		my $res = get("?$query" . ($cursor ? "&cursor=$cursor" : ''));
		die "$res->{status} $res->{body}\n" if $res->{status} != 200;
		push @all, [@{ $res->{json}{entries} }];
		$cursor = $res->{json}{cursor};
		die "no end\n" if ++$n > 500;
	} while (defined $cursor);

	return @all;
}


# what the API did

my $entry = $t->wait_for(sub {
	(entries('?what=session.create'))[0];
}, 10, 'the sign-in');
is($entry->{actor}, $t->env('MP_ADMIN'), 'who signed in');
is($entry->{result}, 'ok', 'and that it went well');
like($entry->{from}, qr/^(?:127\.0\.0\.1|::1)$/, 'from where');
like($entry->{at}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/, 'and when');
like($entry->{id}, qr/^\d+-\d+$/, 'with an id');
is(join(' ', sort keys %$entry),
	'actor at from id request_id result target what', 'and no more');

my $res = $t->api(PUT => '/lists/blacklist/entries/spam.example',
	cookie => $cookie, json => { comment => 'x' });
is($res->{status}, 201, 'an entry is made');
$entry = $t->wait_for(sub { (entries('?what=blacklist-put'))[0] }, 10,
	'it to be in the log');
is($entry->{target}, 'spam.example', 'what it was done to');
like($entry->{request_id}, qr/^[0-9a-f]{32}$/, 'and by which request');


# pages

$t->redis('DEL', 'mp:{audit}:in');
my @ids = map { add(actor => 'worker', what => $_ % 7 ? 'common' : 'seldom',
	target => "n$_", at => '2026-01-31T12:00:00Z') } 1 .. 120;

my @pages = pages('');
is(join(' ', map { scalar @$_ } @pages), '50 50 20', 'pages of fifty');
is(join(' ', map { $_->{id} } map { @$_ } @pages), join(' ', reverse @ids),
	'each entry once, the newest first');
is(scalar(pages('limit=200')), 1, 'two hundred at most');
is(join(' ', map { scalar @$_ } pages('limit=60')), '60 60',
	'a page that ends with the log is the last');
is(join(' ', map { $_->{target} } map { @$_ } pages('what=seldom&limit=5')),
	join(' ', map { 'n' . 7 * $_ } reverse 1 .. 17), 'one name only');
is(scalar(map { @$_ } pages('what=seldom,other,common')), 120,
	'several names');
is(scalar(map { @$_ } pages('what=seldo,,eldom,common.')), 0,
	'names are whole names');
is_deeply(get('?what=never')->{json}, { entries => [], cursor => undef },
	'nothing of that kind');

my $new = add(actor => 'worker', what => 'common', target => 'late');
is((entries("?cursor=$ids[50]"))[0]{id}, $ids[49],
	'what is new does not move the pages');


# one among very many: more than a request looks at

$t->redis('DEL', 'mp:{audit}:in');
add(what => 'seldom', actor => 'first');
my $redis = $t->redis_as('mp-ops');
for my $batch (1 .. 12) {
	$redis->send('XADD', 'mp:{audit}:in', '*', 'what', 'common')
		for 1 .. 1000;
	$redis->reply() for 1 .. 1000;
}

@pages = pages('what=seldom');
is(scalar(map { @$_ } @pages), 1, 'one of 12,000 is found');
is(scalar @pages, 2, 'in two requests');
is(scalar @{ $pages[0] }, 0, 'of which one is empty and has a cursor');


# what others wrote there

$t->redis('DEL', 'mp:{audit}:in');
$t->redis('XADD', 'mp:{audit}:in', '1700000000000-0', 'actor',
	"<script>\xff\n", 'what', 'x' x 5000, 'what', 'second', 'at', 'never',
	'secret', 'not shown', 'target', "a\0b");
$t->redis('XADD', 'mp:{audit}:in', '18446744073709551614-0', 'odd', 'odd');
$res = get('');
is($res->{status}, 200, 'garbage is answered');
my ($far, $odd) = @{ $res->{json}{entries} };
is($odd->{actor}, "<script>\x{fffd}\n", 'as text');
is(length $odd->{what}, 512, 'cut where it is long');
is($odd->{target}, '', 'without what is no text');
is($odd->{at}, '2023-11-14T22:13:20Z', 'with the time of its id');
unlike($res->{body}, qr/secret|second/, 'and nothing that is not known');
is($far->{at}, '9999-12-31T23:59:59Z', 'a time has an end');
is(get('?limit=1')->{json}{cursor}, '18446744073709551614-0',
	'and a cursor that can be given back');
is((entries('?cursor=18446744073709551614-0'))[0]{id}, '1700000000000-0',
	'leads on');


# refused

my %bad = (limit => [qw/ 0 201 -1 x 1.5 /],
	cursor => ['x', '1', '1-', '-1', '(1-1', '1-1-1', '1-1%00',
		'1' x 50, '18446744073709551616-0'],
	what => ['a%20b', 'A', '%00', '*', '<', 'x' x 513]);
for my $name (sort keys %bad) {
	for my $value (@{ $bad{$name} }) {
		my $r = get("?$name=$value");
		is("$r->{status} $r->{json}{errors}[0]{field}", "422 $name",
			"refused: $name=" . substr $value, 0, 20);
	}
}

is($t->api(GET => '/audit', role => 'DomainAdmin')->{status}, 403,
	'a DomainAdmin may not');
is($t->api(GET => '/audit', cookie => '')->{status}, 401, 'nor may nobody');
is($t->api(POST => '/audit', cookie => $cookie, json => {})->{status}, 405,
	'it is only read');


# Redis holds something else, or nothing

$t->redis('DEL', 'mp:{audit}:in');
is_deeply(get('')->{json}, { entries => [], cursor => undef },
	'an empty log is an empty page');
$t->redis('SET', 'mp:{audit}:in', 'not a stream');
isnt(get('')->{status}, 200, 'P7: what is no stream is no empty page');
$t->redis('DEL', 'mp:{audit}:in');
$t->allow(qr/WRONGTYPE/);

$t->stop('redis');
$res = $t->wait_for(sub {
	my $r = get('');
	$r->{status} == 503 ? $r : undef;
}, 10, 'Redis to be missed');
is($res->{json}{code}, 'redis-away', 'P7: without Redis it is a 503');
ok($res->{headers}{'retry-after'}, 'that says when to come again');
$t->start('redis');
ok($t->wait_for(sub { get('')->{status} == 200 }, 10, 'Redis to be back'),
	'and with Redis it is there again');

$t->done();
