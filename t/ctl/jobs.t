#!/usr/bin/perl

# mailportal-ctl jobs: what was asked, how far it is, and what went wrong, in
# words; whatever stands in Redis.

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/../lib";
use JSON::PP ();
use Test::Mailportal::RedisServer;

my $build = $ENV{MP_BUILD} // 'build';
my $server = Test::Mailportal::RedisServer->new();
my $json = JSON::PP->new->utf8->canonical;
my @none = (started_at => undef, ended_at => undef, text => undef,
	eta => undef);


sub ctl {
	my (@args) = @_;
	my $stderr = $server->dir() . '/stderr';
	my $pid = open(my $fh, '-|') // die "fork: $!\n";

	if ($pid == 0) {
		open STDERR, '>', $stderr;
		exec "$build/mailportal-ctl", '--redis',
			'unix:' . $server->socket(), '--redis-password-file',
			$server->password_file('mp-ops'), @args
			or POSIX::_exit(127);
	}

	local $/;
	my $out = <$fh> // '';
	close $fh;
	my $rc = $? >> 8;
	my $err = do { open my $e, '<', $stderr or die; <$e> } // '';
	return { rc => $rc, out => $out, err => $err };
}


# A job as the API makes it; n counts the milliseconds.

sub job {
	my ($n, %more) = @_;
	my $id = sprintf '%012x%012x', 1700000000000 + $n, $n;
	my %job = (id => $id, action => 'quota-recalc', target => '', rate => 0,
		dry_run => JSON::PP::false, junk_days => 0, trash_days => 0,
		nodes => ['mx1', 'mx2'], created_by => 'anna',
		created_at => '2026-01-31T12:00:00Z', request_id => 'r', %more);

	$server->do('HSET', "mp:{jobs}:j:$id", 'job', $json->encode(\%job));
	$server->do('ZADD', 'mp:{jobs}:index', 1700000000000 + $n, $id);
	return $id;
}


sub progress {
	my ($id, $node, %more) = @_;
	my %progress = ((map { $_ => 0 } qw/ total done failed skipped drifted
		bytes_before bytes_after folders messages bytes /), @none,
		%more);

	$server->do('HSET', "mp:{jobs}:p:$id", "n:$node",
		$json->encode(\%progress));
	return;
}


sub has {
	my ($run, $name, @lines) = @_;

	is($run->{rc}, 0, "$name is shown");
	like($run->{out}, $_, "$name has $_") for @lines;
	unlike($run->{out}, qr/[^\x20-\x7e\n]/, 'as plain text');
	return;
}


# none

my $run = ctl('jobs');
has($run, 'an empty list', qr/\AJOB +CREATED +BY +ACTION +TARGET +STATE +DONE +FAILED\n\z/);
is(ctl('jobs', '--json')->{out}, qq({"jobs":[]}\n), 'also as JSON');
$run = ctl('jobs', '0' x 24);
is($run->{rc}, 67, 'a job that is not there is 67');
like($run->{err}, qr/no such job/, 'in words');
for my $id ('x', '0' x 23, 'A' x 24, "../../../../../etc/passw\n") {
	is(ctl('jobs', $id)->{rc}, 65, 'what is no id is 65');
}


# a recalculation at two nodes, one not begun

my $recalc = job(1, rate => 50);
progress($recalc, 'mx1', state => 'running', total => 100, done => 42,
	failed => 2, skipped => 4, drifted => 1, bytes_before => 90,
	bytes_after => 100, eta => 7, started_at => '2026-01-31T12:00:01Z');
$server->do('HSET', "mp:{jobs}:p:$recalc", 'e:mx1', $json->encode([
	{ target => 'a@example.com', text => "UID 5 not permitted\e[2J" },
	{ target => 'b@example.com', text => 'Invalid mail location' }]),
	'd:mx1', $json->encode([
	{ target => 'c@example.com', before => 90, after => 100 }]));

has(ctl('jobs'), 'the list',
	qr/^$recalc +\S+Z +anna +quota-recalc +all +running +42 of 100 +2$/m);
