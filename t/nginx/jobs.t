#!/usr/bin/perl

# Jobs at the API: making one, looking at it, cancelling it, the list; and
# every input that is refused.  How an executor works is for others to test.

use warnings;
use strict;
use utf8;

use Test::More;

use lib 't/lib';
use Test::Mailportal qw/ json /;
use Test::Mailportal::Jobs;

my $t = Test::Mailportal->new();
my $jobs = Test::Mailportal::Jobs->new($t);
my $admin = $t->env('MP_ADMIN');
my $time = qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;


# what is refused: each by its field, and nothing is written

sub settings {
	my (%days) = @_;
	my $tag = $t->api(GET => '/settings', role => 'MasterAdmin')
		->{headers}{etag};

	return $t->api(PATCH => '/settings', role => 'MasterAdmin',
		json => { clearing => \%days }, headers => { 'If-Match' => $tag })
		->{status};
}

my %recalc = (action => 'quota-recalc');
my %clear = (action => 'clear-folders');
my $before = $t->fingerprint();

for (
	[{}, 'action', 'no action'],
	[{ action => undef }, 'action', 'null for an action'],
	[{ action => 1 }, 'action', 'a number for an action'],
	[{ action => 'format-disk' }, 'action', 'an unknown action'],
	[{ action => 'quota-recalc ' }, 'action', 'an action with a blank'],
	[{ action => 'verify-cache-clear' }, 'action',
		'an action that nobody can do yet'],
	[{ %recalc, target => '' }, 'target', 'an empty target'],
	[{ %recalc, target => 7 }, 'target', 'a number for a target'],
	[{ %recalc, target => '*' }, 'target', 'a wildcard'],
	[{ %recalc, target => '*@example.com' }, 'target', 'a mask'],
	[{ %recalc, target => 'a b@example.com' }, 'target', 'a blank'],
	[{ %recalc, target => "a\n\@example.com" }, 'target', 'a line'],
	[{ %recalc, target => '../../etc' }, 'target', 'a path'],
	[{ %recalc, target => '@example.com' }, 'target', 'no local part'],
	[{ %recalc, target => 'a@' }, 'target', 'no domain'],
	[{ %recalc, target => ('a' x 70) . '@example.com' }, 'target',
		'a long local part'],
	[{ %recalc, target => 'x' x 3000 }, 'target', 'a huge target'],
	[{ action => 'relayhost-test', target => 'a.example' }, 'target',
		'a target for what has none'],
	[{ action => 'relayhost-test', rate => 1 }, 'rate',
		'a rate for what has no users'],
	[{ action => 'mailer-test', target => 'a@a.example', rate => 1 }, 'rate',
		'a rate for one message'],
	[{ action => 'radicale-backup', rate => 1 }, 'rate',
		'a rate for what is not done user by user'],
	[{ action => 'radicale-backup', target => 'a.example' }, 'target',
		'a domain for what takes a mailbox'],
	[{ %recalc, rate => 0 }, 'rate', 'a rate of 0'],
	[{ %recalc, rate => 10001 }, 'rate', 'a rate over the limit'],
	[{ %recalc, rate => -1 }, 'rate', 'a negative rate'],
	[{ %recalc, rate => 1.5 }, 'rate', 'half a user'],
	[{ %recalc, rate => '10' }, 'rate', 'a text for a rate'],
	[{ %recalc, junk_days => 3 }, 'junk_days', 'days for a recalculation'],
	[{ %recalc, trash_days => undef }, 'trash_days', 'and no days, too'],
	[{ %clear, junk_days => 0 }, 'junk_days', '0 days'],
	[{ %clear, trash_days => 3651 }, 'trash_days', 'ten years and a day'],
	[{ %clear, junk_days => '7' }, 'junk_days', 'a text for days'],
	[{ %clear, junk_days => undef }, 'junk_days', 'only that one is not'],
	[{ %clear, junk_days => undef, trash_days => undef }, 'junk_days',
		'that neither is'],
	[{ %clear }, 'junk_days', 'days that the settings do not have'],
	[{ %clear, junk_days => 7, dry_run => \1 }, 'dry_run',
		'dry_run in the body'],
	[{ %recalc, Target => 'a.example' }, 'Target', 'an unknown member'],
) {
	my ($body, $field, $what) = @$_;
	my $res = $jobs->post($body);

	is($res->{status}, 422, "$what is refused");
	is($res->{json}{errors}[0]{field}, $field, "and named: $field");
	isnt($res->{json}{errors}[0]{text}, '', 'with a reason');
}

