#!/usr/bin/perl

# What the agent may do, under the limits of its unit: no capability, writes
# in its own folders alone, and no program but postmap with fixed arguments,
# whatever it is fed.  All its calls of the kernel are looked at.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use Test::Mailportal qw/ json /;
use Test::Mailportal::Radicale qw/ fill /;
use Test::Mailportal::Sink;
use Test::Mailportal::Trace;

plan(skip_all => 'there is no strace') unless -x '/usr/bin/strace';

my $t = Test::Mailportal->new(only =>
	[qw/ redis nginx agent dovecot milter postfix radicale /]);
my ($dir, $node) = ($t->dir(), $t->env('MP_NODE'));
my $unit = $t->read_file(
	"$Test::Mailportal::ROOT/conf/systemd/mailportal-agent.service");
my ($keys, $number) = (0, 0);
my $sink = Test::Mailportal::Sink->new("$dir/sink",
	auth => { 'mail@relay' => 'right' }, greeting => '220 sink');

sub settings {
	my ($group, %change) = @_;
	my $head = $t->api(GET => '/settings', role => 'MasterAdmin');
	my $res = $t->api(PATCH => '/settings', role => 'MasterAdmin',
		headers => { 'If-Match' => $head->{headers}{etag} },
		json => { $group => \%change });
	die "settings: $res->{body}\n" if $res->{status} != 200;
	return;
}

sub ended {
	my ($id) = @_;
	my $job = {};

	$t->wait_for(sub {
		$job = $t->api(GET => "/jobs/$id", role => 'MasterAdmin')->{json};
		$job->{state} =~ /^(done|failed|cancelled)/;
	}, 120);
	return $job;
}