has(ctl('jobs', $recalc), 'the job', qr/^target +all$/m,
	qr/^at most +50 users a second$/m, qr/^created +\S+Z by anna$/m,
	qr/^state +running$/m, qr/^started +2026-01-31T12:00:01Z$/m,
	qr/^users +42 of 100 done, 2 of these failed, 4 had no mailbox yet$/m,
	qr/^result +1 were wrong: 90 bytes before, 100 after$/m,
	qr/^mx1 +running +42 of 100 +$/m, qr/^mx2 +not taken yet +- +$/m,
	qr/^failed, mx1:\na\@example\.com +UID 5 not permitted\\x1b\[2J\n/m,
	qr/^b\@example\.com +Invalid mail location$/m,
	qr/^c\@example\.com +90 bytes were counted, 100 are there$/m);
unlike(ctl('jobs', $recalc)->{out}, qr/^left/m,
	'what is left is not known while a node has not begun');

progress($recalc, 'mx2', state => 'running', total => 10, done => 1,
	eta => 30, started_at => '2026-01-31T12:00:02Z');
has(ctl('jobs', $recalc), 'the job', qr/^left +about 30 seconds$/m,
	qr/^users +43 of 110 done/m);


# a dry run, a job that was cancelled, one that failed as a whole

my $clear = job(2, action => 'clear-folders', target => 'ann@example.com',
	dry_run => JSON::PP::true, junk_days => 30, nodes => ['mx1']);
progress($clear, 'mx1', state => 'done', total => 1, done => 1, folders => 1,
	messages => 3, bytes => 2048, ended_at => '2026-01-31T12:00:03Z');
$server->do('HSET', "mp:{jobs}:p:$clear", 'd:mx1', $json->encode([{ uid => 7,
	target => 'ann@example.com', folder => 'Junk', bytes => 1024,
	saved_at => '2026-01-01T00:00:00Z' }]));
has(ctl('jobs', $clear), 'a dry run', qr/^dry run +nothing is removed$/m,
	qr/^junk +of more than 30 days$/m,
	qr/^result +3 messages, 2048 bytes would go$/m,
	qr/^ended +2026-01-31T12:00:03Z$/m,
	qr/^ann\@example\.com +Junk, uid 7, saved 2026-01-01T00:00:00Z, 1024 bytes$/m);
unlike(ctl('jobs', $clear)->{out}, qr/^trash/m, 'without what is left alone');

my $cancelled = job(3, action => 'index-rebuild', target => 'example.com');
$server->do('HSET', "mp:{jobs}:j:$cancelled", 'cancel', 'ben');
has(ctl('jobs', $cancelled), 'a cancelled job', qr/^cancelled by +ben$/m,
	qr/^state +cancelled$/m);

my $failed = job(4, nodes => ['mx1']);
progress($failed, 'mx1', state => 'failed', text => 'the userdb is away');
has(ctl('jobs', $failed), 'a job that failed',
	qr/^mx1 +failed +- +the userdb is away$/m);


# the list

has(ctl('jobs'), 'the list', qr/\AJOB.*\n$failed .*\n$cancelled .*\n$clear /,
	qr/^$clear +\S+Z +anna +clear-folders \(dry run\) +ann\@example\.com +done +1 of 1 +0$/m);
is(ctl('jobs', '--limit', 2)->{out} =~ tr/\n//, 3, '--limit');
my @jobs = @{ $json->decode(ctl('jobs', '--json')->{out})->{jobs} };
is(join(' ', map { $_->{id} } @jobs), "$failed $cancelled $clear $recalc",
	'JSON has them in order');
is($jobs[3]{done}, 43, 'with how far they are');
my $full = $json->decode(ctl('jobs', $recalc, '--json')->{out});
is($full->{errors}[1]{text}, 'Invalid mail location',
	'and of one its failures');
is($full->{nodes}{mx2}{eta}, 30, 'and its nodes');


# what is none

my $bad = job(5, action => "format\e[2J");
my $gone = job(6);
$server->do('DEL', "mp:{jobs}:j:$gone");
$server->do('ZADD', 'mp:{jobs}:index', 1e15, "evil\e[2J");
has(ctl('jobs'), 'the list', qr/^$bad +\? .*cannot be read: action is not what/m,
	qr/^$recalc /m);
unlike(ctl('jobs')->{out}, qr/^$gone|evil/m,
	'what is gone, or never was one, is left out');
$run = ctl('jobs', $bad);
is($run->{rc}, 65, 'a job that is none is 65');
like($run->{err}, qr/action: is not what a job has there/, 'and says why');
$server->do('HSET', "mp:{jobs}:p:$failed", 'n:mx1', '{}', 'e:mx1', 'x');
has(ctl('jobs', $failed), 'a job whose progress is none',
	qr/^mx1 +not taken yet/m);
$server->do('SET', 'mp:{jobs}:index', 'x');
isnt(ctl('jobs')->{rc}, 0, 'an index that is none is an error');

done_testing();
