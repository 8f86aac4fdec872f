#!/usr/bin/perl

# A node that has jobs before it dies for good: who asks is told which node is
# waited for and since when, cancelling ends the job at once, and after a day
# a node stands in nobody's way.  Should it come again, it does what was asked
# of it, and not what was cancelled.

use warnings;
use strict;

use Test::More;

use lib 't/lib';
use Test::Mailportal::Dovecot::Jobs qw/ sum_of /;

my $one = Test::Mailportal::Dovecot::Jobs->new(node => 'one');
my $two = Test::Mailportal::Dovecot::Jobs->new(node => 'two',
	redis_of => $one);

$one->crowd(3, 'one.example', messages => 1);
$two->crowd(40, 'two.example', messages => 1);


# Its last heartbeat does not outlive its time.

sub kill_two {
	kill KILL => $two->t()->pid('dovecot'), $two->worker_pid(),
		$two->lane_pids();
	$two->t()->stop('dovecot');
	$one->redis('DEL', 'mp:{hb}:dovecot:two');
	return;
}


sub start_two {
	# what was killed may still have its number
	unlink $two->dir() . '/run/dovecot/master.pid';
	return $two->t()->start('dovecot') && $two->ready();
}


sub since {
	my $at = $one->redis('HGET', 'mp:{hb}:index', 'dovecot:two');
	my @t = gmtime $at;

	return sprintf '%04d-%02d-%02dT%02d:%02d:%02dZ', $t[5] + 1900,
		$t[4] + 1, @t[3, 2, 1, 0];
}


sub listed {
	my ($id) = @_;

	return (grep { $_->{id} eq $id }
		@{ $one->ask(GET => '/jobs')->{json}{jobs} })[0];
}


sub at_work {
	my ($id) = @_;

	return $one->get_when($id, sub {
		($_[0]{nodes}{two}{done} // 0) >= 5
			&& $_[0]{nodes}{one}{state} eq 'done' }, 30,
		'the second to be at work');
}


# in the middle of its users

my $id = $one->begin('index-rebuild', rate => 5);
is_deeply(at_work($id)->{silent}, [], 'while both are there nobody is silent');
kill_two();
my $job = $one->get($id);
is_deeply($job->{silent}, [{ node => 'two', since => since() }],
	'the job says which node does not answer, and since when');
is_deeply(listed($id)->{silent}, $job->{silent}, 'and so does the list');
is($job->{state}, 'running', 'it waits');
my $res = $one->post('index-rebuild');
is("$res->{status} $res->{json}{job}", "409 $id", 'in the way of another');

$res = $one->cancel($id);
is("$res->{status} $res->{json}{state}", '202 cancelled',
	'cancelled, it is at its end at once');
$job = $one->get($id);
is($job->{state}, 'cancelled', 'and stays there');
is($job->{nodes}{two}{state}, 'cancelled', 'also at that node');
like($job->{nodes}{two}{text}, qr/did not answer/, 'which says why');
cmp_ok($job->{done}, '>=', 8, 'what was done is counted');
is($job->{eta}, undef, 'nothing is left');
is_deeply($job->{silent}, [], 'and nobody is waited for');
is($one->cancel($id)->{status}, 409, 'it cannot be cancelled twice');

# before its first user

my $next = $one->begin('index-rebuild');
is($one->get_when($next, sub { $_[0]{nodes}{one}{state} eq 'done' }, 30,
	'the first node')->{nodes}{two}{state}, 'queued',
	'a new job is made, for both');
is($one->cancel($next)->{json}{state}, 'cancelled',
	'one that had not begun there ends, too');

# it comes back

start_two();
ok($one->get_when($id, sub { ($_[0]{nodes}{two}{text} // '')
	!~ /did not answer/ }, 30, 'the second'),
	'the second comes back, and says how far it came');
$two->has_read_all();
$job = $one->get($id);
is($job->{state}, 'cancelled', 'what was cancelled stays so');
cmp_ok($job->{nodes}{two}{done}, '<', 40, 'and is not gone on with');
is($one->run('index-rebuild')->{state}, 'done', 'both do the next');

# it dies after the cancel, before that takes effect: cancel again

$id = $one->begin('index-rebuild', rate => 5);
at_work($id);
kill STOP => $two->worker_pid();
$one->cancel($id);
is($one->get($id)->{state}, 'running', 'a cancel waits for who is there');
kill_two();
is($one->cancel($id)->{json}{state}, 'cancelled',
	'and for nobody when it is said again');

# away for a day

start_two();
$id = $one->begin('index-rebuild', rate => 5);
at_work($id);
kill_two();
is($one->post('index-rebuild')->{status}, 409, 'away for a moment');
$one->redis('HSET', 'mp:{hb}:index', 'dovecot:two', time() - 86500);
$next = $one->run('index-rebuild');
is($next->{state}, 'done', 'away for a day: another job is done');
is_deeply([sort keys %{ $next->{nodes} }], ['one'], 'by who is there');
is($one->get($id)->{state}, 'running', 'the first one still waits');
start_two();
$job = $one->get_end($id);
is($job->{state}, 'done', 'until the node comes and does it');

$_->t()->allow(qr/killed with signal 9/) for $one, $two;
$two->t()->down();
is(join('', $two->t()->alerts()), '', 'no alerts at the second');
$one->done();
