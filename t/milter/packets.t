#!/usr/bin/perl

# What a stranger could send instead of Postfix: odd orders, odd texts, odd
# packets.  Nobody is refused by it, nothing ends, and the log stays a log.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use Test::Mailportal;
use Test::Mailportal::Milter;

my $t = Test::Mailportal->new(only => [qw/ redis /]);
my $M = 'Test::Mailportal::Milter';
my $m = $M->new($t, conf => { score_source => 'rspamd',
	rspamd_url => 'http://127.0.0.1:9', scan_timeout => '1s' });
my $id = $M->can('change')->($t, 'add', 'black', 'black.example');
ok($m->lists_in_force($id), 'a list is in force');


sub alive {
	my ($what) = @_;

	ok($m->running(), "$what: it runs");
	is($m->mail('<x@black.example>'), 'reject', "$what: and refuses");
	return;
}

# orders
my $s = $m->session(connect => 0);
is($s->mail('<x@black.example>')->{is}, 'reject', 'MAIL without CONNECT');
is($s->mail('<x@black.example>')->{is}, 'reject', 'MAIL twice');
$s->quit();

$s = $m->session(negotiate => 0, connect => 0, wait => 2);
$s->send_packet('M', "<x\@black.example>\0");
ok($s->reply(), 'MAIL before everything');
$s->quit();

$s = $m->session();
$s->macros('E', i => 'A');
$s->send_packet('E', '');
ok($s->reply(), 'the end of a message without MAIL');
$s->quit();

for my $step (['R', "<x\@demo.example>\0"], ['L', "Subject\0x\0"],
	['N', ''], ['B', 'x'], ['T', ''], ['A', ''])
{
	$s = $m->session(wait => 0.2);
	$s->send_packet(@$step);
	$s->send_packet('E', '');
	$s->reply();
	$s->quit();
}
alive('steps without MAIL');

# clients
for my $addr ('', '/run/client', '2001:db8::1', 'IPv6:2001:db8::1', 'x' x 5000,
	'192.0.2.999')
{
	my $what = length $addr > 50 ? 'a long address' : "address '$addr'";
	$s = $m->session(addr => $addr, wait => 3);
	my $is = $s->mail('<x@black.example>')->{is};
	ok($is eq 'reject' || $is eq 'gone', "$what: refused, or cut off");
	$s->quit();
}
alive('odd addresses');

$s = $m->session(connect => 0);
$s->send_packet('C', "client\0" . '9' . "\0\0x\0");
$s->send_packet('H', '');
$s->mail('<a@sender.example>');
$s->quit();
alive('an unknown family');

# texts
for my $case (
	["<a\r\n\x1b[2J\@b\xff>", 'control characters'],
	['<a@' . 'x' x 5000 . '>', 'a long domain'],
	['<' . 'x' x 60000 . '@black.example>', 'a long local part'],
	['<a@' . 'b.' x 3000 . 'example>', 'many labels'],
	['<a@100%s%n.example>', 'percent signs'],
	["<a\@\xff\xfe.example>", 'bytes that are no text'],
	['<a@..>', 'dots'], ['<a@[>', 'half a literal'],
	['<@a,@b', 'half a route'], ['', 'nothing'])
{
	my ($from, $what) = @$case;
	for my $addr ($from, undef) {
		$s = $m->session(wait => 3);
		my $reply = $s->mail($from, mail_addr => $addr);
		ok($reply->{is} ne 'tempfail', "$what: no trouble");
		$s->quit();
	}
}
alive('odd senders');

# V2: a line of the log is a line
$s = $m->session();
$s->mail("<a\r\nerror: forged\x1b[2J\xff\x9b\@black.example>",
	mail_addr => "a\r\nerror: forged\x1b[2J\xff\x9b\@black.example");
$s->quit();
ok($m->logged(qr/\\x0d\\x0aerror: forged\\x1b\[2J\\xff\\x9b/),
	'V2: what a sender writes stands in the log as text');
unlike($m->log(), qr/^error: forged/m, 'V2: and begins no line');
unlike($m->log(), qr/[^\x20-\x7e\n]/, 'V2: nor has it a control character');

# the class of an answer never changes (V17)
$s = $m->session();
for my $from ('<100%s%n@black.example>', "<a\@b\xc3\xbccher.black.example>",
	'<a@' . 'x' x 63 . '.black.example>')
{
	like($s->mail($from)->{text}, qr/^550 5\.7\.1 Sender domain black/,
		'V17: a refusal is one, whatever stands before the entry');
}
$s->quit();

# packets
my %packets = (
	'no bytes' => "\0\0\0\0", 'an endless length' => "\xff\xff\xff\xffM",
	'two megabytes promised' => pack('N', 2_000_000) . 'M',
	'an unknown command' => "\0\0\0\1z", 'half a packet' => "\0\0\1\0M<x",
	'no end of a text' => pack('N', 6) . 'M<a@b>',
	'twenty thousand arguments' => pack('N', 40_001) . 'M' . "a\0" x 20_000,
	'macros without a stage' => pack('N', 1) . 'D',
	'macros without an end' => pack('N', 8) . 'DM{i}abc',
	'negotiation again' => pack('N', 13) . 'O' . pack('NNN', 6, 0x1ff, 0),
	'a header without value' => pack('N', 5) . 'LX-Sp',
	'a header of nothing' => pack('N', 3) . "L\0\0",
);

for my $what (sort keys %packets) {
	for my $mail (0, 1) {
		$s = $m->session(wait => 0.2);
		$s->mail('<a@sender.example>') if $mail;
		$s->send_bytes($packets{$what});
		$s->send_packet('E', '') if $mail;
		shutdown $s->{sock}, 1;
		$s->reply();
		close $s->{sock};
	}
}
alive('odd packets');

for my $version (0, 1, 2, 7, 0xffffffff) {
	$s = eval { $m->session(version => $version, connect => 0, wait => 0.2) };
	$s->quit() if $s;
}
alive('odd versions');

# many headers that are ours, and many in vain
$s = $m->session();
my $reply = $s->message(headers => [map { ["X-Spam-$_", 'x'] } 1 .. 3000]);
is($reply->{is}, 'continue', 'three thousand spoofed headers');
is_deeply([map { $_->[0] } @{ $reply->{message} }], ['X-Spam-Status'],
	'are all removed');
$s->quit();

$s = $m->session();
$reply = $s->message(headers => [map { ['X-Spam', $_] } 1 .. 1000]);
is_deeply([map { $_->[0] } @{ $reply->{message} }], ['X-Spam-Status'],
	'a thousand of one name, too');
$s->quit();

for (1 .. 200) {
	$s = $m->session();
	$s->mail('<a@sender.example>');
	$s->rcpt('<x@demo.example>');
	$s->header('Subject', 'x');
	$s->abort() for 1 .. 5;
	$_ % 2 ? $s->quit() : close $s->{sock};
}
alive('aborted messages');

is($m->stop(), 0, 'it stops cleanly');
$t->done();
