#!/usr/bin/perl

# The relayhost of the settings becomes Postfix's: from one server to another
# to none, while mail is sent, and whoever of us is dead.

use warnings;
use strict;

use lib 't/lib';

use Digest::SHA ();
use Test::More;
use Test::Mailportal qw/ json /;
use Test::Mailportal::Sink;

my $t = Test::Mailportal->new(only =>
	[qw/ redis nginx agent dovecot milter postfix /]);
my $node = $t->env('MP_NODE');
my $maps = $t->dir() . '/data/maps';
my $a = Test::Mailportal::Sink->new($t->dir() . '/sink-a');
my $b = Test::Mailportal::Sink->new($t->dir() . '/sink-b',
	auth => { 'mail@relay' => 'pa:ss word' });

sub settings {
	my (%change) = @_;
	my $head = $t->api(GET => '/settings', role => 'MasterAdmin');
	my $res = $t->api(PATCH => '/settings', role => 'MasterAdmin',
		headers => { 'If-Match' => $head->{headers}{etag} },
		json => { relayhost => \%change });
	is($res->{status}, 200, 'the settings are taken')
		or diag($res->{body});
	my $version = $res->{json}{version} // 0;
	return $t->wait_for(sub { beat()->{settings} >= $version
		&& beat()->{settings} > 0
		&& $t->redis(XREVRANGE => 'mp:{cfg}:log', '+', '-', 'COUNT', 1)
			->[0][0] eq beat()->{settings} . '-0' }, 20);
}

sub beat {
	my $text = $t->redis(GET => "mp:{hb}:agent:$node");
	return $text ? json()->decode($text) : { settings => 0, problems => [] };
}

my $count = 0;

# from one of our users, or the null sender, to somewhere else
sub mail {
	my ($from) = @_;
	my $id = 'm' . ++$count;
	my $smtp = $t->smtp_open(port => 'submission',
		auth => [$t->env('MP_USER'), $t->env('MP_USER_PASSWORD')]);

	$smtp->cmd("MAIL FROM:<$from>");
	$smtp->cmd("RCPT TO:<$id\@elsewhere.example>");
	$smtp->cmd('DATA');
	$smtp->cmd("Subject: $id\r\n\r\nhello\r\n.");
	$smtp->quit();
	return $id;
}

sub has {
	my ($sink, $id) = @_;
	return scalar grep { $_->{to}[0] =~ /^\Q$id\E@/ } $sink->messages();
}

