#!/usr/bin/perl

# Scores of the real rspamd: what each level does, the headers, GTUBE, and
# thresholds that change while a message is on its way (P3).

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use Test::Mailportal;
use Test::Mailportal::Milter;

my $t = Test::Mailportal->new(only => [qw/ redis rspamd /]);
my $m = Test::Mailportal::Milter->new($t, conf => {
	score_source => 'rspamd', greylist_delay => '2s',
	rspamd_url => 'http://127.0.0.1:' . $t->port('rspamd') });

my $gtube = 'XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-'
	. "EMAIL*C.34X\r\n";


sub headers {
	my ($points, $from) = @_;
	my $address = $from // '<a@sender.example>';

	return [['Date', 'Mon, 01 Jun 2026 10:00:00 +0000'],
		['From', "A $address"], ['To', 'user@demo.example'],
		['Message-ID', '<1@sender.example>'], ['Subject', 'test'],
		['MIME-Version', '1.0'],
		['Content-Type', 'text/plain; charset=us-ascii'],
		defined $points ? ['X-MP-Test-Score', $points] : ()];
}


sub send_one {
	my ($points, %opt) = @_;
	my $session = $m->session();
	my $reply = $session->message(
		headers => headers($points, $opt{from}), %opt);

	$session->quit();
	return $reply;
}


sub value {
	my ($reply, $name) = @_;

	return join '|', map { $_->[1] } grep { lc $_->[0] eq lc $name }
		@{ $reply->{message} };
}

my $plain = send_one();
my $base = value($plain, 'X-Spam-Score');
like($base, qr/^-?\d+\.\d\d$/, "an ordinary message has a score, $base");


sub scored {
	my ($points, %opt) = @_;

	return send_one(sprintf('%.2f', $points - $base), %opt);
}

my $n = 0;


# A fresh sender each time, so that the greylist knows none.

sub outcome {
	my ($points) = @_;
	my $reply = scored($points, from => '<a@' . chr(97 + $n++)
		. '.fresh.example>');

	return "reject: $reply->{text}" if $reply->{is} eq 'reject';
	return 'defer' if $reply->{is} eq 'tempfail';
	return value($reply, 'X-Spam') eq 'Yes' ? 'junk' : 'pass';
}

is(outcome(2.9), 'pass', '2.9 is delivered');
is(outcome(2.99), 'pass', '2.99 is delivered');
is(outcome(3), 'defer', '3 is deferred');
is(outcome(3.99), 'defer', '3.99 is deferred');
is(outcome(4), 'junk', '4 is junk');
is(outcome(9.99), 'junk', '9.99 is junk');
is(outcome(10), 'reject: 550 5.7.1 Message refused as spam', '10 is refused');

# headers
my $reply = scored(5.4);
is(value($reply, 'X-Spam'), 'Yes', 'junk says X-Spam: Yes');
is(value($reply, 'X-Spam-Flag'), 'YES', 'and X-Spam-Flag: YES');
is(value($reply, 'X-Spam-Score'), '5.40', 'its score has two decimals');
is(value($reply, 'X-Spam-Level'), '*****', 'a star a point');
is(value($reply, 'X-Spam-Status'), 'Yes, score=5.40 required=4.00',
	'and the status says both');
is($reply->{message}[0][0], 'X-Spam', 'ours stand on top');

$reply = scored(1.25);
is(value($reply, 'X-Spam'), '', 'ham has no X-Spam');
is(value($reply, 'X-Spam-Flag'), '', 'nor a flag');
is(value($reply, 'X-Spam-Score'), '1.25', 'but its score');
is(value($reply, 'X-Spam-Status'), 'No, score=1.25 required=4.00',
	'and a status');

$reply = scored(-7.5);
is(value($reply, 'X-Spam-Score'), '-7.50', 'a score below zero');
is(value($reply, 'X-Spam-Level'), '', 'has no star');

# an MTA without the leading blank, and without anything
for my $offer (0x0fffff, 0) {
	my $session = $m->session(offer => $offer);
	$reply = $session->message(headers => headers(6));
	like(value($reply, 'X-Spam-Status'), qr/^Yes, score=\d\.\d\d /,
		sprintf('an MTA that offers %#x gets clean values', $offer));
	$session->quit();
}

# spoofed: eight of them in odd order
$reply = scored(1, headers => [
	['X-Spam', 'No'], ['X-Spam-Flag', 'NO'], @{ headers(1) },
	['x-spam', 'no'], ['X-SPAM', 'never'], ['X-Spam ', 'blank'],
	['X-Spam-Status', 'No, score=-99'], ['X-Spamd-Result', 'ok'],
	['X-Rspamd-Server', 'mine'], ['X-Spam-Flag', 'NO'],
	['X-Spam-Score', '-99'], ['X-Other', 'stays']]);
is(value($reply, 'X-Spam'), '', 'no spoofed X-Spam survives');
is(value($reply, 'X-Spam-Flag'), '', 'nor a flag');
is(value($reply, 'X-Spamd-Result'), '', 'nor what looks like rspamd\'s');
is(value($reply, 'X-Rspamd-Server'), '', 'in any name');
is(scalar(() = value($reply, 'X-Spam-Status') =~ /score=/g), 1,
	'one status is left, ours');
is(scalar(() = value($reply, 'X-Spam-Score') =~ /\./g), 1,
	'one score is left, ours');
is(value($reply, 'X-Other'), 'stays', 'another header stays');

# GTUBE, which rspamd refuses although its actions are off
$reply = send_one(undef, body => $gtube);
is($reply->{text}, '550 5.7.1 Message refused by the content scanner',
	'GTUBE is refused');

# the greylist
my %again = (from => '<bob+tag1@grey.example>', to => ['<x@demo.example>',
	'<y@demo.example>']);
