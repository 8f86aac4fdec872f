#!/usr/bin/perl

# P2: whatever a score source does, nobody is refused by mistake; and P8: it
# is waited for a bounded time, and then left alone.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use Test::Mailportal;
use Test::Mailportal::Milter;
use Test::Mailportal::Rogue;
use Time::HiRes qw/ time /;

my $t = Test::Mailportal->new(only => [qw/ redis /]);
my $rogue = Test::Mailportal::Rogue->new($t);
my %conf = (score_source => 'rspamd', scan_timeout => '300ms',
	breaker_failures => 1000, greylist_delay => '1h',
	rspamd_url => 'http://127.0.0.1:' . $rogue->port());
my $m = Test::Mailportal::Milter->new($t, conf => { %conf });


sub send_one {
	my (%opt) = @_;
	my $milter = delete $opt{milter} // $m;
	my $session = $milter->session();
	my $reply = $session->message(%opt);

	$session->quit();
	return $reply;
}


sub status {
	my ($reply) = @_;

	return "$reply->{is} " . join '|', map { $_->[1] }
		grep { $_->[0] eq 'X-Spam-Status' } @{ $reply->{message} // [] };
}

my $unscored = 'continue No, score unavailable';

# answers of rspamd
my @answers = (
	['{"score": 12.0, "action": "no action"}', 'reject ',
		'a score is enough'],
	['{"score": 5, "required_score": null, "action": "no action"}',
		'continue Yes, score=5.00 required=4.00',
		'required_score may be null'],
	['{"is_skipped": true, "score": 0, "action": "reject"}', 'reject ',
		'a pre-result that refuses is heard'],
	['{"is_skipped": true, "score": 15, "action": "reject"}', 'reject ',
		'also with the score of rspamd\'s own threshold'],
	['{"score": 1, "action": "reject", "messages": '
		. '{"smtp_message": "virus"}}', 'reject ',
		'a refusal with a text of its own is a pre-result'],
	['{"score": 7, "action": "reject", "messages": {}}',
		'continue Yes, score=7.00 required=4.00',
		'a refusal by rspamd\'s own threshold is none'],
	['{"score": 1, "action": "soft reject", "messages": '
		. '{"smtp_message": "Try again later"}}',
		'continue No, score=1.00 required=4.00',
		'a soft reject of rspamd\'s greylist is not heard'],
	['{"score": 3.994999, "action": "x"}', 'tempfail ',
		'3.994999 is 3.99, which is deferred'],
	['{"score": 3.995001, "action": "x"}',
		'continue Yes, score=4.00 required=4.00',
		'3.995001 is 4.00, which is junk'],
	['{"score": NaN}', $unscored, 'NaN'],
	['{"score": 1e999}', $unscored, 'a number beyond all numbers'],
	['{"score": 1e300}', $unscored, 'an enormous number'],
	['{"score": -1e300}', $unscored, 'and one below zero'],
	['{"score": "12"}', $unscored, 'a number in quotes'],
	['{"score": null}', $unscored, 'null'],
	['{"score": [12]}', $unscored, 'a list'],
	['{"score": 1, "score": 12}', $unscored, 'a score that is there twice'],
	['{"action": "reject"}', $unscored, 'an action without a score'],
	['[{"score": 12}]', $unscored, 'a list of answers'],
	['{"score": 12', $unscored, 'half an answer'],
	['', $unscored, 'nothing'],
	['12', $unscored, 'no object'],
	['<html>502</html>', $unscored, 'a page'],
	["{\"score\": 12, \"x\": \"\xff\xfe\"}", $unscored,
		'bytes that are no text'],
	['[' x 100000, $unscored, 'brackets without end'],
	['{"score": 12, "x": "' . 'y' x 2_000_000 . '"}', $unscored,
		'an answer of two megabytes'],
);

for my $case (@answers) {
	my ($json, $want, $what) = @$case;
	$rogue->json($json);
	is(status(send_one()), $want, "rspamd: $what");
}

$rogue->json('{"score": 12}', '500 Oops');
is(status(send_one()), $unscored, 'rspamd: an error of HTTP');
$rogue->says('answer', "HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n{");
is(status(send_one()), $unscored, 'rspamd: less than it promised');
$rogue->says('answer', "\0\xff" x 5000);
is(status(send_one()), $unscored, 'rspamd: garbage');
$rogue->says('close');
is(status(send_one()), $unscored, 'rspamd: it hangs up');

$rogue->says('stall');
my $begin = time();
is(status(send_one()), $unscored, 'rspamd: it does not answer');
cmp_ok(time() - $begin, '<', 10, 'the deadline of a scan is kept');

$rogue->says('slow', "HTTP/1.1 200 OK\r\n\r\n");
is(status(send_one()), $unscored, 'rspamd: a byte a second');
ok($m->problem(qr/^no score from rspamd/), 'P6: the portal is told');

$rogue->json('{"score": 1}');
is(status(send_one()), 'continue No, score=1.00 required=4.00',
	'it is asked again when it is well');
ok($m->beats(sub { !@{ $_[0]{problems} } }), 'P6: and so is the portal');

# the message as rspamd sees it
send_one(from => "<a\@sender.example>", to => ['<x@demo.example>',
	"<y\@demo.example>"], headers => [['Subject', 'a'], ['X-Odd', ' b'],
	['Folded', "one\n\ttwo\n  three"], ['Empty', ''],
	['Latin', "b\xfccher"], ['Utf', "b\xc3\xbccher"]],
	body => "Hello.\r\n\r\n.dot\r\nno end");
my ($head, $body) = split /\r\n\r\n/, $rogue->asked(), 2;
is($body, "Subject: a\r\nX-Odd:  b\r\nFolded: one\r\n\ttwo\r\n  three\r\n"
	. "Empty: \r\nLatin: b\xfccher\r\nUtf: b\xc3\xbccher\r\n\r\nHello.\r\n\r\n.dot\r\nno end",
	'rspamd gets the message byte by byte');
like($head, qr/^POST \/checkv2 /, 'by POST /checkv2');
like($head, qr/^From: a\@sender\.example\r$/m, 'with the sender');
is(join(' ', $head =~ /^Rcpt: (\S+)/mg),
	'<x@demo.example> <y@demo.example>', 'each recipient');
like($head, qr/^IP: 192\.0\.2\.1\r$/m, 'the address of the client');
like($head, qr/^Helo: client\.example\r$/m, 'its greeting');
like($head, qr/^Hostname: client\.example\r$/m, 'its name');
like($head, qr/^Queue-Id: 4C316A72061\r?$/m, 'and the queue id');

send_one(from => "<a\r\nIP: 127.0.0.1\r\n\@sender.example>");
($head) = split /\r\n\r\n/, $rogue->asked(), 2;
is(join(' ', $head =~ /^IP: (\S+)/mg), '192.0.2.1',
	'no sender writes a line of the request');

# headers only, large messages
send_one(body => '');
($head, $body) = split /\r\n\r\n/, $rogue->asked(), 2;
is($body, "From: a\@b.example\r\nSubject: test\r\n\r\n",
	'a message without a body has its empty line');

my $small = Test::Mailportal::Milter->new($t,
	conf => { %conf, scan_max_size => '64k' });
$rogue->json('{"score": 12}');
my $count = $rogue->count();
is(status(send_one(milter => $small, body => 'x' x 300_000)), $unscored,
	'a message that is too large is not scanned');
is($rogue->count(), $count, 'nobody was asked');
is(status(send_one(milter => $small, body => 'x' x 60_000)), 'reject ',
	'one below the limit is');
$small->stop();

# pre-results may be switched off
my $deaf = Test::Mailportal::Milter->new($t,
	conf => { %conf, honor_pre_result => 'no' });
$rogue->json('{"is_skipped": true, "score": 0, "action": "reject"}');
is(status(send_one(milter => $deaf)),
	'continue No, score=0.00 required=4.00',
	'with honor_pre_result off the score decides');
$deaf->stop();

# on_scan_error = defer
my $strict = Test::Mailportal::Milter->new($t,
	conf => { %conf, on_scan_error => 'defer' });
$rogue->says('close');
my $reply = send_one(milter => $strict);
is($reply->{text}, '451 4.7.1 The message cannot be scanned now, try again '
	. 'later', 'by the operator\'s wish an unscanned message is deferred');
$strict->stop();

# the breaker
my $brief = Test::Mailportal::Milter->new($t, conf => { %conf,
	breaker_failures => 3, breaker_pause => '1s' });
$rogue->says('stall');
send_one(milter => $brief) for 1 .. 3;
$count = $rogue->count();
$begin = time();
is(status(send_one(milter => $brief)), $unscored,
	'after three failures in a row a message is not scored') for 1 .. 10;
is($rogue->count(), $count, 'and the source is left alone');
$rogue->json('{"score": 5}');
ok($t->wait_for(sub { status(send_one(milter => $brief)) =~ /^continue Yes/ },
	10), 'after a pause one message tries, and all is well');
is(status(send_one(milter => $brief)),
	'continue Yes, score=5.00 required=4.00', 'for the next one too');
ok($t->wait_for(sub { $brief->counter('breaker_open') >= 10 }, 5),
	'messages without a try are counted');
$brief->stop();

# no more at once than allowed
my $narrow = Test::Mailportal::Milter->new($t, conf => { %conf,
	scan_max_parallel => 1, scan_timeout => '3s' });
$rogue->says('stall');
$count = $rogue->count();
my $other = $narrow->session();
$other->mail('<a@sender.example>');
$other->rcpt('<x@demo.example>');
$other->header('Subject', 'test');
$other->body('x');
$other->macros('E', i => 'A');
$other->send_packet('E', '');
ok($t->wait_for(sub { $rogue->count() == $count + 1 }, 5),
	'one message is being scanned');
is(status(send_one(milter => $narrow)), $unscored,
	'another one does not wait for it');
is($rogue->count(), $count + 1, 'nor ask');
$other->reply();
$other->quit();
$narrow->stop();

# spamd
my %spamd = (%conf, score_source => 'spamd',
	spamd => '127.0.0.1:' . $rogue->port());
my $spamd = Test::Mailportal::Milter->new($t, conf => { %spamd });

for my $case (
	["SPAMD/1.1 0 EX_OK\r\nSpam: True ; 6.5 / 5.0\r\n\r\n",
		'continue Yes, score=6.50 required=4.00', 'a score'],
	["SPAMD/1.1 0 EX_OK\r\nSpam: False ; -1.0 / 5.0\r\n\r\n",
		'continue No, score=-1.00 required=4.00', 'one below zero'],
	["SPAMD/1.1 0 EX_OK\r\nSpam: True ; 1000.0 / 5.0\r\n\r\n", 'reject ',
		'a thousand'],
	["SPAMD/1.0 76 Bad header\r\nSpam: True ; 99 / 5\r\n\r\n", $unscored,
		'an error'],
	["SPAMD/1.1 0 EX_OK\r\nSpam: True ; nan / 5.0\r\n\r\n", $unscored,
		'no number'],
	["SPAMD/1.1 0 EX_OK\r\nSpam: True\r\n\r\n", $unscored, 'no score'],
	["HTTP/1.1 200 OK\r\nSpam: True ; 99 / 5.0\r\n\r\n", $unscored,
		'another protocol'],
	["\0" x 70000, $unscored, 'garbage'], ['', $unscored, 'nothing'])
{
	my ($answer, $want, $what) = @$case;
	$rogue->says('answer', $answer);
	is(status(send_one(milter => $spamd)), $want, "spamd: $what");
}

like($rogue->asked(), qr/^CHECK SPAMC\/1\.5\r\nContent-length: \d+\r\n\r\nFrom:/,
	'spamd is asked in its protocol');
$rogue->says('stall');
is(status(send_one(milter => $spamd)), $unscored,
	'spamd: it does not answer');
$spamd->stop();

# a header of rspamd's milter
my $header = Test::Mailportal::Milter->new($t, conf => { %conf,
	score_source => 'header', score_header => 'X-Secret-b7' });

for my $case (
	[['5.40; action=no action'], 'continue Yes, score=5.40 required=4.00',
		'its score'],
	[['12'], 'reject ', 'a score that refuses'],
	[[], $unscored, 'none'],
	[['1', '12'], $unscored, 'two of them'],
	[['nan'], $unscored, 'no number'], [['0x20'], $unscored, 'hexadecimal'],
	[['1e9'], $unscored, 'an exponent'], [[''], $unscored, 'empty'])
{
	my ($values, $want, $what) = @$case;
	$reply = send_one(milter => $header, headers => [['From', 'a'],
		map { ['x-secret-B7', $_] } @$values]);
	is(status($reply), $want, "header: $what");
	ok(!(grep { lc $_->[0] eq 'x-secret-b7' } @{ $reply->{message} }),
		'and it is removed') if $want !~ /reject/;
}

$header->stop();

is($m->stop(), 0, 'it stops cleanly');
$t->done();
