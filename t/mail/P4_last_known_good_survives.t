#!/usr/bin/perl

# P4: lists and thresholds stay in force when Redis is away, stands still or
# is empty, and when the milter starts without it.

use warnings;
use strict;

use Test::More;

use lib 't/lib';
use Test::Mailportal::Mail qw/ outcome /;

my $mail = Test::Mailportal::Mail->new();
my $t = $mail->t();

is($mail->put(blacklist => 'bad.example')->{status}, 201, 'a blacklist');
is($mail->put(whitelist => 'good.example')->{status}, 201, 'a whitelist');
ok($mail->settled($mail->settings(reject => 7, add_header => 5, defer => 4)),
	'and thresholds');
$mail->enforced('x@bad.example', 550);


sub in_force {
	my ($when) = @_;

	like($mail->send(from => 'x@bad.example')->{reply}, qr/^550 5\.7\.1 /,
		"$when: the blacklist holds");
	is(outcome($mail, $mail->send(from => 'x@good.example', score => 9)),
		'INBOX', 'the whitelist holds');
	is(outcome($mail, $mail->send(score => 7)), 550,
		'the first threshold holds');
	is(outcome($mail, $mail->send(score => 6.9)), 'Junk',
		'and the second');
	return;
}


in_force('with Redis');

$mail->signal(STOP => 'redis');
in_force('Redis stands still');
$mail->signal(CONT => 'redis');

$mail->crash('redis');
in_force('Redis is killed');

$t->restart('milter');
in_force('the milter starts without Redis');

$mail->crash('milter');
$t->start('milter');
in_force('after a crash, too');

$t->start('redis');
in_force('Redis is back');

$t->redis('FLUSHALL');
in_force('Redis is empty');
$t->restart('milter');
in_force('the milter starts with an empty Redis');

# what was written anew on purpose is followed

my ($rc, $out) = $t->ctl('init');
isnt($rc, 0, 'the operator does not begin anew by mistake');
($rc, $out) = $t->ctl(qw/ init --anew /);
is($rc, 0, 'only on purpose') or diag($out);
ok($t->wait_for(sub {
	outcome($mail, $mail->send(from => 'x@bad.example')) eq 'INBOX';
}, 30, 'the new lists'), 'and the milter follows');

$mail->done();
