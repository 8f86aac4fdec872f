#!/usr/bin/perl

# What a stranger writes is a value to Redis, whatever it would be to a
# protocol, a shell or a configuration: it is refused, or it is one argument
# of one command.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use Test::Mailportal qw/ json /;

my $t = Test::Mailportal->new();
my %master = (role => 'MasterAdmin');
my $keys = 0;

sub settings {
	my ($change) = @_;
	my $head = $t->api(GET => '/settings', %master);

	return $t->api(PATCH => '/settings', %master, json => $change,
		headers => { 'If-Match' => $head->{headers}{etag} });
}

sub entry {
	my ($list, $entry) = @_;

	$entry =~ s/([^A-Za-z0-9.-])/sprintf '%%%02X', ord $1/ge;
	return "/lists/$list/entries/$entry";
}

# A NUL is refused where JSON is read, before there are fields.
sub refused {
	my ($res, $field, $value, $what) = @_;
	my $nul = ($value // '') =~ /\0/;

	is($res->{status} . ' ' . ($res->{json}{errors}[0]{field} // ''),
		$nul ? '400 ' : "422 $field", $what)
		or diag(json()->encode($value));
	like($nul ? $res->{json}{detail} : $res->{json}{errors}[0]{text},
		$nul ? qr/\\u0000/ : qr/../, 'and it is said why');
	return;
}

# What nginx has asked of Redis while something is done: a command is a list of
# arguments, as MONITOR has them.

sub commands {
	my ($sub) = @_;
	my $monitor = $t->redis_as('mp-ops');
	my @commands;

	$monitor->do('MONITOR');
	$sub->();
	my $end = 'the end ' . ++$keys;
	$t->redis(ECHO => $end);

	while (defined(my $line = $monitor->reply())) {
		my ($text) = $line =~ /^[\d.]+ \[[^\]]*\] (.*)$/s or next;
		my @argv = map { _plain($_) } $text =~ /"((?:[^"\\]|\\.)*)"/gs;

		return @commands if $argv[0] eq 'ECHO' && $argv[1] eq $end;
		push @commands, \@argv;
	}

	die "MONITOR ended\n";
}

sub _plain {
	my ($text) = @_;
	my %is = (n => "\n", r => "\r", t => "\t", a => "\a", b => "\b");

	$text =~ s/\\(?:x([0-9a-f]{2})|(.))/defined $1 ? chr hex $1
		: $is{$2} \/\/ $2/ges;
	return $text;
}

# the settings are there, and what follows Redis is at rest
$t->role('MasterAdmin');
is(settings({ antispam => { reject => 11 } })->{status}, 200, 'a change');

# V9: entries
my @hostile = ("a\r\nDEL mp:{cfg}:log\r\n", '%s%n%s', 'x y',
	"*3\r\n\$3\r\nDEL\r\n\$3\r\nkey\r\n", "a\tb.example", '%b%b%b',
	'mp:{cfg}:log', '$(id)', '`id`.example', "a'b.example", 'a"b.example',
	"a\\r\\nb.example");
my $before = $t->fingerprint();

for my $text (@hostile) {
	my $res;
	my @asked = commands(sub {
		$res = $t->api(PUT => entry('blacklist', $text), %master,
			json => {});
	});
	is($res->{status}, 422, 'V9: an entry that is none is refused')
		or diag($text);
	is($res->{json}{errors}[0]{field}, 'entry', 'by its name');
	is(scalar(grep { $_->[0] =~ /^(?:DEL|XADD|SADD|HSET|SET|MULTI|EXEC)$/i
		&& "@$_" !~ /mp:\{(?:sess|stat|auth)\}/ } @asked), 0,
		'and not one command writes');
	is(scalar(grep { grep { $_ eq $text } @$_ } @asked), 0, 'nor has it');
}
is($t->fingerprint(), $before, 'and not one byte changed');

# what may be anything is one argument, as it was
for my $comment ('%s%n%s $(id) "x" \'y\' \\r\\nDEL mp:{cfg}:log', "*1 \$3 +OK -ERR",
	"%b \xc3\xa4", 'a' x 200)
{
	my $res;
	my @asked = commands(sub {
		$res = $t->api(PUT => entry('blacklist', 'kept.example'), %master,
			json => { comment => $comment });
	});
	like($res->{status}, qr/^20[01]$/, 'V9: a comment may be anything');
	my @with = grep { grep { index($_, substr json()->encode($comment), 1, 20)
		>= 0 } @$_ } @asked;
	cmp_ok(scalar @with, '>', 0, 'and goes to Redis');
	is(scalar(grep { $_->[0] !~ /^(?:HSET|XADD)$/i } @with), 0,
		'as a value of what stores it');
	is($res->{json}{comment}, $comment, 'as it was');
}

