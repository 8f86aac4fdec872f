#!/usr/bin/perl

# The journal is damaged: what can be read is used, what cannot is told, and
# the job comes to an end.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use Test::Mailportal::Dovecot;
use Test::Mailportal::Worker;

my $d = Test::Mailportal::Dovecot->new(worker => { lanes => 2 });
my $t = $d->t();

quiet($d);
my @users = $d->add_users(60, 'some.test');
my $users = 60;

$d->fill_maildir($users[0], 1);
srand 4;


sub bytes { my ($n) = @_; return join '', map { chr int rand 256 } 1 .. $n; }


# A job that stands still at a user, with its worker killed; then the file is
# changed by $sub, a reference to its bytes, and the worker may go on.

sub damage {
	my ($name, $sub) = @_;

	hold($d, $users[0]);
	my $id = $d->job_push(action => 'index-rebuild', target => 'some.test');
	$d->wait_for(sub { done_lines($d, $id) == $users - 1 }, 20,
		'all but one');
	my $path = journal_file($d, $id, $name);
	kill 'STOP', my $pid = $d->worker_pid();
	$d->kill_lanes();
	$d->wait_for(sub { !$d->lane_pids() }, 10, 'lanes to end');
	my $text = $t->read_file($path);
	$sub->(\$text);
	open my $fh, '>:raw', $path or die "$path: $!\n";
	print $fh $text;
	close $fh;
	release($d, $users[0]);
	kill 'KILL', $pid;
	return $d->job_end($id);
}


sub done_is {
	my ($job, $name) = @_;

	return is_deeply([@$job{qw/ state total done failed /}],
		['done', $users, $users, 0], "$name: each user is done");
}


sub told {
	my ($re, $name) = @_;

	return like($t->read_file('log/dovecot.log'), $re, "$name: it is told");
}


# what was done

done_is(damage(done => sub { ${ $_[0] } .= '+7' }), 'a torn line');
told(qr/done: a torn line is cut off/, 'a torn line');

done_is(damage(done => sub { ${ $_[0] } .= bytes(30_000) . "\n" }),
	'random bytes at the end');
told(qr/done: \d+ lines are none of ours: dropped/, 'random bytes');

done_is(damage(done => sub { substr ${ $_[0] }, 40, 0,
	"\n" . bytes(300_000) =~ tr/\n/x/r . "\n" }), 'a line without end');

done_is(damage(done => sub { ${ $_[0] } =~ s/^\+(?:5|6)\t.*\n//mg }),
	'lines that are gone');

# two lines that ran together, as on a full disk
done_is(damage(done => sub { ${ $_[0] } =~ s/^(\+5\t[^\n]*)\n/$1/m }),
	'a line without an end');

done_is(damage(done => sub { ${ $_[0] } =~
	s/^(\+5\t[^\n]*\n)/$1$1+5\tfail\ttext=no\n/m }), 'lines that are doubled');

done_is(damage(done => sub { ${ $_[0] } .= "+60\tok\n+4294967295\tok\n"
	. "+-1\tok\n+99999999999999\tok\n+1\tok\tbefore=x\n+1\n+\n+end\n"
	. "+end\trunning\tx\ty\n+begun\n" }), 'users that there are not');

done_is(damage(done => sub { ${ $_[0] } = '' }), 'nothing');
done_is(damage(done => sub { ${ $_[0] } = bytes(5000) }), 'random bytes only');

# whom it is about

for my $row (['cut', sub { substr ${ $_[0] }, 500, 10_000, '' }],
	['another byte', sub { substr ${ $_[0] }, 100, 1, '~' }],
	['random bytes', sub { ${ $_[0] } = bytes(3000) }],
	['a line without end', sub { ${ $_[0] } = 'x' x 100_000 }],
	['nothing', sub { ${ $_[0] } = '' }])
{
	my ($name, $sub) = @$row;

	done_is(damage(users => $sub), "users, $name");
	told(qr/users is damaged: .*: its users are listed again/,
		"users, $name");
}

# what was asked

my $job = damage(job => sub { ${ $_[0] } = bytes(1000) });
is($job->{state}, 'failed', 'a job that cannot be read fails');
like($job->{text}, qr/\w/, 'and says why: ' . ($job->{text} // ''));

# who is finished, and things that are none of ours

$t->write_file(state($d) =~ s!^\Q@{[$d->dir()]}\E/!!r . '/finished',
	bytes(5000));
mkdir state($d) . "/jobs/$_" for 'x', '../jobs/.y',
	'018900000000000000000000';
$t->write_file(state($d) =~ s!^\Q@{[$d->dir()]}\E/!!r . '/jobs/file', 'x');
$d->kill_worker();
done_is($d->job_end($d->job_push(action => 'quota-recalc',
	target => 'some.test')), 'strange things in the folder');
told(qr!/finished: \d+ lines are none of ours: dropped!, 'finished');
told(qr!/jobs/x: is no job, and is left alone!, 'a folder of others');
ok(!-e state($d) . '/jobs/018900000000000000000000',
	'a journal that was never begun is removed');

$d->done();
