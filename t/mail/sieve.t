#!/usr/bin/perl

# Junk is ours, whatever a user's own script says; the rest is the user's.

use warnings;
use strict;

use Test::More;

use lib 't/lib';
use Test::Mailportal::Mail qw/ outcome /;

my $mail = Test::Mailportal::Mail->new();
my $t = $mail->t();
my @doveadm = ('doveadm', '-c', $t->env('MP_DOVECOT_CONFIG'), 'sieve');

$mail->base();

my $script = $t->write_file('mine.sieve', <<'END');
require ["fileinto", "mailbox", "copy"];
if header :contains "Subject" "mp-" {
    fileinto :copy :create "Mine";
    keep;
}
END

my ($rc, $out) = $t->program('sh', '-c', "@doveadm put -u "
	. $mail->user() . " -a mine < $script");
is($rc, 0, 'a user has a script that keeps everything') or diag($out);


sub in_mine {
	my ($sent) = @_;

	return scalar $mail->_search($sent, 'Mine');
}


my $sent = $mail->send(score => 1);
is(outcome($mail, $sent), 'INBOX', 'a message goes where it says');
is(in_mine($sent), 1, 'and there, too');

$sent = $mail->send(score => 5);
is(outcome($mail, $sent), 'Junk', 'spam goes into Junk');
is($mail->copies($sent), 1, 'once');
is(in_mine($sent), 0, 'and nowhere else');

$sent = $mail->send(score => 1, first => ['X-Spam: Yes']);
is(outcome($mail, $sent), 'INBOX', 'what a stranger marks is not Junk');

$mail->done();
