#!/usr/bin/perl

# The README's first command, in the background and in the foreground.

use warnings;
use strict;

use IO::Socket::INET;
use POSIX ();
use Test::More;

use lib 't/lib';
use Test::Mailportal;

my @names = qw/ MP_URL MP_ADMIN MP_ADMIN_PASSWORD MP_SMTP MP_SUBMISSION
	MP_IMAP MP_POP3 MP_LMTP MP_RADICALE MP_RSPAMD MP_REDIS MP_REDIS_USER
	MP_REDIS_PASSWORD MP_POSTFIX_CONFIG MP_DOVECOT_CONFIG MP_NGINX_CONFIG
	MP_DOVEADM MP_WORKER_CONFIG MP_WORKER_STATE
	MP_MAILLOG MP_DOVECOT_LOG MP_DOMAIN MP_USER MP_USER_PASSWORD /;
my @servers = qw/ redis rspamd dovecot radicale postfix milter agent nginx /;

# two directories and blocks of ports, nothing started

my @t = map { Test::Mailportal->new(down => 1) } 1 .. 2;
my $quickstart = "$Test::Mailportal::ROOT/quickstart";


sub quickstart {
	my (@args) = @_;

	return $t[0]->program($quickstart, @args);
}


sub up {
	my ($t, @more) = @_;
	my @result = quickstart('up', '--dir', $t->dir(), '--port-base',
		$t->base(), @more);

	$t->{started} = 1;
	delete $t->{env};
	return @result;
}


sub banner {
	my ($address, $want) = @_;
	my $sock = IO::Socket::INET->new(PeerAddr => $address, Timeout => 10)
		or return 0;

	return (readline $sock) =~ $want;
}


# The processes of a stack, by the sessions that its servers lead.

