#!/usr/bin/perl

# What Redis was given is there after it starts again: everything in its
# append-only file is replayed, transactions too.

use warnings;
use strict;

use Test::More;

use lib 't/lib';
use Test::Mailportal;

my $t = Test::Mailportal->new();
my %master = (role => 'MasterAdmin');

is($t->api(PUT => '/lists/blacklist/entries/spam.example', %master,
	json => { comment => 'kept' })->{status}, 201, 'an entry is added');
is($t->api(PUT => '/lists/whitelist/entries/late.example', %master,
	json => { expires => '2099-01-01T00:00:00Z' })->{status}, 201,
	'one that expires');
is($t->api(POST => '/lists/blacklist/import', %master,
	headers => { 'Content-Type' => 'text/plain' },
	body => join('', map { "n$_.example\n" } 1 .. 2500))->{status}, 200,
	'an import of several transactions');
is($t->api(DELETE => '/lists/blacklist/entries/n7.example',
	%master)->{status}, 204, 'an entry is removed');

my $etag = $t->api(GET => '/settings', %master)->{headers}{etag};
is($t->api(PATCH => '/settings', %master,
	headers => { 'If-Match' => $etag },
	json => { antispam => { reject => 12 } })->{status}, 200,
	'a threshold is changed');

my $before = $t->fingerprint();
my $entries = $t->redis('SCARD', 'mp:{list}:black');

$t->stop('redis');
$t->start('redis');

is($t->redis('SCARD', 'mp:{list}:black'), $entries,
	'the blacklist is whole after a restart');
is($t->fingerprint(), $before, 'and so is every other key');
unlike($t->read_file('log/redis.log') // '', qr/CRITICAL|NOPERM/,
	'nothing in the append-only file was refused');
ok($t->wait_for(sub {
	$t->api(GET => '/settings', %master)->{status} == 200
}, 10, 'the API'), 'who was signed in still is');

$t->done();
