#!/usr/bin/perl

# Every way to write MAIL FROM, from a domain that is blacklisted,
# whitelisted, below a blacklisted one, or neither.

use warnings;
use strict;
use utf8;

use Test::More;

use lib 't/lib';
use Test::Mailportal::Mail;

my $mail = Test::Mailportal::Mail->new();
my $t = $mail->t();

# %s is the domain; the IDN forms have their own names below

my @forms = (
	['<u@%s>', 'plain'],
	['<U@%S>', 'capitals'],
	['<"a b"@%s>', 'a quoted local part'],
	['<"a@b"@%s>', 'an @ in quotes'],
	['<a@other.example@%s>', 'two @'],
	['<@relay.example,@b.example:u@%s>', 'a source route'],
	['<u@%s.>', 'a trailing dot'],
	['<%s!u>', 'a bang path'],
	['u@%s', 'no brackets'],
	['< u@%s >', 'blanks'],
	['<u%%x@%s>', 'a percent sign'],
	['<u@%s> SIZE=100', 'a parameter'],
);

my %domain = (
	blacklisted => ['bad.example', 550],
	'below a blacklisted one' => ['mail.sub.bad.example', 550],
	whitelisted => ['good.bad.example', 250],
	'on neither list' => ['other.example', 250],
	'longer than a listed name' => ['notbad.example', 250],
);

my %idn = (
	blacklisted => ['bücher.example', 'xn--bcher-kva.example', 550],
	'below a blacklisted one' =>
		['post.bücher.example', 'post.xn--bcher-kva.example', 550],
	whitelisted => ['gut.bücher.example', 'gut.xn--bcher-kva.example', 250],
	'on neither list' => ['müller.example', 'xn--mller-kva.example', 250],
);

for (['blacklist', 'bad.example'], ['whitelist', 'good.bad.example'],
	['blacklist', 'xn--bcher-kva.example'],
	['whitelist', 'gut.xn--bcher-kva.example'])
{
	is($mail->put(@$_)->{status}, 201, "$_->[1] is put on the $_->[0]");
}

$mail->enforced('u@bad.example', 550);
$mail->enforced('u@xn--bcher-kva.example', 550);
$mail->enforced('u@gut.xn--bcher-kva.example', 250);
$mail->enforced('u@good.bad.example', 250);


sub answered {
	my ($form, $code, $what) = @_;

	# Postfix ends a session that makes too many errors
	my $session = $mail->session();

	utf8::encode($form);
	my $reply = $session->cmd("MAIL FROM:$form");
	like($reply, qr/^$code/, $what);
	$session->quit();
	return;
}


for my $case (sort keys %domain) {
	my ($name, $code) = @{ $domain{$case} };

	for (@forms) {
		my ($form, $what) = @$_;
		my $upper = uc $name;
		$form =~ s/%S/$upper/ or $form =~ s/(?<!%)%s/$name/;
		$form =~ s/%%/%/;
		answered($form, $code, "$what, $case: $form");
	}
}

for my $case (sort keys %idn) {
	my ($unicode, $ascii, $code) = @{ $idn{$case} };
	my $capitals = uc $ascii;

	answered("<u\@$ascii>", $code, "A-labels, $case");
	answered("<u\@$capitals>", $code, "A-labels in capitals, $case");
	answered("<u\@$unicode> SMTPUTF8", $code, "U-labels, $case");
}

# literals and the null sender are on no list

for my $form ('<u@[192.0.2.1]>', '<u@[IPv6:2001:db8::1]>', '<>', '<u>') {
	answered($form, 250, "no domain: $form");
}

answered('<u@bücher.example>', 501,
	'U-labels without SMTPUTF8 are refused by Postfix itself');

$mail->done();
