#!/usr/bin/perl

# How the agent starts, what it is allowed to do then, and how it ends.

use warnings;
use strict;

use lib 't/lib';

use POSIX ();
use Test::More;
use Test::Mailportal qw/ json /;

my $t = Test::Mailportal->new(only => [qw/ redis nginx agent /]);
my $conf = $t->dir() . '/conf/agent.conf';

sub beat {
	my $node = $t->env('MP_NODE');
	my $text = $t->redis(GET => "mp:{hb}:agent:$node") // return;
	return json()->decode($text);
}

sub status_of {
	my ($pid, $name) = @_;
	my ($value) = ($t->read_file("/proc/$pid/status") // '')
		=~ /^$name:\s*(.*)/m;
	return $value;
}

sub children {
	my ($pid) = @_;
	return split ' ', $t->read_file("/proc/$pid/task/$pid/children") // '';
}

my $pid = $t->pid('agent');
ok($t->wait_for(sub { (beat() // {})->{settings} }, 20),
	'it reports the settings that are in force');
is(beat()->{pid}, $pid, 'and its pid');
is_deeply(beat()->{problems}, [], 'and nothing that is wrong');

# the agent itself
isnt((split ' ', status_of($pid, 'Uid'))[0], 0, 'it is not root');
is(join(' ', map { hex } map { status_of($pid, $_) }
	qw/ CapInh CapPrm CapEff CapAmb /), '0 0 0 0', 'it has no capability');
is(status_of($pid, 'NoNewPrivs'), 1, 'it can get no new privileges');
my @helper = children($pid);
is(scalar @helper, 1, 'it has one child');
is((split ' ', status_of($helper[0], 'Uid'))[0], 0, 'which is root');
is((split ' ', status_of($pid, 'Gid'))[0],
	(getpwnam 'nobody')[3], 'its group is the user\'s')
	unless getpwnam 'mailportal-agent';

# what is changed comes to it
my $head = $t->api(GET => '/settings', role => 'MasterAdmin');
$t->api(PATCH => '/settings', role => 'MasterAdmin',
	headers => { 'If-Match' => $head->{headers}{etag} },
	json => { antispam => { reject => 12 } });
ok($t->wait_for(sub { beat()->{settings} == 2 }, 20), 'a change is followed');

# Redis goes and comes
$t->stop('redis');
$t->start('redis');
$t->wait_for(sub { ref $t->redis('ROLE') eq 'ARRAY' }, 20);
$t->redis(DEL => 'mp:{hb}:agent:' . $t->env('MP_NODE'));
ok($t->wait_for(sub { beat() && !beat()->{stale}
	&& !@{ beat()->{problems} } }, 30),
	'it reports again when Redis was away');

# Redis has lost something
$t->redis(DEL => 'mp:{cfg}:log');
ok($t->wait_for(sub { grep { /no settings/ } @{ beat()->{problems} } }, 20),
	'P6: that Redis has no settings is said');
ok(beat()->{stale}, 'and that what is in force may be old');
is(beat()->{settings}, 2, 'what is in force stays');

# its helper dies
kill 'KILL', $helper[0];
ok($t->wait_for(sub { !kill 0, $pid }, 20),
	'without its helper it ends, to be started anew');
like($t->read_file('log/agent.log'), qr/error: the root helper has ended/,
	'and says why');
ok($t->start('agent'), 'it is started again');
$pid = $t->pid('agent');
@helper = children($pid);
kill 'KILL', $pid;
ok($t->wait_for(sub { !kill 0, $helper[0] }, 20),
	'a helper does not outlive its agent');

# ended by a signal
for my $signal (qw/ TERM INT HUP /) {
	my $log = $t->write_file('log/by-hand.log', '');
	my $child = fork() // die "fork: $!\n";

	if ($child == 0) {
		open STDIN, '<', '/dev/null';
		open STDERR, '>>', $log;
		# prove's own
		$SIG{$_} = 'DEFAULT' for qw/ INT HUP /;
		exec $t->build() . '/mailportal-agent', '-c', $conf
			or POSIX::_exit(127);
	}
	$t->wait_for(sub { $t->read_file($log) =~ /is ready/ }, 30);
	my $own = $t->wait_for(sub { (children($child))[0] }, 20);
	$t->redis(DEL => 'mp:{hb}:agent:' . $t->env('MP_NODE'));
	ok($t->wait_for(sub { ((beat() // {})->{pid} // 0) == $child }, 20),
		'it reports');
	kill $signal, $child;
	waitpid $child, 0;
	is($?, 0, "SIG$signal ends it without an error");
	like($t->read_file($log), qr/notice: stopped\n\z/, 'which is its last word');
	ok($t->wait_for(sub { !kill 0, $own }, 20), 'its helper ends, too');
}

# words
my ($rc, $out) = $t->program('mailportal-agent', '-h');
is($rc, 0, '-h is no error');
like($out, qr/^usage: mailportal-agent/, 'and says how');
($rc, $out) = $t->program('mailportal-agent', '-V');
like($out, qr/^mailportal-agent \d+\.\d+/, '-V says the version');
($rc, $out) = $t->program('mailportal-agent', '-x');
is($rc, 64, 'an unknown option is refused');
($rc, $out) = $t->program('mailportal-agent', '-c', '/nonexistent');
is($rc, 78, 'a file that is not there is refused');

my $good = $t->read_file('conf/agent.conf');

($rc, $out) = $t->program('mailportal-agent', '-c', $conf, '--check');
like($out, qr/postfix_config: .*No such file/, '--check names what is missing');
is($rc, 78, 'which is an error');
mkdir $t->dir() . "/$_" for 'conf/postfix', 'data/radicale';
($rc, $out) = $t->program('mailportal-agent', '-c', $conf, '--check');
is("$rc $out", "0 $conf is well\n", 'and says when all is well');

# a line of the file, and what it is refused for: by --check alone, or by both
sub refused {
	my ($line, $re, @args) = @_;
	my $name = $line =~ s/ =.*//sr;
	my $bad = $t->write_file('bad.conf',
		($good =~ s/^\Q$name\E =.*\n//mr) . "$line\n");

	my ($code, $said) = $t->program('mailportal-agent', '-c', $bad, @args);
	is($code, 78, join ' ', @args, substr($line, 0, 50), 'is refused');
	like($said, qr/^(?:error: )?$re/m, 'and named');
	unlike($said, qr/is well/, 'not praised');
	return;
}

for my $row (
	['key_file = /nonexistent' => qr/key_file: .*No such file/],
	['key_file = /etc/passwd' => qr/key_file: .*is not a key/],
	['state_dir = /nonexistent' => qr/state_dir: .*No such file.*install -d/],
	['state_dir = /etc/passwd' => qr/state_dir: .*is no folder/],
	['map_dir = /etc' => qr/map_dir: .*is not owned by/],
	['backup_dir = /nonexistent' => qr/backup_dir: .*No such file/],
	['postfix_log = /nonexistent' => qr/postfix_log: .*No such file/],
	['postfix_log = /etc' => qr/postfix_log: .*is no plain file/],
	['dovecot_log = /dev/null' => qr/dovecot_log: .*is no plain file/],
	['postfix_config = /nonexistent' => qr/postfix_config: .*No such file/],
	['radicale_folder = /nonexistent' => qr/radicale_folder: .*No such file/],
	['disks = a=/nonexistent' => qr/disks: a: .*: No such file/],
	['redis = unix:/nonexistent' => qr/redis: .*No such file/],
	['redis_user = nobody' => qr/redis: .*WRONGPASS/],
	['redis_password_file = /nonexistent' => qr/redis: .*redis_password_file/],
) {
	refused(@$row, '--check');
}

for my $row (
	['groups = nosuchgroup' => qr/groups:? there is no group nosuchgroup/],
	['groups = root' => qr/groups:? must not be in the group of root/],
	['user = nosuchuser' => qr/user:? there is no user nosuchuser/],
	['user = root' => qr/user:? must not be root/],
	['disks = rubbish' => qr/disks:? must be words like/],
	['disks = a=relative' => qr/disks:? must be words like/],
	['trace_keep = 0' => qr/trace_keep .*must be a time/],
	['trace_messages = -1' => qr/trace_messages .*must be a number/],
	['backup_keep = 0' => qr/backup_keep must be more than 0/],
	['node = ' . 'x' x 300 => qr/node /],
	["user = nobody\nuser = nobody" => qr/user .*a second time/],
	['just words' => qr/line \d+: is not of the form/],
) {
	refused(@$row, @$_) for ['--check'], [];
}

for my $row (
	['nonsense = 1', 'unknown name', 'an unknown name'],
	['user = nosuchuser', 'user', 'an unknown user'],
	['user = root', 'user', 'root as the user'],
	['groups = nosuchgroup', 'groups', 'an unknown group'],
	['groups = root', 'groups', 'the group of root'],
	['redis_timeout = 0', 'redis_timeout', 'no time for Redis'],
	['redis_timeout = 1 week', 'redis_timeout', 'a time that is none'],
	['state_dir = relative', 'state_dir', 'a relative path'],
	['state_dir =', 'state_dir', 'no folder for what it must remember'],
	['node = a b', 'node', 'a name of a node that is none'],
) {
	my ($line, $field, $what) = @$row;
	my $name = $line =~ s/ =.*//r;
	my $bad = $t->write_file('bad.conf',
		($good =~ s/^\Q$name\E =.*\n//mr) . "$line\n");

	($rc, $out) = $t->program('mailportal-agent', '-c', $bad);
	is($rc, 78, "$what is refused");
	like($out, qr/\Q$field\E/, 'and named');
}

# the man page has every setting, as the program has it
my $root = $Test::Mailportal::ROOT;
my $page = $t->read_file("$root/docs/man/mailportal-agent.conf.5");
my $rows = $t->read_file("$root/agent/mpa_config.c");
my $count = 0;

while ($rows =~ /^    ROW\((\w+), \w+, ((?:"[^"]*"\s*)+),\s+((?:"[^"]*"\s*)+)\)/mg)
{
	my ($name, $default, $text) = ($1, $2, $3);

	$_ = join '', /"([^"]*)"/g for $default, $text;
	my ($item) = $page =~ /^\.It Cm \Q$name\E\n(.*?)(?=^\.It|^\.El)/ms;
	$item = ($item // '') =~ s/\n/ /gr;
	like($item, qr/\Q$text\E/, "the man page explains $name");
	like($item, qr/\Q$default\E/, 'with its default');
	$count++;
}

cmp_ok($count, '>', 15, 'all settings were looked at');

$t->done();
