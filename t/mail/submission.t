#!/usr/bin/perl

# Mail of our own people is not judged: by submission, or by a login that
# XCLIENT stands for.

use warnings;
use strict;

use Test::More;

use lib 't/lib';
use Test::Mailportal::Mail qw/ outcome /;

my $mail = Test::Mailportal::Mail->new();
my $t = $mail->t();
my $user = $mail->user();
my @auth = ($user, $t->env('MP_USER_PASSWORD'));

is($mail->put(blacklist => $t->env('MP_DOMAIN'))->{status}, 201,
	'the own domain is blacklisted');
$mail->enforced($user, 550);

my $smtp = $t->smtp_open(port => 'submission');
like($smtp->mail_from($user), qr/^250/, 'submission is not judged at MAIL');
like($smtp->cmd("RCPT TO:<$user>"), qr/^5/, 'but wants a password');
$smtp->quit();

$smtp = $t->smtp_open(port => 'submission', auth => [$user, 'wrong']);
$smtp->mail_from($user);
like($smtp->cmd("RCPT TO:<$user>"), qr/^5/, 'and the right one');
$smtp->quit();

my $sent = $mail->send(from => $user, score => 50,
	session => $t->smtp_open(port => 'submission', auth => \@auth),
	first => ['X-Spam-Score: 1.00']);
is(outcome($mail, $sent), 'INBOX',
	'with it, neither list nor score is asked');
is_deeply([$mail->header($sent, 'X-Spam-Score')], ['1.00'],
	'and the message is as it was written');

$sent = $mail->send(from => $user, score => 50, session => $t->smtp_open(
	xclient => { ADDR => '192.0.2.10', LOGIN => $user }));
is(outcome($mail, $sent), 'INBOX', 'so it is with a login at the MX');

$sent = $mail->send(from => $user, session => $t->smtp_open());
is(outcome($mail, $sent), 550,
	'a client on this machine is nobody special');

$mail->done();
