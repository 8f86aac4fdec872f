#!/usr/bin/perl

# What the components say of themselves: nodes, about, health and metrics.

use warnings;
use strict;

use POSIX qw/ strftime /;
use Test::More;

use lib 't/lib';
use Test::Mailportal;
use Test::Mailportal::Jobs;

my $t = Test::Mailportal->new();
my %master = (role => 'MasterAdmin');


sub heartbeat {
	my ($component, $node, %more) = @_;
	my %hb = (component => $component, node => $node, version => '9.8.7',
		pid => 42, settings => 1, lists => '5-0', whitelist => 3,
		blacklist => 4, lag_ms => 7, stale => JSON::PP::false,
		problems => [], %more);

	$t->redis('SET', "mp:{hb}:$component:$node",
		Test::Mailportal::json()->encode(\%hb), 'EX', 30);
	$t->redis('HSET', 'mp:{hb}:index', "$component:$node", time());
	return;
}


sub node {
	my ($res, $component, $node) = @_;

	my ($found) = grep { $_->{component} eq $component
		&& $_->{node} eq $node } @{ $res->{json}{nodes} // [] };
	return $found // {};
}


# nodes

my $own = $t->wait_for(sub {
	my $n = node($t->api(GET => '/nodes', %master), 'nginx',
		$t->env('MP_NODE'));
	($n->{settings} // 0) == 1 ? $n : undef;
}, 10, 'its own heartbeat');
ok($own, 'nginx itself is a node');
is($own->{stale}, JSON::PP::false, 'and not stale');
is_deeply($own->{problems}, [], 'without problems');

heartbeat('milter', 'mx1');
heartbeat('milter', 'mx2', settings => 0, stale => JSON::PP::true,
	problems => ["Redis says \"no\"\n"]);
my $hour = time() - 3600;
$t->redis('HSET', 'mp:{hb}:index', 'milter:gone', $hour);
$t->redis('HSET', 'mp:{hb}:index', 'milter:month', time() - 29 * 86400);
$t->redis('HSET', 'mp:{hb}:index', 'milter:old', time() - 31 * 86400);
heartbeat('milter', 'clock');
$t->redis('HSET', 'mp:{hb}:index', 'milter:clock', 1700000000);
heartbeat('milter', 'unseen');
$t->redis('HSET', 'mp:{hb}:index', 'milter:unseen', 'never');
$t->redis('HSET', 'mp:{hb}:index', map { ("milter:old$_", $_) } 1 .. 1000);
$t->redis('SET', 'mp:{hb}:milter:odd', '{"component":"milter"}');
$t->redis('HSET', 'mp:{hb}:index', 'milter:odd', time());
$t->redis('SET', 'mp:{hb}:milter:liar', '{}');
heartbeat('agent', 'a-1');
$t->redis('RENAME', 'mp:{hb}:agent:a-1', 'mp:{hb}:milter:liar');
$t->redis('HSET', 'mp:{hb}:index', 'milter:liar', time());
$t->redis('HSET', 'mp:{hb}:index', $_, 5)
	for 'nonsense', 'x:<script>', ':x', "milter:a\nb", 'milter:';

my $res = $t->api(GET => '/nodes', %master);
is($res->{status}, 200, 'the nodes are answered');
is($res->{json}{stale}, JSON::PP::false, 'from Redis');
is(node($res, 'milter', 'mx1')->{lag_ms}, 7, 'with their heartbeats');
is(node($res, 'milter', 'mx1')->{version}, '9.8.7', 'and builds');
is(node($res, 'milter', 'mx2')->{problems}[0], "Redis says \"no\"\n",
	'and problems in words');
is(node($res, 'milter', 'gone')->{stale}, JSON::PP::true,
	'a node without a heartbeat is stale');
is(node($res, 'milter', 'gone')->{problems}[0],
	'no heartbeat since ' . strftime('%Y-%m-%dT%H:%M:%SZ', gmtime $hour),
	'and says since when');
is(node($res, 'milter', 'gone')->{seen_at},
	strftime('%Y-%m-%dT%H:%M:%SZ', gmtime $hour), 'also as a time');
like(node($res, 'milter', 'mx1')->{seen_at}, qr/^\d{4}-.*Z$/,
	'as does one that is alive');
is(node($res, 'milter', 'unseen')->{seen_at}, undef,
	'without a time it is not known');
is(node($res, 'milter', 'month')->{stale}, JSON::PP::true,
	'so is one that was seen within a month');
is(join(' ', grep { /^old/ } map { $_->{node} } @{ $res->{json}{nodes} }), '',
	'one that was not is forgotten');
is(node($res, 'milter', 'clock')->{stale}, JSON::PP::false,
	'but not one that is alive, whatever its clock says');
like(node($res, 'milter', 'odd')->{problems}[0], qr/cannot be read/,
	'a heartbeat that is none is said to be so');
like(node($res, 'milter', 'liar')->{problems}[0], qr/cannot be read/,
	'and so is that of somebody else');
is(scalar(grep { $_->{node} =~ /[<\n]|^$/ } @{ $res->{json}{nodes} }), 0,
	'names that are none are left out');
is(join(' ', map { "$_->{component}:$_->{node}" } @{ $res->{json}{nodes} }),
	join(' ', sort map { "$_->{component}:$_->{node}" }
		@{ $res->{json}{nodes} }), 'in order');


# about

$res = $t->api(GET => '/about', role => 'DomainAdmin');
is($res->{status}, 200, 'a DomainAdmin may ask what runs');
like($res->{json}{api}, qr/^\d+\.\d+/, 'the API has a version');
like($res->{json}{gui}, qr/^\d+\.\d+/, 'and the pages');
my ($mx1) = grep { $_->{node} eq 'mx1' } @{ $res->{json}{components} };
is_deeply($mx1, { component => 'milter', node => 'mx1', build => '9.8.7' },
	'and each component');
is(scalar(grep { $_->{node} eq 'gone' } @{ $res->{json}{components} }), 0,
	'that is alive');


# metrics

$t->redis('HSET', 'mp:{stat}:milter:mx1', 'messages', 12, 'reject', 3,
	"bad name\n", 1, 'text', 'x', 'minus', -1);
$t->redis('HSET', 'mp:{stat}:milter:mx2', 'messages', 30);

my %total = (mailboxes => 10, used => 7, failed => 1, bytes => 123456789012,
	messages => 42, sieve => 3, at => '2026-01-31T12:00:00Z');
heartbeat('dovecot', $_) for qw/ mb1 mb2 mb3 /;
$t->redis('SET', "mp:{usage}:t:$_",
	Test::Mailportal::json()->encode(\%total)) for qw/ mb1 mx1 /;
$t->redis('SET', 'mp:{usage}:t:mb2', '{"mailboxes":"10\n"}');

my %dav = (collections => 9, addressbooks => 5, calendars => 3,
	at => '2026-01-31T12:00:00Z');
heartbeat('agent', $_) for qw/ dav1 dav2 /;
$t->redis('SET', "mp:{dav}:$_", Test::Mailportal::json()->encode(\%dav))
	for qw/ dav1 mx1 /;
$t->redis('SET', 'mp:{dav}:dav2', '{"collections":-1}');

# mb1 has taken what there is, mb2 has one in its hands and two before it,
# and a queue remembers who is gone

my @queue = ('mp:{jobs}:dovecot', '*', 'op', 'run');
$t->redis('XADD', @queue) for 1 .. 3;
$t->redis('XGROUP', 'CREATE', $queue[0], $_, 0) for qw/ mb1 mb2 gone a"b /;
$t->redis('XREADGROUP', 'GROUP', 'mb1', 'w', 'NOACK', 'STREAMS', $queue[0],
	'>');
$t->redis('XREADGROUP', 'GROUP', 'mb2', 'w', 'COUNT', 1, 'STREAMS',
	$queue[0], '>');

$res = $t->http(GET => '/metrics');
is($res->{status}, 200, 'metrics need no session');
like($res->{headers}{'content-type'},
	qr{^application/openmetrics-text; version=1\.0\.0}, 'in their type');

my @faults = openmetrics($res->{body});
is(join("\n", @faults), '', 'and are OpenMetrics');
my %value = map { /^(\S+) (\S+)$/ ? ($1 => $2) : () }
	split /\n/, $res->{body};
is($value{'mailportal_milter_messages_total{node="mx1"}'}, 12,
	'a counter of one node');
is($value{'mailportal_milter_messages_total{node="mx2"}'}, 30,
	'and of the other');
is($value{'mailportal_alive{component="milter",node="gone"}'}, 0,
	'who is not alive');
is($value{'mailportal_alive{component="milter",node="mx1"}'}, 1, 'and who is');
is($value{'mailportal_redis_up'}, 1, 'Redis is up');

my %want = (mailboxes => 10, mailboxes_used => 7, mailboxes_failed => 1,
	mailbox_bytes => 123456789012, mailbox_messages => 42,
	sieve_scripts => 3, mailboxes_seen_timestamp_seconds => 1769860800);
is($value{"mailportal_${_}{node=\"mb1\"}"}, $want{$_},
	"what a node has seen of its mailboxes: $_") for sort keys %want;
is(scalar(grep { /^mailportal_(?:mailbox|sieve)/ && !/mb1/ } keys %value), 0,
	'and nothing of others, or that is none');
is_deeply({ map { /^mailportal_(radicale_collections|addressbooks|calendars)
	\{node="(.*)"\}$/x ? ("$1 $2" => $value{$_}) : () } keys %value },
	{ 'radicale_collections dav1' => 9, 'addressbooks dav1' => 5,
		'calendars dav1' => 3 },
	'what an agent has counted of Radicale, and nothing that is none');
is_deeply({ map { /^mailportal_jobs_waiting\{(.*)\}$/ ? ($1 => $value{$_})
	: () } keys %value }, { 'component="dovecot",node="mb1"' => 0,
	'component="dovecot",node="mb2"' => 3 },
	'how many jobs each node has not taken yet');
$t->redis('SET', 'mp:{jobs}:agent', 'no queue');
like($t->http(GET => '/metrics')->{body}, qr/^mailportal_jobs_waiting\{.* 3$/m,
	'a queue that is none hides no other');
$t->redis('DEL', 'mp:{jobs}:agent');
jobs_by_state();
unlike($res->{body}, qr/bad name|_text_|_minus_/, 'what is no counter is not');
is($t->http(POST => '/metrics', body => '')->{status}, 405,
	'metrics are only read');


# The newest jobs by action and state.  What has ended is read once by each of
# the workers: that is seen by taking its record away.

sub jobs_by_state {
	my $jobs = Test::Mailportal::Jobs->new($t);
	my %count = (queued => 0, running => 1, done => 30, failed => 2,
		'done-with-failures' => 1, cancelled => 1);
	my @done;
	my $is = sub {
		my ($action, %want) = @_;
		my %is;

		/^mailportal_jobs\{action="\Q$action\E",state="([a-z-]+)"\} (\d+)$/
			and $is{$1} = $2
			for split /\n/, $t->http(GET => '/metrics')->{body};
		return is_deeply(\%is, { (map { $_ => 0 } keys %count), %want },
			"$action by state");
	};

	$is->($_) for 'quota-recalc', 'mailer-test';

	for my $state (sort keys %count) {
		for (1 .. $count{$state}) {
			my $id = $jobs->make('quota-recalc', "$state$_.example");
			push @done, $id if $state eq 'done';
			$jobs->cancel($id) if $state eq 'cancelled';
			$jobs->progress($id, $_, state => $state)
				for qw/ mb1 mb2 mb3 /;
		}
	}
	my $id = $jobs->make('index-rebuild', 'x.example');
	$is->('quota-recalc', %count);
	$is->('index-rebuild', queued => 1);
	$jobs->progress($id, 'mb1', state => 'running');
	$is->('index-rebuild', running => 1);

	my $read = sub { my ($n) = $t->redis('INFO', 'commandstats')
		=~ /^cmdstat_hscan:calls=(\d+)/m; $n // 0 };
	$t->http(GET => '/metrics') for 1 .. 20;
	my $before = $read->();
	$is->('quota-recalc', %count);
	cmp_ok($read->() - $before, '<', @done,
		'what has ended is not read again');
	return;
}


# The rules of the text form: TYPE before its samples, each family in one
# piece, counters end in _total, EOF at the end.

sub openmetrics {
	my ($text) = @_;
	my (%type, %closed, $family, @bad);

	push @bad, 'no EOF' unless $text =~ s/^# EOF\n\z//m;

	for (split /\n/, $text) {
		if (/^# TYPE ([a-z_:][a-z0-9_:]*) (gauge|counter|info)$/) {
			push @bad, "$1 again" if exists $type{$1};
			$type{$family = $1} = $2;

		} elsif (/^# HELP ([a-z_:][a-z0-9_:]*) .+$/) {
			push @bad, "HELP of $1" if $1 ne $family;

		} elsif (/^([a-z_:][a-z0-9_:]*)(?:\{([^{}]*)\})? (-?\d+(?:\.\d+)?)$/)
		{
			my ($name, $labels, $kind) = ($1, $2, $type{$family});
			my $want = $family . { gauge => '', counter => '_total',
				info => '_info' }->{$kind};
			push @bad, "$name in $family" if $name ne $want;
			push @bad, "labels: $_" if defined $labels && $labels
				!~ /^(?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)*$/;

		} else {
			push @bad, "odd line: $_";
		}
	}

	return @bad;
}


# health

$res = $t->http(GET => '/healthz');
is("$res->{status} $res->{json}{status}", '200 ok', 'all is well');
is_deeply($res->{json}{reasons}, [], 'for no reason');

# what each worker has seen, it remembers

$t->api(GET => '/nodes', %master) for 1 .. 40;
$t->stop('redis');
$res = $t->wait_for(sub {
	my $r = $t->http(GET => '/healthz');
	$r->{json}{status} eq 'degraded' ? $r : undef;
}, 10, 'Redis to be missed');
is($res->{status}, 200, 'without Redis the worker still lives');
isnt($res->{json}{reasons}[0] // '', '', 'and says what is wrong');
is($res->{json}{settings}, 1, 'with the settings that it knows');

my @stale = map { $t->api(GET => '/nodes', %master) } 1 .. 20;
is(scalar(grep { $_->{status} !~ /^(?:200|503)$/ } @stale), 0,
	'P6: without Redis the nodes are a 503');
my ($known) = grep { $_->{status} == 200 } @stale;
is($known->{json}{stale}, JSON::PP::true,
	'P6: or what the worker saw last, and it says so');
is($known->{headers}{'mailportal-stale'}, 1, 'P6: in a header too');
like($known->{json}{as_of}, qr/^\d{4}-.*Z$/, 'P6: and since when');

$res = $t->http(GET => '/metrics');
is($res->{status}, 200, 'metrics are there without Redis');
like($res->{body}, qr/^mailportal_redis_up 0$/m, 'and say so');
is(join("\n", openmetrics($res->{body})), '', 'in their form');

$t->start('redis');
ok($t->wait_for(sub { $t->http(GET => '/healthz')->{json}{status} eq 'ok' },
	20, 'Redis to be back'), 'and with Redis all is well again');

$t->done();
