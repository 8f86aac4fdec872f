#!/usr/bin/perl

# What happens to a log file while the agent is not there, or begins, or is
# ended: no line is missing and none is there twice.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use Test::Mailportal;
use Test::Mailportal::Events;
use Test::Mailportal::Logs;
use Time::HiRes qw/ sleep time /;

my $t = Test::Mailportal->new(only => [qw/ redis nginx agent /]);
my $log = Test::Mailportal::Logs->new($t);
my $mail = $log->mail();
my $node = $t->env('MP_NODE');

sub last_texts {
	my ($count) = @_;
	return join ',', ($log->texts('postfix?limit=10000'))[-$count .. -1];
}

# which files the agent has open
sub opened {
	my ($path) = @_;
	my $pid = $t->pid('agent') // return 0;
	return scalar grep { (readlink // '') eq $path } glob "/proc/$pid/fd/*";
}


# one each
$log->add(map { "one $_" } 1 .. 3);
$log->put($log->dovecot(), "Nov 22 20:28:25 imap-login: Info: Login: user=<a>\n",
	"Nov 22 20:28:26 lmtp(a)<1><x>: Error: b\n");
$log->reaches('one 3');
$log->follows('one file each: the log of Dovecot', 'dovecot',
	$log->dovecot());
is(scalar $log->lines('postfix'), 3, 'is not in that of Postfix');

# what is no UTF-8 is in the text as it is in the file
$log->add("\xff\xfe\xc3\x28 \xe2\x82", "a\tb\x7f\e", 'end');
$log->follows('what is no UTF-8 is there byte for byte');

# rotated while nobody looks
$t->stop('agent');
$log->add('down 1', 'down 2');
rename $mail, "$mail.1";
$log->add('down 3');
$t->start('agent');
$log->reaches('down 3', 'rotated while the agent was down');
is(last_texts(4), 'end,down 1,down 2,down 3', 'nothing is missing');

# copied and cut while nobody looks
$t->stop('agent');
$log->add('copy 1', 'copy 2');
system 'cp', $mail, "$mail.1";
truncate $mail, 0;
$log->add('copy 3');
$t->start('agent');
$log->reaches('copy 3', 'copied and cut while the agent was down');
is(last_texts(4), 'down 3,copy 1,copy 2,copy 3', 'nothing is missing');

# cut, and nothing else
$log->add(map { "cut $_" } 1 .. 100);
$log->reaches('cut 100');
truncate $mail, 0;
$log->add('short');
$log->reaches('short', 'cut');
is(last_texts(3), 'cut 99,cut 100,short', 'what is left is read once');

# rotated, but its writer has not seen it yet, when the agent begins
$t->stop('agent');
$log->add('late 1');
rename $mail, "$mail.1";
$log->put($mail);
$t->start('agent');
$log->reaches('late 1');
ok($t->wait_for(sub { opened("$mail.1") && opened($mail) }, 20),
	'the agent begins between rename and the writer\'s next line');
$log->put("$mail.1", $log->line('late 2') . "\n");
$log->reaches('late 2', 'what comes to the old file is read');
$log->put("$mail.1", $log->line('late 3') . "\n");
$log->add('late 4');
$log->reaches('late 4', 'and then the new one');
is(last_texts(4), 'late 1,late 2,late 3,late 4', 'nothing is missing');

# a line that was not ended when the agent was
$log->put($mail, $log->line('half'));
sleep 0.2;
$t->restart('agent');
$log->put($mail, " and half\n");
$log->reaches('half and half', 'a line in two parts, and a restart between');

# a live view goes on when the agent begins anew
my $s = Test::Mailportal::Events->new($t, '/logs/postfix/stream',
	cookie => $t->role('MasterAdmin'));
is($s->status(), 200, 'a stream');
$s->fill(0.3);
$log->add('live 1', 'live 2');
my @live = map { $s->next()->{json}{text} } 1 .. 2;
$t->restart('agent');
$log->add('live 3');
push @live, $s->next()->{json}{text};
is("@live", 'live 1 live 2 live 3', 'has each line once');

# Redis has lost the lines, and no connection has ended
my @lost = ("mp:{log}:postfix:$node", map { "mp:{log}:place:$_:$node" }
	'agent-postfix', 'agent-trace-postfix');
$t->redis(DEL => @lost);
$log->follows('a Redis that was emptied gets its lines again');
$t->redis(DEL => @lost);
$log->add('lost');
$log->follows('also while lines are written, each once');
$log->is_well();

# a cold start with long lines, and one without an end, at the end
$t->stop('agent');
$t->redis(DEL => @lost);
open my $fh, '>', $mail or die;
print {$fh} map { $log->line("cold $_ " . 'x' x (100 * ($_ % 7))) . "\n" }
	1 .. 12000;
print {$fh} $log->line('y' x 1048576) . "\n" for 1 .. 3;
print {$fh} $log->line('z' x 70000 ) . "\n", $log->line('no end');
close $fh;
$t->start('agent');
ok($t->wait_for(sub { (($log->lines('postfix?limit=1'))[0] // '') =~ /z$/ }, 30),
	'a cold start: long lines at the end');
my @file = split /\n/, `tail -n 10001 $mail`;
is_deeply([$log->lines('postfix?limit=10000')],
	[map { substr $_, 0, 4096 } @file[0 .. 9999]],
	'the newest ten thousand lines, the long ones cut');
$log->put($mail, "\n");
$log->reaches('no end', 'and the last one when it has ended');

# the agent is stopped and killed, in turn, while lines are written and the log
# is rotated
my ($most, $rate) = (0, 5000);
my $pid = fork() // die;

if (!$pid) {
	open my $out, '>>', $mail or POSIX::_exit(1);
	$out->autoflush(1);
	my $begin = time;
	for (my $i = 1; $i <= 4 * $rate; $i += 50) {
		print {$out} map { $log->line("run $_") . "\n" } $i .. $i + 49;
		my $ahead = $i / $rate - (time - $begin);
		sleep $ahead if $ahead > 0;
		if ($i == 7501) {
			rename $mail, "$mail.1";
			open $out, '>>', $mail or POSIX::_exit(1);
			$out->autoflush(1);
		}
	}
	POSIX::_exit(0);
}

for my $round (1 .. 6) {
	for (1 .. 20) {
		my $now = $t->redis(XLEN => "mp:{log}:postfix:$node");
		$most = $now if $now > $most;
		sleep 0.02;
	}
	if ($round % 2) {
		$t->restart('agent');
	} else {
		kill 'KILL', $t->pid('agent');
		$t->wait_for(sub { !kill 0, $t->pid('agent') }, 20);
		$t->start('agent');
	}
}

waitpid $pid, 0;
is($?, 0, 'five thousand lines a second were written');
$log->reaches('run 20000', 'while the agent was restarted, killed, and the '
	. 'log rotated');
my @run = $log->texts('postfix?limit=10000');
is_deeply(\@run, [map { "run $_" } 10001 .. 20000],
	'no line missing, none twice');
is($most, 10000, 'and never more than ten thousand in Redis');

$t->done();
