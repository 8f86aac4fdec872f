#!/usr/bin/perl

# Real scores of the real rspamd, at and beside every threshold.

use warnings;
use strict;

use Test::More;

use lib 't/lib';
use Test::Mailportal::Mail qw/ outcome /;

# long enough that two messages in a row are within it

my $mail = Test::Mailportal::Mail->new(
	options => ['--greylist-delay', '3s']);
my $t = $mail->t();


# A sender that nobody has seen, for each score; numbers in an address are
# all the same to the greylist.

sub sender {
	my ($score) = @_;
	my $name = $score =~ tr/0-9./a-k/r;

	return "$name\@scores.example";
}


sub says {
	my ($score, $want, $what) = @_;
	my $sent = $mail->send(score => $score, from => sender($score));

	is(outcome($mail, $sent), $want, "$score is $what");
	return $sent;
}


sub retried {
	my ($score, $want) = @_;
	my $sent;

	$t->wait_for(sub {
		$sent = $mail->send(score => $score, from => sender($score));
		return $sent->{ok};
	}, 60, "$score after its delay");
	is(outcome($mail, $sent), $want,
		"$score is delivered when it is tried again after the delay");

	return $sent;
}


my $sent = says(2.9, 'INBOX', 'delivered');
is($mail->header($sent, 'X-Spam-Score'), '2.90', 'its score is in a header');
like($mail->header($sent, 'X-Spam-Status'), qr/^No, score=2\.90/,
	'and it is said to be no spam');
is(scalar $mail->header($sent, 'X-Spam'), undef, 'without a mark');

for my $score (3, 3.99) {
	$sent = says($score, 451, 'deferred');
	like($sent->{reply}, qr/^451 4\.7\.1 /, 'with the greylisting code');
	$sent = $mail->send(score => $score, from => sender($score));
	is(outcome($mail, $sent), 451, "$score is deferred again at once");
	$sent = retried($score, 'INBOX');
	is($mail->header($sent, 'X-Spam-Score'), sprintf('%.2f', $score),
		'with its score in a header');
	is(scalar $mail->header($sent, 'X-Spam'), undef, 'without a mark');
}

for my $score (4, 9.99) {
	$sent = says($score, 'Junk', 'filed into Junk');
	is($mail->header($sent, 'X-Spam'), 'Yes', 'it is marked');
	is($mail->header($sent, 'X-Spam-Score'), sprintf('%.2f', $score),
		'with its score');
	like($mail->header($sent, 'X-Spam-Status'), qr/^Yes, score=/,
		'and its status');
}

$sent = says(10, 550, 'refused');
like($sent->{reply}, qr/^550 5\.7\.1 /, 'with the policy code');

$sent = $mail->send(body => 'XJS*C4JDBQADN1.NSBN3*2IDNEN*'
	. 'GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X');
is(outcome($mail, $sent), 550, 'GTUBE is refused, though it has no score');

# each threshold moves its own boundary

my $res = $mail->settings(reject => 20, add_header => 8, defer => 6);
is($res->{status}, 200, 'the thresholds are changed');
ok($mail->settled($res), 'and are in force at the milter');

says(5.99, 'INBOX', 'delivered now');
says(6, 451, 'deferred now');
says(8, 'Junk', 'filed into Junk now');
says(19.99, 'Junk', 'filed into Junk now');
says(20, 550, 'refused now');

ok($mail->settled($mail->settings(reject => 999, add_header => 999,
	defer => 999)), 'all levels are switched off');
says(900, 'INBOX', 'delivered when all levels are off');

$mail->done();
