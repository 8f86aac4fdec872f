#!/usr/bin/perl

# Who may do what in Redis: every user, every key, every shape of a command
# that anybody was granted, compared with t/redis/acl.expected.  A new grant
# is a new line there.  UPDATE=1 writes the file anew.

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Test::Mailportal::RedisServer;

my $expected = "$FindBin::Bin/acl.expected";
my @components = qw/ mp-api mp-milter mp-dovecot mp-agent /;
my @people = qw/ mp-ops mp-read /;

# KEY is a key of ours; a shape without it is tried once.

my @shapes = map { [split] } grep { /\S/ } split /\n/, <<'END';
append KEY x
copy KEY KEY
del KEY
dump KEY
exists KEY
expire KEY 9
expireat KEY 9
persist KEY
getdel KEY
getex KEY
get KEY
getrange KEY 0 1
mget KEY KEY
set KEY v
set KEY v EX 30
set KEY v NX GET PX 9
setrange KEY 0 v
getset KEY v
mset KEY v
incr KEY
decr KEY
rename KEY KEY
renamenx KEY KEY
restore KEY 0 v
sort KEY
sort_ro KEY
ttl KEY
pttl KEY
touch KEY
type KEY
unlink KEY
hdel KEY f
hget KEY f
hgetall KEY
hincrby KEY f 1
hkeys KEY
hlen KEY
hmget KEY f
hrandfield KEY
hscan KEY 0
hset KEY f v
hsetnx KEY f v
hstrlen KEY f
hvals KEY
lpush KEY v
rpush KEY v
lrange KEY 0 1
ltrim KEY 0 1
pfadd KEY v
pfcount KEY
pfmerge KEY KEY
sadd KEY m
scard KEY
sismember KEY m
smembers KEY
smismember KEY m
smove KEY KEY m
spop KEY
srandmember KEY
srem KEY m
sscan KEY 0
sunion KEY
sunionstore KEY KEY
xack KEY g 1-0
xadd KEY * f v
xadd KEY NOMKSTREAM 2-0 f v
xadd KEY MAXLEN ~ 9 * f v
xautoclaim KEY g c 0 0
xclaim KEY g c 0 1-0
xdel KEY 1-0
xgroup create KEY g 0
xgroup create KEY g 0 MKSTREAM
xgroup createconsumer KEY g c
xgroup delconsumer KEY g c
xgroup destroy KEY g
xgroup setid KEY g 0
xinfo consumers KEY g
xinfo groups KEY
xinfo stream KEY
xlen KEY
xpending KEY g
xrange KEY - +
xread STREAMS KEY 0
xreadgroup GROUP g c STREAMS KEY >
xrevrange KEY + -
xsetid KEY 1-0
xtrim KEY MAXLEN 0
zadd KEY 1 m
zadd KEY NX 1 m
zcard KEY
zmscore KEY m
zrange KEY 0 1
zrangestore KEY KEY 0 1
zrange KEY 0 1 REV
zrangebyscore KEY 0 1
zrank KEY m
zrem KEY m
zremrangebyrank KEY 0 1
zremrangebyscore KEY 0 1
zrevrange KEY 0 1
zrevrangebyscore KEY 1 0
zscan KEY 0
zscore KEY m
watch KEY
object encoding KEY
memory usage KEY
migrate h 1 KEY 0 9
eval return 0
eval return 1 KEY
eval_ro return 1 KEY
fcall f 1 KEY
fcall_ro f 1 KEY
auth u p
hello
ping
info
role
select 0
multi
exec
discard
unwatch
client setname x
client id
client list
client kill TYPE normal
client pause 1
client no-evict on
acl whoami
acl list
acl getuser mp-api
acl setuser x
acl log
acl dryrun mp-api ping
acl save
config get x
config set x y
config rewrite
debug sleep 0
module list
script load x
script flush
function load x
function dump
function flush
flushall
flushdb
keys *
scan 0
dbsize
randomkey
swapdb 0 0
monitor
subscribe c
psubscribe c
ssubscribe c
publish c m
save
bgsave
bgrewriteaof
shutdown
replicaof no one
slaveof no one
psync ? -1
failover
cluster info
wait 0 0
lolwut
time
slowlog get
latency latest
command count
memory stats
reset
END

my $server = Test::Mailportal::RedisServer->new();
my $redis = $server->client('mp-ops');


# Every row of shared/mp_keys.def, its % filled with each component's node.

sub keys_of_ours {
	my $path = "$Test::Mailportal::RedisServer::ROOT/shared/mp_keys.def";
	my @keys;

	open my $fh, '<', $path or die "$path: $!\n";
	local $/;
	my $text = <$fh>;

	while ($text =~ /^MP_KEY\(\w+, \w+, "([^"]+)"/mg) {
		my $pattern = $1;
		my @parts = $pattern !~ /%/ ? ('')
			: $pattern =~ /\{(?:hb|stat|log)\}/
			? (map { "$_:node" } qw/ nginx milter dovecot agent /)
			: $pattern eq 'mp:{jobs}:%' ? qw/ dovecot agent /
			: ('x');
		push @keys, map { $pattern =~ s/%/$_/r } @parts;
	}

	return @keys, 'mp:{cfg}:other', 'mp:{list}:other', 'other';
}


# Nothing, or a sentence that says what is missing.

