#!/usr/bin/perl

# P9: whatever becomes of the worker, its lanes and Redis, mail is delivered
# and read.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use Test::Mailportal::Dovecot;

my $user = 'u1@mail.test';
my $d = Test::Mailportal::Dovecot->new(down => 1,
	allow => [qr/mailportal-(?:worker|lane).*returned error/]);
my ($t, $build) = ($d->t(), $d->t()->build());
my $programs = $d->dir() . '/programs';
my $held = 0;

# both programs are in a directory of ours, from which they can be taken

mkdir $programs or die "$programs: $!\n";


sub put {
	my ($name, $text) = @_;
	my $path = "$programs/mailportal-$name";

	unlink $path;
	return symlink "$build/mailportal-$name", $path unless defined $text;

	$t->write_file("programs/mailportal-$name", $text);
	return chmod 0755, $path;
}


sub take { return unlink "$programs/mailportal-$_[0]"; }


sub lives {
	my ($when) = @_;

	like(eval { $d->deliver($user) } // $@, qr/^250 /,
		"$when: LMTP takes a message");
	$held++;
	my @mail = eval { my $imap = $d->imap($user);
		$imap->headers('INBOX') };
	is(scalar @mail, $held, "$when: IMAP has it") or diag($@);
	is(eval { $d->pop3($user) } // $@, $held, "$when: so has POP3");
}


# lines of the worker in Dovecot's log

sub said {
	my $log = $t->read_file('log/dovecot.log') // '';

	return scalar(() = $log =~ /mailportal-worker: /g);
}


sub with_module {
	my ($bytes, @args) = @_;
	my $file = $d->dir()
		. '/data/doveadm/lib20_doveadm_mailportal_plugin.so';
	my $was = readlink $file;

	unlink $file;
	$t->write_file($file =~ s!^\Q@{[$d->dir()]}\E/!!r, $bytes);
	my @result = $d->doveadm(@args);
	unlink $file;
	symlink $was, $file;
	return @result;
}


sub stopped {
	my $stat = $t->read_file('/proc/' . $t->pid('redis') . '/stat') // '';

	return $stat =~ /\) T /;
}


# as a settings file of Dovecot's, the same but for the path

my $conf = join '', map { <<"END" } qw/ worker lane /;
service mailportal-$_ {
  executable = /usr/bin/env ASAN_OPTIONS=detect_leaks=0 $programs/mailportal-$_ -c @{[$d->dir()]}/conf/dovecot/worker.conf
}
END

put($_) for qw/ worker lane /;
$t->write_file('conf/dovecot/local.d/60-programs.conf', $conf);
$d->up();
$d->add_users([$user]);
ok($d->wait_for(sub { $d->worker_pid() }, 30), 'there is a worker');
lives('with all');

# nothing of ours is in a process that serves mail

my $imap = $d->imap($user);
$imap->cmd('SELECT INBOX');
my ($session) = $d->processes('imap');
my $maps = $t->read_file("/proc/$session/maps");
like($maps, qr!lib10_quota_plugin!, 'an IMAP session has plugins');
unlike($maps, qr/mailportal-|mailportal_plugin|hiredis/, 'none of them ours');
$imap->logout();

# Redis

kill 'STOP', $t->pid('redis');
lives('while Redis is stopped');
ok(stopped(), 'it was stopped all the time');
kill 'CONT', $t->pid('redis');

$t->stop('redis');
my $said = said();
lives('without Redis');
cmp_ok(said() - $said, '<=', 9, 'and the worker does not repeat itself');
$t->restart('dovecot');
lives('when Dovecot starts without Redis');
$t->start('redis');

# what Dovecot reads and what doveadm loads

unlink $t->env('MP_WORKER_STATE') . '/master.passwd';
$t->restart('dovecot');
lives('without a file of the master password');
my ($rc, $out) = with_module('no module at all', 'user', $user);
is($rc, 0, 'doveadm does its work beside a module that cannot be loaded')
	or diag($out);

# our programs; Dovecot is started anew each time

$ENV{MP_NO_WORKER} = 1;

for my $name (qw/ worker lane /) {
	take($name);
	$t->restart('dovecot');
	my $job = $d->job_push(action => 'index-rebuild', nodes => [],
		target => $user);
	lives("without the $name");

	put($name);
	$t->restart('dovecot');
	my $end = $d->job_end($job);
	is($end && "$end->{state} $end->{messages}", "done $held",
		"a job that came without the $name is done with it")
		or diag(explain($end));
}

for my $name (qw/ worker lane /) {
	put($name, "#!/bin/sh\nexit 1\n");
	$t->restart('dovecot');
	lives("with a $name that ends at once");

	put($name, "#!/bin/sh\nDOVECOT_VERSION=2.3.999\n"
		. "export DOVECOT_VERSION\n"
		. "exec $build/mailportal-$name \"\$@\"\n");
	$t->restart('dovecot');
	lives("with a $name of another version");
	put($name);
}

take($_) for qw/ worker lane /;
ok($t->restart('dovecot'), 'Dovecot starts without both');
lives('without both');

# and back

put($_) for qw/ worker lane /;
$d->stock('reload');
ok($d->wait_for(sub { $d->worker_pid() }, 30), 'they come back by a reload');
lives('with all again');

$d->done();
