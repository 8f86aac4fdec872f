#!/usr/bin/perl

# The agent's jobs beside one another: one of each kind at a time, and none
# waits for another kind.  A backup is held up by a writer of Radicale.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use Test::Mailportal;
use Test::Mailportal::Jobs;
use Test::Mailportal::Sink;

my $t = Test::Mailportal->new(
	only => [qw/ redis dovecot radicale postfix agent nginx /]);
my $jobs = Test::Mailportal::Jobs->new($t);
my $node = $t->env('MP_NODE');
my $user = $t->env('MP_USER');
my $store = $t->dir() . '/data/radicale';
my $sink = Test::Mailportal::Sink->new($t->dir() . '/mails',
	port => $t->base() + 10);

sub state_of { return $jobs->get($_[0])->{json}{state}; }

sub ends {
	my ($id, $as, $what) = @_;

	return ok($t->wait_for(sub { state_of($id) eq $as }, 60), $what)
		|| diag(state_of($id));
}

sub runs {
	my ($id) = @_;
	return $t->wait_for(sub { state_of($id) eq 'running' }, 20,
		"$id to run");
}

sub pending { return $t->redis(XPENDING => 'mp:{jobs}:agent', $node)->[0]; }


$t->wait_for(sub { $t->redis(EXISTS => "mp:{hb}:agent:$node") }, 20);
my $res = $t->api(PATCH => '/settings', role => 'MasterAdmin',
	headers => { 'If-Match' => $t->api(GET => '/settings',
		role => 'MasterAdmin')->{headers}{etag} },
	json => { system_mailer => { host => '127.0.0.1',
			port => $sink->port(), from => 'portal@mx.example' },
		relayhost => { host => '[127.0.0.1]', port => $sink->port(),
			tls => 'none' } });
is($res->{status}, 200, 'a system mailer and a relayhost');

my ($rc, $out) = $t->program('sh', '-ec', <<'SH', 'sh', $store, $user);
mkdir -p "$1/collection-root/$2/cal"
echo '{"tag": "VCALENDAR"}' > "$1/collection-root/$2/cal/.Radicale.props"
chown -R --reference "$1" "$1/collection-root"
: >> "$1/.Radicale.lock"
chown --reference "$1" "$1/.Radicale.lock"
SH
is($rc, 0, 'a collection of Radicale') or diag($out);

open my $lock, '+<', "$store/.Radicale.lock" or die ".Radicale.lock: $!\n";
flock $lock, 2;

# beside a backup that waits
my $backup = $jobs->make('radicale-backup');
my $second = $jobs->make('radicale-backup', $user);
runs($backup);
ends($jobs->make('relayhost-test'), 'done', 'a test of the relayhost');
ends($jobs->make('mailer-test', 'ann@example.org'), 'done', 'a test mail');
ends($jobs->post({ action => 'verify-cache-clear' }, query => '?dry_run=1')
	->{json}{id}, 'done', 'a count of the verify cache');
is(state_of($backup), 'running', 'are done while a backup waits');
is(state_of($second), 'queued', 'another backup is not');

$res = $jobs->post({ action => 'radicale-backup' });
is("$res->{status} $res->{json}{job}", "409 $backup",
	'a second one of the same is refused by the name of the first');
is($jobs->cancel($second)->{status}, 202, 'one that is behind it');
ends($second, 'cancelled', 'is cancelled behind it')
	if is(state_of($backup), 'running', 'which goes on');

# ends as the agent does, and is begun anew by the next one
$t->restart('agent');
runs($backup);
ends($jobs->make('relayhost-test'), 'done', 'the same after a restart');
kill 'KILL', $t->pid('agent');
$t->restart('agent');
runs($backup);
ends($jobs->make('relayhost-test'), 'done', 'P5: and when it was killed');

my ($rss) = $t->read_file('/proc/' . $t->pid('agent') . '/status')
	=~ /^VmHWM:\s+(\d+) kB/m;
cmp_ok($rss, '<=', 32 << 10, "all lanes within 32 MiB ($rss KiB)")
	unless $t->build() =~ /sanitize/;

flock $lock, 8;
ends($backup, 'done', 'the backup is made when the writer is done');
is($jobs->get($backup)->{json}{nodes}{$node}{text}, undef,
	'and waits for nothing more');
ok($t->wait_for(sub { pending() == 0 }, 20), 'no entry is left');

# cancelled while it waits
flock $lock, 2;
$backup = $jobs->make('radicale-backup');
runs($backup);
$jobs->cancel($backup);
ends($backup, 'cancelled', 'one that is held up can be cancelled');
flock $lock, 8;
ends($jobs->make('radicale-backup'), 'done', 'and made after that');

$sink->stop();
$t->done();
