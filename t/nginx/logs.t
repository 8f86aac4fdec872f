#!/usr/bin/perl

# Lines of the logs as the API shows them: of one node or of all, filtered,
# paged, as text, and as they come.  The agents' part is put into Redis here.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use Test::Mailportal;
use Test::Mailportal::Events;

my $t = Test::Mailportal->new(only => [qw/ redis nginx /]);
my $cookie = $t->role('MasterAdmin');
my $head = 'Nov 22 20:28:25 mx';

sub get { return $t->api('GET', "/logs/$_[0]", cookie => $cookie); }
sub lines { return @{ get($_[0])->{json}{lines} // [] }; }
sub texts { return join ',', map { $_->{text} } lines($_[0]); }

sub put {
	my ($node, $service, $id, $line) = @_;
	return $t->redis(XADD => "mp:{log}:$service:$node", $id, t => 1795379305,
		l => $line);
}

sub stream {
	my ($query, %opt) = @_;
	return Test::Mailportal::Events->new($t, "/logs/$query", cookie => $cookie,
		%opt);
}

is_deeply([lines('postfix')], [], 'without an agent there are no lines');

$t->redis(HSET => 'mp:{hb}:index', 'agent:one', 1795379305,
	'agent:two', 1795379305, 'milter:three', 1795379305);

# one after the other, and two of one id
put($_ % 2 ? 'one' : 'two', 'postfix', "1000-$_",
	"$head postfix/smtpd[1]: n$_") for 1 .. 20;
put($_, 'postfix', '2000-0', "$head postfix/smtpd[1]: same $_")
	for qw/ one two /;

is(texts('postfix'), join(',', (map { "n$_" } 1 .. 20), 'same one', 'same two'),
	'lines of two nodes are in one order');
is(texts('postfix?node=one'),
	join(',', (map { 'n' . (2 * $_ - 1) } 1 .. 10), 'same one'),
	'or of one of them');
is(texts('postfix?limit=1'), 'same one,same two',
	'what has one id stays together');
is(get('postfix?node=three')->{status}, 422, 'not of what is no agent');

my (@all, $cursor);
do {
	my $res = get('postfix?limit=3' . ($cursor ? "&cursor=$cursor" : ''));
	unshift @all, map { $_->{text} } @{ $res->{json}{lines} };
	$cursor = $res->{json}{cursor};
} while ($cursor && @all < 100);
is(join(',', @all), texts('postfix'), 'pages have every line once');

# filters
my $n = 0;
put('one', 'dovecot', '3000-' . ++$n, "$head $_") for (
	'dovecot: imap-login: Error: a .* [b]',
	'dovecot: imap-login: Login: user=<Alice@example.org>, rip=192.0.2.1',
	'dovecot: imap-login: Login: user=<malice@example.org>, rip=192.0.2.11',
	'dovecot: imap-login: Login: user=<alice@example.org.net>',
	'dovecot: imap: Warning: w', 'dovecot: auth: Fatal: f');
put('one', 'postfix', '4000-1', "$head postfix/smtpd[1]: ABC1234567: client=x");
put('one', 'postfix', '4000-2',
	"$head postfix/cleanup[1]: ABC1234568: message-id=ABC1234567: x");

is(scalar lines('dovecot?q=A%20.*%20%5Bb'), 1, 'a text is taken literally');
is(scalar lines('dovecot?q=..'), 0, 'and is no pattern');
put('one', 'dovecot', '3001-1', "$head dovecot: imap: a\\d%s*? \xc3\xa4 n\0x");
is(scalar lines("dovecot?q=$_->[0]"), $_->[1], "as is $_->[2]")
	for ['a%5Cd%25s*%3F', 1, 'what others take for one'],
		['%25', 1, 'a per cent'], ['%C3%A4', 1, 'more than ASCII'],
		['n%00x', 1, 'a NUL'], ['n%00y', 0, 'what is behind a NUL'],
		['A%5CD', 1, 'another case'];
is(scalar lines('dovecot?severity=warning'), 3, 'what is a warning, and worse');
is(scalar lines('dovecot?severity=fatal'), 1, 'what is fatal');
like((lines('dovecot?address=alice@example.org'))[0]{line}, qr/Alice/,
	'an address in any case');
is(scalar lines('dovecot?address=alice@example.org'), 1,
	'not in a longer one');
is(scalar lines('dovecot?address=192.0.2.1'), 1, 'nor that of a client');
is(scalar lines('postfix?queue_id=ABC1234567'), 1,
	'V2: a queue id counts only where Postfix puts it');

for my $row (['postfix?limit=0', 'limit'], ['postfix?limit=10001', 'limit'],
	['postfix?cursor=x', 'cursor'], ['postfix?severity=loud', 'severity'],
	['postfix?queue_id=a%20b', 'queue_id'], ['postfix?format=xml', 'format'],
	['postfix?q=' . 'x' x 129, 'q'],
	['postfix?address=' . 'x' x 321, 'address'],
	['postfix/stream?after=x', 'after'])
{
	my $res = get($row->[0]);
	is($res->{status}, 422, substr($row->[0], 0, 40) . ' is refused');
	is($res->{json}{errors}[0]{field}, $row->[1], 'and named');
}

is(get('sshd')->{status}, 404, 'other logs are not there');

is(scalar lines('dovecot?severity=info&q=login&address=alice@example.org'), 1,
	'what all filters want');
is(scalar lines('dovecot?severity=error&q=login&address=alice@example.org'), 0,
	'not what one does not');

# as text
my $res = get('dovecot?format=text&severity=fatal');
is($res->{body}, "$head dovecot: auth: Fatal: f\n", 'lines as in the file');
is($res->{headers}{'content-type'}, 'text/plain; charset=utf-8', 'as text');
like($res->{headers}{'content-disposition'}, qr/dovecot\.log/, 'to keep');

for my $path (qw{ /logs/postfix /logs/postfix/stream /trace }) {
	is($t->api(GET => $path, role => 'DomainAdmin')->{status}, 403,
		"$path is for a MasterAdmin only");
}

# as they come
my $s = stream('postfix/stream');
is($s->status(), 200, 'a stream');
$s->fill(0.3);
put('one', 'postfix', '5000-1', "$head postfix/smtpd[1]: live 1");
my $event = $s->next();
is($event->{event}, 'line', 'a new line is told');
is($event->{json}{text}, 'live 1', 'which has come');
is($event->{id}, '5000-1', 'with its id');

put($_ % 2 ? 'one' : 'two', 'postfix', "6000-$_",
	"$head postfix/smtpd[1]: more $_") for 1 .. 1500;
my @live;
while (@live < 1500 && ($event = $s->next())) {
	push @live, $event->{json}{text};
}
is(join(',', @live), join(',', map { "more $_" } 1 .. 1500),
	'many of two nodes come in their order');

# a page of what is wanted, from many lines of which few are
(@all, $cursor) = ();
do {
	my $page = get('postfix?q=more%2014&limit=7'
		. ($cursor ? "&cursor=$cursor" : ''));
	is(scalar @{ $page->{json}{lines} }, 7, 'a full page')
		if $page->{json}{cursor};
	unshift @all, map { $_->{text} } @{ $page->{json}{lines} };
	$cursor = $page->{json}{cursor};
} while ($cursor && @all < 1000);
is(join(',', @all), join(',', map { "more $_" } grep { /^14/ } 1 .. 1500),
	'pages have every line that is wanted once');
is(get('postfix?q=more%2014&limit=10000&format=text')->{body},
	join('', map { "$head postfix/smtpd[1]: $_\n" } @all),
	'as has the text');
is(texts('postfix?q=more%2014&node=one&limit=2'), 'more 1497,more 1499',
	'or those of one node');

$s = stream('postfix/stream?after=6000-1498&q=more%20150&node=two',
	headers => { 'Last-Event-ID' => 'x' });
is($s->next()->{id}, '6000-1500',
	'what was seen last and is no id is not taken');

$s = stream('postfix/stream?severity=warning&after=6000-1490',
	headers => { 'Last-Event-ID' => '6000-1500' });
put('two', 'postfix', '7000-1', "$head postfix/smtpd[1]: not this");
put('two', 'postfix', '7000-2', "$head postfix/smtpd[1]: warning: but this");
is($s->next()->{id}, '7000-2', 'it is filtered');
$s = stream('postfix/stream?after=6000-1499');
is($s->next()->{id}, '6000-1500', 'it begins where it was left');

# Redis goes and comes
$t->stop('redis');
$t->start('redis');
$t->wait_for(sub { ref $t->redis('ROLE') eq 'ARRAY' }, 20);
put('two', 'postfix', '8000-1', "$head postfix/smtpd[1]: again");
is($s->until(sub { $_[0]{id} eq '8000-1' })->{id}, '8000-1',
	'it goes on when Redis was away');

$t->done();
