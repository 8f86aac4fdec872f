#!/usr/bin/perl

# Entries that expire leave the lists by themselves.

use warnings;
use strict;

use POSIX qw/ strftime /;
use Test::More;

use lib 't/lib';
use Test::Mailportal;

my $t = Test::Mailportal->new();
my %master = (role => 'MasterAdmin');


sub put {
	my ($list, $entry, $seconds) = @_;
	my $at = strftime('%Y-%m-%dT%H:%M:%SZ', gmtime(time() + $seconds));

	return $t->api(PUT => "/lists/$list/entries/$entry", %master,
		json => { expires => $at })->{status};
}


is(put('blacklist', 'soon.example', 3), 201, 'an entry of three seconds');
is(put('whitelist', 'soon2.example', 3), 201, 'one on the other list');
is(put('blacklist', 'later.example', 3600), 201, 'one of an hour');
is($t->redis('ZCARD', 'mp:{list}:expires'), 3, 'all are due some day');

my $from = $t->redis('XREVRANGE', 'mp:{list}:log', '+', '-', 'COUNT', 1)
	->[0][0];

ok($t->wait_for(sub {
	!$t->redis('SISMEMBER', 'mp:{list}:black', 'soon.example')
	&& !$t->redis('SISMEMBER', 'mp:{list}:white', 'soon2.example')
}, 20, 'the sweep'), 'what has expired leaves the lists');

is($t->redis('SISMEMBER', 'mp:{list}:black', 'later.example'), 1,
	'what has not stays');
is_deeply($t->redis('ZRANGE', 'mp:{list}:expires', 0, -1),
	['black:later.example'], 'with its date');
is($t->redis('HEXISTS', 'mp:{list}:black:info', 'soon.example'), 0,
	'the details go with it');

my @changes = map { { @{ $_->[1] } } }
	@{ $t->redis('XRANGE', 'mp:{list}:log', "($from", '+') };
is(join(', ', sort map { "$_->{op} $_->{list} $_->{d} by $_->{actor}" }
	@changes),
	'del black soon.example by expiry, del white soon2.example by expiry',
	'each is published once, as a removal');

my $res = $t->api(DELETE => '/lists/blacklist/entries/soon.example', %master);
is($res->{status}, 404, 'and is not there any more');

# more than one turn takes, and what is no member of a list

$t->redis('SADD', 'mp:{list}:black', map { "x$_.example" } 1 .. 500);
$t->redis('ZADD', 'mp:{list}:expires',
	map { (1000, "black:x$_.example") } 1 .. 500);
$t->redis('ZADD', 'mp:{list}:expires', 1, 'nonsense', 2, 'black:');

ok($t->wait_for(sub { $t->redis('SCARD', 'mp:{list}:black') == 1 }, 20,
	'all of 500'), 'many leave in several turns');

$t->done();
