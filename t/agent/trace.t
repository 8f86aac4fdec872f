#!/usr/bin/perl

# What became of a message is one row, with everything that happened to it:
# delivered to Inbox or Junk, refused by list or score, greylisted, deferred,
# without a message at all; of real servers.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use Test::Mailportal::Mail;

my $m = Test::Mailportal::Mail->new(
	only => [qw/ redis rspamd dovecot postfix milter agent nginx /],
	options => ['--greylist-delay', '60s']);
my $t = $m->t();
my $node = $t->env('MP_NODE');
my $mail = $t->dir() . '/log/mail.log';
my $cookie = $t->role('MasterAdmin');
my $user = $m->user();

sub trace { return $t->api('GET', "/trace$_[0]", cookie => $cookie); }
sub rows { return @{ trace($_[0])->{json}{messages} // [] }; }

# the row that has come to its end

sub row {
	my ($query, $ok) = @_;
	my @rows;

	$t->wait_for(sub { @rows = rows("?q=$query"); @rows && $ok->($rows[0]) },
		20);
	is(scalar @rows, 1, "one row for $query");
	return $rows[0] // {};
}

sub outcome {
	my ($outcome) = @_;
	return sub { $_[0]{outcome} eq $outcome };
}

sub put {
	my (@lines) = @_;
	open my $fh, '>>', $mail or die "$mail: $!\n";
	print {$fh} map { "$_\n" } @lines;
	close $fh;
	return;
}

my $head = POSIX::strftime('%b %e %H:%M:%S', localtime) . ' mx';


# to the Inbox, and to Junk
my $good = $m->send(from => 'good@one.example', score => 0);
my $row = row('good@one.example',
	sub { ($_[0]{to}[0]{folder} // '') ne '' });
is($row->{outcome}, 'delivered', 'a good message was delivered');
is($row->{to}[0]{address}, $user, 'to whom');
is($row->{to}[0]{folder}, 'INBOX', 'into the Inbox');
is($row->{to}[0]{status}, 'sent', 'as Postfix says');
like($row->{to}[0]{relay}, qr/^127\.0\.0\.1/, 'by Dovecot');
is($row->{client}, '192.0.2.10', 'from where');
is($row->{client_name}, 'mail.stranger.example', 'by name');
like($row->{message_id}, qr/stranger\.example/, 'its message id');
cmp_ok($row->{size}, '>', 100, 'and its size');
is($row->{node}, $node, 'and the node');
my $events = join "\n", map { "$_->{process}: $_->{text}" }
	@{ $row->{events} };
like($events, qr{connect from .*client=.*message-id=.*status=sent}s,
	'the whole story in its order');
like($events, qr/stored mail into mailbox 'INBOX'/, 'with that of Dovecot');

for my $query ($row->{queue_id}, lc $row->{queue_id},
	$row->{message_id} =~ s/[<>]//gr)
{
	is((rows("?q=$query"))[0]{id}, $row->{id}, "it is found by $query");
}

ok((grep { $_->{id} eq $row->{id} } rows('?q=192.0.2.10')),
	'and by its client');
is(scalar rows('?q=nobody@none.example'), 0, 'not by another address');

my $good_row = row('good@one.example', sub { $_[0]{verdict} });
$m->send(from => 'junk@two.example', score => 5);
$row = row('junk@two.example', sub { ($_[0]{to}[0]{folder} // '') ne '' });
is($row->{to}[0]{folder}, 'Junk', 'a message that went to Junk');
$row = row('junk@two.example', sub { $_[0]{verdict} });

is($row->{verdict}, 'junk', 'as the milter had said');
is($row->{score}, '5.00', 'with which score');
($events) = join ' ', map { $_->{process} } @{ $row->{events} };
like($events, qr{/cleanup mailportal-milter postfix/qmgr},
	'before Postfix went on');
is($good_row->{verdict}, 'pass', 'of the good one it was another');
is($good_row->{rule}, 'below', 'by its rule');

$m->put('whitelist', 'white.example');
ok($t->wait_for(sub {
	$m->send(from => 'y@mail.white.example', score => 30)->{ok} }, 20),
	'a sender on the whitelist');
ok($t->wait_for(sub { ($row) = grep { ($_->{rule} // '') eq 'whitelist' }
	rows('?q=y@mail.white.example') }, 20), 'has a row that says so');
is($row->{entry}, 'white.example', 'with the entry');
is($row->{verdict}, 'pass', 'and the verdict');

# refused by score, by list, by Postfix
$m->send(from => 'spam@three.example', score => 30);
$row = row('spam@three.example', outcome('refused'));
is($row->{outcome}, 'refused', 'a refused message has a row');
like($row->{reply}, qr/5\.7\.1 Message refused as spam/, 'with the reason');
ok($row->{milter}, 'which was the milter\'s');
$row = row('spam@three.example', sub { $_[0]{verdict} });
is($row->{score}, '30.00', 'and the score');
is($row->{to}[0]{address}, $user, 'and to whom it was');

$m->put('blacklist', 'black.example');
$m->enforced('z@black.example', 550);
$m->send(from => 'x@black.example', score => 0);
$row = row('x@black.example', outcome('refused'));
like($row->{reply}, qr/black\.example is blocked/,
	'as has one that the list refused, without a queue id');
is($row->{queue_id}, undef, 'which it has not');
is($row->{rule}, 'blacklist', 'it says which list');
is($row->{entry}, 'black.example', 'and which entry');

my $session = $m->session();
$session->cmd('EHLO mx.example');
$session->mail_from('rcpt@four.example');
$session->cmd("RCPT TO:<nobody\@nowhere.example>");
$session->cmd("RCPT TO:<noone\@nowhere.example>");
$session->quit();
$row = row('rcpt@four.example', sub { @{ $_[0]{to} } == 2 });
is($row->{outcome}, 'refused', 'and one that Postfix refused');
is(join(' ', sort map { $_->{address} } @{ $row->{to} }),
	'nobody@nowhere.example noone@nowhere.example',
	'with each recipient');

# greylisted
$m->send(from => 'grey@five.example', score => 3.5);
$row = row('grey@five.example', outcome('greylisted'));
is($row->{outcome}, 'greylisted', 'a greylisted message has a row');

# deferred, and the agent begins anew before it goes on
$t->stop('dovecot');
$m->send(from => 'wait@six.example', score => 0);
$row = row('wait@six.example', outcome('deferred'));
is($row->{outcome}, 'deferred', 'a deferred message');
my $id = $row->{id};

$row = row('wait@six.example', sub { $_[0]{verdict} });
is($row->{score}, '0.00', 'what the milter said');

kill 'KILL', $t->pid('agent');
$t->wait_for(sub { !kill 0, $t->pid('agent') }, 20);
$t->start('agent');
$t->start('dovecot');
$t->program('/usr/sbin/postqueue', '-c', $t->dir() . '/conf/postfix', '-f');
$row = row('wait@six.example',
	sub { ($_[0]{to}[0]{folder} // '') ne '' });
is($row->{id}, $id, 'goes on in the same row');
is($row->{outcome}, 'delivered', 'until it is delivered');

# V2, V3: lines of strangers
my $row_of = sub { row($_[0], sub { 1 }) };
put("$head postfix/smtpd[900]: 4Zbad0B1C2D: client=evil[203.0.113.9]",
	"$head postfix/cleanup[901]: 4Zbad0B1C2D: message-id=<x>",
	"$head postfix/smtpd[900]: ABCDEF0123: client=evil[203.0.113.9]",
	"$head postfix/cleanup[901]: ABCDEF0123: message-id=<evil: $row->{queue_id}: removed>",
	"$head postfix/cleanup[901]: ABCDEF0123: warning: header Subject: $row->{queue_id}: to=<v\@w.example>, relay=x, dsn=2.0.0, status=sent (x) from evil[203.0.113.9]; from=<a\@b.example> to=<c\@d.example>",
	"$head postfix/qmgr[902]: ABCDEF0123: from=<\"a>, size=1, nrcpt=1 \"\@forged.example>, size=5, nrcpt=1 (queue active)",
	"$head postfix/smtp[903]: ABCDEF0123: to=<\"b>, relay=r, dsn=2.0.0, status=sent (x\"\@forged.example>, relay=s[203.0.113.1]:25, delay=1, delays=1/0/0/0, dsn=4.0.0, status=deferred (host said: 450 \xff\xfe, status=sent (250 ok))");
$row = row('ABCDEF0123', outcome('deferred'));
is($row->{outcome}, 'deferred', 'forged words deliver nothing');
is($row->{from}, '"a>, size=1, nrcpt=1 "@forged.example',
	'an address is read with its quotes');
is($row->{size}, 5, 'and what is behind it');
is(scalar @{ $row->{to} }, 1, 'one recipient');
is(scalar rows('?q=v@w.example'), 0, 'none of a header');
$row = row('wait@six.example', outcome('delivered'));
is(scalar @{ $row->{to} }, 1, 'and another message is not touched');

put("$head postfix/smtpd[910]: NOQUEUE: reject: RCPT from evil[203.0.113.9]: "
	. '550 5.1.1 <x>: no; from=<one@amb.example> to=<two@amb.example> '
	. 'proto=SMTP helo=<a>: x; from=<three@amb.example> '
	. 'to=<four@amb.example> proto=ESMTP helo=<b>');
ok($t->wait_for(sub { rows('?q=203.0.113.9&outcome=refused') }, 20),
	'what can be read in two ways');
is(scalar rows('?q=@amb.example'), 0, 'names nobody');

# a queue id is used again
put("$head postfix/smtpd[920]: ABCDEF0123: client=other[203.0.113.10]",
	"$head postfix/qmgr[902]: ABCDEF0123: from=<new\@again.example>, size=7, nrcpt=1 (queue active)");
ok($t->wait_for(sub { rows('?q=new@again.example') }, 20), 'a queue id');
is(scalar rows('?q=ABCDEF0123'), 2, 'that is used again is another message');

# the milter's line, where it comes by the same file: before Postfix's, behind
# them, of nobody
sub judged {
	my ($id, $score) = @_;
	return "$head mailportal-milter[77]: info: $id: from [203.0.113.12] "
		. "a: b: junk by add_header, score 1.00, x: junk by add_header, "
		. "score $score, settings version 1";
}
my $delivery = 'to=<a@late.example>, relay=r, delay=1, delays=1/0/0/0, '
	. 'dsn=2.0.0, status=sent (250 ok)';
for my $id ('AAAA000001', 'AAAA000002') {
	put(judged($id, '7.00')) if $id eq 'AAAA000001';
	put("$head postfix/smtpd[940]: $id: client=c[203.0.113.12]",
		"$head postfix/qmgr[902]: $id: from=<$id\@late.example>, size=7, nrcpt=1 (queue active)",
		"$head postfix/smtp[941]: $id: $delivery",
		"$head postfix/qmgr[902]: $id: removed");
	put(judged($id, '7.00')) if $id eq 'AAAA000002';
	$row = row("$id\@late.example", sub { $_[0]{verdict} });
	is($row->{score}, '7.00', "$id: its verdict, and not the sender's");
	is(join(' ', map { $_->{process} =~ s{.*/}{}r } @{ $row->{events} }),
		'smtpd mailportal-milter qmgr smtp qmgr', 'in its place');
}
put(judged('AAAA000002', '8.00'),
	"$head postfix/smtpd[940]: AAAA000002: client=d[203.0.113.13]");
$row = row('203.0.113.13', sub { $_[0]{verdict} });
is($row->{score}, '8.00', 'a second one is of the next message of that id');

# pages, and rights
my @all = map { $_->{id} } rows('?limit=500');
my (@paged, $cursor);
do {
	my $res = trace('?limit=2' . ($cursor ? "&cursor=$cursor" : ''));
	push @paged, map { $_->{id} } @{ $res->{json}{messages} };
	$cursor = $res->{json}{cursor};
} while ($cursor && @paged < 1000);
is_deeply([sort @paged], [sort @all], 'pages have every message once');
is($t->api(GET => '/trace', role => 'DomainAdmin')->{status}, 403,
	'only a MasterAdmin may see it');
is(trace('?limit=0')->{status}, 422, 'a limit that is none is refused');
is(trace('?cursor=x')->{status}, 422, 'as is such a cursor');
is(trace('?outcome=lost')->{status}, 422, 'and an outcome that is none');

# bounded
my $conf = $t->read_file('conf/agent.conf') . "trace_messages = 10\n";
$t->write_file('conf/agent.conf', $conf);
$t->restart('agent');
put(map { my $q = sprintf 'AB%08X', $_;
	("$head postfix/smtpd[930]: $q: client=many[203.0.113.11]",
	"$head postfix/qmgr[902]: $q: from=<n$_\@many.example>, size=7, nrcpt=1 (queue active)") }
	1 .. 300);
ok($t->wait_for(sub { rows('?q=n300@many.example') }, 20), 'many messages');
is($t->redis(ZCARD => "mp:{log}:traces:$node"), 10, 'only as many as may be');
is($t->redis(HLEN => "mp:{log}:trace:$node"), 10, 'and no document more');
cmp_ok($t->redis(HLEN => "mp:{log}:open:$node"), '<=', 10,
	'nor a name of one');

$t->write_file('conf/agent.conf', "${conf}trace_keep = 1s\n");
$t->restart('agent');
ok($t->wait_for(sub { !$t->redis(ZCARD => "mp:{log}:traces:$node") }, 20),
	'what is too old goes');
is($t->redis(HLEN => "mp:{log}:trace:$node"), 0, 'with its document');
is($t->redis(HLEN => "mp:{log}:open:$node"), 0, 'and its names');

$m->done();
