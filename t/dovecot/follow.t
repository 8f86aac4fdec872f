#!/usr/bin/perl

# The worker and the settings in Redis: it goes by what is valid and newer,
# says what is not, and remembers over a restart what it has seen.

use warnings;
use strict;

use lib 't/lib';

use Fcntl qw/ :flock /;
use Test::More;
use Test::Mailportal::Dovecot;
use Test::Mailportal::Dovecot::Settings qw/ settled /;
use Test::Mailportal::Milter;

my $d = Test::Mailportal::Dovecot->new();
my $t = $d->t();
my $key = 'mp:{cfg}:log';
my $file = $t->env('MP_WORKER_STATE') . '/settings';


sub publish { return Test::Mailportal::Milter::publish($t, @_); }


sub is_in_force {
	my ($version, $what) = @_;

	ok($d->wait_for(sub { my $hb = $d->heartbeat();
		$hb && $hb->{settings} == $version && !$hb->{stale}
			&& !@{ $hb->{problems} } }, 30, "version $version"),
		$what);
	return;
}


# With a problem, stale, and still at the version before.

sub is_kept {
	my ($version, $problem, $what) = @_;

	ok($d->wait_for(sub { my $hb = $d->heartbeat();
		$hb && $hb->{stale} && $hb->{settings} == $version
			&& grep { $_ =~ $problem } @{ $hb->{problems} } }, 30,
		"a problem: $problem"), $what) or diag(explain($d->heartbeat()));
	return;
}


sub restarted {
	settled($d);
	$d->kill_worker();
	settled($d);
	return;
}


sub entries { return @{ $t->redis('XRANGE', $key, '-', '+') }; }


sub put_back {
	my (@entries) = @_;

	$t->redis('DEL', $key);
	$t->redis('XADD', $key, $_->[0], @{ $_->[1] }) for @entries;
	return;
}


sub jobs { return @{ $t->redis('ZRANGE', 'mp:{jobs}:index', 0, -1) }; }


# How often Redis was asked for the head of the settings while so many
# heartbeats went by.

sub asked {
	my ($beats) = @_;
	my $field = 'dovecot:' . $d->node();
	my ($calls, $last, $n) = (0, 0, 0);
	my $count = sub {
		return $t->redis('INFO', 'commandstats')
			=~ /^cmdstat_xrevrange:calls=(\d+)/m ? $1 : 0;
	};

	$calls = $count->();
	$d->wait_for(sub {
		my $now = $t->redis('HGET', 'mp:{hb}:index', $field);
		$n++ if $now ne $last;
		$last = $now;
		$n > $beats;
	}, 60, 'heartbeats');

	return $count->() - $calls;
}


is_in_force(1, 'the first version is in force');
is(publish('clearing.junk_days' => 5), 2, 'the next one');
is_in_force(2, 'is, too');
like($t->read_file($file), qr/^2 [0-9a-f]{32} [0-9a-f]{64}\n\z/,
	'and is remembered');
restarted();
is_in_force(2, 'also by another worker');

# what is not valid, and what is after it

my @good = entries();
publish('clearing.junk_days' => 6, entry => { h => 'f' x 64 });
is_kept(2, qr/settings version 3 is refused: h /, 'a wrong hash is refused');
restarted();
is_kept(2, qr/version 3 is refused/, 'also after a restart');
put_back(@good);
is_in_force(2, 'until it is gone');
publish('clearing.junk_days' => 4000);
is_kept(2, qr/version 3 is refused: clearing\.junk_days/,
	'so is what no settings can be');
put_back(@good);
$t->redis('XADD', $key, '3-0', 'x', 'y');
is_kept(2, qr/version 3 is refused/, 'and what is no version');
put_back(@good);
$t->redis('XADD', $key, '2-7', 'x', 'y');
is_kept(2, qr/is refused/, 'and what has no number of one');
put_back(@good);
publish('clearing.junk_days' => $_) for 7 .. 12;
is_in_force(8, 'of many the last one counts');

# Redis goes back

my @all = entries();
put_back(@all[0 .. 2]);
is_kept(8, qr/version 3 in Redis is older than version 8/,
	'an older Redis is not followed');
restarted();
is_kept(8, qr/version 3 in Redis is older than version 8/,
	'nor by a worker that is new');
publish('clearing.junk_days' => 20) for 4 .. 8;
is_kept(8, qr/version 8 in Redis is not the version 8/,
	'nor when it has come as far in another way');
publish('clearing.junk_days' => 21);
is_kept(8, qr/version 9 in Redis does not follow from version 8/,
	'or farther');
put_back(@all);
is_in_force(8, 'until it has what it had');
put_back($all[-1]);
publish('clearing.junk_days' => 22);
is_in_force(9, 'one whose beginning was trimmed is as good');

# no settings, another type, and no processor time for it

$t->redis('DEL', $key);
is_kept(9, qr/^Redis has no settings/, 'none at all');
$t->redis('SET', $key, 'garbage');
is_kept(9, qr/^Redis does not give the settings: WRONGTYPE/, 'something else');
cmp_ok(asked(3), '<', 100, 'for which it does not ask all the time');
restarted();
is_kept(9, qr/WRONGTYPE/, 'a restart does not mind');
$t->redis('DEL', $key);
put_back(@all);
is_kept(9, qr/older than/, 'and then it is older again');

# begun anew by the operator

$t->redis('DEL', $key);
my ($rc, $out) = $t->ctl('init', '--anew');
is($rc, 0, 'the operator begins anew') or diag($out);
is_in_force(1, 'and that is followed');
is(publish('clearing.junk_days' => 1), 2, 'and what comes then');
is_in_force(2, 'is, too');

# a lane of a worker that was killed is at a large mailbox

open my $lanes, '<', $t->env('MP_WORKER_STATE') . '/lanes.lock'
	or die "lanes.lock: $!\n";
flock $lanes, LOCK_SH or die "flock: $!\n";
restarted();
my $jobs = jobs();
my $id = $d->job_push(action => 'index-rebuild');
is(publish('clearing.junk_days' => 30), 3, 'meanwhile there is a version');
is_in_force(3, 'which waits for no lane');
is($d->job($id), undef, 'but a job does');
is(scalar(() = jobs()), $jobs + 1, 'and what the settings want to be cleared');
close $lanes;
is($d->job_end($id)->{state}, 'done', 'until the lane is at its end');
ok($d->wait_for(sub { jobs() == $jobs + 2 }, 30), 'and then a sweep, too');

# a file that is not there, or is not ours

$t->stop('dovecot');
for my $text ("garbage\n", '', "99999999999999999999999 x y\n") {
	open my $fh, '>', $file or die "$file: $!\n";
	print $fh $text;
	close $fh or die "$file: $!\n";
	$t->start('dovecot');
	settled($d);
	is_in_force(3, 'a damaged file does no harm');
	$t->stop('dovecot');
}

$d->done();