for (
	['?dry_run=1', \%recalc, 'dry_run', 'a dry run of a recalculation'],
	['?dry_run=2', \%clear, 'dry_run', 'a dry run of 2'],
	['?dry_run', \%clear, 'dry_run', 'a dry run of nothing'],
	['?dry_run=', \%clear, 'dry_run', 'a dry run of an empty text'],
	['?dry_run=true', \%clear, 'dry_run', 'a dry run of true'],
	['?dry_run=0&dry_run=1', \%clear, 'dry_run', 'a dry run, twice'],
	['?dry-run=1', \%clear, 'dry-run', 'a word that is nearly dry_run'],
	['?DRY_RUN=1', \%clear, 'DRY_RUN', 'and in capitals'],
) {
	my ($query, $body, $field, $what) = @$_;
	my $res = $jobs->post({ %$body, $body == \%clear
		? (junk_days => 1) : () }, query => $query);

	is($res->{status}, 422, "$what is refused");
	is($res->{json}{errors}[0]{field}, $field, "and named: $field");
}

my $res = $jobs->post({ %recalc, rate => 0, target => '*', what => 1 },
	query => '?x=1');
is(join(' ', map { $_->{field} } @{ $res->{json}{errors} }),
	'target rate what x', 'all that is wrong is named at once');

$res = $jobs->post(\%recalc, key => undef);
is($res->{status}, 428, 'without an Idempotency-Key: 428');
is($res->{json}{code}, 'precondition-required', 'by its code');
is($res->{json}{errors}[0]{field}, 'Idempotency-Key', 'which names it');

# and what is allowed is said

my $actions = 'must be one of quota-recalc, index-rebuild, clear-folders, '
	. 'verify-cache-clear, radicale-backup, relayhost-test, mailer-test';
for (
	[{}, '', $actions],
	[{ action => 'format-disk' }, '', $actions],
	[{ %recalc, target => '*' }, '', qr/name a domain, a mailbox, or nothing/],
	[{ %recalc, rate => 0 }, '', qr/a whole number from 1 to 10000$/],
	[{ %clear, junk_days => 0 }, '', qr/a whole number from 1 to 3650$/],
	[{ %clear }, '', qr/so say junk_days, trash_days or both$/],
	[{ %recalc, days => 1 }, '', qr/there are action, target, rate, junk_days and trash_days$/],
	[{ %clear, junk_days => 1 }, '?dry_run=yes', qr/^must be 0 or 1/],
	[\%recalc, '?dry_run=1', qr/only for clear-folders/],
	[\%recalc, '?dryrun=1', qr/there is dry_run$/],
) {
	my ($body, $query, $says) = @$_;
	my $text = $jobs->post($body, query => $query)
		->{json}{errors}[0]{text};

	ref $says ? like($text, $says, "it says: $text")
		: is($text, $says, "it says: $text");
}

