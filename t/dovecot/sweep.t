#!/usr/bin/perl

# The worker's own clearing of Junk and Trash: once a day and on a change,
# by what the settings say now, and no more often for a restart or a sleep.

use warnings;
use strict;

use lib 't/lib';

use JSON::PP ();
use Test::More;
use Test::Mailportal::Dovecot;
use Test::Mailportal::Dovecot::Settings qw/ settled /;
use Test::Mailportal::Milter;

my $d = Test::Mailportal::Dovecot->new(faketime => 1,
	worker => { sweep_rate => 1000, junk_folder => 'Spam',
		trash_folder => 'Deleted' });
my $t = $d->t();
my $file = $t->env('MP_WORKER_STATE') . '/sweep';
my @users = $d->add_users(40, 'sweep.test');
my $old = time() - 5 * 86400;


sub publish {
	my (%set) = @_;
	my $version = Test::Mailportal::Milter::publish($t, %set);

	$d->wait_for(sub { my $hb = $d->heartbeat();
		$hb && $hb->{settings} == $version }, 30, "version $version")
		or die "version $version is not in force\n";
	return $version;
}


# The node's sweeps, the oldest first: { job, progress }

sub sweeps {
	my @all = map {
		my $job = $t->redis('HGET', "mp:{jobs}:j:$_", 'job');
		defined $job ? { id => $_, progress => $d->job($_),
			job => JSON::PP::decode_json($job) } : ();
	} @{ $t->redis('ZRANGE', 'mp:{jobs}:index', 0, -1) };

	return grep { $_->{job}{created_by} eq 'mailportal' } @all;
}


# Waits until so many have come, and returns the last at its end.

sub sweep {
	my ($count, $what) = @_;
	my @all;

	ok($d->wait_for(sub { @all = sweeps(); @all >= $count }, 60), $what);
	is(scalar @all, $count, "$what: it is the only one");
	return @all ? $d->job_end($all[-1]{id}) && (sweeps())[-1] : undef;
}


# Nothing has begun although heartbeats went by, within which it would have.

sub none_more {
	my ($count, $what) = @_;
	my $field = 'dovecot:' . $d->node();
	my $from = $t->redis('HGET', 'mp:{hb}:index', $field) // 0;

	settled($d);
	$d->wait_for(sub {
		($t->redis('HGET', 'mp:{hb}:index', $field) // 0) > $from + 3;
	}, 60, 'heartbeats');
	is(scalar(my @all = sweeps()), $count, $what);
	return;
}


# As if the last sweep had begun so long ago.

sub backdate {
	my ($seconds) = @_;
	my $text = $t->read_file($file);
	my @field = split / /, $text;

	$field[4] -= $seconds;
	open my $fh, '>', "$file.test" or die "$file: $!\n";
	print $fh join ' ', @field;
	close $fh;
	rename "$file.test", $file;
	return;
}


sub folders { return [map { $d->count($users[0], $_) } qw/ Junk Trash /]; }

# of a user who has no folder with a special use, but those of worker.conf

sub named { return [map { $d->count($users[1], $_) } qw/ Spam Deleted /]; }


# the default deletes nothing

$d->save($users[0], folder => $_, saved => $old) for qw/ Junk Trash /;
$d->save($users[0], folder => $_) for qw/ Junk Trash /;
$d->stock(qw/ mailbox create -u /, $users[1], qw/ Spam Deleted /);
$d->save($users[1], folder => $_, saved => $old) for qw/ Spam Deleted /;
settled($d);
none_more(0, 'by the default nothing is cleared');
is_deeply([folders(), named()], [[2, 2], [1, 1]], 'all is there');

# on, at once; and each folder by itself

publish('clearing.junk_days' => 3);
my $sweep = sweep(1, 'a sweep begins at once when it is switched on');
is_deeply([@{ $sweep->{job} }{qw/ action target rate junk_days trash_days
	dry_run /}], ['clear-folders', '', 1000, 3, 0, JSON::PP::false],
	'with what the settings say');
is_deeply($sweep->{job}{nodes}, [$d->node()], 'for this node alone');
is($sweep->{progress}{state}, 'done', 'it comes to its end');
is($sweep->{progress}{total}, scalar $d->users(), 'was at everybody');
is($sweep->{progress}{messages}, 2, 'and cleared two messages');
is_deeply([folders(), named()], [[1, 2], [0, 1]],
	'the old one in Junk, and that in the folder of this name');

publish('antispam.reject' => 11);
none_more(1, 'another setting is no reason');
publish('clearing.trash_days' => 4);
$sweep = sweep(2, 'another number of days is');
is_deeply([@{ $sweep->{job} }{qw/ junk_days trash_days /}], [3, 4], 'both');
is_deeply([folders(), named()], [[1, 1], [0, 0]],
	'and now Trash is cleared, too, by use and by name');

# once a day, not more often

$d->kill_worker();
none_more(2, 'a worker that comes anew begins none');
$d->reload();
none_more(2, 'nor does a reload');
$t->stop('dovecot');
backdate(86400 * 3);
$t->start('dovecot');
sweep(3, 'a machine that slept for days catches up');
none_more(3, 'once');
$t->stop('dovecot');
backdate(-86400);
$t->start('dovecot');
sweep(4, 'a clock that was set back is no reason to wait');
none_more(4, 'and to sweep more than once');

$t->stop('dovecot');
backdate(86400);
$t->stop('redis');
$t->start('dovecot');
ok($d->wait_for(sub { 5 == (() = ($t->read_file('log/dovecot.log') // '')
	=~ /\(clear-folders all\): done/g) }, 60, 'its end'),
	'a sweep needs no Redis, also when the one before ended just now');
$t->start('redis');
sweep(5, 'a sweep without Redis is seen when Redis is back');

$d->set_worker(sweep_every => '2s');
ok($d->wait_for(sub { my @all = sweeps(); @all >= 7 }, 60),
	'how often is in worker.conf');
$d->set_worker(sweep_every => undef);

# while one is at work

settled($d);
$d->set_worker(sweep_rate => 1);
settled($d);
my $count = sweeps();
publish('clearing.junk_days' => 10);
ok($d->wait_for(sub { my @all = sweeps();
	@all > $count && ($all[-1]{progress}{done} // 0) > 0 }, 60),
	'a slow one is at work');
my ($slow) = (sweeps())[-1];
$d->kill_worker();
settled($d);
ok($d->wait_for(sub { $d->job($slow->{id})->{done} > 2 }, 60),
	'it survives a kill');
is(scalar(my @same = sweeps()), $count + 1, 'as the same');

publish('clearing.junk_days' => 20);
ok($d->wait_for(sub { my @all = sweeps(); @all == $count + 2 }, 60),
	'a change begins another one');
is($d->job_end($slow->{id})->{state}, 'cancelled', 'and ends the first');
cmp_ok($d->job($slow->{id})->{done}, '<', $d->users() + 0, 'on its way');
$slow = (sweeps())[-1];
is($slow->{job}{junk_days}, 20, 'by the new number of days');

publish('clearing.junk_days' => undef, 'clearing.trash_days' => undef);
is($d->job_end($slow->{id})->{state}, 'cancelled',
	'switching it off ends the one that runs');
none_more($count + 2, 'and none begins');
is_deeply(folders(), [1, 1], 'nothing more is gone');

# what is in the file

$t->stop('dovecot');
$t->write_file('data/worker/sweep', "garbage\n");
$t->start('dovecot');
none_more($count + 2, 'a damaged file clears nothing');
publish('clearing.junk_days' => 3000);
sweep($count + 3, 'and is mended by the next change');

$d->done();