# all that Redis has, and has written to disk
sub redis_text {
	my $text = join '', map { $t->read_file($_) // '' }
		glob $t->dir() . '/data/redis/*/* ' . $t->dir() . '/data/redis/*.*';
	my ($cursor, $keys) = (0);

	do {
		($cursor, $keys) = @{ $t->redis(SCAN => $cursor) };
		$text .= $t->redis(DUMP => $_) // '' for @$keys;
	} while ($cursor);
	return $text;
}

sub queued {
	my ($rc, $out) = $t->program('postqueue', '-c',
		$t->env('MP_POSTFIX_CONFIG'), '-p');
	return $out;
}

sub flush {
	$t->program('postqueue', '-c', $t->env('MP_POSTFIX_CONFIG'), '-f');
	return;
}

# without a relayhost the sample keeps its mail
my $first = mail($t->env('MP_USER'));
ok($t->wait_for(sub { queued() =~ /refused/ }, 30),
	'without a relayhost mail waits');

# the first one
ok(settings(host => '[127.0.0.1]', port => $a->port(), tls => 'none'),
	'a relayhost is in force');
is($t->read_file("$maps/relayhost"),
	'relayhost [127.0.0.1]:' . $a->port() . "\n", 'as a map of Postfix');
is((stat "$maps/relayhost.db")[2] & 07777, 0644, 'which everybody may read');
my ($owner) = map { (getpwnam $_)[2] }
	$t->read_file('conf/agent.conf') =~ /^user = (\S+)/m;
isnt($owner, 0, 'the agent is nobody of rights');
ok($t->wait_for(sub { flush(); has($a, $first) }, 30),
	'what has waited goes there, without a reload');
my $id = mail($t->env('MP_USER'));
ok($t->wait_for(sub { has($a, $id) }, 30), 'and so does new mail');
my $null = mail('');
ok($t->wait_for(sub { has($a, $null) }, 30), 'and mail of the null sender');

# the second one, while mail is sent
my @sent = map { mail($t->env('MP_USER')) } 1 .. 5;
ok(settings(host => '[127.0.0.1]', port => $b->port(), tls => 'none',
	username => 'mail@relay', password => 'pa:ss word'),
	'another one, which wants a password');
push @sent, map { mail($t->env('MP_USER')) } 1 .. 5;
is((stat "$maps/sasl")[2] & 07777, 0640, 'the password is not for everybody');
is((stat "$maps/sasl.db")[2] & 07777, 0640, 'nor is it in the map');
is((getgrgid((stat "$maps/sasl.db")[5]))[0], 'postfix', 'but for Postfix');
is(join(' ', map { (stat)[4] } grep { -e } map { ("$maps/$_", "$maps/$_.db") }
	qw/ relayhost sasl tls /), join(' ', ($owner) x 6),
	'and all of it is the agent\'s');
is((stat "$maps/.making")[2] & 07777, 0700, 'also while it is made');
ok($t->wait_for(sub { my $new = mail($t->env('MP_USER')); push @sent, $new;
	$t->wait_for(sub { has($b, $new) || has($a, $new) }, 5);
	has($b, $new) }, 40), 'mail goes to the other one');
my $began = time;
# a process of Postfix may be ten seconds behind the others
ok($t->wait_for(sub { my @new = map { mail($_) } $t->env('MP_USER'), '',
		$t->env('MP_USER'), '';
	push @sent, @new;
	$t->wait_for(sub { !grep { !has($a, $_) && !has($b, $_) } @new }, 10);
	!grep { !has($b, $_) } @new }, 40),
	'and all of it then, of the null sender too');
note('all of it within ' . (time - $began) . ' s more');
ok($t->wait_for(sub { flush();
	!grep { has($a, $_) + has($b, $_) != 1 } @sent }, 60),
	'P1: each message arrived, at one of the two, and once')
	or diag(join ', ', map { "$_: " . has($a, $_) . ' ' . has($b, $_) } @sent);
is((grep { has($b, $_) } @sent)[0] ? ($b->messages())[0]{user} : '',
	'mail@relay', 'with name and password');
my $dump = redis_text();
like($dump, qr/mail\@relay/, 'what was set is in Redis');
unlike($dump, qr/pa:ss|cGE6c3Mgd29yZ/, 'the password is not, but sealed');
unlike(join('', map { $t->read_file($_) // '' } glob $t->dir() . '/log/*'),
	qr/pa:ss|cGE6c3Mgd29yZ/, 'and stands in no log');

# a wrong password
settings(password => 'a wrong one');
ok($t->wait_for(sub {
	($t->read_file("$maps/sasl") // '') =~ /a wrong one/ }, 20),
	'a wrong password is written');
my $late;
ok($t->wait_for(sub { $late //= mail($t->env('MP_USER')); flush();
	queued() =~ /authentication failed/i }, 60),
	'mail is deferred for it, not lost');
settings(password => 'pa:ss word');
ok($t->wait_for(sub { flush(); has($b, $late) }, 60),
	'and goes out with the right one');

# all of us dead
$t->stop($_) for qw/ agent milter nginx redis /;
my @alone = map { mail($_) } $t->env('MP_USER'), '';
ok($t->wait_for(sub { flush(); !grep { !has($b, $_) } @alone }, 30),
	'mail flows with the agent, the milter, nginx and Redis dead');
my $incoming = $t->smtp(from => 'x@elsewhere.example', to => $t->env('MP_USER'),
	xclient => { ADDR => '192.0.2.9', NAME => 'mx.elsewhere.example' });
ok($incoming->{ok}, 'in, too');
$t->start($_) for qw/ redis milter agent nginx /;
$t->wait_for(sub { ref $t->redis('ROLE') eq 'ARRAY' }, 20);

# a TLS policy that the peer cannot meet
settings(tls => 'encrypt');
my $wants = mail($t->env('MP_USER'));
ok($t->wait_for(sub { flush();
	queued() =~ /TLS is required, but was not offered/ }, 60),
	'encrypt is obeyed: mail waits for a peer that offers TLS');
settings(tls => 'none');
ok($t->wait_for(sub { flush(); has($b, $wants) }, 60), 'none is obeyed, too');

# and back to nothing
ok(settings(host => undef), 'no relayhost any more');
is($t->read_file("$maps/relayhost"), '', 'the map is empty');
my @late;
ok($t->wait_for(sub { my @new = map { mail($_) } $t->env('MP_USER'), '';
	push @late, @new;
	$t->wait_for(sub { !grep { !has($b, $_) } @new }, 3);
	!grep { has($b, $_) } @new }, 60), 'mail waits again');
is($t->read_file("$maps/$_"), '', "the map $_ is empty, or soon will be")
	for grep { $t->wait_for(sub { !-s "$maps/$_" }, 90) || 1 } 'sasl';

# and to the first again: nothing was lost meanwhile
ok(settings(host => '[127.0.0.1]', port => $a->port(), tls => 'none',
	username => undef), 'the first one is in force again');
ok($t->wait_for(sub { flush();
	!grep { has($a, $_) + has($b, $_) != 1 } @late }, 60),
	'P1: what was sent meanwhile arrived once');

# what passed the API by is refused here once more
my ($last) = @{ $t->redis(XREVRANGE => 'mp:{cfg}:log', '+', '-', 'COUNT', 1) };
my %field = @{ $last->[1] };
my ($number) = $last->[0] =~ /^(\d+)/;

sub forge {
	my ($what, %change) = @_;
	my $doc = json()->decode($field{doc});
	my @before = map { $t->read_file("$maps/$_") } qw/ relayhost sasl tls /;

	$doc->{relayhost} = { %{ $doc->{relayhost} }, %change };
	my $bytes = json()->encode($doc);
	$t->redis(XADD => 'mp:{cfg}:log', ++$number . '-0', %field,
		doc => $bytes, h => Digest::SHA::sha256_hex($bytes));
	ok($t->wait_for(sub { @{ beat()->{problems} } }, 20),
		"V11: $what that was forged is a problem");
	unlike(join('', @{ beat()->{problems} }), qr/[^\x20-\x7e]/,
		'which is told in a line of text');
	is_deeply([map { $t->read_file("$maps/$_") } qw/ relayhost sasl tls /],
		\@before, 'and changes nothing');
	$t->redis(XDEL => 'mp:{cfg}:log', "$number-0");
	$t->wait_for(sub { !@{ beat()->{problems} } }, 20);
	return;
}

forge('a host', host => $_) for "smtp.example\nalways_bcc = evil\@x",
	'[h]:25 , x', '$(id)', '${data_directory}', 'unix:/x', 'h:99999', '[::1',
	"b\x{fc}cher\0.example", 'x' x 300, '', '169.254.169.254:80',
	'[::ffff:127.0.0.1]:25', '0x7f.1', '2130706433', ['x.example'];
forge('a port', port => $_) for 0, 99999, -1, '25 , x', 2.5;
forge('a level of TLS', tls => $_) for "none\nx", 'none match=evil', '';
forge('a name', username => $_) for "a\nrelayhost evil", "a\0b", 'a b',
	'x' x 300;

$t->done();
