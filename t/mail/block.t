#!/usr/bin/perl

# From a click to a refused message.

use warnings;
use strict;

use Test::More;

use lib 't/lib';
use Test::Mailportal::Mail qw/ outcome /;

my $mail = Test::Mailportal::Mail->new();
my $t = $mail->t();

my $open = $mail->session();
my $sent = $mail->send(session => $open, from => 'x@mail.spam.example');
is($mail->where($sent), 'INBOX', 'a stranger is delivered');

my $res = $mail->put(blacklist => 'spam.example');
is($res->{status}, 201, 'the administrator blocks spam.example');

$mail->enforced('y@spam.example', 550);
like($open->mail_from('x@mail.spam.example'), qr/^550 5\.7\.1 /,
	'a session of before the click is refused at its next MAIL');
like($open->mail_from('x@spam.example'), qr/^550 5\.7\.1 /,
	'so is the domain itself');
like($open->mail_from('x@notspam.example'), qr/^250/,
	'a name that only ends so is not');
$open->cmd('RSET');
like($open->mail_from('x@example'), qr/^250/, 'nor is the parent');
$open->cmd('RSET');

$res = $mail->put(whitelist => 'good.spam.example');
is($res->{status}, 201, 'a longer rule lets a subdomain through');
$mail->enforced('x@good.spam.example', 250);
like($open->mail_from('x@good.spam.example'), qr/^250/,
	'the longest rule wins');
$open->cmd('RSET');
like($open->mail_from('x@mail.spam.example'), qr/^550/,
	'and only for what is below it');

$res = $mail->remove(blacklist => 'spam.example');
is($res->{status}, 204, 'the block is removed');
$mail->enforced('y@spam.example', 250);
$sent = $mail->send(session => $open, from => 'x@mail.spam.example');
is(outcome($mail, $sent), 'INBOX', 'the session is accepted again');
$open->quit();

$sent = $mail->send(from => 'x@good.spam.example', score => 50);
is(outcome($mail, $sent), 'INBOX',
	'mail of a whitelisted domain is delivered whatever its score');

$mail->done();
