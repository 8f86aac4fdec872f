#!/usr/bin/perl

# What does not let the worker begin is said in Dovecot's log, once, though
# Dovecot has only begun itself; when it is mended the worker begins, and
# nobody has to ask for it.  Neither has anybody when one is killed before it
# has begun, as long as there was one before.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use Test::Mailportal::Dovecot;

my $d = Test::Mailportal::Dovecot->new(
	allow => [qr/mailportal-worker.*returned error/]);
my $t = $d->t();
my $conf = $t->env('MP_WORKER_CONFIG');
my $state = $t->env('MP_WORKER_STATE');
my $good = $t->read_file($conf);

# nobody waits for it here
$ENV{MP_NO_WORKER} = 1;


sub said {
	my ($re) = @_;

	return scalar(() = ($t->read_file('log/dovecot.log') // '')
		=~ /mailportal-worker: Error: [^\n]*$re/g);
}


sub begun {
	return $d->wait_for(sub {
		my $beat = $d->heartbeat();
		$beat && $beat->{pid} == ($d->worker_pid() // 0);
	}, 30, 'the worker');
}


# how it is broken, what is said, how it is mended

my @faults = (
	['a setting that is none', qr/worker\.conf: .*unknown name/,
		sub { $d->_put($conf, "${good}lains = 2\n") },
		sub { $d->_put($conf, $good) }],
	['no file', qr/worker\.conf: No such file/,
		sub { unlink $conf },
		sub { $d->_put($conf, $good) }],
	['a file where its directory should be', qr/\Q$state\E.*failed/,
		sub { rename $state, "$state.away"; $d->_put($state, '') },
		sub { unlink $state; rename "$state.away", $state }],
);

for my $fault (@faults) {
	my ($what, $want, $break, $mend) = @$fault;

	$t->stop('dovecot');
	my $before = said($want);
	$break->();
	$t->start('dovecot');
	ok($d->wait_for(sub { said($want) > $before }, 30, 'the log'),
		"$what: the log says so");
	my ($rc, $out) = $d->doveadm('mailportal', 'status');
	like($out, $want, 'and so does doveadm');
	my $pid = $d->worker_pid();

	$mend->();
	ok(begun(), 'it begins when that is mended');
	is($d->worker_pid(), $pid, 'as the process that it was');
	is(said($want) - $before, 1, 'and has said it once');
}

# killed at the first instruction, so that Dovecot holds it for a failure

my $flag = $d->dir() . '/killed';
my $program = $d->dir() . '/worker';
$t->write_file('worker', <<"END");
#!/bin/sh
if test -e $flag; then
    rm $flag
    kill -KILL \$\$
fi
exec @{[$t->build()]}/mailportal-worker "\$\@"
END
chmod 0755, $program;
$t->write_file('conf/dovecot/local.d/60-worker.conf', <<"END");
service mailportal-worker {
  executable = /usr/bin/env ASAN_OPTIONS=detect_leaks=0 $program -c $conf
}
END
$t->restart('dovecot');
ok(begun(), 'the worker begins');

$d->kill_lanes();
$d->wait_for(sub { !$d->lane_pids() }, 10, 'no lanes');

# nobody connects to the worker's socket from here on
for my $time (1 .. 3) {
	$t->write_file('killed', '');
	kill 'KILL', $d->worker_pid();
	ok($d->wait_for(sub { !-e $flag }, 60), 'the next one is killed too');
	ok(begun(), 'and yet there comes another');
}

# killed before there was any, while Dovecot starts: somebody has to ask

$t->write_file('killed', '');
$t->restart('dovecot');
ok($d->wait_for(sub { !-e $flag }, 30), 'the very first one is killed');
ok($d->wait_for(sub { ($d->doveadm('mailportal', 'status'))[1]
	=~ /^lanes/m }, 60, 'the status'), 'doveadm mailportal status starts one');

my ($user) = $d->add_users(1, 'start.test');
$d->fill_maildir($user, 3);
is($d->job_end($d->job_push(action => 'index-rebuild'))->{state}, 'done',
	'that does jobs');

$d->done();
