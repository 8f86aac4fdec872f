#!/usr/bin/perl

# The address verification cache of Postfix, cleared while verify(8) has it.

use warnings;
use strict;

use lib 't/lib';

use Digest::SHA ();
use Test::More;
use Time::HiRes qw/ sleep /;
use Test::Mailportal qw/ json /;
use Test::Mailportal::Sink;

my $t = Test::Mailportal->new(only =>
	[qw/ redis nginx agent dovecot milter postfix /]);
my $cache = $t->dir() . '/data/postfix/data/verify_cache.db';
my $keys = 0;
my $sink = Test::Mailportal::Sink->new($t->dir() . '/sink',
	rcpt => '550 5.1.1 nobody here');
my $port = $sink->port();

sub job {
	my ($query) = @_;
	my $res = $t->api(POST => "/jobs$query", role => 'MasterAdmin',
		headers => { 'Idempotency-Key' => 'k' . ++$keys },
		json => { action => 'verify-cache-clear' });
	my ($job, $id) = ({}, $res->{json}{id} // die "jobs: $res->{body}\n");

	$t->wait_for(sub {
		$job = $t->api(GET => "/jobs/$id", role => 'MasterAdmin')->{json};
		$job->{state} =~ /^(done|failed|cancelled)/;
	}, 60);
	return $job;
}

sub steps {
	my ($job) = @_;
	return join '; ', map { "$_->{target}: $_->{text}" }
		@{ $job->{result}{items} };
}

# what Postfix says to a sender, who is asked about
sub sender {
	my ($address) = @_;
	my $smtp = $t->smtp_open(xclient => { ADDR => '192.0.2.9',
		NAME => 'mx.elsewhere.example' });

	$smtp->cmd("MAIL FROM:<$address>");
	my $reply = $smtp->cmd('RCPT TO:<' . $t->env('MP_USER') . '>');
	$smtp->quit();
	return $reply;
}

sub postfix {
	return $t->program(shift, '-c', $t->env('MP_POSTFIX_CONFIG'), @_);
}

my $head = $t->api(GET => '/settings', role => 'MasterAdmin');
$t->api(PATCH => '/settings', role => 'MasterAdmin',
	headers => { 'If-Match' => $head->{headers}{etag} },
	json => { relayhost => { host => '[127.0.0.1]', port => $port,
		tls => 'none' } });
postfix('postconf', 'smtpd_sender_restrictions=reject_unverified_sender',
	'address_verify_poll_count=5', 'address_verify_poll_delay=1s',
	'unverified_sender_reject_code=550');
postfix('postfix', 'reload');

# nothing was ever verified
my $job = job('?dry_run=1');
is($job->{state}, 'done', 'without a cache there is nothing to count');
is($job->{result}{messages}, 0, 'nothing was dropped');

# one is refused, and stays so
ok($t->wait_for(sub { sender('bad@elsewhere.example') =~ /^550/ }, 60),
	'a sender that nobody knows is refused');
$sink->stop();
$sink = Test::Mailportal::Sink->new($t->dir() . '/sink', port => $port);
ok($t->wait_for(sub { sender('good@elsewhere.example') =~ /^250/ }, 60),
	'one that is known is taken');
like(sender('bad@elsewhere.example'), qr/^550/,
	'the first one is refused still: it is in the cache');

# what a clear, and nothing else, may change
sub cache_is {
	return join ' ', (stat $cache)[1, 2, 4, 5, 7, 9, 10],
		Digest::SHA::sha256_hex($t->read_file($cache));
}

# counted
my $was = $t->wait_for(sub { my $now = cache_is();
	sleep 0.2; $now eq cache_is() && $now }, 20);
$job = job('?dry_run=1');
is(cache_is(), $was, 'a dry run does not touch the cache');
is(join(' ', glob $t->dir() . '/data/agent/verify-copy*'), '',
	'and leaves no copy of it');
is($job->{state}, 'done', 'a dry run counts');
like(steps($job), qr/2 addresses: 1 good, 1 bad/, 'the good and the bad ones')
	or diag(json()->encode($job));
is($job->{result}{messages}, 2, 'in all two');
like(sender('bad@elsewhere.example'), qr/^550/, 'and clears nothing');
ok(-e $cache, 'the file is there');

# cleared, while verify(8) runs
open my $old, '<', $cache or die "$cache: $!\n";
$job = job('');
is($job->{state}, 'done', 'the cache is cleared')
	or diag(json()->encode($job));
is($job->{result}{messages}, 2, 'two addresses were dropped');
like(steps($job), qr/clear: Postfix asks anew/, 'which is said');
ok($t->wait_for(sub { sender('bad@elsewhere.example') =~ /^250/ }, 60),
	'the sender is asked about again, and taken');
is((stat $old)[3], 0, 'the old cache is gone, for who has it open too');
ok(-e $cache, 'and there is a new one');

# again and again, while senders come
my @pid = map {
	my $pid = fork() // die;
	if ($pid == 0) {
		open my $fh, '>', $t->dir() . "/replies$_" or POSIX::_exit(1);
		for my $i (1 .. 12) {
			print {$fh} eval { sender("x$_-$i\@elsewhere.example")
				} // $@, "\n";
		}
		close $fh;
		POSIX::_exit(0);
	}
	$pid;
} 1 .. 2;
is(job('')->{state}, 'done', 'a clear while verify(8) is busy') for 1 .. 3;
waitpid $_, 0 for @pid;
my @replies = map { split /\n/, $t->read_file("replies$_") } 1, 2;
is(scalar @replies, 24, 'each sender was answered');
is(join("\n", grep { !/^250 |^450 4\.1\.7 / } @replies), '',
	'taken, or asked to wait while somebody is asked');
ok($t->wait_for(sub { sender('last@elsewhere.example') =~ /^250/ }, 60),
	'then addresses are verified as before');
unlike($t->read_file('log/mail.log'),
	qr/(?:error|panic|fatal|corrupt).*verify|verify.*(?:corrupt|panic)/i,
	'nothing was corrupted');

# the helper was another user for a moment, and still ends with its agent
my $pid = $t->pid('agent');
my ($helper) = split ' ', $t->read_file("/proc/$pid/task/$pid/children");
is((split ' ', ($t->read_file("/proc/$helper/status") =~ /^Uid:(.*)/m)[0])[1], 0,
	'the helper is root again');
kill 'KILL', $pid;
ok($t->wait_for(sub { !kill 0, $helper }, 20), 'and outlives no agent');
$t->start('agent');

# what the helper cannot do
$t->stop('postfix');
$job = job('');
is($job->{state}, 'failed', 'without Postfix it fails');
like($job->{nodes}{ $t->env('MP_NODE') }{text},
	qr/removed, but Postfix could not be reloaded/, 'and says what was done');

$t->done();
