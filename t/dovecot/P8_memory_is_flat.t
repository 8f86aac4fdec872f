#!/usr/bin/perl

# P8: how many users there are makes no difference to the worker's memory.
# make bench measures ten thousand of them.

use warnings;
use strict;

use Test::More;

use lib 't/lib';
use Test::Mailportal::Dovecot::Jobs qw/ sum_of /;

plan skip_all => 'ASan keeps what is freed'
	if ($ENV{MP_BUILD} // '') =~ /sanitize/;

my $d = Test::Mailportal::Dovecot::Jobs->new();
my $count = 3000;
my $limit = 16 * 1024;

$d->crowd($count, 'crowd.example', messages => 1);

my @rounds;
for my $action (qw/ quota-recalc index-rebuild quota-recalc /) {
	my @seen;
	my $worker = $d->worker_pid();
	my $id = $d->begin($action, target => 'crowd.example');

	my $job = $d->get_when($id, sub {
		push @seen, $d->memory($worker);
		return $_[0]{state} !~ /^(?:queued|running)$/;
	}, 60, "the end of $action");

	is(sum_of($job), "done $count $count 0 0", "$action of $count users");
	is($d->worker_pid(), $worker, 'by one worker');
	my ($most) = sort { $b <=> $a } @seen;
	cmp_ok($most, '<=', $limit, "with $most KiB at most");
	push @rounds, $most;
}

# pages, not users: the first round may fill what the later ones use again
cmp_ok($rounds[-1] - $rounds[0], '<=', 256,
	'as much at the end as at the beginning');

$d->done();