sub processes {
	my ($t) = @_;
	my %pid = map { ($t->pid($_) // 0) => 1 } @servers;
	my @found;

	for my $file (glob '/proc/[0-9]*/stat') {
		open my $fh, '<', $file or next;
		my ($id, $rest) = (<$fh> // '') =~ /^(\d+) .*\) (.*)/ or next;
		my @field = split / /, $rest;
		push @found, $id if $field[0] ne 'Z' && $pid{$field[3]};
	}

	return @found;
}


sub left {
	my (@pids) = @_;

	return join ' ', grep { -e "/proc/$_" && !zombie($_) } @pids;
}


sub zombie {
	my ($pid) = @_;

	open my $fh, '<', "/proc/$pid/stat" or return 1;
	return (<$fh> // '') =~ /\) Z /;
}


# what is wrong is said

my ($rc, $out) = quickstart('--help');
is($rc, 0, '--help is answered');
like($out, qr/^usage: .*\bup\b.*\bstatus\b.*\bdown\b.*\btest\b/s,
	'with every word');
($rc, $out) = quickstart('sideways');
is($rc, 2, 'an unknown word is refused');
($rc, $out) = quickstart('up', '--sideways');
is($rc, 2, 'an unknown option too');
($rc, $out) = quickstart('up', '--port-base', 'x');
isnt($rc, 0, 'so is a port that is none');
like($out, qr/port-base.*number/, 'with a word about it');

($rc, $out) = $t[0]->program(qw/ setpriv --reuid nobody --clear-groups sh /,
	$quickstart, 'up');
isnt($rc, 0, 'without root it does not start');
like($out, qr/root/, 'and says why') if -r $quickstart;

$t[0]->write_file('plain', '');
($rc, $out) = quickstart('up', '--dir', $t[0]->dir() . '/plain/x');
isnt($rc, 0, 'a directory that cannot be is refused');
like($out, qr/--dir/, 'with a way out');

my $taken = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1',
	LocalPort => $t[0]->port('imap')) or die "port: $!\n";
($rc, $out) = up($t[0]);
isnt($rc, 0, 'a port in use is refused');
my $port = $t[0]->port('imap');
like($out, qr/$port.*--port-base/s, 'by its number, with a way out');
close $taken;

# up, and everything in env answers

($rc, $out) = up($t[0]);
is($rc, 0, 'up returns') or diag($out);
my $env = $t[0]->env();
is(join(' ', grep { !length($env->{$_} // '') } @names), '',
	'env has every name');
like($out, qr/\Q$env->{MP_URL}\E.*\Q$env->{MP_ADMIN}\E/s,
	'the address and the name are said');
like($out, qr/\Q$env->{MP_ADMIN_PASSWORD}\E/, 'and the password');

like($t[0]->http(GET => '/')->{body}, qr/<html/i, 'MP_URL has the pages');
ok(eval { $t[0]->role('MasterAdmin') }, 'MP_ADMIN signs in') or diag($@);
ok(banner($env->{MP_SMTP}, qr/^220 /), 'MP_SMTP answers');
ok(banner($env->{MP_SUBMISSION}, qr/^220 /), 'MP_SUBMISSION answers');
ok(banner($env->{MP_IMAP}, qr/^\* OK/), 'MP_IMAP answers');
ok(banner($env->{MP_POP3}, qr/^\+OK/), 'MP_POP3 answers');
ok(banner($env->{MP_LMTP}, qr/^220 /), 'MP_LMTP answers');
is($t[0]->redis_as('mp-read')->do('PING'), 'PONG', 'MP_REDIS answers');
ok(-e $env->{$_}, "$_ is there") for qw/ MP_POSTFIX_CONFIG MP_MAILLOG
	MP_DOVECOT_CONFIG MP_NGINX_CONFIG MP_DOVECOT_LOG MP_WORKER_CONFIG
	MP_WORKER_STATE /;

my @curl = qw{ curl -s --max-time 20 --noproxy * -o /dev/null
	-w %{http_code} };
is(($t[0]->program(@curl, "http://$env->{MP_RSPAMD}/ping"))[1], 200,
	'MP_RSPAMD answers');
for my $mailbox ("imap://$env->{MP_IMAP}/", "pop3://$env->{MP_POP3}/") {
	my @as = (qw/ curl -s --max-time 20 --noproxy * -u /);
	my ($right) = $t[0]->program(@as,
		"$env->{MP_USER}:$env->{MP_USER_PASSWORD}", $mailbox);
	my ($wrong) = $t[0]->program(@as, "$env->{MP_USER}:x", $mailbox);
	is("$right $wrong", '0 67', "MP_USER_PASSWORD opens $mailbox");
}
for (['the password of MP_USER', $env->{MP_USER_PASSWORD}, 207],
	['no other', 'wrong', 401])
{
	my ($what, $password, $want) = @$_;
	is(($t[0]->program(@curl, qw/ -X PROPFIND -u /,
		"$env->{MP_USER}:$password",
		"http://$env->{MP_RADICALE}/$env->{MP_USER}/"))[1], $want,
		"$what opens Radicale");
}

for my $program ('doveadm', $env->{MP_DOVEADM}) {
	my ($code, $said) = $t[0]->program($program, '-c',
		$env->{MP_DOVECOT_CONFIG}, qw/ mailportal status /);
	is($code, 0, "$program has the command of the portal") or diag($said);
}

my $imap = $t[0]->imap();
cmp_ok(scalar(my @mail = $imap->headers('INBOX')), '>', 0,
	'there is some mail');
cmp_ok(scalar(my @junk = $imap->headers('Junk')), '>', 0, 'some of it Junk');
$imap->logout();
cmp_ok($t[0]->api(GET => '/lists/blacklist', role => 'MasterAdmin')
	->{json}{total}, '>', 0, 'and an entry in a list');

($rc, $out) = quickstart('status', '--dir', $t[0]->dir());
is($rc, 0, 'status says that all is well');
my @lines = $out =~ /^\w+: running/mg;
is(scalar @lines, scalar @servers, 'of every server');

# a second one beside it

($rc, $out) = up($t[1]);
is($rc, 0, 'a second portal starts beside the first') or diag($out);
my $one = '/lists/blacklist/entries/one.example';
$t[0]->api(PUT => $one, json => {}, role => 'MasterAdmin');
unlike($t[1]->api(GET => '/lists/blacklist', role => 'MasterAdmin')->{body},
	qr/one\.example/, 'they have nothing in common');

my @second = processes($t[1]);
($rc, $out) = quickstart('down', '--dir', $t[1]->dir());
is($rc, 0, 'down stops the second');
is(left(@second), '', 'no process of it is left');
($rc, $out) = quickstart('status', '--dir', $t[0]->dir());
is($rc, 0, 'the first goes on');

# up when it is up, down, and up again

my %before = map { $_ => $t[0]->pid($_) } @servers;
my $password = $env->{MP_ADMIN_PASSWORD};
($rc, $out) = up($t[0]);
is($rc, 0, 'up when it is up changes nothing');
is_deeply({ map { $_ => $t[0]->pid($_) } @servers }, \%before,
	'every server is the one of before');

my @first = processes($t[0]);
cmp_ok(scalar @first, '>', @servers, 'it has processes');
($rc, $out) = quickstart('down', '--dir', $t[0]->dir());
is($rc, 0, 'down stops it');
is(left(@first), '', 'no process is left');
($rc, $out) = quickstart('status', '--dir', $t[0]->dir());
isnt($rc, 0, 'and status says so');

($rc, $out) = up($t[0]);
is($rc, 0, 'it starts again') or diag($out);
unlike($out, qr/installing|configuring|sending some mail/,
	'without what was done the first time');
is($t[0]->env('MP_ADMIN_PASSWORD'), $password, 'with the same password');
like($t[0]->api(GET => '/lists/blacklist', role => 'MasterAdmin')->{body},
	qr/one\.example/, 'and what was written');
$t[0]->down();

# the foreground

my $pid = open(my $fh, '-|') // die "fork: $!\n";
if ($pid == 0) {
	$SIG{INT} = 'DEFAULT';
	open STDERR, '>&', \*STDOUT;
	exec $quickstart, '--dir', $t[0]->dir(), '--port-base', $t[0]->base()
		or POSIX::_exit(127);
}
$t[0]->{started} = 1;

my $said = '';
while (my $line = <$fh>) {
	$said .= $line;
	last if $line =~ /Ctrl-C/;
}
like($said, qr/\Q$password\E.*What to try next.*Ctrl-C/s,
	'in the foreground it says how to sign in and what to try');
@first = processes($t[0]);
cmp_ok(scalar @first, '>', @servers, 'and runs');
kill 'INT', $pid;
$said .= $_ while <$fh>;
close $fh;
is(left(@first), '', 'Ctrl-C stops all of it');
$t[0]->{started} = 0;

is(join('', map { $_->alerts() } @t), '', 'no alerts');
done_testing();
