#!/usr/bin/perl

# The lists: every form of MAIL FROM that Postfix takes, by its macro and
# without it, against an entry, its subdomains, and no entry.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use Test::Mailportal;
use Test::Mailportal::Milter;

my $t = Test::Mailportal->new(only => [qw/ redis /]);
my $m = Test::Mailportal::Milter->new($t);

my $id = Test::Mailportal::Milter::change($t, 'add', 'black',
	['black.example', 'both.example', 'sub.white.example',
	'xn--bcher-kva.example', 'xn--bcher-kva.xn--p1ai']);
$id = Test::Mailportal::Milter::change($t, 'add', 'white',
	['white.example', 'both.example', 'ok.black.example']);
ok($m->lists_in_force($id), 'the lists come into force');

is($m->heartbeat()->{blacklist}, 5, 'the heartbeat counts the blacklist');
is($m->heartbeat()->{whitelist}, 3, 'the heartbeat counts the whitelist');

# raw argument, what Postfix makes of it ({mail_addr}), domain
my @forms = (
	['<a@DOMAIN>', 'a@DOMAIN', 'a plain address'],
	['<A@UPPER>', 'a@DOMAIN', 'upper case'],
	['<"quoted local"@DOMAIN>', '"quoted local"@DOMAIN',
		'a quoted local part'],
	['<"a@other.example"@DOMAIN>', '"a@other.example"@DOMAIN',
		'an at sign in quotes'],
	['<a@b@DOMAIN>', '"a@b"@DOMAIN', 'two at signs'],
	['<@relay.example,@b.example:user@DOMAIN>', 'user@DOMAIN',
		'a source route'],
	['<user@DOMAIN.>', 'user@DOMAIN', 'a trailing dot'],
	['<DOMAIN!user>', 'user@DOMAIN', 'a bang path'],
	['user@DOMAIN', 'user@DOMAIN', 'no brackets'],
	['< user@DOMAIN >', 'user@DOMAIN', 'blanks in the brackets'],
	['<user%other.example@DOMAIN>', 'user%other.example@DOMAIN',
		'a percent sign'],
);

my @kinds = (
	['black.example', 'reject', 'blacklisted'],
	['mail.black.example', 'reject', 'below a blacklisted domain'],
	['a.b.c.black.example', 'reject', 'far below a blacklisted domain'],
	['white.example', 'continue', 'whitelisted'],
	['mail.white.example', 'continue', 'below a whitelisted domain'],
	['both.example', 'continue', 'on both lists'],
	['ok.black.example', 'continue', 'a whitelisted part of a black one'],
	['sub.white.example', 'reject', 'a blacklisted part of a white one'],
	['neither.example', 'continue', 'on no list'],
	['notblack.example', 'continue', 'an entry with letters before it'],
	['black.example.com', 'continue', 'an entry with a label behind it'],
	['example', 'continue', 'the parent of an entry'],
);

for my $form (@forms) {
	for my $kind (@kinds) {
		my ($raw, $addr, $what) = @$form;
		my ($domain, $want, $where) = @$kind;
		my $upper = uc $domain;

		s/DOMAIN/$domain/, s/UPPER/$upper/ for $raw, $addr;
		is($m->mail($raw, mail_addr => $addr), $want,
			"$what, $where");
		is($m->mail($raw, mail_addr => undef), $want,
			"$what, $where, without the macro");
	}
}

for my $raw ('<>', '', '<', '>', '<@>', '<a@>', '@', '<!>',
	'<user>', '<user@[192.0.2.1]>', '<user@[IPv6:2001:db8::1]>')
{
	my $is = $m->mail($raw, mail_addr => undef);
	is($is, 'continue', "'$raw' matches no entry");
}

is($m->mail('<>', mail_addr => ''), 'continue',
	'the null sender matches no entry');
is($m->mail("<u\@b\xc3\xbccher.example>",
	mail_addr => "u\@b\xc3\xbccher.example"), 'reject',
	'a U-label is refused by the entry of its A-label');
is($m->mail("<u\@B\xc3\x9cCHER.example>", mail_addr => undef), 'reject',
	'and so it is in upper case');
is($m->mail('<u@mail.xn--bcher-kva.example>'), 'reject',
	'the A-label itself, below');

my $s = $m->session();
my $reply = $s->mail('<x@mail.black.example>');
is($reply->{text}, '550 5.7.1 Sender domain black.example is blocked',
	'the answer names the entry');

# one session for all of it, as Postfix keeps it
$id = Test::Mailportal::Milter::change($t, 'add', 'black', 'spam.example');
ok($m->lists_in_force($id), 'an entry is added while a session is open');
is($s->mail('<x@mail.spam.example>')->{is}, 'reject',
	'the next message of that session is refused');
$id = Test::Mailportal::Milter::change($t, 'del', 'black', 'spam.example');
ok($m->lists_in_force($id), 'the entry is removed');
is($s->mail('<x@mail.spam.example>')->{is}, 'continue',
	'the next message of that session is taken');
$s->quit();

# expiry
$id = Test::Mailportal::Milter::change($t, 'add', 'black', 'soon.example',
	expires => time() + 2);
ok($m->lists_in_force($id), 'an entry that expires comes into force');
is($m->mail('<x@soon.example>'), 'reject', 'it is an entry until then');
ok($t->wait_for(sub { $m->mail('<x@soon.example>') eq 'continue' }, 10),
	'and none afterwards');

# hits
my $hits = 'mp:{list}:black:hits';
ok($t->wait_for(sub {
	($t->redis('HGET', $hits, 'spam.example') // 0) == 1 }, 5),
	'the hit of an entry is counted');
cmp_ok($t->redis('HGET', $hits, 'black.example'), '>', 60,
	'by the entry, not by the sender');
cmp_ok(abs(time() - $t->redis('HGET', 'mp:{list}:white:last',
	'white.example')), '<', 60, 'and when it was last');
ok($m->counter('blacklist') > 60, 'refusals are counted');
is($m->stop(), 0, 'it stops cleanly');

$t->done();
