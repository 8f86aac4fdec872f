#!/usr/bin/perl

# Who is next: a mailbox before a domain before all before sweeps; no user in
# two lanes at once.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use Test::Mailportal::Dovecot;
use Test::Mailportal::Worker;

my $d = Test::Mailportal::Dovecot->new(worker => { lanes => 1 });
my $t = $d->t();

quiet($d);
my @users = $d->add_users(30, 'many.test');
my ($other) = $d->add_users(['other@other.test']);

$d->fill_maildir([@users[0 .. 3], $other], 1);


# the jobs in the order in which they came to their end

sub ended {
	my %at = map { $_ => 1 } @_;

	return grep { $at{$_} } $t->read_file('log/dovecot.log')
		=~ /Job ([0-9a-f]{24}) \([^)]*\): [a-z-]+:/g;
}


sub held_by {
	my ($user) = @_;

	hold($d, $user);
	my $id = $d->job_push(action => 'index-rebuild', target => $user);
	$d->wait_for(sub { busy($d) == 1 }, 20, 'a lane at work');
	return $id;
}


# the least urgent comes first, and its only lane is taken

my $first = held_by($users[0]);
my $sweep = $d->job_push(action => 'clear-folders', junk_days => 5,
	created_by => 'mailportal');
my $all = $d->job_push(action => 'quota-recalc');
my $domain = $d->job_push(action => 'quota-recalc', target => 'many.test');
my $mailbox = $d->job_push(action => 'quota-recalc', target => $users[2]);
$d->wait_for(sub { status($d) =~ /$mailbox .*: runs/ }, 20, 'all to be read');
release($d, $users[0]);
$d->job_end($_) for $first, $mailbox, $domain, $all, $sweep;
is_deeply([ended($sweep, $all, $domain, $mailbox)],
	[$mailbox, $domain, $all, $sweep],
	'the mailbox first, then the domain, then all, then the sweep');

# a slow sweep with every lane in its hands

$d->set_worker(lanes => 2);
hold($d, $_) for @users[0, 1];
$sweep = $d->job_push(action => 'index-rebuild', created_by => 'mailportal');
$d->wait_for(sub { busy($d) == 2 }, 30, 'two lanes at work');
$mailbox = $d->job_push(action => 'index-rebuild', target => $other);
release($d, $users[0]);
is($d->job_end($mailbox)->{state}, 'done',
	'a job for a mailbox gets the next lane');
is($d->job($sweep)->{state}, 'running', 'and overtakes a sweep');

# the sweep still has this user in a lane

my $same = $d->job_push(action => 'index-rebuild', target => $users[1]);
$d->wait_for(sub { status($d) =~ /$same .*: runs/ }, 20, 'it to be read');
$d->job_end($d->job_push(action => 'quota-recalc', target => $other));
is($d->job($same)->{done}, 0, 'a user who is in a lane is not given to another');
is($d->job($sweep)->{state}, 'running', 'which is at work on her still');
release($d, $users[1]);
is($d->job_end($same)->{done}, 1, 'but when that one is through');
is_deeply([@{ $d->job_end($sweep) }{qw/ state failed /}], ['done', 0],
	'and the sweep has missed nobody');

# two jobs for all pass each other, with a user whom one of them holds

hold($d, $users[2]);
my $one = $d->job_push(action => 'index-rebuild', target => 'many.test');
$d->wait_for(sub { done_lines($d, $one) == 29 }, 30, 'all but one');
my $two = $d->job_push(action => 'quota-recalc', target => 'many.test');
$d->wait_for(sub { done_lines($d, $two) == 29 }, 30, 'all but that one');
is(busy($d), 1, 'a user who is busy is left for later, and others go on');
release($d, $users[2]);
is_deeply([@{ $d->job_end($_) }{qw/ state done failed /}], ['done', 30, 0],
	'then that user is worked on too') for $one, $two;

# many jobs wait on the disk

hold($d, $users[0]);
my @many = map { $d->job_push(action => 'index-rebuild', target => $users[0],
	created_by => "a$_") } 1 .. 30;
$d->wait_for(sub { status($d) =~ /^waiting +22 jobs/m }, 20, 'them to wait');
like(status($d), qr/^waiting +22 jobs/m, 'eight of a kind are at work');
$domain = $d->job_push(action => 'quota-recalc', target => 'other.test');
is($d->job_end($domain)->{state}, 'done', 'and one of another kind');
release($d, $users[0]);
my @states = map { $d->job_end($_)->{state} } @many;
is_deeply(\@states, [('done') x 30], 'all are done in the end');

$d->done();
