#!/usr/bin/perl

# The page of what became of messages: of real ones, which were delivered,
# filed as junk, refused, greylisted and deferred.

use warnings;
use strict;

use lib 't/lib';

use POSIX ();
use Test::More;
use Test::Mailportal::Mail;
use Test::Mailportal::Web;

my $m = Test::Mailportal::Mail->new(
	only => [qw/ redis rspamd dovecot postfix milter agent nginx /],
	options => ['--greylist-delay', '60s']);
my $t = $m->t();
my $user = $m->user();

sub rows {
	my ($q) = @_;
	my $res = $t->api(GET => "/trace?q=$q", role => 'MasterAdmin');
	return @{ $res->{json}{messages} // [] };
}

sub traced {
	my ($q, $ok, $name) = @_;
	return ok($t->wait_for(sub { my ($row) = rows($q); $row && $ok->($row) },
		30), $name);
}

browse($t, 'trace-none.js');

$m->put('blacklist', 'black.example');
$m->put('whitelist', 'white.example');
$m->enforced('x@black.example', 550);

my %score = (good => 0, junk => 5, spam => 30, grey => 3.5);
$m->send(from => "$_\@$_.example", score => $score{$_}) for sort keys %score;
$m->send(from => 'x@mail.black.example');
$m->send(from => 'y@white.example', score => 30);

my $session = $m->session();
$session->cmd('EHLO mx.example');
$session->mail_from('lost@four.example');
$session->cmd('RCPT TO:<nobody@nowhere.example>');
$session->quit();

# a stranger's address is markup
my $smtp = $m->session();
$smtp->message(from => '"<img/src=x/onerror=window.__x=1>"@html.example',
	to => $user, data => "Subject: <script>window.__x=1</script>\n"
	. "From: <a\@html.example>\nTo: <$user>\nX-MP-Test-Score: -5\n"
	. "Message-ID: <<b>bold</b>\@html.example>\n\nA line.\n");
$smtp->quit();

traced("$_\@$_.example", sub { $_[0]{verdict} }, "the verdict on $_")
	for qw/ spam grey /;
traced($_, sub { $_[0]{verdict} && $_[0]{to}[0]{folder} }, "that on $_")
	for qw/ good@good.example junk@junk.example y@white.example html.example /;

# one that waits for Dovecot
$t->stop('dovecot');
$m->send(from => 'wait@six.example', score => 0);
traced('wait@six.example',
	sub { $_[0]{outcome} eq 'deferred' && $_[0]{verdict} },
	'a message waits');

# a page, and more, of others
my $now = time();
open my $fh, '>>', $t->dir() . '/log/mail.log' or die "mail.log: $!\n";
for my $n (1 .. 120) {
	my $id = sprintf 'AB%08X', $n;
	my $head = POSIX::strftime('%b %e %H:%M:%S',
		localtime($now - 600 + $n)) . ' mx';
	print {$fh} "$head postfix/smtpd[9]: $id: client=many[203.0.113.11]\n",
		"$head postfix/qmgr[8]: $id: from=<n$n\@many.example>, size=7, "
		. "nrcpt=1 (queue active)\n",
		"$head postfix/cleanup[7]: $id: warning: header Subject: "
		. "<img src=x onerror=window.__x=1> from many[203.0.113.11]; "
		. "from=<n$n\@many.example>\n";
}
close $fh;

traced('n120@many.example', sub { 1 }, 'many messages');

browse($t, 'trace.js');

# it opens as it goes on
$t->start('dovecot');
$t->program('/usr/sbin/postqueue', '-c', $t->dir() . '/conf/postfix', '-f');
traced('wait@six.example', sub { ($_[0]{to}[0]{folder} // '') ne '' },
	'the one that waited is delivered');
browse($t, 'trace-later.js');

$m->done();
