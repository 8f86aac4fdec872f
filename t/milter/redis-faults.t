#!/usr/bin/perl

# P4: the last known good survives Redis away, stopped, emptied, rewound and
# lied to; P6: and it is shown; P8: mail does not wait for it.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use Test::Mailportal;
use Test::Mailportal::Milter;
use Test::Mailportal::Rogue;
use Time::HiRes qw/ time /;

my $t = Test::Mailportal->new(only => [qw/ redis /]);
my $rogue = Test::Mailportal::Rogue->new($t);
my $m = Test::Mailportal::Milter->new($t, conf => {
	score_source => 'rspamd', redis_timeout => '1s',
	rspamd_url => 'http://127.0.0.1:' . $rogue->port() });
my $M = 'Test::Mailportal::Milter';


sub outcome {
	my ($from) = @_;
	my $session = $m->session();
	my $reply = $session->message(from => $from // '<a@sender.example>');

	$session->quit();
	my ($status) = map { $_->[1] } grep { $_->[0] eq 'X-Spam-Status' }
		@{ $reply->{message} // [] };
	return $reply->{is} eq 'reject' ? 'reject'
		: $reply->{is} eq 'tempfail' ? 'defer'
		: ($status // '') =~ /^Yes/ ? 'junk' : 'pass';
}


# What was in force before must be so still: an entry, and a threshold.

sub still {
	my ($what) = @_;

	is($m->mail('<x@black.example>'), 'reject', "P4: $what: the blacklist");
	$rogue->json('{"score": 7}');
	is(outcome(), 'reject', "P4: $what: the thresholds");
}

my $id = $M->can('change')->($t, 'add', 'black', 'black.example');
my $version = $M->can('publish')->($t, 'antispam.reject' => 6);
ok($m->lists_in_force($id) && $m->settings_in_force($version),
	'something is in force');
still('at first');

# bad values, written by somebody who may (V18)
my $head = $M->can('head')->($t);
my %good = (%$head, actor => 'x', at => '2026-01-01T00:00:00Z', req => 'r',
	prev => $head->{h});
my $n = $version;


# Puts an entry into the stream that only looks like a version.

sub bad_version {
	my ($what, %change) = @_;
	my %v = (%good, number => ++$n, %change);

	$v{h} = $M->can('seal')->(%v) unless exists $change{h};
	my @fields = map { defined $v{$_} ? ($_ => $v{$_}) : () }
		qw/ epoch doc h prev actor at req /;
	$t->redis('XADD', 'mp:{cfg}:log', "$n-0", @fields);

	ok($m->problem(qr/settings version $n-0 is refused/),
		"$what is refused, and the portal is told");
	is($m->heartbeat()->{settings}, $version, "$what: the old version stays");
}


sub with_doc {
	my ($sub) = @_;
	my $doc = Test::Mailportal::json()->canonical->decode($head->{doc});

	$sub->($doc);
	return Test::Mailportal::json()->canonical->encode($doc);
}

bad_version('a hash that does not match', h => 'f' x 64);
bad_version('no document', doc => undef, h => 'f' x 64);
bad_version('no JSON', doc => '{"antispam": {');
bad_version('a number in quotes', doc => with_doc(sub {
	$_[0]{antispam}{reject} = '10' }));
bad_version('defer above reject', doc => with_doc(sub {
	$_[0]{antispam}{defer} = 50 }));
bad_version('NaN', doc => $head->{doc} =~ s/"reject":\d+/"reject":NaN/r);
bad_version('an enormous number',
	doc => $head->{doc} =~ s/"reject":\d+/"reject":1e308/r);
bad_version('a setting that nobody knows', doc => with_doc(sub {
	$_[0]{antispam}{unknown} = 1 }));
bad_version('four megabytes', doc => '{"x":"' . 'y' x 4_000_000 . '"}');
still('after bad versions');
ok($t->wait_for(sub { $m->counter('snapshot_refused') == 9 }, 5),
	'refusals are counted');

my $refusals = () = $m->log() =~ /settings version $n-0 is refused/g;
is($refusals, 1, 'a refusal is logged once');

# the next good version is followed; its predecessor in force is $version
%good = (%good, number => ++$n, doc => $head->{doc}, prev => 'f' x 64);
$good{h} = $M->can('seal')->(%good);
$t->redis('XADD', 'mp:{cfg}:log', "$n-0", map { $_ => $good{$_} }
	qw/ epoch doc h prev actor at req /);
ok($m->settings_in_force($n), 'a good version after bad ones is followed');
ok($m->beats(sub { !@{ $_[0]{problems} } && !$_[0]{stale} }),
	'and the problem is over');
$version = $n;

# bad entries of lists
for my $case (
	['an unknown operation', [op => 'drop', list => 'black', d => 'a.example']],
	['an unknown list', [op => 'add', list => 'grey', d => 'a.example']],
	['no domain', [op => 'add', list => 'black']],
	['no domain name', [op => 'add', list => 'black', d => '../../etc']],
	['an odd form', [op => 'add', list => 'black', d => 'UPPER.example']],
	['a time that is none', [op => 'add', list => 'black',
		d => 'a.example', x => 'never']])
{
	my ($what, $fields) = @$case;
	my $bad = $t->redis('XADD', 'mp:{list}:log', '*', @$fields);
	ok($m->problem(qr/list change \Q$bad\E/), "list change: $what is refused");
}

is($m->mail('<x@a.example>'), 'continue', 'no bad entry is in force');
still('after bad changes');
$id = $M->can('change')->($t, 'add', 'black', 'late.example');
ok($m->lists_in_force($id), 'a good change is followed');
ok($m->beats(sub { !@{ $_[0]{problems} } }), 'and the problem is over');

# Redis is stopped: it takes connections and says nothing
kill 'STOP', $t->pid('redis');
ok($m->logged(qr/warning: Redis does not answer/), 'P6: silence is noticed');
my $begin = time();
is($m->mail('<x@black.example>'), 'reject', 'P8: a sender is refused') for 1 .. 20;
cmp_ok(time() - $begin, '<', 5, 'P8: without waiting for Redis');
$rogue->json('{"score": 3.5}');
$begin = time();
is(outcome(), 'pass', 'P2: nobody is greylisted without Redis') for 1 .. 10;
cmp_ok(time() - $begin, '<', 5, 'P8: and Redis is waited for once');
kill 'CONT', $t->pid('redis');
ok($m->logged(qr/notice: no longer: Redis does not answer/, 30),
	'it answers again');
ok($t->wait_for(sub { outcome('<again@sender.example>') eq 'defer' }, 20),
	'senders are greylisted again');
ok($m->beats(sub { !$_[0]{stale} && !@{ $_[0]{problems} } }, 30),
	'and nothing is wrong any more');
still('after it was stopped');

# killed, and restarted with a change that nobody told of
kill 'KILL', $t->pid('redis');
ok($m->logged(qr/no longer: Redis does not answer.*Redis does not answer/s),
	'P6: its death is noticed');
still('with Redis killed');
ok($t->start('redis'), 'Redis is started again');
ok($t->wait_for(sub { ref $t->redis('ROLE') eq 'ARRAY' }, 20), 'and answers');
$id = $M->can('change')->($t, 'add', 'black', 'new.example');
ok($m->lists_in_force($id), 'what changed meanwhile is caught up with');
is($m->mail('<x@new.example>'), 'reject', 'and enforced');

# a stream that was trimmed beyond what we have read
kill 'STOP', $m->pid();
$M->can('change')->($t, 'add', 'black', "t$_.example",
	xadd => ['MAXLEN', '3']) for 1 .. 20;
$id = $M->can('change')->($t, 'del', 'black', 'new.example',
	xadd => ['MAXLEN', '3']);
kill 'CONT', $m->pid();
ok($m->lists_in_force($id), 'a stream with a gap is bridged');
is($m->mail("<x\@t$_.example>"), 'reject', "with change $_") for 1, 10, 20;
is($m->mail('<x@new.example>'), 'continue', 'and the removal');
ok($t->wait_for(sub { $m->counter('reloads') == 2 }, 20),
	'by loading anew');

# sets with members that are none, loaded anew
$t->redis('SADD', 'mp:{list}:black', '../../etc', 'a b', "x\0y", '');
kill 'STOP', $m->pid();
$M->can('change')->($t, 'add', 'black', "u$_.example",
	xadd => ['MAXLEN', '3']) for 1 .. 5;
kill 'CONT', $m->pid();
ok($m->problem(qr/4 members of the lists are no domains/),
	'members that are no domains are left out, and told of');
$t->redis('SREM', 'mp:{list}:black', '../../etc', 'a b', "x\0y", '');
still('after that');

# emptied: an installation that lost everything is not a new one
my $saved = $t->redis('XRANGE', 'mp:{cfg}:log', '-', '+');
$t->redis('FLUSHALL');
ok($m->problem(qr/Redis has no settings/), 'P6: an empty Redis is told of');
ok($m->beats(sub { $_[0]{stale} }), 'P6: as stale');
still('with Redis emptied');

# an older state comes back
for my $entry (@$saved[0 .. 1]) {
	$t->redis('XADD', 'mp:{cfg}:log', $entry->[0], @{ $entry->[1] });
}
ok($m->problem(qr/version \d+ in Redis is older than version $version/),
	'P6: an older version is told of');
is($m->heartbeat()->{settings}, $version, 'P4: and not followed');

# another history under the same epoch
$t->redis('DEL', 'mp:{cfg}:log');
my %v = (%good, number => $version + 5, actor => 'other');
$t->redis('XADD', 'mp:{cfg}:log', $_->[0], @{ $_->[1] }) for $saved->[0];
my %other = (%good, number => $version, actor => 'other', prev => 'e' x 64);
for my $entry (\%other, \%v) {
	$entry->{h} = $M->can('seal')->(%$entry);
	$t->redis('XADD', 'mp:{cfg}:log', "$entry->{number}-0",
		map { $_ => $entry->{$_} }
		qw/ epoch doc h prev actor at req /);
}
ok($m->problem(qr/does not follow from version $version/),
	'P6: another history is told of');
still('with another history');

# begun anew on purpose
$t->redis('FLUSHALL');
ok($m->problem(qr/Redis has no settings/), 'emptied again');
my ($rc, $out) = $t->ctl('init', '--anew');
is($rc, 0, 'mailportal-ctl init --anew') or diag($out);
ok($m->settings_in_force(1), 'a new epoch is followed');
ok($m->beats(sub { !$_[0]{stale} && $_[0]{blacklist} == 0 }),
	'with its lists');
is($m->mail('<x@black.example>'), 'continue', 'the old entries are gone');

# keys of another type
$t->redis('DEL', 'mp:{list}:log');
$t->redis('SET', 'mp:{list}:log', 'x');
ok($m->problem(qr/the lists cannot be read: WRONGTYPE/),
	'a key of another type is told of');
$t->redis('DEL', 'mp:{list}:log');

# a Redis that turns unsafe while we run
$t->redis('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
ok($m->problem(qr/maxmemory-policy/, 20), 'an unsafe Redis is told of');
ok($m->running(), 'and does not end us');
$t->redis('CLIENT', 'KILL', 'USER', 'mp-milter');
$version = $M->can('publish')->($t, 'antispam.reject' => 9);
ok($m->settings_in_force($version), 'its changes are followed');
ok($m->problem(qr/maxmemory-policy/, 20), 'and it is told of further on');

# full: nothing can be written, mail goes on
$t->redis('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
$t->redis('CONFIG', 'SET', 'maxmemory', '1mb');
$rogue->json('{"score": 3.5}');
is(outcome('<b@full.example>'), 'pass', 'P2: nor greylisted with Redis full');
$t->redis('CONFIG', 'SET', 'maxmemory', '0');

is($m->stop(), 0, 'it stops cleanly');
$t->done();