for (['', 'an empty key'], ['x' x 129, 'a long key'],
	["caf\xc3\xa9", 'a key that is not ASCII'], ["a\tb", 'a tabulator'])
{
	$res = $jobs->post(\%recalc, key => $_->[0]);
	is("$res->{status} " . ($res->{json}{errors}[0]{field} // ''),
		'422 Idempotency-Key', "$_->[1] is refused");
}

$res = $jobs->post(\%recalc, key => "a\r\nIdempotency-Key: b");
is("$res->{status} " . ($res->{json}{errors}[0]{field} // ''),
	'422 Idempotency-Key', 'and two keys');

for (['[]', 400], ['{', 400], ['{"action":"quota-recalc","action":"x"}', 400],
	['{"action":"' . 'x' x 5000 . '"}', 413])
{
	$res = $t->api(POST => '/jobs', role => 'MasterAdmin',
		body => $_->[0], type => 'application/json',
		headers => { 'Idempotency-Key' => 'x' });
	is($res->{status}, $_->[1], 'a body that is none: '
		. substr $_->[0], 0, 40);
}

is($t->fingerprint(), $before, 'and not one byte in Redis changed');


# a job

$jobs->node('dovecot:one');
$jobs->node('dovecot:two', 86000);
$jobs->node('dovecot:gone', 90000);
$jobs->node('milter:three');
$jobs->node('dovecot:bad name');
$jobs->node('dovecot', 0);

$res = $jobs->post({ %recalc, target => 'Bücher.Example', rate => 50 });
is($res->{status}, 202, 'a job is taken');
my $job = $res->{json};
my $id = $job->{id};
like($id, qr/^[0-9a-f]{24}$/, 'it has an id');
is($res->{headers}{location}, "/api/v1/jobs/$id", 'which is where it is');
like($job->{created_at}, $time, 'the time');

my %new = (id => $id, action => 'quota-recalc',
	target => 'xn--bcher-kva.example', rate => 50, dry_run => \0,
	junk_days => undef, trash_days => undef, state => 'queued',
	total => 0, done => 0, failed => 0, skipped => 0, eta => undef,
	created_by => $admin, created_at => $job->{created_at},
	started_at => undef, ended_at => undef, cancelled_by => undef);
is(json->canonical->encode({ map { $_ => $job->{$_} } keys %new }),
	json->canonical->encode(\%new), 'all that was asked for');
is_deeply($job->{errors}, [], 'no errors');
is_deeply($job->{result}, { drifted => 0, bytes_before => 0, bytes_after => 0,
	folders => 0, messages => 0, bytes => 0, items => [] }, 'no result');
is(join(' ', map { "$_:$job->{nodes}{$_}{state}" } sort keys
	%{ $job->{nodes} }), 'one:queued two:queued',
	'the nodes of the last day are to do it');

my $seen = $jobs->get($id)->{json};
is(join(' ', map { $_->{node} } @{ delete $seen->{silent} }), 'one two',
	'neither of them is there now');
is_deeply($seen, $job, 'it can be looked at');
is_deeply([map { $_->{id} } @{ $jobs->list()->{json}{jobs} }], [$id],
	'it is in the list');

my ($entry) = $jobs->queue('dovecot');
is("$entry->{op} $entry->{id}", "run $id", 'it is in the queue');
is($entry->{job}, $t->redis('HGET', "mp:{jobs}:j:$id", 'job'),
	'as it is in its record');
is_deeply(json->decode($entry->{job})->{nodes}, ['one', 'two'],
	'with its nodes');
is(json->decode($entry->{job})->{request_id}, $res->{headers}{'x-request-id'},
	'and the request that made it');
is_deeply({ @{ $t->redis('XREVRANGE', 'mp:{jobs}:events', '+', '-')
	->[0][1] } }, { id => $id }, 'who listens is told');
cmp_ok($t->redis('TTL', "mp:{jobs}:j:$id"), '>', 7775000,
	'it is kept for months');


# Audit entries are written when the answer is on its way already.

sub audited {
	my ($res) = @_;
	my $found;

	$t->wait_for(sub {
		for my $entry (@{ $t->redis('XREVRANGE', 'mp:{audit}:in',
			'+', '-', 'COUNT', 100) }) {
			my %f = @{ $entry->[1] };
			$found = "$f{actor} $f{what} $f{target} $f{result}"
				if $f{req} eq $res->{headers}{'x-request-id'};
		}
		$found;
	}, 5);
	return $found;
}

is(audited($res),
	"$admin job.create quota-recalc xn--bcher-kva.example $id ok",
	'and the audit log says who');


# a second one

$res = $jobs->post({ %recalc, target => 'xn--bcher-kva.example' });
is("$res->{status} $res->{json}{code}", '409 conflict',
	'a second one of the same kind and target is refused');
is($res->{json}{job}, $id, 'the answer names the first');
like($res->{json}{detail}, qr/$id/, 'also in words');
is($jobs->post({ action => 'index-rebuild',
	target => 'xn--bcher-kva.example' })->{status}, 202,
	'another kind is no second one');
is($jobs->post({ %recalc, target => 'X@xn--bcher-kva.example' })
	->{json}{target}, 'x@xn--bcher-kva.example', 'nor is another target');
my $all = $jobs->post({ %recalc, target => undef });
is($all->{status}, 202, 'nor are all');
is($all->{json}{target}, undef, 'which is null');
is($jobs->post(\%recalc)->{json}{job}, $all->{json}{id},
	'null and nothing are the same target');

$jobs->progress($id, 'one', state => 'running', total => 10, done => 4,
	failed => 1, eta => 6, started_at => '2026-01-31T12:00:00Z',
	errors => [{ target => 'u@x', text => "it's \x{201c}broken\x{201d}" }]);
$res = $jobs->get($id);
is(join(' ', map { $res->{json}{$_} // '-' } qw/ state total done failed
	eta started_at ended_at /), 'running 10 4 1 - 2026-01-31T12:00:00Z -',
	'how far it is comes from its nodes');
is_deeply($res->{json}{errors}, [{ node => 'one', target => 'u@x',
	text => "it's \x{201c}broken\x{201d}" }], 'and what failed');
is($jobs->post({ %recalc, target => 'xn--bcher-kva.example' })->{status},
	409, 'it is not done by halves');

$jobs->finish($id, 'one', total => 10, done => 10, drifted => 2,
	bytes_before => 7, bytes_after => 5,
	details => [{ target => 'v@x', before => 7, after => 5 }]);
is($jobs->get($id)->{json}{state}, 'running', 'one node is not all');
$jobs->finish($id, 'two', total => 2, done => 2, failed => 1,
	state => 'done-with-failures');
$res = $jobs->get($id);
is($res->{json}{state}, 'done-with-failures', 'both are');
is($res->{json}{total}, 12, 'counts are of all nodes');
is_deeply($res->{json}{result}{items}, [{ node => 'one', target => 'v@x',
	before => 7, after => 5 }], 'and what came of it');

$res = $jobs->post({ %recalc, target => 'xn--bcher-kva.example' });
is($res->{status}, 202, 'when it has ended there may be another');
isnt($res->{json}{id}, $id, 'which is a new one');
is($t->redis('HGET', "mp:{jobs}:j:$id", 'next'), $res->{json}{id},
	'the one before knows who came after it');
is($jobs->post({ %recalc, target => 'xn--bcher-kva.example' })
	->{json}{job}, $res->{json}{id}, 'and now that one is in the way');


# clearing: the days

is(settings(junk_days => 30), 200, 'the settings clear Junk');
$res = $jobs->post({ %clear, target => 'a.example' });
is($res->{status}, 202, 'then nobody needs to say so');
is(json->encode([@{ $res->{json} }{qw/ junk_days trash_days dry_run /}]),
	'[30,null,false]', 'the days are those of the settings');
is(settings(junk_days => 60, trash_days => 90), 200, 'they are changed');
is_deeply([map { $jobs->post({ %clear, target => "b$_.example" })
	->{json}{junk_days} } 1 .. 10], [(60) x 10],
	'at once, whichever worker answers');
$res = $jobs->post({ %clear, target => 'c.example', junk_days => 2 },
	query => '?dry_run=1');
is(json->encode([@{ $res->{json} }{qw/ junk_days trash_days dry_run /}]),
	'[2,null,true]', 'a folder that is not named is left alone');
$res = $jobs->post({ %clear, target => 'd.example', trash_days => 3650,
	junk_days => undef }, query => '?dry_run=0');
is(json->encode([@{ $res->{json} }{qw/ junk_days trash_days dry_run /}]),
	'[null,3650,false]', 'or that is named null');
my ($last) = reverse $jobs->queue('dovecot');
is(json->encode([@{ json->decode($last->{job}) }{qw/ junk_days trash_days /}]),
	'[0,3650]', 'as its executor is told');


# an executor that has never been seen, and more nodes than can be named

$jobs->node('agent:four', 400 * 86400);
$res = $jobs->post({ action => 'verify-cache-clear' });
is($res->{status}, 202, 'an agent that was there once can do its actions');
is_deeply($res->{json}{nodes}, {}, 'whichever reads it first');
($last) = $jobs->queue('agent');
is($last->{id}, $res->{json}{id}, 'in a queue of its own');

$jobs->node("dovecot:n$_") for 1 .. 40;
$res = $jobs->post({ %recalc, target => 'e.example' });
is_deeply($res->{json}{nodes}, {}, 'forty nodes are not named: all do it');
$t->redis('HDEL', 'mp:{hb}:index', map { "dovecot:n$_" } 1 .. 40);
$t->redis('HDEL', 'mp:{hb}:index', 'dovecot:one', 'dovecot:two',
	'dovecot:gone');
$res = $jobs->post({ %recalc, target => 'f.example' });
is($res->{status}, 202, 'without any node a job waits');
is_deeply($res->{json}{nodes}, {}, 'for whoever comes');


# cancelling

$jobs->alive('dovecot:one');
$id = $jobs->make('quota-recalc', 'g.example');
$jobs->progress($id, 'one', state => 'running', total => 3, done => 1);
$res = $jobs->cancel($id);
is($res->{status}, 202, 'a job is cancelled');
is($res->{json}{cancelled_by}, $admin, 'by somebody');
is($res->{json}{state}, 'running', 'it runs until its node has heard of it');
($last) = reverse $jobs->queue('dovecot');
is_deeply($last, { op => 'cancel', id => $id, by => $admin },
	'its executor is told');
is(audited($res), "$admin job.cancel quota-recalc g.example $id ok",
	'and the audit log says who');
is($jobs->cancel($id)->{status}, 202, 'to say so twice is no failure');
$jobs->progress($id, 'one', state => 'cancelled', total => 3, done => 2,
	ended_at => '2026-01-31T12:00:00Z');
$before = $t->fingerprint();
$res = $jobs->cancel($id);
is("$res->{status} $res->{json}{code}", '409 conflict',
	'what has ended cannot be cancelled');
like($res->{json}{detail}, qr/cancelled/, 'and is told as it is');
is($t->fingerprint(), $before, 'nothing is written');
is($jobs->cancel($_)->{status}, 404, "there is no job $_")
	for '0' x 24, 'x', 'A' x 24, '0' x 23, '0' x 25, '%2a';
is($jobs->get($_)->{status}, 404, "nothing to see of $_")
	for '0' x 24, 'x', 'index', 'busy';

my $unseen = $jobs->make('quota-recalc', 'h.example');
is($jobs->cancel($unseen)->{json}{state}, 'cancelled',
	'a job that nobody has begun is cancelled at once');


# the list

my @ids = map { $_->{id} } @{ $jobs->list('?limit=100')->{json}{jobs} };
cmp_ok(scalar @ids, '>', 20, 'there are many jobs');
is_deeply(\@ids, [reverse sort @ids], 'newest first');
is(scalar @{ $jobs->list()->{json}{jobs} }, 20, 'a page has twenty');
is(json->encode($jobs->list('?limit=100')->{json}{cursor}), 'null',
	'the last page has no cursor');

my (@paged, $cursor);
do {
	my $page = $jobs->list('?limit=3' . ($cursor
		? "&cursor=$cursor" : ''))->{json};
	push @paged, map { $_->{id} } @{ $page->{jobs} };
	$cursor = $page->{cursor};
} while ($cursor);
is_deeply(\@paged, \@ids, 'pages are the whole list, once');

my %row = %{ $jobs->list('?limit=1')->{json}{jobs}[0] };
ok(!exists $row{$_}, "a row has no $_") for qw/ nodes errors /;
ok(exists $row{$_}, "but $_") for qw/ state created_by result /;

for (['?state=cancelled', sub { $_[0]{state} eq 'cancelled' }],
	['?action=clear-folders', sub { $_[0]{action} eq 'clear-folders' }],
	['?action=quota-recalc&state=queued&limit=2',
		sub { "$_[0]{action} $_[0]{state}" eq 'quota-recalc queued' }])
{
	my $found = $jobs->list($_->[0])->{json}{jobs};
	my $check = $_->[1];

	cmp_ok(scalar @$found, '>', 0, "$_->[0] finds jobs");
	is(scalar(grep { !$check->($_) } @$found), 0, 'and only such');
}

is(scalar @{ $jobs->list('?state=failed')->{json}{jobs} }, 0,
	'a page may be empty');
for (['limit=0', 'limit'], ['limit=101', 'limit'], ['limit=x', 'limit'],
	['cursor=x', 'cursor'], ['action=x', 'action'], ['state=x', 'state'])
{
	$res = $jobs->list("?$_->[0]");
	is("$res->{status} " . ($res->{json}{errors}[0]{field} // ''),
		"422 $_->[1]", "$_->[0] is refused by its name");
}

is($jobs->list('?action=x')->{json}{errors}[0]{text}, $actions,
	'with the names that there are');
is($jobs->list('?state=x')->{json}{errors}[0]{text}, 'must be one of queued, '
	. 'running, done, done-with-failures, failed, cancelled',
	'and the states');


# what a stranger writes into Redis

my $strange = $jobs->id(5);
$t->redis('HSET', "mp:{jobs}:j:$strange", 'job', '{"id":');
$t->redis('ZADD', 'mp:{jobs}:index', time() * 1000, $strange);
$t->redis('ZADD', 'mp:{jobs}:index', time() * 1000, 'no id');
$t->redis('ZADD', 'mp:{jobs}:index', time() * 1000, $jobs->id(4));
$res = $jobs->get($strange);
is("$res->{status} $res->{json}{code}", '409 state-regressed',
	'a record that is not valid is not shown');
is($jobs->cancel($strange)->{status}, 409, 'nor cancelled');
is_deeply([map { $_->{id} } @{ $jobs->list('?limit=100')->{json}{jobs} }],
	\@ids, 'the list does without it');
$t->redis('HSET', "mp:{jobs}:p:$unseen", 'n:one', 'garbage',
	"n:\0", '{}', 'e:one', '[', 'x', 'y');
is($jobs->get($unseen)->{json}{state}, 'cancelled',
	'what a node did not write is left out');

for my $bad ('x', "$strange", '') {
	$t->redis('HSET', 'mp:{jobs}:busy', 'quota-recalc i.example', $bad);
	$res = $jobs->post({ %recalc, target => 'i.example' });
	is("$res->{status} $res->{json}{code}", $bad eq $strange
		? '409 conflict' : '409 state-regressed',
		"a place that was given to '$bad' is taken by nobody");
}

my $old = $jobs->id(60);
$t->redis('HSET', "mp:{jobs}:j:$old", 'job', '{"id":');
$t->redis('HSET', 'mp:{jobs}:busy', 'quota-recalc i.example', $old);
is($jobs->post({ %recalc, target => 'i.example' })->{status}, 202,
	'but what cannot be read is not in the way for ever');

$t->done();
