#!/usr/bin/perl

# P8: Redis stands still, or is gone, or our own processes stand still: LMTP
# delivers and IMAP reads all the same, while that lasts.

use warnings;
use strict;

use Test::More;

use lib 't/lib';
use Test::Mailportal::Dovecot::Jobs qw/ failures sum_of /;

my $d = Test::Mailportal::Dovecot::Jobs->new();
my $t = $d->t();
my ($users, $each) = (20, 3);
my %crowd = map { $_ => [$d->crowd($users, "$_.example", format => $_,
	messages => 5)] } qw/ sdbox maildir /;
my @names = map { @{ $crowd{$_} } } sort keys %crowd;
my $sent = 0;


# Delivers to everybody and reads all of it, and wants what stands still to
# stand still at the end as at the beginning: nothing can have waited for it.

sub mail_flows {
	my ($what, $lasts) = @_;
	my (@refused, @unread);

	ok($d->wait_for($lasts, 10, $what), $what);
	$sent += $each;
	for my $user (@names) {
		push @refused, grep { !/^250/ } map { $d->deliver($user,
			subject => "delivered $sent") } 1 .. $each;
	}
	for my $user (@names) {
		my $imap = $d->imap($user);
		my @mail = grep { /^Subject: delivered $sent\r?$/m }
			$imap->messages('INBOX');
		$imap->logout();
		push @unread, $user if @mail != $each;
	}
	is(join("\n", @refused), '', @names * $each . ' messages are taken');
	is(join(' ', @unread), '', 'and read by IMAP');
	ok($lasts->(), 'while it lasts');
	return;
}


sub stands {
	my (@pids) = @_;

	return @pids && !grep { $d->state_of($_) ne 'T' } @pids;
}


# A wait that ends by itself would not be seen above: so nobody but the worker
# may speak with Redis at all.

sub connections {
	my $list = $d->redis('CLIENT', 'LIST');

	return scalar(() = $list =~ /\buser=mp-dovecot\b/g);
}


my $before = connections();
my @open = map { $d->imap($_) } @names[0, -1];
$_->messages('INBOX') for @open;
like($d->deliver($names[0]), qr/^250/, 'mail is delivered and read');
is(connections(), $before, 'without a connection to Redis');
like($d->redis('CLIENT', 'LIST'), qr/\buser=mp-dovecot\b/,
	'which the worker has');
unlike($d->redis('CLIENT', 'LIST'), qr/\buser=(?!mp-(?:dovecot|api|ops)\b)/,
	'nor under another name');
$_->logout() for @open;

# with a job that works on the same mailboxes all the time

my $id = $d->begin('index-rebuild', rate => 20);
$d->get_when($id, sub { $_[0]{done} >= 2 }, 30, 'the first users');

my $redis = $t->pid('redis');
kill STOP => $redis;
mail_flows('Redis stands still', sub { stands($redis) });

# the worker must notice, and not only when it is asked
ok($d->wait_for(sub {
	my ($rc, $out) = $d->doveadm('mailportal', 'status');
	return $rc == 0 && $out =~ /redis/i;
}, 20, 'doveadm mailportal status'),
	'doveadm mailportal status answers, and names Redis');
kill CONT => $redis;
my $job = $d->get_end($id);
is($job->{state}, 'done', 'the job is done when Redis goes on')
	or diag(failures($job));

$id = $d->begin('quota-recalc', rate => 20);
$d->get_when($id, sub { $_[0]{done} >= 2 }, 30, 'the first users');
kill KILL => $redis;
mail_flows('Redis is gone', sub { !-e "/proc/$redis"
	|| $d->state_of($redis) eq 'Z' });
$t->start('redis');
$job = $d->get_end($id);
is($job->{state}, 'done', 'the job is done when Redis is back')
	or diag(failures($job));

my $worker = $d->worker_pid();
kill STOP => $worker;
mail_flows('the worker stands still', sub { stands($worker) });
kill CONT => $worker;

# between two users, for none of them may be held
my @lanes = $d->lane_pids();
ok(scalar @lanes, 'there are lanes');
kill STOP => @lanes;
mail_flows('the lanes stand still', sub { stands(@lanes) });
kill CONT => @lanes;

# none of ours at all, as when the package is removed

my $gone = $d->dir() . '/conf/dovecot/local.d/60-gone.conf';
$t->write_file('conf/dovecot/local.d/60-gone.conf', join '', map {
	"service mailportal-$_ {\n  executable = /usr/bin/env /gone/$_\n}\n" }
	qw/ worker lane /);
$d->stock('reload');
mail_flows('our programs are not there', sub { !$d->worker_pid() });
unlink $gone;
$d->stock('reload');
$d->ready();

$job = $d->run('index-rebuild');
is($job->{failed}, 0, 'and at the end all is as it was')
	or diag(failures($job));

$d->done();
