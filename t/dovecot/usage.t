#!/usr/bin/perl

# The usage of each mailbox and of the node: what is there, without making
# anything, and nobody who is there no more.

use warnings;
use strict;

use lib 't/lib';

use File::Path qw/ make_path /;
use JSON::PP ();
use Test::More;
use Test::Mailportal::Dovecot;
use Test::Mailportal::Dovecot::Settings qw/ login settled /;

my $d = Test::Mailportal::Dovecot->new(
	worker => { usage_every => '1s', sweep_rate => 10000 });
my $t = $d->t();
my $node = $d->node();
my ($first) = $d->users();
my @fresh = $d->add_users(30, 'fresh.test');
my ($full, $small, $broken) = $d->add_users(3, 'used.test');


sub usage {
	my $hash = $d->hash("mp:{usage}:u:$node");

	return { map { $_ => JSON::PP::decode_json($hash->{$_}) }
		keys %$hash };
}


sub totals {
	my $text = $t->redis('GET', "mp:{usage}:t:$node");

	return defined $text ? JSON::PP::decode_json($text) : {};
}


# Waits for a sweep that begins now: the totals of one that began after the
# one that may be at work.

sub swept {
	my $seen = 0;
	my $last = totals()->{at} // '';

	ok($d->wait_for(sub {
		my $at = totals()->{at} // '';
		$seen++ if $at ne $last;
		$last = $at;
		$seen == 2;
	}, 60, 'a sweep'), 'a sweep comes to its end') or diag(totals());
	return usage();
}


sub homes { return grep { -e $d->home($_) } @_; }

# users who never signed in

my $usage = swept();
is_deeply([sort keys %$usage], [sort $d->users()], 'every user is there');
is_deeply([grep { $usage->{$_}{bytes} || $usage->{$_}{messages}
	|| $usage->{$_}{sieve} } $d->users()], [], 'and has nothing');
is_deeply([homes($d->users())], [], 'and no directory was made');
is_deeply([@{ totals() }{qw/ mailboxes used failed bytes messages sieve /}],
	[$d->users() + 0, 0, 0, 0, 0, 0], 'the totals are nothing');
like(totals()->{at}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/, 'as of when');

# users who have something

$d->fill([$full], 7, size => 4000);
$d->fill([$small], 2);
$d->set_user($small, quota_rule => '*:storage=5M');
make_path($d->home($full) . '/sieve');
for my $name (qw/ one two three /) {
	open my $fh, '>', $d->home($full) . "/sieve/$name.sieve" or die;
	print $fh "keep;\n";
	close $fh;
}
$d->own($full);
$usage = swept();
is_deeply([@{ $usage->{$full} }{qw/ messages limit sieve /}],
	[7, 2**30, 3], 'messages, the limit and Sieve scripts');
cmp_ok($usage->{$full}{bytes}, '>', 7 * 4000, 'and bytes');
is_deeply([@{ $usage->{$small} }{qw/ messages limit sieve /}],
	[2, 5 * 2**20, 0], 'another limit, and no scripts');
is(!-e $d->home($small) . '/sieve', 1, 'for which no directory is made');
is_deeply([homes(@fresh)], [], 'nor for who never signed in');
is_deeply([@{ totals() }{qw/ mailboxes used failed bytes messages sieve /}],
	[$d->users() + 0, 2, 0, $usage->{$full}{bytes}
	+ $usage->{$small}{bytes}, 9, 3], 'the totals are their sum');

# users who go, and who cannot be looked at

$d->fill([$broken], 3);
swept();
is(login($d, 'imap', $small, $t->env('MP_USER_PASSWORD')), 'ok', 'a login');
ok($d->wait_for(sub { $d->hash("mp:{usage}:l:$node")->{$small} }, 30),
	'is known');
$d->remove_users($small, @fresh[5 .. 29]);
$d->break_user($broken, 'location');
$usage = swept();
is_deeply([sort keys %$usage], [sort $d->users()],
	'who was removed vanishes');
ok(!exists $d->hash("mp:{usage}:l:$node")->{$small}, 'with the last login');
is($usage->{$broken}{messages}, 3, 'of a broken one what was known stays');
is_deeply([@{ totals() }{qw/ mailboxes used failed messages /}],
	[$d->users() + 0, 1, 1, 7], 'and is told as such');
$d->remove_users($broken);
$usage = swept();
ok(!exists $usage->{$broken}, 'until it is removed');

# what is none of ours in Redis

$t->redis('HSET', "mp:{usage}:u:$node", 'x@x.test', '{"bytes":1}',
	"y\0y", "\xff", 'z@x.test', '');
$usage = swept();
is_deeply([sort keys %$usage], [sort $d->users()], 'what is not ours goes');
$t->redis('DEL', "mp:{usage}:u:$node");
$t->redis('SET', "mp:{usage}:u:$node", 'garbage');
ok($d->wait_for(sub { my $hb = $d->heartbeat();
	grep { /does not take the usage: WRONGTYPE/ }
	@{ $hb->{problems} } }, 60), 'another type is a problem');
$t->redis('DEL', "mp:{usage}:u:$node");
$usage = swept();
is_deeply([sort keys %$usage], [sort $d->users()], 'until it is gone');
ok($d->wait_for(sub { my $hb = $d->heartbeat();
	!@{ $hb->{problems} } }, 60), 'and then it is none');

# kills, and a Redis that goes

$d->set_worker(sweep_rate => 5);
settled($d);
$d->add_users(30, 'slow.test');
my $some;
ok($d->wait_for(sub { $some = grep { /\@slow\.test/ } keys %{ usage() } }, 60),
	'a slow sweep is at work');
cmp_ok($some, '<', 30, 'and not at the end of it yet, for it has a rate');
$d->kill_worker();
settled($d);
$d->set_worker(sweep_rate => 10000);
$usage = swept();
is_deeply([sort keys %$usage], [sort $d->users()], 'a kill leaves nobody out');

for (1 .. 3) {
	kill 'KILL', $t->pid('redis');
	$t->wait_for(sub { !kill 0, $t->pid('redis') }, 30);
	$t->start('redis');
	$d->wait_for(sub { keys %{ usage() } }, 60);
	is_deeply([grep { !usage()->{$_} } $d->users()], [],
		'nobody vanishes with Redis');
}
$usage = swept();
is_deeply([sort keys %$usage], [sort $d->users()], 'all are there');
$t->redis('FLUSHALL');
$usage = swept();
is_deeply([sort keys %$usage], [sort $d->users()], 'and come again');

is(scalar(() = $t->redis('ZRANGE', 'mp:{jobs}:index', 0, -1)->@*), 0,
	'none of this is a job of the list');

$d->done();
