#!/usr/bin/perl

# What a worker believes of the change streams: P4 it follows no older Redis
# and no version out of line, P6 it says so, and nobody sees an older version
# than one that they have seen.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;
use Test::Mailportal qw/ wait_for /;
use Test::Mailportal::Milter;

my $t = Test::Mailportal->new();
my $cookie = $t->role('MasterAdmin');
my $settings = 'mp:{cfg}:log';
my $lists = 'mp:{list}:log';


sub get { return $t->api(GET => '/settings', cookie => $cookie); }

sub patch {
	my ($defer) = @_;

	return $t->api(PATCH => '/settings', cookie => $cookie,
		json => { antispam => { defer => $defer } },
		headers => { 'If-Match' => get()->{headers}{etag} });
}


# Whether every worker that is asked, by whatever chance, answers so.

sub all_of {
	my ($sub) = @_;

	return wait_for(sub { 40 == grep { $sub->() } 1 .. 40 }, 20);
}

sub in_force {
	my ($tag) = @_;

	return all_of(sub { my $r = $t->http(GET => '/settings.json');
		$r->{headers}{etag} eq $tag
		&& !$r->{headers}{'mailportal-stale'} });
}

sub logged {
	my ($re) = @_;

	return wait_for(sub { ($t->read_file('log/nginx-error.log') // '')
		=~ $re }, 20);
}

sub problem {
	my ($re) = @_;

	return wait_for(sub {
		my ($node) = grep { $_->{component} eq 'nginx' }
			@{ $t->api(GET => '/nodes', cookie => $cookie)
				->{json}{nodes} // [] };
		return grep { $_ =~ $re } @{ $node->{problems} // [] };
	}, 20);
}


# Workers that may not read the stream any more stay at what they have.  Each
# has one XREAD that Redis has taken already, which the first version ends.

my ($rules) = grep { /^user mp-api / } @{ $t->redis('ACL', 'LIST') };
my @rules = ($rules =~ s/^user mp-api //r)
	=~ /(\([^)]*\)|\S+)/g;

is(patch(1)->{headers}{etag}, '"2"', 'a version');
ok(in_force('"2"'), 'that all workers follow');
is($t->redis('ACL', 'SETUSER', 'mp-api', 'reset',
	map { s/\+xread(?=[ )])//r } @rules), 'OK', 'nginx may not follow any more');
is(patch(1.5)->{headers}{etag}, '"3"', 'one more version');
ok(logged(qr/NOPERM/), 'is the last that is followed');
is(patch(2)->{headers}{etag}, '"4"', 'and another');

my @tags = map { get()->{headers}{etag} } 1 .. 40;
is(join(' ', grep { $_ ne '"4"' } @tags), '',
	'who has made it sees no older one, whichever worker answers');
cmp_ok(scalar(grep { $t->http(GET => '/settings.json')->{headers}{etag}
	ne '"4"' } 1 .. 40), '>', 0, 'although workers have an older one');
is($t->redis('ACL', 'SETUSER', 'mp-api', 'reset', @rules), 'OK',
	'nginx may follow again');
ok(in_force('"4"'), 'and does');


# versions that are sealed well, and do not belong where they stand

my $version = 4;
my $head = Test::Mailportal::Milter::head($t);

for my $case (['another past' => { prev => 'e' x 64 }],
	['a gap' => { number => $version + 2 }])
{
	my ($what, $change) = @$case;
	my %v = (%$head, number => $version + 1, prev => $head->{h},
		actor => 'x', req => 'x', at => '2026-01-01T00:00:00Z',
		%$change);

	$v{h} = Test::Mailportal::Milter::seal(%v);
	$t->redis('XADD', $settings, "$v{number}-0", map { $_ => $v{$_} }
		qw/ epoch doc h prev actor at req /);
	ok(problem(qr/does not follow the one in force/),
		"P6: a version after $what is told of");
	is(scalar(grep { $t->http(GET => '/settings.json')->{headers}{etag}
		ne '"4"' } 1 .. 40), 0, 'P4: and followed by no worker');

	$t->redis('XDEL', $settings, "$v{number}-0");
	ok($t->restart('nginx'), 'nginx starts anew');
	ok(in_force('"4"'), 'from the version that is there now');
}


# an older Redis, of either stream

for my $case ([$settings, 'settings'], [$lists, 'lists']) {
	my ($key, $what) = @$case;

	$t->api(PUT => "/lists/blacklist/entries/$what.example",
		cookie => $cookie);
	my $entries = $t->redis('XRANGE', $key, '-', '+');
	ok(wait_for(sub {
		30 == grep { $_->{json}{status} eq 'ok'
			&& $_->{json}{lists} eq ($key eq $lists
				? $entries->[-1][0] : $_->{json}{lists}) }
			map { $t->http(GET => '/healthz') } 1 .. 30
	}, 20), "all is well with the $what");

	$t->redis('MULTI');
	$t->redis('DEL', $key);
	$t->redis('XADD', $key, $_->[0], @{ $_->[1] })
		for @{$entries}[0 .. $#$entries - 1];
	$t->redis('EXEC');

	ok(problem(qr/Redis is older than the $what in force/),
		"P6: older $what are told of");
	ok(all_of(sub { my $j = $t->http(GET => '/healthz')->{json};
		$j->{stale} && $j->{status} eq 'degraded' }),
		'P6: by each worker');
	is($t->http(GET => '/settings.json')->{headers}{etag}, '"4"',
		'P4: what is in force stays');
	my $before = $t->fingerprint();
	is($t->api(PUT => '/lists/blacklist/entries/no.example',
		cookie => $cookie)->{json}{code}, 'state-regressed',
		'P7: no list can be written') for 1 .. 10;
	is($t->fingerprint(), $before, 'and not one byte in Redis changed');

	$t->redis('XADD', $key, $entries->[-1][0], @{ $entries->[-1][1] });
	ok(all_of(sub { $t->http(GET => '/healthz')->{json}{status} eq 'ok' }),
		'when they are whole again all is well');
}

$t->done();
