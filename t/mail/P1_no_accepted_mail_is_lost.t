#!/usr/bin/perl

# P1: what was answered with 250 is in a mailbox, once, whatever dies.
# P2 on the way: no fault makes a refusal.

use warnings;
use strict;

use Test::More;

use lib 't/lib';
use Test::Mailportal::Mail;

my $mail = Test::Mailportal::Mail->new();
my $t = $mail->t();


sub crash_and_start {
	my ($name) = @_;

	return (sub { $mail->crash($name) }, sub { $t->start($name) });
}


sub stop_and_go {
	my ($name) = @_;

	return (sub { $mail->signal(STOP => $name) },
		sub { $mail->signal(CONT => $name) });
}


my @faults = (
	['Redis is killed', crash_and_start('redis')],
	['Redis is restarted', sub { $t->restart('redis') }, sub { }],
	['Redis stands still', stop_and_go('redis')],
	['Redis is full', sub { $t->redis(qw/ CONFIG SET maxmemory 1mb /) },
		sub { $t->redis(qw/ CONFIG SET maxmemory 0 /) }],
	['rspamd is killed', crash_and_start('rspamd')],
	['rspamd stands still', stop_and_go('rspamd')],
	['the milter is killed', crash_and_start('milter')],
	['the milter stands still', stop_and_go('milter')],
	['nginx is killed', crash_and_start('nginx')],
	['Redis is emptied', sub { $t->redis('FLUSHALL') }, sub { }],
);

for (@faults) {
	my ($what, $break, $mend) = @$_;
	my @sent = $mail->traffic(10, $break, $mend);

	is(scalar @sent, 10, "$what: every message gets an answer");
	is(scalar(grep { $_->{ok} } @sent), 10, 'each is accepted')
		or diag(map { "$_->{reply}\n" } grep { !$_->{ok} } @sent);
	is(join('; ', $mail->not_once(@sent)), '', 'and delivered once');
}

# in the middle of a message, at each step

for my $step (qw/ mail rcpt data /) {
	my $smtp = $mail->session();
	my %sent = (subject => "cut-$step", to => $mail->user());
	my @lines = (mail => 'MAIL FROM:<a@stranger.example>',
		rcpt => 'RCPT TO:<' . $mail->user() . '>', data => 'DATA');

	while (my ($name, $line) = splice @lines, 0, 2) {
		$smtp->cmd($line);
		$mail->crash('milter') if $name eq $step;
	}

	my $reply = $smtp->cmd($mail->text(%sent) =~ s/\n/\r\n/gr . '.');
	$smtp->quit();
	like($reply, qr/^(?:250|4)/,
		"the milter is killed after $step: no refusal");
	is($mail->where(\%sent, $reply =~ /^250/ ? 20 : 1),
		$reply =~ /^250/ ? 'INBOX' : '', 'and what was accepted is there');
	$t->start('milter');
}

my $sent = $mail->send(score => 12);
like($sent->{reply}, qr/^550/, 'at the end, mail is judged again');

$t->allow(qr/exited on signal 9/);
$mail->done();