sub refused {
	my ($user, @argv) = @_;
	my $reply = $redis->do('ACL', 'DRYRUN', $user, @argv);

	die "@argv: $reply->{error}\n" if ref $reply;
	return $reply eq 'OK' ? undef : $reply;
}


sub matrix {
	my ($user) = @_;
	my @lines;

	for my $shape (@shapes) {
		my $text = "@$shape";
		my @keys = $text =~ /KEY/ ? keys_of_ours() : ('');
		my @allowed = grep { my $key = $_;
			!refused($user, map { s/^KEY$/$key/r } @$shape)
			} @keys;

		next unless @allowed;
		my @none = $text !~ /KEY/ ? ()
			: @allowed == @keys ? ('(every key)') : @allowed;
		push @lines, join(' ', $user, $text, @none ? ('->', @none)
			: ()) . "\n";
	}

	return join '', @lines;
}


sub committed {
	my ($user) = @_;

	open my $fh, '<', $expected or return '';
	return join '', grep { /^\Q$user\E / } <$fh>;
}


# Commands that a user was granted by name, in the root or in a selector.

sub granted {
	my ($user) = @_;
	my ($line) = grep { /^user \Q$user\E / } @{ $redis->do('ACL', 'LIST') };

	return grep { !/^\@/ } $line =~ /\+(\S+?)(?=[\s)]|$)/g;
}


my %matrix = map { $_ => matrix($_) } @components, @people;

if ($ENV{UPDATE}) {
	open my $fh, '>', $expected or die "$expected: $!\n";
	print $fh map { $matrix{$_} } @components, @people;
	close $fh or die "$expected: $!\n";
}

is($matrix{$_}, committed($_), "$_ may do what is written, and no more")
	for @components, @people;

my %tried = map { my @w = grep { !/^KEY$/ } @$_;
	($w[0] => 1, join('|', @w[0, 1 > $#w ? 0 : 1]) => 1) } @shapes;

for my $user (@components, @people) {
	is(join(' ', grep { !$tried{$_} } granted($user)), '',
		"every command of $user is in the matrix");
}

my @scripting = grep { !/\|/ } @{ $redis->do('ACL', 'CAT', 'scripting') };
my %commands = map { $_->[0] => abs $_->[1] }
	@{ $redis->do('COMMAND', 'INFO', @scripting) };

for my $user (@components, @people) {
	is(join(' ', grep {
		!refused($user, $_, ('1') x ($commands{$_} + 1))
		|| !refused($user, $_, ('0') x ($commands{$_} - 1)) }
		grep { !/^(?:script|function)$/ } @scripting), '',
		"$user may run no script");
}

# It has rights, for Redis replays transactions in its name; being off and
# without a password, nobody can be it.

like((grep { /^user default / } @{ $redis->do('ACL', 'LIST') })[0],
	qr/^user default off (?!.*(?:nopass|[>#])).*resetchannels -\@all/,
	'nobody can be the default user');

like($server->client()->do('PING')->{error}, qr/^NOAUTH/,
	'not even a PING without a password');

is_deeply([sort @{ $redis->do('ACL', 'USERS') }],
	[sort 'default', @components, @people], 'there are no other users');

is(scalar(grep { /\+\@all|~\*/ && !/^user mp-(?:ops|read) / }
	@{ $redis->do('ACL', 'LIST') }), 0, 'no component may do everything');

for my $user (@components) {
	my $client = $server->client($user);
	is($client->do('ROLE')->[0], 'master', "$user may ask for the role");
	like($client->do('INFO'), qr/aof_enabled:1/, "$user may ask for INFO");
	is($client->do('CLIENT', 'SETNAME', 'x'), 'OK', "$user may say a name");
}

for my $name ('enable-module-command', 'enable-debug-command') {
	my %is = @{ $redis->do('CONFIG', 'GET', $name) };
	is($is{$name}, 'no', "$name is off, also for the operator");
}

like($redis->do('CONFIG', 'SET', 'dir', '/')->{error}, qr/protected/,
	'the operator cannot move the data directory');

my %conf = map { @{ $redis->do('CONFIG', 'GET', $_) } } qw/ port appendonly
	appendfsync maxmemory-policy /;
is_deeply(\%conf, { port => 0, appendonly => 'yes', appendfsync => 'everysec',
	'maxmemory-policy' => 'noeviction' }, 'nothing is lost, nothing listens');

# redis/redis issue 14541: what the default user may not do is left out,
# without a word to anybody, when EXEC is replayed from the AOF

my $api = $server->client('mp-api');
$api->do('MULTI');
$api->do('SADD', 'mp:{list}:black', 'replayed.example');
$api->do('HSET', 'mp:{list}:black:info', 'replayed.example', '{}');
$api->do('ZADD', 'mp:{list}:expires', '1', 'black:replayed.example');
$api->do('XADD', 'mp:{list}:log', '*', 'op', 'add');
ok(ref $api->do('EXEC') eq 'ARRAY', 'a transaction is carried out');

$server->stop();
$server->start();
$redis = $server->client('mp-ops');
is($redis->do('SISMEMBER', 'mp:{list}:black', 'replayed.example'), 1,
	'it is still there after a restart');
is($redis->do('XLEN', 'mp:{list}:log') > 0, 1, 'the whole of it');

done_testing();
