#!/usr/bin/perl

# What a worker did with the queue is there after Redis starts again: Redis
# replays its append-only file in the name of the default user, and leaves
# out of transactions, without a word, what that user may not do.

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Test::Mailportal::RedisServer;

my $server = Test::Mailportal::RedisServer->new();
my $ops = $server->client('mp-ops');
my $api = $server->client('mp-api');


# Several commands at once, as components send them.

sub multi {
	my ($client, @commands) = @_;

	$client->do('MULTI');
	for my $argv (@commands) {
		is($client->do(@$argv), 'QUEUED', "$argv->[0] $argv->[1]");
	}

	my $replies = $client->do('EXEC');
	my @errors = grep { ref eq 'HASH' } @$replies;
	is(scalar @errors, 0, 'is carried out') or diag(explain(\@errors));
	return @$replies;
}


# An answer as a text.

sub flat {
	my ($reply) = @_;

	return $reply // '(nil)' unless ref $reply;
	return "($reply->{error})" if ref $reply eq 'HASH';
	return '[' . join(' ', map { flat($_) } @$reply) . ']';
}


sub one {
	my ($client, @argv) = @_;
	my $reply = $client->do(@argv);

	ok(ref $reply ne 'HASH', "@argv[0, 1]") or diag($reply->{error});
	return $reply;
}


# All that the queue knows, and where each group is in it.  How many entries a
# group has read is not in Redis 7's file, and nobody asks for it.

sub everything {
	my $text = '';

	for my $key (sort @{ $ops->do('KEYS', '*') }) {
		my $type = $ops->do('TYPE', $key);
		my @ask = $type eq 'stream' ? ['XRANGE', $key, '-', '+']
			: $type eq 'hash' ? ['HGETALL', $key]
			: $type eq 'zset' ? ['ZRANGE', $key, 0, -1, 'WITHSCORES']
			: ['GET', $key];

		push @ask, ['XINFO', 'GROUPS', $key] if $type eq 'stream';
		for my $group ($type eq 'stream'
			? map { $_->[1] } @{ $ops->do('XINFO', 'GROUPS', $key) } : ())
		{
			push @ask, ['XPENDING', $key, $group];
		}

		push @ask, ['EXPIRETIME', $key];
		$text .= "@$_: " . flat($ops->do(@$_)) . "\n" for @ask;
	}

	$text =~ s/ entries-read \S+ lag [^\]\s]+//g;
	return $text;
}


for my $name (qw/ dovecot agent /) {
	my $queue = "mp:{jobs}:$name";
	my $worker = $server->client("mp-$name");
	my @new = ('STREAMS', $queue, '>');

	# a job is made, and two more

	for my $id (1 .. 3) {
		multi($api,
			['HSETNX', "mp:{jobs}:j:$id", 'job', '{}'],
			['EXPIRE', "mp:{jobs}:j:$id", 7776000],
			['ZADD', 'mp:{jobs}:index', 'NX', $id, $id],
			['ZREMRANGEBYRANK', 'mp:{jobs}:index', 0, -1001],
			['HSET', 'mp:{jobs}:busy', "x $name$id", $id],
			['SET', "mp:{jobs}:idem:$name$id", $id, 'EX', 86400],
			['XADD', $queue, 'MAXLEN', '~', 10000, '*', 'op', 'run',
				'id', $id, 'job', '{}'],
			['XADD', 'mp:{jobs}:events', 'MAXLEN', '~', 10000, '*',
				'id', $id]);
	}

	# one takes the first and is done with it, takes the second and dies;
	# the next one, of the same name, reads it again

	one($worker, 'XGROUP', 'CREATE', $queue, 'mx1', 0, 'MKSTREAM');
	my $first = one($worker, 'XREADGROUP', 'GROUP', 'mx1', 'w', 'COUNT', 1,
		@new);
	one($worker, 'XACK', $queue, 'mx1', $first->[0][1][0][0]);
	one($worker, 'XREADGROUP', 'GROUP', 'mx1', 'w', 'COUNT', 1, @new);
	one($worker, 'XREADGROUP', 'GROUP', 'mx1', 'w', 'STREAMS', $queue, 0);
	is($ops->do('XPENDING', $queue, 'mx1')->[0], 1, 'one is in its hands');

	# and another node does all in transactions

	multi($worker,
		['XGROUP', 'CREATE', $queue, 'mx2', 0, 'MKSTREAM'],
		['XREADGROUP', 'GROUP', 'mx2', 'w', 'COUNT', 2, @new],
		['XREADGROUP', 'GROUP', 'mx2', 'w', 'STREAMS', $queue, 0]);
	my $mine = $ops->do('XPENDING', $queue, 'mx2');
	is($mine->[0], 2, 'two are in its hands');
	multi($worker,
		['XACK', $queue, 'mx2', $mine->[1]],
		['HSETNX', 'mp:{jobs}:j:1', 'job', '{}'],
		['HSET', 'mp:{jobs}:p:1', "n:$name", '{}', "e:$name", '[]'],
		['EXPIRE', 'mp:{jobs}:p:1', 7776000],
		['ZADD', 'mp:{jobs}:index', 'NX', 1, 1],
		['ZREMRANGEBYRANK', 'mp:{jobs}:index', 0, -1001],
		['XADD', 'mp:{jobs}:events', 'MAXLEN', '~', 10000, '*', 'id', 1]);
}

my $dovecot = $server->client('mp-dovecot');
multi($dovecot,
	['HSET', 'mp:{usage}:u:mx1', 'a@example.com', '{}', 'b@example.com', '{}'],
	['HDEL', 'mp:{usage}:u:mx1', 'b@example.com'],
	['SET', 'mp:{usage}:t:mx1', '{}'],
	['HSET', 'mp:{usage}:l:mx1', 'a@example.com', 1, 'b@example.com', 1],
	['HDEL', 'mp:{usage}:l:mx1', 'b@example.com']);
multi($dovecot,
	['XADD', 'mp:{audit}:in', '*', 'actor', 'master', 'what',
		'imap-master-login'],
	['HINCRBY', 'mp:{stat}:dovecot:mx1', 'master_logins', 1],
	['SET', 'mp:{log}:place:dovecot:mx1', '1:2']);

my $before = everything();
like($before, qr/name mx2 consumers 1 pending 1 last-delivered-id [1-9]/,
	'a group knows where it is');

$server->stop();
$server->start();
$ops = $server->client('mp-ops');

is(everything(), $before, 'all of it is there after a restart');

# what is read when everything is read anew, is only what was not

my $worker = $server->client('mp-dovecot');
my %what = (0 => 'to be done again', '>' => 'new');
is(scalar @{ $worker->do('XREADGROUP', 'GROUP', 'mx1', 'w', 'STREAMS',
	'mp:{jobs}:dovecot', $_)->[0][1] }, 1, "one entry is $what{$_}")
	for sort keys %what;

open my $log, '<', $server->dir() . '/log/redis.log' or die;
is(join('', grep { /CRITICAL|NOPERM|WARNING.*AOF/ } <$log>), '',
	'nothing in the append-only file was refused');

done_testing();
