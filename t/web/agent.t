#!/usr/bin/perl

# What the agent does, started from the Actions page: a backup of Radicale and
# the address verification cache of Postfix.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use Test::Mailportal;
use Test::Mailportal::Radicale;
use Test::Mailportal::Sink;
use Test::Mailportal::Web;

my $t = Test::Mailportal->new(only =>
	[qw/ redis nginx agent dovecot milter radicale postfix /]);

browse($t, 'agent-first.js');

# two calendars
fill($t, 'alice@' . $t->env('MP_DOMAIN'));
fill($t, 'bob@' . $t->env('MP_DOMAIN'));

# one address that is known to be good, one to be bad
my $sink = Test::Mailportal::Sink->new($t->dir() . '/sink',
	rcpt => '550 5.1.1 nobody here');
my $port = $sink->port();
my $head = $t->api(GET => '/settings', role => 'MasterAdmin');
$t->api(PATCH => '/settings', role => 'MasterAdmin',
	headers => { 'If-Match' => $head->{headers}{etag} },
	json => { relayhost => { host => '[127.0.0.1]', port => $port,
		tls => 'none' } });
$t->program('postconf', '-c', $t->env('MP_POSTFIX_CONFIG'), @$_) for
	['smtpd_sender_restrictions=reject_unverified_sender',
	'address_verify_poll_count=5', 'address_verify_poll_delay=1s',
	'unverified_sender_reject_code=550'];
$t->program('postfix', '-c', $t->env('MP_POSTFIX_CONFIG'), 'reload');

sub sender {
	my ($address) = @_;
	my $smtp = $t->smtp_open(xclient => { ADDR => '192.0.2.9',
		NAME => 'mx.elsewhere.example' });

	$smtp->cmd("MAIL FROM:<$address>");
	my $reply = $smtp->cmd('RCPT TO:<' . $t->env('MP_USER') . '>');
	$smtp->quit();
	return $reply;
}

ok($t->wait_for(sub { sender('bad@elsewhere.example') =~ /^550/ }, 60),
	'a sender that nobody knows is refused');
$sink->stop();
$sink = Test::Mailportal::Sink->new($t->dir() . '/sink', port => $port);
ok($t->wait_for(sub { sender('good@elsewhere.example') =~ /^250/ }, 60),
	'one that is known is taken');

browse($t, 'agent.js');

ok($t->wait_for(sub { sender('bad@elsewhere.example') =~ /^250/ }, 60),
	'the sender is asked about again, and taken');
$sink->stop();

$t->done();
