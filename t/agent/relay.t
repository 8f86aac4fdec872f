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
ok($t->wait_for(sub { my $new = mail($t->env('MP_USER')); push @sent, $new;
	$t->wait_for(sub { has($b, $new) || has($a, $new) }, 5);
	has($b, $new) }, 40), 'mail goes to the other one');
ok($t->wait_for(sub { flush();
	!grep { has($a, $_) + has($b, $_) != 1 } @sent }, 60),
	'P1: each message arrived, at one of the two, and once');
is((grep { has($b, $_) } @sent)[0] ? ($b->messages())[0]{user} : '',
	'mail@relay', 'with name and password');
my $dump = json()->encode($t->redis(XRANGE => 'mp:{cfg}:log', '-', '+'))
	. json()->encode($t->redis(XRANGE => 'mp:{sec}:log', '-', '+'));
unlike($dump, qr/pa:ss word/, 'the password stands nowhere in Redis');
unlike($t->read_file('log/agent.log'), qr/pa:ss/, 'and in no log');

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
$t->stop($_) for qw/ agent nginx redis /;
my $alone = mail($t->env('MP_USER'));
ok($t->wait_for(sub { flush(); has($b, $alone) }, 30),
	'mail flows with the agent, nginx and Redis dead');
$t->start($_) for qw/ redis agent nginx /;
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
ok($t->wait_for(sub { my $none = mail($t->env('MP_USER'));
	$t->wait_for(sub { has($b, $none) || queued() =~ /refused/ }, 5);
	!has($b, $none) }, 40), 'mail waits again');

# what passed the API by is refused here once more
my ($last) = @{ $t->redis(XREVRANGE => 'mp:{cfg}:log', '+', '-', 'COUNT', 1) };
my %field = @{ $last->[1] };
my ($number) = $last->[0] =~ /^(\d+)/;
for my $host ("x.example\nalways_bcc = evil\@x", '[h]:25 , x', '$(id)',
	'${data_directory}', 'unix:/x', '[::1')
{
	my $doc = json()->decode($field{doc});
	$doc->{relayhost}{host} = $host;
	my $bytes = json()->encode($doc);
	my $before = $t->read_file("$maps/relayhost");
	$t->redis(XADD => 'mp:{cfg}:log', ++$number . '-0', %field,
		doc => $bytes, h => Digest::SHA::sha256_hex($bytes));
	ok($t->wait_for(sub { @{ beat()->{problems} } }, 20),
		'a forged relayhost is a problem');
	is($t->read_file("$maps/relayhost"), $before, 'and changes nothing');
	$t->redis(XDEL => 'mp:{cfg}:log', "$number-0");
	$t->wait_for(sub { !@{ beat()->{problems} } }, 20);
}

$t->done();
