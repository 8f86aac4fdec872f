#!/usr/bin/perl

# mailportal-ctl against a real Redis: every command, its errors and its exit
# codes; a bad input or a bad Redis changes nothing.

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/../lib";
use JSON::PP ();
use Test::Mailportal::RedisServer;

my $build = $ENV{MP_BUILD} // 'build';
my $server = Test::Mailportal::RedisServer->new();
my $stderr = $server->dir() . '/stderr';


sub ctl_raw {
	my ($input, @args) = @_;
	my $in = $server->write('stdin', $input // '');
	my $pid = open(my $fh, '-|') // die "fork: $!\n";

	if ($pid == 0) {
		open STDIN, '<', $in;
		open STDERR, '>', $stderr;
		exec "$build/mailportal-ctl", @args or POSIX::_exit(127);
	}

	local $/;
	my $out = <$fh> // '';
	close $fh;
	my $rc = $? >> 8;
	my $err = do { open my $e, '<', $stderr or die; <$e> } // '';
	return { rc => $rc, out => $out, err => $err };
}


sub login {
	return ('--redis', 'unix:' . $server->socket(),
		'--redis-password-file', $server->password_file('mp-ops'));
}


sub ctl { return ctl_raw(undef, login(), @_); }


# Everything in Redis, byte by byte.

sub state {
	my $redis = $server->client('mp-ops');
	return join "\n", map { $_ . ' ' . $redis->do('DUMP', $_) }
		sort @{ $redis->do('KEYS', '*') };
}


sub changes_nothing {
	my ($name, $sub) = @_;
	my $before = main::state();
	$sub->();
	is(main::state(), $before, "$name and changes nothing");
}


sub json_of { return JSON::PP->new->utf8->decode($_[0]{out}); }


# The command line

my $help = ctl_raw(undef, '--help');
is($help->{rc}, 0, '--help is no error');
like($help->{out}, qr/^usage: mailportal-ctl /, 'and shows the usage');

my @commands = ('init', 'admin add', 'admin list', 'admin reset',
	'admin disable', 'admin enable', 'admin remove', 'nodes', 'jobs',
	'versions', 'check');

for my $command (@commands) {
	like($help->{out}, qr/^  $command\b/m, "--help has $command");
	my $own = ctl_raw(undef, split(/ /, $command), '--help');
	is($own->{rc}, 0, "$command --help is no error");
	like($own->{out}, qr/^usage: mailportal-ctl $command\b.*\n\n\w/,
		"$command --help says what it is for");
}

open my $version, '<', "$Test::Mailportal::RedisServer::ROOT/VERSION";
chomp(my $number = <$version>);
is(ctl_raw(undef, '-V')->{out}, "mailportal-ctl $number\n", '-V is VERSION');

for my $args ([], ['nothing'], ['admin'], ['admin', 'frob'], ['init', 'x'],
	['admin', 'add'], ['admin', 'add', 'a', 'b'], ['--nothing'],
	['init', '--role', 'master'], ['nodes', '--limit', '3'],
	['jobs', 'a', 'b'], ['jobs', '--limit', '0'],
	['versions', '--limit', '0'], ['versions', '--limit', '1001'],
	['versions', '--limit', '3x'], ['versions', '--limit', '-1'],
	['init', '--json'], ['admin', 'list', '--anew'])
{
	my $run = ctl(@$args);
	is($run->{rc}, 64, "'@$args' is a wrong use");
	like($run->{err}, qr/mailportal-ctl.*\nTry: /, 'and says where to look');
}


# The configuration file

my $conf = $server->write('ctl.conf', "# here\nredis = unix:"
	. $server->socket() . "\nredis_user = mp-ops\nredis_password_file = "
	. $server->password_file('mp-ops') . "\nredis_timeout = 2s\n");

is(ctl_raw(undef, '-c', $conf, 'nodes')->{rc}, 0, 'a file says it all');
is(ctl_raw(undef, '-c', $conf, '--redis', 'unix:/no', 'nodes')->{rc}, 75,
	'an option goes before the file');

for my $line ('redis', 'nothing = 1', 'redis_timeout = 5', "redis = a\nredis = b")
{
	my $bad = ctl_raw(undef, '-c', $server->write('bad.conf', "$line\n"),
		'nodes');
	is($bad->{rc}, 78, "a file with '" . $line =~ s/\n/, /r . "' is refused");
	like($bad->{err}, qr/bad\.conf: line \d/, 'by its name and line');
}

is(ctl_raw(undef, '-c', '/no/such/file', 'nodes')->{rc}, 78,
	'a file that is named must be there');


# Redis

is(ctl_raw(undef, '--redis', 'unix:/no/such/socket', '--redis-password-file',
	$server->password_file('mp-ops'), 'init')->{rc}, 75, 'no Redis is 75');
is(ctl_raw(undef, login(), '--redis-password-file',
	$server->write('wrong.pw', "wrong\n"), 'init')->{rc}, 77,
	'a wrong password is 77');
is(ctl_raw(undef, login(), '--redis-password-file', '/no/such/file',
	'init')->{rc}, 77, 'a missing password file is 77');
is(ctl_raw(undef, login(), '--redis-user', 'mp-api', '--redis-password-file',
	$server->password_file('mp-api'), 'admin', 'add', 'x')->{rc}, 77,
	'a user who may not is 77');
is(main::state(), '', 'nothing of all this has written anything');

is(ctl('versions')->{rc}, 67, 'without init there are no versions');
like(ctl('versions')->{err}, qr/mailportal-ctl init/, 'and it says what to do');


# A Redis that would lose data

for my $unsafe (['appendonly', 'no', 'yes'],
	['maxmemory-policy', 'allkeys-lru', 'noeviction'])
{
	my ($name, $bad, $good) = @$unsafe;
	$server->do('CONFIG', 'SET', $name, $bad);

	changes_nothing("init on $name $bad is refused", sub {
		my $run = ctl('init');
		is($run->{rc}, 78, "init refuses $name $bad");
		like($run->{err}, qr/^mailportal-ctl: $name: .*"$name $good"$/m,
			'and says what to set');
	});

	my $check = ctl('check');
	is($check->{rc}, 78, "check finds $name $bad");
	like($check->{out}, qr/^fault +$name .*set "$name $good"/m,
		'and says what to set');
	$server->do('CONFIG', 'SET', $name, $good);
}

# redis/redis issue 14541: replayed in the name of the default user

$server->do('ACL', 'SETUSER', 'default', 'off', 'resetkeys', '-@all');
changes_nothing('init on a Redis that forgets transactions is refused', sub {
	my $run = ctl('init');
	is($run->{rc}, 78, 'init refuses a default user without rights');
	like($run->{err}, qr/default: may not exec: .*users\.acl/,
		'and says what to set');
});
like(ctl('check')->{out}, qr/^fault +default +may not exec/m,
	'check finds it too');
$server->do('ACL', 'LOAD');

$server->do('REPLICAOF', '127.0.0.1', 1);
is(ctl('init')->{rc}, 75, 'init refuses a replica');
is(ctl('check')->{rc}, 78, 'check says that it is one');
$server->do('REPLICAOF', 'NO', 'ONE');


# init

my $init = ctl('init');
is($init->{rc}, 0, 'init works');
like($init->{out}, qr/version 1 created/, 'and says so');

my $first = $server->do('XRANGE', 'mp:{cfg}:log', '-', '+');
is(scalar @$first, 1, 'there is one version');
is($first->[0][0], '1-0', 'it is the first');
my %first = @{ $first->[0][1] };
like($first{epoch}, qr/^[0-9a-f]{32}$/, 'with an epoch');
like($first{actor}, qr/\(mailportal-ctl\)$/, 'made by mailportal-ctl');

my $lists = $server->do('XRANGE', 'mp:{list}:log', '-', '+');
my %lists = @{ $lists->[0][1] };
is(scalar @$lists, 1, 'there is one entry of the lists');
is($lists{op}, 'init', 'it is the first');
is($lists{epoch}, $first{epoch}, 'with the same epoch');

changes_nothing('init again is no error', sub {
	my $again = ctl('init');
	is($again->{rc}, 0, 'init again works');
	like($again->{out}, qr/version 1 is there/, 'and says what is there');
	is(ctl('init', '--anew')->{rc}, 0, 'also with --anew');
});


# A Redis that has lost something

my $heartbeat = JSON::PP->new->encode({ component => 'milter', node => 'mx1',
	version => '0.1', pid => 7, settings => 42, lists => '17-0',
	whitelist => 1, blacklist => 2, lag_ms => 3,
	stale => JSON::PP::false, problems => ["two\e[2Jwords"] });

$server->do('FLUSHALL');
$server->do('SET', 'mp:{hb}:milter:mx1', $heartbeat);
$server->do('HSET', 'mp:{hb}:index', 'milter:mx1', 1700000000);

changes_nothing('init with nodes ahead is refused', sub {
	my $run = ctl('init');
	is($run->{rc}, 75, 'init refuses a Redis behind its nodes');
	like($run->{err}, qr/--anew/, 'and names the way out');
});

is(ctl('init', '--anew')->{rc}, 0, '--anew begins anew');
my %anew = @{ $server->do('XRANGE', 'mp:{cfg}:log', '-', '+')->[0][1] };
isnt($anew{epoch}, $first{epoch}, 'with another epoch');

$server->do('DEL', 'mp:{hb}:milter:mx1', 'mp:{hb}:index', 'mp:{cfg}:log');
changes_nothing('init without the settings is refused', sub {
	my $run = ctl('init');
	is($run->{rc}, 75, 'init refuses lists without settings');
	like($run->{err}, qr/lost its settings/, 'and says what is lost');
});
is(ctl('init', '--anew')->{rc}, 0, '--anew makes them');
my $both = $server->do('XRANGE', 'mp:{list}:log', '-', '+');
is(scalar @$both, 2, 'and the lists begin anew too');
is({ @{ $both->[1][1] } }->{epoch},
	{ @{ $server->do('XRANGE', 'mp:{cfg}:log', '-', '+')->[0][1] } }->{epoch},
	'in the same epoch');

$server->do('DEL', 'mp:{list}:log');
$server->do('SADD', 'mp:{list}:black', 'spam.example');
changes_nothing('init without the lists is refused', sub {
	is(ctl('init')->{rc}, 75, 'init refuses lists without their stream');
});
$server->do('DEL', 'mp:{list}:black');
is(ctl('init')->{rc}, 0, 'an init that was broken off is finished');
is($server->do('XLEN', 'mp:{list}:log'), 1, 'by the lists that were missing');

$server->do('XADD', 'mp:{cfg}:log', '2-0', 'doc', '{}');
changes_nothing('settings that are none are refused', sub {
	is(ctl('init')->{rc}, 65, 'init reads settings as from a stranger');
	is(ctl('versions')->{rc}, 65, 'versions too');
});

$server->do('FLUSHALL');
my @pids = map { my $pid = fork() // die;
	if (!$pid) { open STDOUT, '>', '/dev/null';
		exec "$build/mailportal-ctl", login(), 'init'; }
	$pid } 1 .. 6;
my @rcs = map { waitpid $_, 0; $? } @pids;
is("@rcs", '0 0 0 0 0 0', 'six inits at once all work');
is($server->do('XLEN', 'mp:{cfg}:log'), 1, 'and make one version');


# Administrators

my $add = ctl('admin', 'add', 'Anna');
is($add->{rc}, 0, 'an administrator is added');
my ($made) = $add->{out} =~ /^password: (\S+)$/m;
like($made, qr/^(?:[a-km-np-z2-9]{6}-){3}[a-km-np-z2-9]{6}$/,
	'with a password of 120 random bits');

my %anna = @{ $server->do('HGETALL', 'mp:{admin}:a:anna') };
like(delete $anna{hash}, qr/^\$argon2id\$v=19\$m=65536,t=2,p=1\$/,
	'the hash is argon2id');
like(delete $anna{created}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/,
	'created has its time');
is_deeply(\%anna, { role => 'MasterAdmin', disabled => 0 },
	'a MasterAdmin who is not disabled');
unlike(main::state(), qr/\Q$made\E/, 'the password is not in Redis');

my $ben = ctl_raw("a password of ben\nsecond\n", login(), 'admin', 'add',
	'ben@example.com', '--role', 'domain', '--password-file', '-');
is($ben->{rc}, 0, 'a password is read from standard input');
unlike($ben->{out}, qr/password/, 'and not shown');
is($server->do('HGET', 'mp:{admin}:a:ben@example.com', 'role'), 'DomainAdmin',
	'--role domain makes a DomainAdmin');

is(ctl('admin', 'add', 'carl', '--password-file',
	$server->write('carl.pw', "a password of carl\n"))->{rc}, 0,
	'a password is read from a file');
is_deeply([sort @{ $server->do('SMEMBERS', 'mp:{admin}:names') }],
	['anna', 'ben@example.com', 'carl'], 'the names are kept');

my @bad = (
	[['anna'], 73, 'a name that is there'],
	[['ANNA'], 73, 'a name that is there in other letters'],
	[['a b'], 65, 'a name with a blank'],
	[["a\nb"], 65, 'a name with a newline'],
	[['a*'], 65, 'a name with a star'],
	[[''], 65, 'an empty name'],
	[['x' x 65], 65, 'a name of 65 characters'],
	[['dora', '--role', 'root'], 65, 'an unknown role'],
	[['dora', '--password-file', '/no/such/file'], 65, 'a missing file'],
	[['dora', '--password-file', $server->write('e.pw', '')], 65,
		'an empty file'],
	[['dora', '--password-file', $server->write('s.pw', "short\n")], 65,
		'a short password'],
	[['dora', '--password-file', $server->write('l.pw', 'x' x 256)], 65,
		'a long password'],
	[['dora', '--password-file', $server->write('vl.pw', 'x' x 5000)], 65,
		'a very long password'],
	[['dora', '--password-file', $server->write('c.pw', "with a \e escape\n")],
		65, 'a password with a control character'],
);

for my $row (@bad) {
	my ($args, $rc, $what) = @$row;
	changes_nothing($what . ' is refused', sub {
		is(ctl('admin', 'add', @$args)->{rc}, $rc, "$what is $rc");
	});
}

is_deeply([map { [@$_{qw/ name role disabled /}] }
	@{ json_of(ctl('admin', 'list', '--json'))->{admins} }],
	[['anna', 'MasterAdmin', JSON::PP::false],
	['ben@example.com', 'DomainAdmin', JSON::PP::false],
	['carl', 'MasterAdmin', JSON::PP::false]], 'the list is in order');
like(ctl('admin', 'list')->{out}, qr/^NAME +ROLE +CREATED +STATE\nanna +MasterAdmin/,
	'and a table for people');
unlike(ctl('admin', 'list', '--json')->{out}, qr/argon/,
	'hashes are not listed');

for my $verb (qw/ reset disable enable remove /) {
	changes_nothing("admin $verb of nobody is refused", sub {
		is(ctl('admin', $verb, 'nobody')->{rc}, 67,
			"admin $verb of nobody is 67");
	});
}


# Sessions end with the account's change

sub sessions {
	my $redis = $server->client('mp-ops');
	$redis->do('HSET', "mp:{sess}:$_", 'user', $_ % 2 ? 'anna' : 'carl')
		for 1 .. 20;
	$redis->do('SET', 'mp:{auth}:account:anna', 5);
}


sub sessions_left {
	my $redis = $server->client('mp-ops');
	return join ' ', sort map { $redis->do('HGET', $_, 'user') }
		@{ $redis->do('KEYS', 'mp:{sess}:*') };
}

for my $verb (qw/ reset disable /) {
	sessions();
	my $hash = $server->do('HGET', 'mp:{admin}:a:anna', 'hash');
	my $run = ctl('admin', $verb, 'anna');
	is($run->{rc}, 0, "admin $verb works");
	like($run->{out}, qr/^sessions ended: 10$/m, 'and says what it ended');
	is(sessions_left(), join(' ', ('carl') x 10),
		"admin $verb ends the sessions of that account only");

	my $now = $server->do('HGET', 'mp:{admin}:a:anna', 'hash');
	$verb eq 'reset' ? isnt($now, $hash, 'the hash is another')
		: is($now, $hash, 'the hash is the same');
}

is($server->do('HGET', 'mp:{admin}:a:anna', 'disabled'), 1, 'she is disabled');
like(ctl('admin', 'list')->{out}, qr/^anna .* disabled$/m, 'and listed so');

sessions();
is(ctl('admin', 'enable', 'anna')->{rc}, 0, 'admin enable works');
is($server->do('HGET', 'mp:{admin}:a:anna', 'disabled'), 0, 'she is enabled');
is($server->do('EXISTS', 'mp:{auth}:account:anna'), 0,
	'her failed sign-ins are forgotten');

is(ctl('admin', 'remove', 'anna')->{rc}, 0, 'admin remove works');
is($server->do('EXISTS', 'mp:{admin}:a:anna'), 0, 'the account is gone');
is($server->do('SISMEMBER', 'mp:{admin}:names', 'anna'), 0,
	'the name is gone');
is(sessions_left(), join(' ', ('carl') x 10), 'her sessions are gone');

my $json = json_of(ctl('admin', 'reset', 'carl', '--json'));
is($json->{name}, 'carl', 'reset answers in JSON');
like($json->{password}, qr/^[a-z2-9-]{27}$/, 'with the new password');


# A Redis that is full

$server->do('CONFIG', 'SET', 'maxmemory', 1);
changes_nothing('a full Redis is told', sub {
	my $run = ctl('admin', 'add', 'dora');
	is($run->{rc}, 75, 'a full Redis is 75');
	like($run->{err}, qr/OOM/, 'in its own words');
	is($run->{out}, '', 'and no password is shown that is not stored');
});
$server->do('CONFIG', 'SET', 'maxmemory', 0);


# nodes and versions

is(ctl('nodes')->{out} =~ tr/\n//, 1, 'no nodes are a heading');
$server->do('SET', 'mp:{hb}:milter:mx1', $heartbeat);
$server->do('HSET', 'mp:{hb}:index', 'milter:mx1', 1700000000,
	'nginx:gone', 1700000000, "evil\e[2J", 'x', 'agent:bad', 5);
$server->do('SET', 'mp:{hb}:agent:bad', '{"component":7}');

my $nodes = ctl('nodes');
is($nodes->{rc}, 0, 'nodes works');
like($nodes->{out}, qr/^milter +mx1 +0\.1 +42 +17-0 +1 +2 +3 ms +ok$/m,
	'a node is a line');
like($nodes->{out}, qr/^milter:mx1: +two\\x1b\[2Jwords$/m,
	'its problem is told without what a terminal obeys');
like($nodes->{out}, qr/^nginx:gone: +no heartbeat since 2023-11-14T22:13:20Z$/m,
	'a silent node is told');
like($nodes->{out}, qr/^agent:bad: +the heartbeat is none: /m,
	'a heartbeat that is none is told');
unlike($nodes->{out}, qr/[^\x20-\x7e\n]/, 'nothing of it is a control character');

my %node = map { $_->{node} => $_ } @{ json_of(ctl('nodes', '--json'))->{nodes} };
is($node{mx1}{settings}, 42, 'JSON has the version in force');
ok($node{gone}{stale}, 'a silent node is stale');
is($node{gone}{seen_at}, '2023-11-14T22:13:20Z', 'with when it last spoke');

my $versions = ctl('versions');
is($versions->{rc}, 0, 'versions works');
like($versions->{out}, qr/^1 +\S+Z +\w+ \(mailportal-ctl\) +[0-9a-f]{32} +-$/m,
	'the first version says who and when');
like($versions->{out}, qr/^lists: \d+-\d+, 0 on the whitelist, 0 on the blacklist$/m,
	'and where the lists are');
is(json_of(ctl('versions', '--json'))->{versions}[0]{version}, 1,
	'versions answers in JSON');


# check

my $check = ctl('check');
is($check->{rc}, 0, 'this Redis is safe');
unlike($check->{out}, qr/^(?:fault|warning)/m, 'nothing is found');

my @acl = (
	[['ACL', 'SETUSER', 'mp-api', '+del', '~*'], qr/mp-api +may del/],
	[['ACL', 'SETUSER', 'mp-milter', 'reset'], qr/mp-milter +may not xread/],
	[['ACL', 'SETUSER', 'mp-dovecot', 'reset'],
		qr/mp-dovecot +may not xreadgroup/],
	[['ACL', 'SETUSER', 'mp-dovecot', '+xadd', '~*'],
		qr/mp-dovecot +may xadd/],
	[['ACL', 'SETUSER', 'default', '-xack'], qr/default +may not xack/],
	[['ACL', 'SETUSER', 'default', 'on', 'nopass', '+@all', '~*'],
		qr/default +is on/],
	[['ACL', 'SETUSER', 'mp-ops', '+eval'], qr/mp-ops +may eval/],
	[['ACL', 'DELUSER', 'mp-api'], qr/mp-api +/],
	[['ACL', 'SETUSER', 'other', 'on', 'nopass'],
		qr/acl +a user needs no password/],
);

for my $row (@acl) {
	my ($change, $words) = @$row;
	$server->do(@$change);
	my $run = ctl('check');
	is($run->{rc}, 78, "check finds '@$change'");
	like($run->{out}, qr/^fault +$words/m, 'and says what it is');
	$server->do('ACL', 'DELUSER', 'other');
	$server->do('ACL', 'LOAD');
}

is(json_of(ctl('check', '--json'))->{checks}[0]{level}, 'ok',
	'check answers in JSON');


# A Redis that stands still

kill 'STOP', $server->pid();
my $stopped = ctl_raw(undef, '-c', $server->write('quick.conf',
	"redis_timeout = 200ms\n"), login(), 'nodes');
is($stopped->{rc}, 75, 'a Redis that stands still is 75, and not for ever');
kill 'CONT', $server->pid();

open my $full, '>', '/dev/full';
my $pid = fork() // die;
if (!$pid) { open STDOUT, '>&', $full; open STDERR, '>', '/dev/null';
	exec "$build/mailportal-ctl", '--help'; }
waitpid $pid, 0;
isnt($? >> 8, 0, 'an output that cannot be written is an error');

done_testing();
