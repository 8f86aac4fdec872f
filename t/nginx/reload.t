#!/usr/bin/perl

# P9 and the life of workers: reloads and kills under load.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;
use Test::Mailportal qw/ wait_for /;

plan(skip_all => 'no wrk') unless grep { -x "$_/wrk" } split /:/, $ENV{PATH};

my $t = Test::Mailportal->new(allow => [qr/exited on signal 9/]);

# what is asked is whether workers lose requests, not how fast Redis is

my $conf = $t->read_file('conf/nginx/mailportal.conf');
$conf =~ s/timeout=\w+;/timeout=30s;/;
$t->write_file('conf/nginx/mailportal.conf', $conf);
$t->restart('nginx');

my $cookie = $t->role('MasterAdmin');
my $master = $t->pid('nginx');


sub workers { return split ' ', `pgrep -P $master`; }

sub load {
	my ($seconds) = @_;
	my $pid = open(my $fh, '-|', 'wrk', '-t1', '-c32', "-d${seconds}s",
		'-H', "Cookie: $cookie", $t->env('MP_URL') . '/api/v1/settings')
		// die "wrk: $!\n";
	return ($pid, $fh);
}

sub result {
	my ($fh) = @_;
	local $/;
	my $out = <$fh>;
	close $fh;
	return $out;
}


# reload

my ($pid, $fh) = load(6);

for my $n (1 .. 12) {
	my %old = map { $_ => 1 } workers();
	kill 'HUP', $master;
	wait_for(sub { grep { !$old{$_} } workers() }, 10, 'new workers');
	select undef, undef, undef, 0.2;
}

my $out = result($fh);
my ($requests) = $out =~ /(\d+) requests in/;
cmp_ok($requests // 0, '>', 1000, "P9: $requests requests over 12 reloads");
unlike($out, qr/Non-2xx/, 'P9: and not one of them failed');
ok(wait_for(sub { scalar(workers()) == 2 }, 40), 'the old workers are gone');


# sign-ins in flight at a reload

my @pids;
pipe(my $reader, my $writer);
for (1 .. 6) {
	my $child = fork();
	if (!$child) {
		my $r = $t->api('POST', '/session', json => {
			username => $t->env('MP_ADMIN'),
			password => $t->env('MP_ADMIN_PASSWORD') });
		syswrite $writer, "$r->{status}\n";
		POSIX::_exit(0);
	}
	push @pids, $child;
}
close $writer;
wait_for(sub { ($t->redis('GET', 'mp:{auth}:account:'
	. $t->env('MP_ADMIN')) // 0) > 0 }, 5);
kill 'HUP', $master;
my @statuses = map { chomp; $_ } <$reader>;
waitpid $_, 0 for @pids;
is(scalar @statuses, 6, 'a reload leaves no sign-in unanswered');
is(scalar(grep { $_ != 200 && $_ != 429 } @statuses), 0,
	"nor fails one: @statuses");
$t->redis('DEL', 'mp:{auth}:account:' . $t->env('MP_ADMIN'));


# a worker killed

ok(wait_for(sub { scalar(workers()) == 2 }, 40), 'two workers');
my ($first, $second) = workers();

($pid, $fh) = load(3);
kill 'KILL', $first;
ok(wait_for(sub { my @w = workers(); @w == 2 && !grep { $_ == $first } @w },
	10), 'P9: a killed worker is replaced');
$out = result($fh);
unlike($out, qr/Non-2xx/, 'P9: nobody else notices');
ok((grep { $_ == $second } workers()), 'P9: the other worker goes on');
is($t->api('GET', '/settings', cookie => $cookie)->{status}, 200,
	'P9: and the new one works');

ok(wait_for(sub {
	my $beat = $t->redis('GET', 'mp:{hb}:nginx:' . $t->env('MP_NODE'));
	my ($p) = ($beat // '') =~ /"pid":(\d+)/;
	grep { $_ == ($p // 0) } workers();
}, 10), 'the heartbeat is sent by a worker that lives');

$t->done();
