#!/usr/bin/perl

# Logs are followed line by line: whatever happens to the file, to Redis or to
# the agent, the newest 10,000 lines are those of the file, each once.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use Test::Mailportal;
use Test::Mailportal::Logs;
use Time::HiRes qw/ sleep time /;

my $t = Test::Mailportal->new(only => [qw/ redis nginx agent /]);
my $log = Test::Mailportal::Logs->new($t);
my $mail = $log->mail();
my $node = $t->env('MP_NODE');

sub get { return $log->get(@_); }
sub lines { return $log->lines(@_); }
sub line { return $log->line(@_); }
sub put { return $log->put(@_); }
sub follows { return $log->follows(@_); }
sub problems { return $log->nodes() // 'no answer'; }


put($mail, map { line("number $_") . "\n" } 1 .. 3);
follows('what is written is there');

my $res = get('postfix');
is($res->{status}, 200, 'it is answered');
is(scalar @{ $res->{json}{lines} }, 3, 'all three');
my $first = $res->{json}{lines}[0];
is($first->{process}, 'postfix/smtpd', 'the process');
is($first->{host}, 'mx', 'the host');
is($first->{pid}, 100, 'the pid');
is($first->{text}, 'number 1', 'and the text');
is($first->{node}, $node, 'and the node');
is_deeply($res->{json}{nodes}, [$node], 'all nodes are named');

# a line without an end waits for it
put($mail, line('half'));
put($mail, " and half\n");
follows('a line that comes in two parts');

# all that a line may be
put($mail, line("\xff\xfe\x00 end") . "\n", "\n", "no head\n",
	line("a\r\e[2J\tb") . "\n", line('x' x 1048576) . "\n",
	line("\xc3\xa4") . "\n");
ok($t->wait_for(sub { (lines('postfix'))[-1] =~ /\x{e4}$/ }, 20),
	'the lines behind odd ones are read');
$res = get('postfix');
my @odd = @{ $res->{json}{lines} };
like($odd[-6]{text}, qr/^\x{fffd}\x{fffd}\x00 end$/,
	'V3: what is no UTF-8 becomes U+FFFD, a NUL stays');
is($odd[-5]{line}, '', 'an empty line is one');
is($odd[-4]{text}, 'no head', 'as is one without a head');
is($odd[-3]{text}, "a\r\e[2J\tb", 'V2: controls are in one line still');
ok($odd[-2]{cut} && $odd[-2]{length} > 1048576
	&& length $odd[-2]{line} == 4096, 'a long line is cut, and that is said');

# rotation
rename $mail, "$mail.1";
put("$mail.1", line('late') . "\n");
put($mail, line('new') . "\n");
ok($t->wait_for(sub { (lines('postfix'))[-1] =~ /new$/ }, 20),
	'a new file is followed');
is_deeply([map { s/.*: //r } (lines('postfix'))[-2, -1]], ['late', 'new'],
	'after what was yet written to the old one');

# the last line of a file that gets no more
put($mail, line('no end'));
rename $mail, "$mail.1";
put($mail, line('next') . "\n");
ok($t->wait_for(sub { (lines('postfix'))[-1] =~ /next$/ }, 20),
	'the file after it');
like((lines('postfix'))[-2], qr/no end$/,
	'a last line without an end is a line');

# copytruncate
put($mail, map { line("before $_") . "\n" } 1 .. 50);
system 'cp', $mail, "$mail.1";
truncate $mail, 0;
put($mail, line('after') . "\n");
ok($t->wait_for(sub { (lines('postfix'))[-1] =~ /after$/ }, 20),
	'copied and cut');
is_deeply([map { s/.*: //r } (lines('postfix'))[-51 .. -1]],
	[(map { "before $_" } 1 .. 50), 'after'], 'no line missing, none twice');

# cut, and longer than before at once
my $long = join '', map { line("grown $_") . "\n" } 1 .. 200;
open my $fh, '>', $mail or die;
print {$fh} $long;
close $fh;
ok($t->wait_for(sub { (lines('postfix'))[-1] =~ /grown 200$/ }, 20),
	'cut and written anew beyond where it was read');
is(scalar(grep { /grown/ } lines('postfix?limit=10000')), 200, 'from its start');

# never more than ten thousand
put($mail, map { line("many $_") . "\n" } 1 .. 25000);
follows('the newest ten thousand are those of tail');
is($t->redis(XLEN => "mp:{log}:postfix:$node"), 10000, 'and no more');

# the agent dies while lines are written, and the log is rotated
sub writer {
	my ($rate, $seconds) = @_;
	my $pid = fork() // die;
	return $pid if $pid;

	open my $out, '>>', $mail or POSIX::_exit(1);
	$out->autoflush(1);
	my $begin = time;
	for (my $i = 1; $i <= $rate * $seconds; $i += 50) {
		print {$out} map { line("run $_") . "\n" } $i .. $i + 49;
		my $ahead = $i / $rate - (time - $begin);
		sleep $ahead if $ahead > 0;
		if ($i == 50 * int(1.2 * $rate / 50) + 1) {
			rename $mail, "$mail.1";
			open $out, '>>', $mail or POSIX::_exit(1);
			$out->autoflush(1);
		}
	}
	POSIX::_exit(0);
}

my $pid = writer(5000, 3);

for my $round (1 .. 4) {
	sleep 0.5;
	kill 'KILL', $t->pid('agent');
	$t->wait_for(sub { !kill 0, $t->pid('agent') }, 20);
	$t->start('agent');
}

waitpid $pid, 0;
is($?, 0, 'five thousand lines a second were written');
ok($t->wait_for(sub { (lines('postfix'))[-1] =~ /run 15000$/ }, 60),
	'while the agent was killed four times and the log rotated');
is_deeply([map { s/.*: //r } lines('postfix?limit=10000')],
	[map { "run $_" } 5001 .. 15000], 'no line missing, none twice');

# Redis goes
$t->stop('redis');
put($mail, map { line("away $_") . "\n" } 1 .. 500);
$t->start('redis');
ok($t->wait_for(sub { ((lines('postfix'))[-1] // '') =~ /away 500$/ }, 30),
	'what was written while Redis was away comes');
is(scalar(grep { /away/ } lines('postfix?limit=10000')), 500, 'each line once');

# the file goes
rename $mail, "$mail.gone";
ok($t->wait_for(sub { problems() =~ /Postfix .*mail\.log: No such file/ }, 20),
	'a missing file is said');
put($mail, line('back') . "\n");
ok($t->wait_for(sub { problems() eq '' }, 20), 'until it is there again');
ok($t->wait_for(sub { (lines('postfix'))[-1] =~ /back$/ }, 20),
	'and is followed');
rename $mail, "$mail.gone";
mkdir $mail;
ok($t->wait_for(sub { problems() =~ /is no plain file/ }, 20),
	'what is no file is said');
rmdir $mail;
symlink '/etc/shadow', $mail;
ok($t->wait_for(sub { problems() =~ /mail\.log: / && problems() !~ /plain/ },
	20), 'a symlink is not followed');
unlink $mail;
put($mail, line('file') . "\n");
ok($t->wait_for(sub { (lines('postfix'))[-1] =~ /file$/ }, 20),
	'a file is again');

# one file of both
put($mail, "Nov 22 20:28:25 mx dovecot: imap-login: Login: user=<a>\n");
ok($t->wait_for(sub { (lines('postfix'))[-1] =~ /Login/ }, 20),
	'a file of Postfix has only lines of Postfix');
my $conf = $t->read_file('conf/agent.conf')
	=~ s/^dovecot_log = .*/dovecot_log = $mail/mr;
$t->write_file('conf/agent.conf', $conf);
$t->restart('agent');
put($mail, line('one') . "\n",
	"Nov 22 20:28:26 mx dovecot: imap-login: Error: two\n",
	"Nov 22 20:28:27 mx kernel: three\n");
ok($t->wait_for(sub { ((lines('dovecot'))[-1] // '') =~ /two$/ }, 20),
	'one file for both: lines of Dovecot are in its own log');
ok($t->wait_for(sub { (lines('postfix'))[-1] =~ /three$/ }, 20),
	'and all others in that of Postfix');
unlike(join("\n", (lines('postfix'))[-2, -1]), qr/two/, 'not both');

# cold: the newest of both
$t->stop('agent');
$t->redis(DEL => $_) for map { "mp:{log}:$_:$node" } 'postfix', 'dovecot',
	'place:agent-postfix', 'place:agent-trace-postfix';
open $fh, '>', $mail or die;
print {$fh} map { (line("p $_") . "\n", $_ % 2 ? ()
	: "Nov 22 20:28:27 mx dovecot: imap($_): Info: d $_\n") } 1 .. 30000;
close $fh;
$t->start('agent');
ok($t->wait_for(sub { ((lines('dovecot'))[-1] // '') =~ /d 30000$/ }, 20),
	'a cold start');
is_deeply([map { s/.* p //r } lines('postfix?limit=10000')],
	[20001 .. 30000], 'has the newest of Postfix');
is_deeply([map { s/.* d //r } lines('dovecot?limit=10000')],
	[map { 2 * $_ } 5001 .. 15000], 'and the newest of Dovecot');

$t->done();