sub job {
	my ($action, %more) = @_;
	my $query = delete $more{query} // '';
	my $res = $t->api(POST => "/jobs$query", role => 'MasterAdmin',
		headers => { 'Idempotency-Key' => 'k' . ++$keys },
		json => { action => $action, %more });

	return ended($res->{json}{id} // die "jobs: $res->{body}\n");
}

# past the API, as who has taken it over would: what a job is for is not looked
# at by anybody before the agent
sub push_job {
	my ($action, $target) = @_;
	my $id = job('verify-cache-clear', query => '?dry_run=1')->{id};
	my %was = @{ $t->redis(HGETALL => "mp:{jobs}:j:$id") };
	my $job = json()->decode($was{job});

	substr($id, -4) = sprintf '%04x', ++$number;
	@$job{qw/ id action target /} = ($id, $action, $target);
	$t->redis(XADD => 'mp:{jobs}:agent', '*', op => 'run', id => $id,
		job => json()->encode($job));
	$t->wait_for(sub { ($t->redis(HGET => "mp:{jobs}:p:$id", "n:$node")
		// '') =~ /"(?:done|failed)/ }, 60);
	return $t->redis(HGET => "mp:{jobs}:p:$id", "n:$node") // '';
}

sub status_of {
	my ($file) = @_;
	return { ($t->read_file($file) // '') =~ /^(\w+):[ \t]*(.*)$/mg };
}

# the unit, as systemd would
my @capabilities = map { s/^CAP_//r }
	map { split ' ' } $unit =~ /^CapabilityBoundingSet=(.*)/mg;
my ($mask) = $unit =~ /^UMask=(\d+)/m;
like($unit, qr/^NoNewPrivileges=yes$/m, 'the unit gives no new privileges');

$t->stop('agent');
$t->write_file('log/agent.log', '');
my $trace = Test::Mailportal::Trace->new($t, "$dir/log/agent.log",
	'sh', '-c', "umask $mask; exec setpriv --no-new-privs --bounding-set "
	. join(',', '-all', map { lc "+$_" } @capabilities)
	. ' ' . $t->build() . "/mailportal-agent -c $dir/conf/agent.conf");
my $pid = $trace->pid();
ok($t->wait_for(sub { $t->read_file('log/agent.log') =~ /is ready/ }, 60),
	'it starts with no more rights than its unit gives');

# the process itself, thread by thread
my ($user) = $t->read_file('conf/agent.conf') =~ /^user = (\S+)/m;
my ($groups) = $t->read_file('conf/agent.conf') =~ /^groups = (.*)/m;
my ($uid, $gid) = (getpwnam $user)[2, 3];
my @task = glob "/proc/$pid/task/*/status";
cmp_ok(scalar @task, '>', 5, 'it has threads');

for my $file (@task) {
	my $is = status_of($file);
	is(join(' ', map { hex $is->{$_} } qw/ CapInh CapPrm CapEff CapBnd CapAmb /),
		'0 0 0 0 0', "$is->{Name} has no capability, nor can get one");
	is($is->{NoNewPrivs}, 1, 'nor a new privilege');
	is($is->{Uid}, join("\t", ($uid) x 4), 'it is the user of the file');
	is($is->{Gid}, join("\t", ($gid) x 4), 'and in the group of the user');
	is_deeply([sort split ' ', $is->{Groups}], [sort do { my %seen;
		grep { !$seen{$_}++ } $gid, map { scalar getgrnam $_ }
		split ' ', $groups }], 'and in those that the file names');
}

my ($helper) = $t->wait_for(sub { (split " ",
	$t->read_file("/proc/$pid/task/$pid/children") // "")[0] }, 20);
is((split ' ', status_of("/proc/$helper/status")->{Uid})[0], 0,
	'its helper is root');

# all that it does, once
settings(relayhost => host => '[127.0.0.1]', port => $sink->port(),
	tls => 'none', username => 'mail@relay', password => 'right');
is(job('relayhost-test')->{state}, 'done', 'the relayhost is tested');
settings(relayhost => password => 'wrong');
is(job('relayhost-test')->{state}, 'failed', 'and fails');
ok($t->wait_for(sub { ($t->read_file('data/maps/sasl') // '') =~ /wrong/ },
	60), 'the map of its password is written');

for (['postconf', 'smtpd_sender_restrictions=reject_unverified_sender'],
	['postfix', 'reload'])
{
	my ($program, @args) = @$_;
	$t->program($program, '-c', $t->env('MP_POSTFIX_CONFIG'), @args);
}

sub sender {
	my ($from) = @_;
	my $smtp = $t->smtp_open(xclient => { ADDR => '192.0.2.9',
		NAME => 'mx.elsewhere.example' });

	$smtp->cmd("MAIL FROM:<$from>");
	$smtp->cmd('RCPT TO:<' . $t->env('MP_USER') . '>');
	$smtp->quit();
	return;
}

sender(';for i in 0 1 2 3 4 5 6 7 8 9 a b c d;do read r;done;sh;exit 0;');
# one of the servers from before the reload would not ask
ok($t->wait_for(sub { sender('somebody@elsewhere.example');
	-s "$dir/data/postfix/data/verify_cache.db" }, 60),
	'Postfix has verified somebody');
is(job('verify-cache-clear', query => '?dry_run=1')->{state}, 'done',
	'what it knows is counted');
is(job('verify-cache-clear')->{state}, 'done', 'and cleared');

fill($t, $t->env('MP_USER'), 3);
is(job('radicale-backup')->{state}, 'done', 'Radicale is backed up');
my ($backup) = map { $_->{name} } @{ $t->api(GET => '/backups',
	role => 'MasterAdmin')->{json}{backups} };
$t->api(DELETE => "/backups/$backup", role => 'MasterAdmin');
ok($t->wait_for(sub { !-e "$dir/data/backups/$backup" }, 60),
	'and the backup is removed');
$t->redis(XADD => 'mp:{jobs}:agent', '*', op => 'drop', node => $node,
	name => $_) for '../maps/relayhost', '/etc/passwd',
	"radicale-x.zip/../../maps/sasl";

settings(system_mailer => host => 'localhost', port => $sink->port(),
	username => 'mail@relay', password => 'right', from => 'x@mx.example');
is(job('mailer-test', target => 'ann@example.org')->{state}, 'done',
	'a mail is sent');
is(scalar(my @mail = $sink->messages()), 1, 'and has come');

# V10: what a shell would make something of
my @hostile = ("u;touch $dir/pwn", "\$(touch $dir/pwn)", '-o mail=x', '--help',
	'a b', '"\'', '`id`', ';for i in 0 1 2 3 4 5 6 7 8 9 a b c d;do read r;'
	. 'done;sh;exit 0;', '../../maps', "a\@b.example\r\nBcc: x\@y");

for my $target (@hostile) {
	for my $action ('radicale-backup', 'mailer-test', 'verify-cache-clear',
		'relayhost-test', $target)
	{
		like(push_job($action, $target), $action eq 'verify-cache-clear'
			? qr/"(?:done|failed)"/ : qr/"failed"/,
			"V10: $action for $target");
	}
	open my $fh, '>>', "$dir/log/mail.log" or die $!;
	print {$fh} "Nov 22 20:28:25 mx postfix/qmgr[9]: ABC$number: from=<$target>"
		. ", size=1, nrcpt=1\n" =~ s/\r\n/ /r;
	close $fh;
}
ok(!-e "$dir/pwn", 'V10: nothing of it was run');
is(scalar(@mail = $sink->messages()), 1, 'V13: and nothing of it was sent');

is($trace->stop(), 0, 'it ends cleanly when it is told to');
like($t->read_file('log/agent.log'), qr/notice: stopped\n\z/, 'and says so');
ok(!kill(0, $helper), 'its helper has ended with it');

# what was executed
my @own = $trace->calls($pid, $helper);
shift @own until $own[0]{name} eq 'execve'
	&& $own[0]{args} =~ m{^"[^"]*/mailportal-agent"};
shift @own;
my ($postmap, $other) = (0, 0);
my $known = qr{^-c\ \Q$dir\E/conf/postfix\ (?:
	hash:\Q$dir\E/data/maps/\.making/(?:relayhost|sasl|tls)
	|-s\ btree:\Q$dir\E/data/agent/verify-copy)$}x;

for my $program ($trace->executed(@own)) {
	my ($path, $name, @args) = @$program;
	my $good = $path eq '/usr/sbin/postmap' && "@args" =~ $known;

	$good ? $postmap++ : $other++;
	diag("executed: @$program") unless $good;
}
is($other, 0, 'it has executed nothing but postmap, with fixed arguments');
cmp_ok($postmap, '>=', 4, 'that, several times');

my @helpers = $trace->executed($trace->calls($helper));
my ($first) = @helpers;
is_deeply($first, ['/usr/sbin/postfix', 'postfix', '-c', "$dir/conf/postfix",
	'reload'], 'its helper has executed a reload of Postfix');
is(scalar(grep { "@$_" =~ /\Q$dir\E\/pwn|touch|;/ } @helpers), 0,
	'and nothing that came from outside');

# where it has written
my %folder = map { $_ => "$dir/data/$_" } qw/ agent maps backups /;
my @strange = grep { my $path = $_; m{/\.\./} || !grep { index("$path/", "$_/") == 0 }
	values %folder } grep { $_ ne '/dev/null' && $_ ne '/tmp' }
	$trace->changed(@own);
is(join("\n", @strange), '', 'it has written only in its own folders');
for my $name (sort keys %folder) {
	ok((grep { index($_, $folder{$name}) == 0 } $trace->changed(@own)),
		"as in that of $name");
}

# whom it has spoken to
my %port = map { $_ => 1 } map { $_->{args} =~ /sin6?_port=htons\((\d+)\)/ }
	grep { $_->{name} eq 'connect' && $_->{args} =~ /^\d+<(?:TCP|socket)/ }
	@own;
delete $port{0};
is_deeply([grep { $_ != 53 } keys %port], [$sink->port()],
	'V12: it has spoken to the port of the settings alone');

# what systemd would have killed it for
sub expand {
	my ($name) = @_;
	return $name unless $name =~ /^\@/;
	my ($rc, $out) = $t->program('systemd-analyze', 'syscall-filter', $name);
	die "systemd-analyze: $out\n" if $rc;
	return map { expand($_) } $out =~ /^ +([\@\w-]+)$/mg;
}

my @families = split ' ', ($unit =~ /^RestrictAddressFamilies=(.*)/m)[0];
my %family = map { $_->{name} =~ /^socket/ && $_->{result} !~ /^-/
	&& $_->{args} =~ /^([AP]F_\w+)/ ? ($1 => 1) : () }
	@own, $trace->calls($helper);
# getaddrinfo() asks which addresses there are, and goes on without an answer
delete @family{'AF_NETLINK', @families};
is(join(' ', sort keys %family), '', 'the unit lets it make its sockets');
is(join("\n", grep { $_ ne '/dev/null' && $_ ne "$dir/log/mail.log"
	&& index($_, "$dir/data/postfix/") }
	$trace->changed($trace->calls($helper))), '',
	'the helper changes nothing but what is Postfix\'s, and its log');
like($unit, qr{^ReadWritePaths=(?:.* )?-?\Q$_\E(?: .*)?$}m,
	"which the unit lets it do in $_")
	for '/var/lib/postfix', '/var/spool/postfix', '/var/log';

SKIP: {
	skip('there is no systemd-analyze', 2)
		unless -x '/usr/bin/systemd-analyze';

	my %may = map { $_ => 1 } expand('@default');
	for ($unit =~ /^SystemCallFilter=(.*)/mg) {
		my ($not, $names) = /^(~?)(.*)/;
		for my $name (map { expand($_) } split ' ', $names) {
			$not ? delete $may{$name} : ($may{$name} = 1);
		}
	}
	my %used = map { $_->{name} => 1 } @own, $trace->calls($helper);
	is(join(' ', grep { !$may{$_} } sort keys %used), '',
		'the unit lets it make each call of the kernel that it makes');

	is(scalar(grep { $_->{name} =~ /^m(?:map|protect)$/
		&& $_->{args} =~ /PROT_WRITE\|PROT_EXEC/ } @own), 0,
		'and no memory was written and executed');
}

$t->done();
