#!/usr/bin/perl

# P9: the worker and its lanes under valgrind, over everything that they do:
# nothing is leaked and nothing is touched that is not theirs.

use warnings;
use strict;

use Test::More;

use lib 't/lib';
use Test::Mailportal::Dovecot::Jobs qw/ failures sum_of /;

plan skip_all => 'valgrind is not there'
	if system('valgrind --version > /dev/null 2>&1') != 0;
plan skip_all => 'valgrind cannot run what ASan is in'
	if ($ENV{MP_BUILD} // '') =~ /sanitize/;

# a lane is replaced now and then, so that one at its end is seen, too
my $d = Test::Mailportal::Dovecot::Jobs->new(valgrind => 1, worker => { lanes => 2,
	lane_users => 12, usage_every => '40d' });
my $t = $d->t();
my $count = 10;
my @names;

for my $format (qw/ sdbox maildir /) {
	push @names, $d->crowd($count, "$format.example", format => $format,
		messages => 5, break => { 3 => { uid => 70 },
		4 => { quota_rule => '*:storage=badrule' },
		5 => { mail => 'nosuch:~/mail' } });
}
$d->save($names[0], folder => 'Junk') for 1 .. 3;

for my $format (qw/ sdbox maildir /) {
	my @whole = grep { !/^u[345]\@/ && /\@$format/ } @names;
	$d->remove_indexes($whole[0]);
	$d->garble_indexes($whole[1]);

	for my $action (qw/ quota-recalc index-rebuild /) {
		my $job = $d->run($action, target => "$format.example");
		is(sum_of($job), "done-with-failures $count $count 3 0",
			"$format: $action") or diag(failures($job));
	}
}

is(sum_of($d->run('clear-folders', target => $names[0], junk_days => 1,
	trash_days => 1, dry_run => 1)), 'done 1 1 0 0', 'a dry run');
is(sum_of($d->run('clear-folders', target => $names[0], junk_days => 1)),
	'done 1 1 0 0', 'a clearing');

my $id = $d->begin('index-rebuild', rate => 5);
$d->get_when($id, sub { $_[0]{done} >= 3 }, 30, 'three users');
is($d->cancel($id)->{status}, 202, 'a cancel');
is($d->get_end($id)->{state}, 'cancelled', 'in the middle');

$id = $d->begin('quota-recalc', target => 'sdbox.example', rate => 5);
$d->get_when($id, sub { $_[0]{done} >= 3 }, 30, 'three users');
$t->restart('redis');
like(sum_of($d->get_end($id)), qr/^done-with-failures $count/,
	'Redis is restarted');

$id = $d->begin('index-rebuild', target => 'sdbox.example', rate => 5);
$d->get_when($id, sub { $_[0]{done} >= 3 }, 30, 'three users');
$d->reload();
like(sum_of($d->get_end($id)), qr/^done-with-failures $count/,
	'Dovecot is reloaded');

$d->redis('XADD', 'mp:{jobs}:dovecot', '*', 'op', 'run', 'id', 'x', 'job',
	"\xff{");
my ($bad, $json) = $d->job_json(action => 'make-coffee');
$d->redis('XADD', 'mp:{jobs}:dovecot', '*', 'op', 'run', 'id', $bad, 'job',
	$json);
is(($d->job_end($bad) // {})->{state}, 'failed', 'garbage in the queue');

my $res = $t->api(GET => '/settings', cookie => $d->cookie());
$res = $t->api(PATCH => '/settings', cookie => $d->cookie(), json => {
	clearing => { junk_days => 30 } },
	headers => { 'If-Match' => $res->{headers}{etag} });
is($res->{status}, 200, 'a change of the settings');
$d->wait_for(sub { ($d->heartbeat() // {})->{settings} == 2 }, 30,
	'it to be in force');

# all that ran is to end by itself, and is then looked at as a whole: Dovecot's
# master does not wait for those who end last
my @pids = ($d->worker_pid(), $d->lane_pids());
$t->stop('dovecot');
ok($d->wait_for(sub { !grep { -e "/proc/$_" } @pids }, 60, 'their end'),
	'none was left');
my @reports = glob $d->dir() . '/log/valgrind.*';
cmp_ok(scalar @reports, '>=', 4, scalar(@reports) . ' processes have ended');
is(join('', $d->valgrind_findings()), '', 'valgrind has found nothing');

$d->done();
