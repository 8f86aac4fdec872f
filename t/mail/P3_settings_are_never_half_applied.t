#!/usr/bin/perl

# P3: a message sees one version of the settings from MAIL to its end.

use warnings;
use strict;

use POSIX ();
use Test::More;

use lib 't/lib';
use Test::Mailportal::Mail qw/ outcome /;

my $mail = Test::Mailportal::Mail->new();
my $t = $mail->t();
my %low = (reject => 10, add_header => 4, defer => 3);
my %high = (reject => 30, add_header => 25, defer => 20);

# a change between MAIL and the end of the message

$mail->base();
my $smtp = $mail->session();
my %sent = (subject => 'flip', to => $mail->user(), ok => 1, score => 12);

$smtp->mail_from('a@stranger.example');
ok($mail->settled($mail->settings(%high)), 'the thresholds are raised');
$smtp->cmd('RCPT TO:<' . $mail->user() . '>');
$smtp->cmd('DATA');
like($smtp->cmd($mail->text(%sent) =~ s/\n/\r\n/gr . '.'), qr/^550/,
	'a message that had begun is judged by the version of its MAIL');

my $sent = $mail->send(session => $smtp, score => 12);
is(outcome($mail, $sent), 'INBOX', 'the next one by the new version');

$smtp->mail_from('a@stranger.example');
ok($mail->settled($mail->settings(%low)), 'the thresholds are lowered');
$smtp->cmd('RCPT TO:<' . $mail->user() . '>');
$smtp->cmd('DATA');
$sent{subject} = 'flop';
$smtp->cmd($mail->text(%sent) =~ s/\n/\r\n/gr . '.');
is($mail->where(\%sent), 'INBOX', 'the same in the other direction');
$smtp->quit();

# many changes under traffic: 12 is refused by one set and delivered by the
# other; a mixture would file it into Junk or defer it

my $child = fork() // die "fork: $!\n";
if ($child == 0) {
	$SIG{INT} = $SIG{TERM} = 'DEFAULT';
	for (1 .. 200) {
		eval { $mail->settings($_ % 2 ? %high : %low) };
	}
	POSIX::_exit(0);
}

my %seen;
while (waitpid($child, POSIX::WNOHANG()) == 0) {
	$sent = $mail->send(score => 12);
	$seen{outcome($mail, $sent)}++;
}

diag(join ', ', map { "$_: $seen{$_}" } sort keys %seen);
cmp_ok($seen{550} // 0, '>', 0, 'some messages met one version');
cmp_ok($seen{INBOX} // 0, '>', 0, 'some the other');
is(join(' ', grep { !/^(?:550|INBOX)$/ } sort keys %seen), '',
	'none a mixture');

$mail->done();
