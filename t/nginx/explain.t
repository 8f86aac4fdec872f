#!/usr/bin/perl

# What would happen to a message: each rule, and each form of MAIL FROM.

use warnings;
use strict;
use utf8;

use Test::More;
use Time::HiRes qw/ time /;

use lib 't/lib';
use Test::Mailportal;

my $t = Test::Mailportal->new();
my $cookie = $t->role('DomainAdmin');
my %master = (role => 'MasterAdmin');


sub ask {
	my ($sender, $score) = @_;

	utf8::encode($sender) if utf8::is_utf8($sender);
	$sender =~ s/([^A-Za-z0-9.-])/sprintf '%%%02X', ord $1/ge;
	return $t->api(GET => "/explain?sender=$sender"
		. (defined $score ? "&score=$score" : ''),
		cookie => $cookie);
}


sub short {
	my ($res) = @_;
	my $j = $res->{json} // {};

	return join ' ', map { $_ // '-' } @$j{qw/ verdict rule entry /};
}


for (['blacklist', 'spam.example'], ['whitelist', 'good.spam.example'],
	['whitelist', 'friend.example'], ['blacklist', 'bad.friend.example'],
	['blacklist', 'xn--bcher-kva.example'])
{
	my ($list, $entry) = @$_;
	my $res = $t->api(PUT => "/lists/$list/entries/$entry", %master,
		json => {});
	is($res->{status}, 201, "$entry is on the $list");
}

my $res = ask('x@mail.spam.example', 1);
is(short($res), 'reject blacklist spam.example',
	'an entry covers the domains below it');
is($res->{json}{domain}, 'mail.spam.example', 'the domain is shown');
is($res->{json}{list}, 'blacklist', 'and the list');
is($res->{json}{reply}, '550 5.7.1', 'and the reply');
like($res->{json}{text}, qr/blacklist/, 'and why');
is($res->{json}{settings}, 1, 'by which version of the settings');
like($res->{json}{lists}, qr/^\d+-\d+$/, 'and of the lists');

my @rule = (
	['x@spam.example', 0, 'reject blacklist spam.example', 'the name itself'],
	['x@notspam.example', 0, 'pass below -', 'not what only ends like it'],
	['x@good.spam.example', 50, 'pass whitelist good.spam.example',
		'the longest match wins'],
	['x@a.good.spam.example', 50, 'pass whitelist good.spam.example',
		'below it too'],
	['x@bad.friend.example', 0, 'reject blacklist bad.friend.example',
		'either way'],
	['x@friend.example', 999, 'pass whitelist friend.example',
		'the whitelist skips scoring'],
	['x@a.example', 2.99, 'pass below -', 'below all levels'],
	['x@a.example', 3, 'defer defer -', 'at the first level'],
	['x@a.example', 3.99, 'defer defer -', 'below the second'],
	['x@a.example', 4, 'junk add_header -', 'at the second level'],
	['x@a.example', 9.99, 'junk add_header -', 'below the third'],
	['x@a.example', 10, 'reject reject -', 'at the third level'],
	['x@a.example', -5, 'pass below -', 'a negative score'],
	['x@a.example', undef, 'pass unscored -', 'no score'],
);

for (@rule) {
	my ($sender, $score, $want, $what) = @$_;
	is(short(ask($sender, $score)), $want, "$what is explained");
}

my %reply = (2 => '250 2.0.0', 3 => '451 4.7.1', 5 => '250 2.0.0',
	10 => '550 5.7.1');
is(ask('x@a.example', $_)->{json}{reply}, $reply{$_}, "score $_ replies")
	for sort keys %reply;
is(ask('x@a.example', '3.5')->{json}{score}, 3.5, 'the score is shown');
is(ask('x@a.example')->{json}{score}, undef, 'or null');


# forms of MAIL FROM

my @form = (
	['x@SPAM.Example', 'any case'],
	['x@spam.example.', 'a trailing dot'],
	['<x@spam.example>', 'angle brackets'],
	['@a.example,@b.example:x@spam.example', 'a source route'],
	['"a@b.example"@spam.example', 'a quoted local part'],
	['spam.example!x', 'a bang path'],
	['x@y@spam.example', 'two at signs'],
);

for (@form) {
	my ($sender, $what) = @$_;
	is(short(ask($sender)), 'reject blacklist spam.example',
		"$what is the same sender");
}

is(short(ask('x@bücher.example')), 'reject blacklist xn--bcher-kva.example',
	'U-labels are A-labels');
is(short(ask('x@XN--bcher-KVA.example')),
	'reject blacklist xn--bcher-kva.example', 'in any case');

for (['<>', 'the null sender'], ['', 'nothing'], ['x', 'a local part'],
	['x@', 'an empty domain'])
{
	my ($sender, $what) = @$_;
	$res = ask($sender, 3);
	is(short($res), 'defer defer -', "$what never matches a list");
}

is(ask('x@[192.0.2.1]')->{json}{domain}, '[192.0.2.1]',
	'an address literal is a domain of its own');
is(ask('x@' . 'a.' x 120 . 'spam.example')->{json}{entry}, 'spam.example',
	'a name of 122 labels is looked up whole');


# bad questions

for (['', 'sender'], ['?score=4', 'sender'], ['?sender=' . 'x' x 2000, 'sender'],
	map { ["?sender=x&score=$_", 'score'] } 'nan', 'inf', '0x10', '1e5',
	'4,5', '1.2.3', '%204', '-', '.', '99999999999')
{
	my ($query, $field) = @$_;
	$res = $t->api(GET => "/explain$query", cookie => $cookie);
	is("$res->{status} " . ($res->{json}{errors}[0]{field} // ''),
		"422 $field", substr("'$query'", 0, 40) . ' is refused');
}


# an entry that has expired is none, whether removed or not

$t->redis('SADD', 'mp:{list}:black', 'old.example');
$t->redis('ZADD', 'mp:{list}:expires', 4102444800, 'black:old.example');
is(short(ask('x@old.example', 0)), 'reject blacklist old.example',
	'an entry that will expire is one');
$t->redis('ZADD', 'mp:{list}:expires', int(time()) - 1,
	'black:old.example');
is(short(ask('x@old.example', 0)), 'pass below -',
	'an entry that has expired is none');

# what a PATCH changed is what is explained next

$res = $t->api(PATCH => '/settings', %master,
	json => { antispam => { reject => 7.25 } },
	headers => { 'If-Match' => '"1"' });
is($res->{status}, 200, 'a threshold is moved');
is(short(ask('x@a.example', 7.24)), 'junk add_header -',
	'below the new level');
is(short(ask('x@a.example', 7.25)), 'reject reject -', 'at it');
is(ask('x@a.example', 7.25)->{json}{settings}, 2, 'by the new version');

my @took = sort { $a <=> $b } map {
	my $start = time();
	ask('x@mail.spam.example', 5);
	1000 * (time() - $start);
} 1 .. 200;
diag(sprintf 'explain, with its connection: median %.2f ms, 99th of 100 '
	. '%.2f ms', $took[100], $took[197]);

# settings that Redis has lost are still those in force

$t->redis('DEL', 'mp:{cfg}:log');
$res = ask('x@a.example', 7.25);
is(short($res), 'reject reject -', 'P4: lost settings stay in force');
is($res->{headers}{'mailportal-stale'}, 1, 'P6: and it is said');
$t->redis('DEL', 'mp:{list}:log');
is(ask('x@a.example', 7.25)->{json}{code}, 'state-regressed',
	'lists that Redis has lost cannot be asked');

$t->done();
