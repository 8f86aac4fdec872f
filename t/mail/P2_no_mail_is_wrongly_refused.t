#!/usr/bin/perl

# P2: a refusal has a reason: an entry of a list, or a valid score.  An
# answer of a scanner that is none refuses nothing.

use warnings;
use strict;

use IO::Socket::INET;
use POSIX ();
use Test::More;

use lib 't/lib';
use Test::Mailportal::Mail qw/ outcome /;

my $mail = Test::Mailportal::Mail->new();
my $t = $mail->t();

$mail->base();
is(outcome($mail, $mail->send(score => 12)), 550,
	'the real scanner refuses by its score');

# a scanner that answers what we want

$t->stop('rspamd');
my $file = $t->write_file('answer', '');
my $listen = IO::Socket::INET->new(Listen => 16, ReuseAddr => 1,
	LocalAddr => '127.0.0.1', LocalPort => $t->port('rspamd'))
	or die "port of rspamd: $!\n";

my $child = fork() // die "fork: $!\n";
if ($child == 0) {
	scanner();
	POSIX::_exit(0);
}
close $listen;


sub scanner {
	$SIG{INT} = $SIG{TERM} = 'DEFAULT';
	$SIG{PIPE} = 'IGNORE';
	while (my $sock = $listen->accept()) {
		my $request = '';
		until ($request =~ /\r\n\r\n/) {
			sysread $sock, $request, 65536, length $request or last;
		}
		my ($size) = $request =~ /^Content-Length: (\d+)/mi;
		my $want = index($request, "\r\n\r\n") + 4 + ($size // 0);
		while (length $request < $want) {
			sysread $sock, $request, 65536, length $request or last;
		}
		syswrite $sock, $t->read_file('answer');
		close $sock;
	}
	return;
}


sub answer {
	my ($body, $first) = @_;

	$t->write_file('answer', ($first // 'HTTP/1.1 200 OK')
		. "\r\nConnection: close\r\nContent-Type: application/json\r\n"
		. 'Content-Length: ' . length($body) . "\r\n\r\n$body");
	return;
}


sub score {
	my ($text) = @_;

	return '{"is_skipped":false,"score":' . $text
		. ',"required_score":null,"action":"no action","symbols":{}}';
}


my @nonsense = (
	['a score that is no number', score('NaN')],
	['a score beyond all numbers', score('1e400')],
	['a score in quotes', score('"12"')],
	['a score that is null', score('null')],
	['a list for a score', score('[12]')],
	['no score', '{"is_skipped":false,"action":"no action"}'],
	['no JSON', '<html>reject</html>'],
	['half an object', '{"score": 12'],
	['a list', '[12]'],
	['nothing', ''],
	['an error', score('12'), 'HTTP/1.1 500 Internal Server Error'],
	['a redirect', score('12'), "HTTP/1.1 302 Found\r\nLocation: /x"],
	['no HTTP', score('12'), 'hello'],
);

for (@nonsense) {
	my ($what, @answer) = @$_;

	answer(score('12.5'));
	is(outcome($mail, $mail->send()), 550, "a good answer is believed");
	answer(@answer);
	my $sent = $mail->send();
	is(outcome($mail, $sent), 'INBOX', "$what refuses nothing");
	is(scalar $mail->header($sent, 'X-Spam'), undef, 'and marks nothing');
}

kill 'TERM', $child;
waitpid $child, 0;
$t->start('rspamd');
is(outcome($mail, $mail->send()), 'INBOX', 'nobody scans: accepted');

# a domain that was never listed is not refused, whatever becomes of Redis

is($mail->put(blacklist => 'bad.example')->{status}, 201, 'one is listed');
$mail->enforced('x@bad.example', 550);

for my $fault (['away', sub { $t->stop('redis') }],
	['back', sub { $t->start('redis') }],
	['emptied', sub { $t->redis('FLUSHALL') }])
{
	my ($what, $make) = @$fault;

	$make->();
	like($mail->send(from => 'x@bad.example')->{reply}, qr/^550/,
		"Redis is $what: the listed domain is refused");
	is(outcome($mail, $mail->send(from => 'x@fine.example')), 'INBOX',
		'and only that');
}

$mail->done();
