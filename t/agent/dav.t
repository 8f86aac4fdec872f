#!/usr/bin/perl

# Address books and calendars are counted by what their props say, whatever
# stands in them, and shown in the API and in the metrics.

use warnings;
use strict;

use lib 't/lib';

use POSIX ();
use Test::More;
use Test::Mailportal qw/ json /;
use Test::Mailportal::Backup;

my $t = Test::Mailportal->new(only => [qw/ redis agent nginx /]);
my $node = $t->env('MP_NODE');

# what the API says when the agent has counted anew
sub counted {
	my $found;

	$t->stop('agent');
	$t->redis(DEL => "mp:{dav}:$node");
	$t->start('agent');
	$t->wait_for(sub {
		my $res = $t->api(GET => '/usage?hours=1',
			role => 'MasterAdmin');
		$found = $res->{json}{nodes}[0]{radicale}; }, 60);
	return [@{ $found // {} }{qw/ collections addressbooks calendars /}];
}

is_deeply(counted(), [0, 0, 0], 'where nobody has used it there is nothing');

for my $n (1 .. 300) {
	collection($t, "u$n\@demo.example", 'book');
	collection($t, "u$n\@demo.example", 'work', '{"tag": "VCALENDAR"}');
}
collection($t, "u$_\@demo.example", 'home', '{"tag": "VCALENDAR",'
	. ' "D:displayname": "Z\u00fc", "ICAL:calendar-color": "#ff0000"}')
	for 1 .. 50;
is_deeply(counted(), [650, 300, 350], 'each kind is counted');

# there may be others below one that has no tag, and none below one that has
collection($t, 'u1@demo.example', 'plain', '{}');
collection($t, 'u1@demo.example', 'plain/book');
collection($t, 'u1@demo.example', 'subscribed', '{"tag": "VSUBSCRIBED"}');
mkdir collection($t, 'u1@demo.example', 'book') . "/$_"
	for '.Radicale.cache', '.Radicale.tmp-1', 'item.vcf';
write_raw(collection($t, 'u1@demo.example', 'book')
	. '/.Radicale.tmp-1/.Radicale.props', '{"tag": "VADDRESSBOOK"}');
is_deeply(counted(), [653, 301, 350], 'where they can be');

# garbage
my @garbage = ('', "\0", '[]', 'null', '"VCALENDAR"', '{"tag":', '{"tag": 5}',
	'{"tag": null}', '{"tag": ["VCALENDAR"]}', '{"tag": "vcalendar"}',
	'{"tag": "VCALENDARS"}', '{"tag": "VADDRESSBOOK\u0000"}',
	"{\"tag\": \"VCALENDAR\xff\"}", '{"a":' x 50_000, '[' x 60_000,
	'{"tag": "VCALENDAR", "x": "' . 'y' x 200_000 . '"}',
	'{"tag": "' . 'VCALENDAR' x 1000 . '"}');
my $n = 0;
collection($t, 'garbage@demo.example', 'g' . $n++, $_) for @garbage;
my $odd = collection($t, 'odd@demo.example', 'link');
unlink "$odd/.Radicale.props";
symlink $t->dir() . '/data/radicale/collection-root/u1@demo.example/book/'
	. '.Radicale.props', "$odd/.Radicale.props";
$odd = collection($t, 'odd@demo.example', 'fifo');
unlink "$odd/.Radicale.props";
POSIX::mkfifo("$odd/.Radicale.props", 0666);
$odd = collection($t, 'odd@demo.example', 'folder');
unlink "$odd/.Radicale.props";
mkdir "$odd/.Radicale.props";
symlink $t->dir() . '/data/radicale/collection-root/u1@demo.example',
	$t->dir() . '/data/radicale/collection-root/again@demo.example';
my $found = counted();
is_deeply([@$found[1, 2]], [301, 350],
	'what says nothing that can be understood is neither');

# the metrics
my $metrics = $t->http(GET => '/metrics')->{body};
like($metrics, qr/^mailportal_addressbooks\{node="\Q$node\E"\} 301$/m,
	'the metrics have the address books');
like($metrics, qr/^mailportal_calendars\{node="\Q$node\E"\} 350$/m,
	'and the calendars');

# a folder that may not be read is told, and counted when it may
my $root = $t->dir() . '/data/radicale/collection-root';
chmod 0, $root;
$t->restart('agent');
SKIP: {
	skip 'the agent runs as root', 2 if $t->program('sh', '-c',
		'test "$(stat -c %u /proc/' . $t->pid('agent') . ')" = 0');
	my $problems = sub {
		my $text = $t->redis(GET => "mp:{hb}:agent:$node") // return '';
		return join "\n", @{ json()->decode($text)->{problems} };
	};
	ok($t->wait_for(sub { $problems->()
		=~ /collections cannot be counted: .*Permission denied/ }, 20),
		'a folder that may not be read is told');
	chmod 0755, $root;
	ok($t->wait_for(sub { $problems->() !~ /counted/ }, 30),
		'until it may');
}

$t->done();
