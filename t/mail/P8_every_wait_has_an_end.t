#!/usr/bin/perl

# P8: who stands still holds up nobody: every answer here comes while the
# other is still stopped.

use warnings;
use strict;

use Test::More;

use lib 't/lib';
use Test::Mailportal::Mail qw/ outcome /;

my $mail = Test::Mailportal::Mail->new();
my $t = $mail->t();
my $cookie = $t->role('MasterAdmin');

$mail->put(blacklist => 'bad.example');
$mail->enforced('x@bad.example', 550);
$mail->base();


sub stat_of {
	my ($name) = @_;

	return $t->redis('HGET', 'mp:{stat}:milter:' . $t->env('MP_NODE'),
		$name) // 0;
}


# Redis: MAIL is answered from memory, the end of a message without it

$mail->signal(STOP => 'redis');
my $smtp = $mail->session();
like($smtp->mail_from('x@bad.example'), qr/^550/,
	'Redis stands still: MAIL is refused');
like($smtp->mail_from('x@fine.example'), qr/^250/, 'or accepted');
$smtp->cmd('RSET');
is(outcome($mail, $mail->send(session => $smtp)), 'INBOX',
	'a message is delivered');
is(outcome($mail, $mail->send(session => $smtp, score => 5)), 'Junk',
	'spam is filed');
my $sent = $mail->send(session => $smtp, score => 3.5);
like($sent->{reply}, qr/^[24]/, 'what greylisting is for gets an answer');
$smtp->quit();

for my $path ('/api/v1/settings', '/api/v1/nodes', '/healthz') {
	my $r = eval { $t->http(GET => $path, cookie => $cookie) };
	ok($r, "$path is answered") or diag($@);
}
is($t->api(PUT => '/lists/blacklist/entries/x.example', json => {},
	cookie => $cookie)->{status}, 503, 'a change is refused');
is(eval { $t->http(GET => '/')->{status} } // $@, 200,
	'the pages are there');
$mail->signal(CONT => 'redis');

# rspamd: a deadline, then a circuit breaker

$mail->signal(STOP => 'rspamd');
my @sent = map { $mail->send() } 1 .. 7;
is(join(' ', map { outcome($mail, $_) } @sent), join(' ', ('INBOX') x 7),
	'rspamd stands still: messages are delivered without a score');
ok($t->wait_for(sub { stat_of('breaker_open') > 0 }, 20, 'the breaker'),
	'the breaker has opened');
like($mail->send(from => 'x@bad.example')->{reply}, qr/^550/,
	'the lists hold');
$mail->signal(CONT => 'rspamd');
ok($t->wait_for(sub {
	outcome($mail, $mail->send(score => 12)) eq '550';
}, 60, 'a score'), 'and messages are scored again');

# the milter: Postfix does not wait for it either

$mail->signal(STOP => 'milter');
is(outcome($mail, $mail->send()), 'INBOX',
	'the milter stands still: mail is delivered');
$mail->signal(CONT => 'milter');
ok($t->wait_for(sub {
	$mail->send(from => 'x@bad.example')->{reply} =~ /^550/;
}, 30, 'the milter'), 'and judged again');

$mail->done();
