#!/usr/bin/perl

# Samples of a clock that jumps, and of a Redis that does not take them: what is
# not known is a gap, and nothing is shown twice or out of order.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use Test::Mailportal qw/ json /;

# ASan must be the first library of a program, and so must the other clock
plan skip_all => 'with ASan no clock can be set'
	if ($ENV{MP_BUILD} // '') =~ /sanitize/;
my ($faketime) = glob '/usr/lib/*/faketime/libfaketimeMT.so.1';
plan skip_all => 'libfaketime is not there' unless defined $faketime;

my $t = Test::Mailportal->new(only => [qw/ redis nginx agent /]);
my $node = $t->env('MP_NODE');
my ($minutes, $hours) = ("mp:{ts}:m:$node", "mp:{ts}:h:$node");

sub clock { $t->write_file('clock', "$_[0]\n"); return; }

sub latest {
	my ($list) = @_;
	my $text = $t->redis(LINDEX => $list // $minutes, 0) // return '';
	return eval { json()->decode($text)->{at} } // '';
}

sub stamp { return POSIX::strftime('%Y-%m-%dT%H:%M:%SZ', gmtime $_[0]); }

sub problems {
	my $text = $t->redis(GET => "mp:{hb}:agent:$node") // return '';
	return join "\n", @{ json()->decode($text)->{problems} };
}

sub shown {
	my $res = $t->api(GET => '/usage?hours=1', role => 'MasterAdmin');
	return $res->{json}{nodes}[0];
}

sub in_order {
	my @at = map { $_->{at} } @{ $_[0]{samples} };
	return join(' ', @at) eq join ' ', do { my %seen;
		sort grep { !$seen{$_}++ } @at };
}

$t->stop('agent');
$t->write_file('conf/agent.conf', $t->read_file('conf/agent.conf')
	=~ s/^sample_every = .*/sample_every = 1s/mr);
clock('+0');
{
	local %ENV = (%ENV, LD_PRELOAD => $faketime, FAKETIME_NO_CACHE => 1,
		FAKETIME_TIMESTAMP_FILE => $t->dir() . '/clock',
		FAKETIME_DONT_FAKE_MONOTONIC => 1, NO_FAKE_STAT => 1,
		FAKETIME_FORCE_MONOTONIC_FIX => 0);
	$t->start('agent');
}
ok($t->wait_for(sub { latest() gt stamp(time() - 10) }, 20),
	'samples are taken');
is($t->redis(LLEN => $hours), 1, 'and one of the hour');

# forward
my $count = $t->redis(LLEN => $minutes);
clock('+3h');
ok($t->wait_for(sub { latest() gt stamp(time() + 2 * 3600) }, 20),
	'a clock that jumps ahead');
ok($t->wait_for(sub { $t->redis(LLEN => $hours) == 2 }, 20),
	'begins another hour');
ok(in_order(shown()), 'the samples are in order');
is(shown()->{samples}[-1]{at} gt stamp(time() + 2 * 3600), 1,
	'the newest last');

# and back
clock('+0');
ok($t->wait_for(sub { latest() lt stamp(time() + 60) }, 20),
	'a clock that is set back');
my $node_of = shown();
ok(in_order($node_of), 'the samples are in order all the same');
is(scalar(grep { $_->{at} gt stamp(time() + 60) } @{ $node_of->{samples} }), 0,
	'nothing is of a time that has not come');
cmp_ok($node_of->{left_out}, '>', 0, 'it is said that some are left out');
ok(scalar @{ $node_of->{samples} } > 1, 'and those before are there');
is(problems(), '', 'the agent is well');

# Redis is away over the full hour
$count = $t->redis(LLEN => $hours);
$t->redis(RENAME => $hours, "mp:{ts}:kept");
$t->redis(SET => $hours, 'no list');
clock('+1h');
ok($t->wait_for(sub { problems() =~ /cannot be written: WRONGTYPE/ }, 20),
	'an hour that Redis does not take is told');
$t->redis(DEL => $hours);
$t->redis(RENAME => "mp:{ts}:kept", $hours);
ok($t->wait_for(sub { $t->redis(LLEN => $hours) == $count + 1 }, 20),
	'it is taken with the next sample');
ok($t->wait_for(sub { problems() eq '' }, 20), 'then all is well');
$t->stop('redis');
clock('+2h');
$t->start('redis');
$t->wait_for(sub { ref $t->redis('ROLE') eq 'ARRAY' }, 20);
ok($t->wait_for(sub { latest() gt stamp(time() + 6000) }, 30),
	'when Redis is back after an hour, samples go on');
is(scalar(grep { my $at = json()->decode($_)->{at};
	$at gt stamp(time() + 3600 + 300) && $at lt stamp(time() + 2 * 3600 - 300) }
	@{ $t->redis(LRANGE => $minutes, 0, 100) }), 0,
	'with a gap where it was away');
ok(in_order(shown()), 'which is one in the answer, too');

$t->done();
