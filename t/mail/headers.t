#!/usr/bin/perl

# What strangers write into our headers is removed, all of it, and no more.

use warnings;
use strict;

use Test::More;

use lib 't/lib';
use Test::Mailportal::Mail qw/ outcome /;

my $mail = Test::Mailportal::Mail->new();

my @spoofed = ('X-Spam: Yes', 'x-spam: yes', 'X-SPAM: Yes', 'X-Spam: No',
	'X-Spam-Flag: YES', 'X-Spam-Status: No, score=-5.00',
	'X-Spam-Score: -5.00', 'x-spam-score: 99', 'X-Spam-Level: ****',
	'X-Spam-Bar: ++++', 'X-Spamd-Result: default', 'X-Spamd-Bar: /',
	'X-Rspamd-Score: 1', 'X-Rspamd-Server: elsewhere');

my $sent = $mail->send(first => \@spoofed);
is(outcome($mail, $sent), 'INBOX',
	'a stranger cannot file his own mail into Junk');

my $text = $mail->headers($sent);
my @score = $mail->header($sent, 'X-Spam-Score');
my @status = $mail->header($sent, 'X-Spam-Status');
is(scalar @score, 1, 'there is one score');
is($score[0], sprintf('%.2f', $mail->base()), 'and it is ours');
is(scalar @status, 1, 'there is one status');
like($status[0], qr/^No, score=/, 'and it is ours');
unlike($text, qr/^X-Spam(?:-Flag|-Level|-Bar)?:/mi, 'no mark is left');
unlike($text, qr/^X-(?:Spamd|Rspamd)-/mi, 'nor anything of a scanner');

$sent = $mail->send(first => ['X-Spam: No', 'X-Spam-Status: No'], score => 5);
is(outcome($mail, $sent), 'Junk', 'nor can he keep spam out of it');
is_deeply([$mail->header($sent, 'X-Spam')], ['Yes'], 'one mark, ours');

$sent = $mail->send(first => ['X-Spam-Report: mine', 'X-Mailer: mine']);
like($mail->headers($sent), qr/^X-Mailer: mine/m,
	'other headers are left alone');

$mail->put(whitelist => 'good.example');
$mail->t()->wait_for(sub {
	$sent = $mail->send(from => 'x@good.example', score => 50);
	return $sent->{ok};
}, 20, 'the whitelist');
$sent = $mail->send(from => 'x@good.example', first => \@spoofed);
is(outcome($mail, $sent), 'INBOX',
	'of a whitelisted sender they are removed too');
unlike($mail->headers($sent), qr/^X-Spam: /mi, 'without exception');

$mail->done();
