#!/usr/bin/perl

# The pages of the relayhost and of the system mailer, with servers that take
# mail and some that do not.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use Test::Mailportal;
use Test::Mailportal::Sink;
use Test::Mailportal::Web;

my $t = Test::Mailportal->new(only =>
	[qw/ redis nginx agent dovecot milter postfix /]);
my $relay = Test::Mailportal::Sink->new($t->dir() . '/relay',
	auth => { 'mail@relay' => 'right' });
my $mailer = Test::Mailportal::Sink->new($t->dir() . '/mailer');

{
	local $ENV{MP_RELAY_PORT} = $relay->port();
	local $ENV{MP_MAILER_PORT} = $mailer->port();
	local $ENV{MP_DEAD_PORT} = $t->base() + 10;
	browse($t, 'relay.js');
}

is_deeply([map { $_->{to}[0] } $mailer->messages()],
	[qw/ ann@example.org bob@example.org /], 'each test mail came once');

# what is in force is what Postfix does
my $smtp = $t->smtp_open(port => 'submission',
	auth => [$t->env('MP_USER'), $t->env('MP_USER_PASSWORD')]);
$smtp->cmd('MAIL FROM:<' . $t->env('MP_USER') . '>');
$smtp->cmd('RCPT TO:<far@elsewhere.example>');
$smtp->cmd('DATA');
$smtp->cmd("Subject: far\r\n\r\nhello\r\n.");
$smtp->quit();
ok($t->wait_for(sub {
	$t->program('postqueue', '-c', $t->env('MP_POSTFIX_CONFIG'), '-f');
	grep { $_->{to}[0] eq 'far@elsewhere.example' } $relay->messages() }, 60),
	'mail goes to the relayhost that the page has set');
is(($relay->messages())[-1]{user}, 'mail@relay', 'with its name');

browse($t, 'relay-off.js');
is($t->read_file('data/maps/relayhost'), '', 'Postfix has none any more');

$_->stop() for $relay, $mailer;
$t->done();