$reply = scored(3.5, %again);
is($reply->{is}, 'tempfail', 'the first attempt is deferred');
like($reply->{text},
	qr/^451 4\.7\.1 Greylisted, please try again in 2 seconds$/,
	'with the time it takes');
is(scored(3.5, %again)->{is}, 'tempfail', 'too early a retry is, too');
is(scored(3.5, %again, from => '<BOB+tag2@grey.example>',
	to => ['<y@demo.example>', '<x@demo.example>'])->{is}, 'tempfail',
	'a new tag and another order are the same sender');
ok($t->wait_for(sub {
	my $r = scored(3.5, %again);
	$r->{is} eq 'continue' && value($r, 'X-Spam-Score') eq '3.50' }, 10),
	'after the delay it is taken, with its score');
is(scored(3.5, %again)->{is}, 'continue', 'and from then on at once');
is(scored(3.5, %again, macros => { '{client_addr}' => '192.0.2.200' })
	->{is}, 'continue', 'also from another machine of its network');
is(scored(3.5, %again, macros => { '{client_addr}' => '198.51.100.1' })
	->{is}, 'tempfail', 'from another network it is deferred');
is(scored(3.5, %again, to => ['<z@demo.example>'])->{is}, 'tempfail',
	'other recipients are deferred');
my @keys = grep { /^mp:grey:[0-9a-f]{32}$/ } @{ $t->_keys() };
cmp_ok(scalar @keys, '>=', 2, 'the greylist is in Redis, by hash');
is(scalar(grep { $t->redis('PTTL', $_) <= 0 } @keys), 0,
	'and each entry has its end');
my $month = 30 * 86400 * 1000;
is(scalar(grep { $t->redis('PTTL', $_) > $month } @keys), 1,
	'who came back is known for longer, and nobody else');

# changing the thresholds moves each boundary
my $version = Test::Mailportal::Milter::publish($t, 'antispam.reject' => 6,
	'antispam.add_header' => 2, 'antispam.defer' => 1);
ok($m->settings_in_force($version), 'new thresholds come into force');
is(outcome(0.99), 'pass', '0.99 is delivered now');
is(outcome(1), 'defer', '1 is deferred');
is(outcome(2), 'junk', '2 is junk');
is(outcome(5.99), 'junk', '5.99 is junk');
like(outcome(6), qr/^reject/, '6 is refused');

$version = Test::Mailportal::Milter::publish($t, 'antispam.reject' => 999,
	'antispam.add_header' => 999, 'antispam.defer' => 999);
ok($m->settings_in_force($version), 'all levels are switched off');
is(outcome(500), 'pass', '500 is delivered');

# P3: one version from MAIL to the end
$version = Test::Mailportal::Milter::publish($t, 'antispam.reject' => 10,
	'antispam.add_header' => 4, 'antispam.defer' => 3);
ok($m->settings_in_force($version), 'the first thresholds are back');
$reply = scored(8, before_end => sub {
	my $now = Test::Mailportal::Milter::publish($t,
		'antispam.reject' => 5);
	$m->settings_in_force($now);
});
is($reply->{is}, 'continue', 'P3: a message is judged by the version that '
	. 'was in force at MAIL');
is(scored(8)->{is}, 'reject', 'P3: and the next one by the new version');

# a whitelisted sender
my $id = Test::Mailportal::Milter::change($t, 'add', 'white',
	'friend.example');
ok($m->lists_in_force($id), 'a sender is whitelisted');
$reply = scored(50, from => '<a@mail.friend.example>', headers =>
	[['X-Spam', 'Yes'], @{ headers(50) }]);
is($reply->{is}, 'continue', 'its mail is taken whatever the score');
is(value($reply, 'X-Spam-Score'), '', 'and was not scanned');
is(value($reply, 'X-Spam'), '', 'spoofed headers go all the same');

# trusted clients
for my $case (
	[{ '{auth_authen}' => 'alice@demo.example' }, 'a signed-in sender'],
	[{ '{daemon_name}' => 'ORIGINATING' }, 'a trusted daemon'])
{
	my ($macros, $what) = @$case;
	is(scored(50, macros => $macros)->{is}, 'accept',
		"$what is accepted untouched");
}

ok($t->wait_for(sub { $m->counter('trusted') == 2 }, 5), 'which is counted');
cmp_ok($m->counter('junk'), '>', 3, 'as is junk');
cmp_ok($m->counter('reject'), '>', 2, 'as is what is refused');
cmp_ok($m->counter('greylisted'), '>', 2, 'and what is deferred');
is($m->counter('pre_result'), 1, 'and GTUBE');
my $near = Test::Mailportal::Milter->new($t, conf => {
	score_source => 'none', trusted_networks => '192.0.2.0/24 ::1' });
$id = Test::Mailportal::Milter::change($t, 'add', 'black', 'foe.example');
ok($near->lists_in_force($id), 'networks may be trusted');
is($near->mail('<a@foe.example>', macros => { '{client_addr}' => $_->[0] }),
	$_->[1], "$_->[0] " . ($_->[1] eq 'accept' ? 'is' : 'is not'))
	for ['192.0.2.9', 'accept'], ['::1', 'accept'],
	['192.0.3.9', 'reject'], ['unknown', 'reject'], ['', 'reject'];
$near->stop();

ok((grep { /^mp:score:\d{10}$/ } @{ $t->_keys() }), 'scores are counted');

my $line = qr/^info: 4C316A72061: from \[192\.0\.2\.1\] \S+: junk by /m;
like($m->log(), qr/${line}add_header, score \d\.\d\d, settings version \d/,
	'each scan is one line of the log');

is($m->stop(), 0, 'it stops cleanly');
$t->done();
