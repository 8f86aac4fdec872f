#!/usr/bin/perl

# What strangers can put in the agent's way: bytes that are no text in a log,
# a line without an end, and garbage in Redis.  What it passes on is JSON, and
# what it writes down itself is lines of text.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use Test::Mailportal qw/ json /;

my $t = Test::Mailportal->new(only => [qw/ redis nginx agent /]);
my $mail = $t->dir() . '/log/mail.log';
my ($node, $pid) = ($t->env('MP_NODE'), $t->pid('agent'));
my $logs = '/logs/postfix?limit=10000';

sub put {
	my ($bytes) = @_;
	open my $fh, '>>:raw', $mail or die "$mail: $!\n";
	print {$fh} $bytes;
	close $fh;
	return;
}

sub lines {
	my $res = $t->api(GET => $logs, role => 'MasterAdmin');
	return @{ $res->{json}{lines} // [] };
}

sub peak {
	my ($kib) = ($t->read_file("/proc/$pid/status") // '')
		=~ /^VmHWM:\s*(\d+)/m;
	return $kib;
}

# V3: the very line, which does not end
put("Nov 22 00:00:01 mx postfix/smtpd[1]: first\n");
ok($t->wait_for(sub { lines() == 1 }, 30), 'the log is followed');
my $head = "Nov 22 00:00:02 mx postfix/smtpd[1]: \xff\xfe\x00 ";
put($head . 'x' x 1048576);
is($t->api(GET => $logs, role => 'MasterAdmin')->{status}, 200,
	'V3: the answer is one while a line of a MiB has no end');
my $before = peak();
put('y' x (1 << 20)) for 1 .. 48;
put("\nNov 22 00:00:03 mx postfix/smtpd[1]: last\n");
ok($t->wait_for(sub { (lines())[-1]{text} eq 'last' }, 60),
	'V3: what comes behind it is read');
cmp_ok(peak() - $before, '<', 16384, 'and so long a line takes no memory')
	unless $ENV{MP_SANITIZE};
my @line = lines();
is(scalar @line, 3, 'it is one line');
my $long = $line[1];
like($long->{text}, qr/^\x{fffd}\x{fffd}\x00 x+$/,
	'V3: what is no UTF-8 is U+FFFD, a NUL stays');
ok($long->{cut}, 'it is cut, which is said');
is($long->{length}, length($head) + 49 * 1048576, 'with how long it was');

for my $path ('/logs/postfix?q=last', '/trace?q=last') {
	my $res = $t->api(GET => $path, role => 'MasterAdmin');
	is($res->{status}, 200, "V3: GET $path is answered");
	ok(utf8::decode(my $text = $res->{body}), 'in UTF-8');
}

my $raw = $t->api(GET => "$logs&format=text", role => 'MasterAdmin');
is(index($raw->{body}, "\n$head" . 'x' x 3000) > 0, 1,
	'the download has the bytes as they were');
is($raw->{headers}{'x-content-type-options'}, 'nosniff',
	'which nobody takes for anything else');
like($raw->{headers}{'content-type'}, qr{^text/plain}, 'than a text');

# a rotation in the middle of such a line
put($head . 'z' x 1048576);
rename $mail, "$mail.1";
put("Nov 22 00:00:04 mx postfix/smtpd[1]: new\n");
ok($t->wait_for(sub { (lines())[-1]{text} eq 'new' }, 60),
	'V3: a file that ends in it is left for the next');
ok((lines())[-2]{cut}, 'and its part is a line that was cut');

# V2: what comes from Redis and is told by the agent
my $evil = "a\r\nerror: forged\x1b[2J\x9b\xff\x7f\t%s%n";
$t->redis(XADD => 'mp:{jobs}:agent', '*', @$_) for [op => 'run', id => $evil,
	job => '{}'], [op => $evil, id => 'x'], [op => 'run', id => 'f' x 24,
	job => json()->encode({ $evil => $evil })], [op => 'run', id => 'e' x 24,
	job => $evil], [op => 'drop', node => $node, name => $evil],
	[op => 'drop', node => $node, name => '../../conf/agent.conf'],
	[op => 'cancel', id => $evil], [$evil => $evil], [x => ''];
my ($newest) = @{ $t->redis(XREVRANGE => 'mp:{cfg}:log', '+', '-', 'COUNT', 1) };
my ($version) = $newest->[0] =~ /^(\d+)/;
my %field = @{ $newest->[1] };
$t->redis(XADD => 'mp:{cfg}:log', ++$version . '-0', %field, %$_)
	for { doc => $evil }, { h => $evil }, { actor => $evil, doc => '{}' };
ok($t->wait_for(sub { ($t->redis(GET => "mp:{hb}:agent:$node") // '')
	=~ /"problems": ?\["/ }, 30), 'V2: settings that are none are a problem');
ok($t->wait_for(sub { ($t->redis(HGET => 'mp:{jobs}:p:' . 'e' x 24,
	"n:$node") // '') =~ /failed/ }, 30), 'a job that is none fails');
ok($t->wait_for(sub { ($t->read_file('log/agent.log')
	=~ tr/\n//) >= 5 }, 30), 'the agent has said what it does not take');

my $log = $t->read_file('log/agent.log');
unlike($log, qr/[^\x20-\x7e\n]/, 'V2: its log has no control character');
is(join("\n", grep { !/^(?:error|warning|notice|info): / } split /\n/, $log), '',
	'and each line of it is one of its own');
unlike($log, qr/^error: forged/m, 'none is forged');
for my $key ("mp:{hb}:agent:$node", "mp:{jobs}:p:" . 'e' x 24) {
	my $text = $t->redis($key =~ /hb/ ? ('GET', $key)
		: ('HGET', $key, "n:$node"));
	ok(eval { json()->decode($text) }, 'V2, V3: what it tells is JSON');
	unlike($text, qr/[^\x20-\x7e]/, 'without a control character');
}
is($t->pid('agent'), $pid, 'it is the same agent');
ok(kill(0, $pid), 'which lives');
ok(-e $t->dir() . '/conf/agent.conf', 'and has removed nothing');

$t->done();