# names and passwords of a sign-in
for my $name (@hostile, "admin\r\ntfa_verified=1\r\nuser=root", "admin\0",
	"\xff\xfe", '--help', '-o mail=x')
{
	my $res;
	my @asked = commands(sub {
		$res = $t->api(POST => '/session',
			json => { username => $name, password => $name });
	});
	like($res->{status}, qr/^(?:400|401|422|429)$/,
		'V9: a name that is none signs nobody in');
	is(scalar(grep { $_->[0] =~ /^(?:DEL|FLUSH\w*|CONFIG|EVAL)$/i } @asked), 0,
		'and is no command');
}

# V10, V13: targets of jobs
$before = $t->fingerprint();
for my $action (qw/ quota-recalc index-rebuild radicale-backup mailer-test
	verify-cache-clear /)
{
	for my $target (@hostile, 'u;touch /tmp/pwn', '$(touch /tmp/pwn)',
		'-o mail=x', '--help', 'a b', '"\'', "a\@b.example\r\nBcc: x\@y",
		'=?utf-8?Q?a=0D=0A?=@', "a\tb\@demo.example",
		"a\0\@demo.example", '../../etc/passwd', 'u;id@demo.example x')
	{
		my $res = $t->api(POST => '/jobs', %master,
			headers => { 'Idempotency-Key' => 'k' . ++$keys },
			json => { action => $action, target => $target });
		refused($res, 'target', $target,
			"V10: $action has no such target");
	}
}
for my $action ('quota-recalc;id', '--help', "quota-recalc\0", '', 'run') {
	my $res = $t->api(POST => '/jobs', %master,
		headers => { 'Idempotency-Key' => 'k' . ++$keys },
		json => { action => $action });
	refused($res, 'action', $action, 'V10: there is no such action');
}
for my $key ("a\tb", "\xff", 'x' x 500) {
	my $res = $t->api(POST => '/jobs', %master,
		headers => { 'Idempotency-Key' => $key },
		json => { action => 'quota-recalc' });
	like($res->{status}, qr/^4(?:00|22)$/, 'nor such an Idempotency-Key');
}

# V11, V12, V13: the settings that other servers read
my $long = 'x' x 300;
for my $row (
	(map { ['relayhost', 'host', $_] } "smtp.example\nalways_bcc = evil\@x",
		'[h]:25 , x', '$(id)', '${data_directory}', 'unix:/x', 'h:99999',
		'[::1', "b\x{fc}cher\0.example", $long, '169.254.169.254:80',
		'127.0.0.1:6379', '[::ffff:127.0.0.1]:25', '0x7f.1', '2130706433',
		'127.1', 'a b', "a\tb", 'a,b', '', 'smtp://x', 'x/y', 'user@host'),
	(map { ['system_mailer', 'host', $_] } "127.0.0.1\r\nX: y", '127.0.0.1:25',
		'[::1]', '0x7f.1', '2130706433', 'a/b', "a\0", 'x@y', $long, ''),
	(map { my $group = $_; map { [$group, 'port', $_] } 0, 65536, -1, '25',
		25.5, [25], undef } qw/ relayhost system_mailer /),
	(map { ['relayhost', 'tls', $_] } "encrypt\nx", 'encrypt match=x', '',
		'ENCRYPT', 1),
	(map { my $group = $_; map { [$group, 'username', $_] } "a\r\nb", "a\nb",
		"a\0b", $long } qw/ relayhost system_mailer /),
	(map { my $group = $_; map { [$group, 'password', $_] } "a\r\nb", "a\nb",
		"a\0b", $long } qw/ relayhost system_mailer /),
	(map { ['system_mailer', 'from', $_] } "a\@b.example\r\nBcc: x\@y",
		'=?utf-8?Q?a=0D=0A?=', 'a@b.example,c@d.example',
		'A <a@b.example>', "a\@b.example\0", '"a\r\n"@b.example', ''),
) {
	my ($group, $name, $value) = @$row;

	refused(settings({ $group => { $name => $value } }), "$group.$name",
		$value, "V11: $group.$name is not " . json()->encode($value));
}
is($t->fingerprint(), $before, 'and of all that not one byte changed');

$t->done();
