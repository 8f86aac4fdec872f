#!/usr/bin/perl

# A start with and without Redis, with and without a snapshot file, good and
# bad; and what the program says of its configuration.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use Test::Mailportal;
use Test::Mailportal::Milter;
use Time::HiRes qw/ sleep /;

my $t = Test::Mailportal->new(only => [qw/ redis /]);
my $m = Test::Mailportal::Milter->new($t);
my $M = 'Test::Mailportal::Milter';

my $id = $M->can('change')->($t, 'add', 'black',
	['black.example', 'expired.example'], expires => undef);
$M->can('change')->($t, 'add', 'white', 'white.example');
$id = $M->can('change')->($t, 'add', 'black', 'later.example',
	expires => time() + 3600);
my $version = $M->can('publish')->($t, 'antispam.reject' => 6);
ok($m->lists_in_force($id) && $m->settings_in_force($version),
	'something is in force');

# the file
my $file = $m->snapshot();
ok($t->wait_for(sub { -s $file && $t->read_file($file) =~ /\Q$id\E/
	&& $t->read_file($file) =~ /"settings":$version\b/ }, 10),
	'a snapshot file is written soon after a change');
is((stat $file)[2] & 0777, 0600, 'which nobody else may read');
is($m->stop(), 0, 'it stops cleanly');
ok(!-e $m->path(), 'and removes its socket');
ok(!-e "$file.new", 'no half of a file is left');

# without Redis
$t->stop('redis');
ok($m->start(), 'it starts without Redis, from the file');
is($m->mail('<x@mail.black.example>'), 'reject', 'P4: the blacklist works');
is($m->mail('<x@later.example>'), 'reject', 'also an entry that expires');
is($m->mail('<x@mail.white.example>'), 'continue', 'and the whitelist');
like($m->log(), qr/settings version $version, 1 white, 3 black/,
	'it says what it has');
like($m->log(), qr/warning: Redis does not answer/, 'and what it has not');

# it follows when Redis comes
$t->start('redis');
$t->wait_for(sub { ref $t->redis('ROLE') eq 'ARRAY' }, 20);
ok($m->beats(sub { $_[0]{settings} == $version && !$_[0]{stale} }, 20),
	'P6: the portal hears of it when Redis comes');
$id = $M->can('change')->($t, 'del', 'black', 'black.example');
ok($m->lists_in_force($id), 'and it follows from where the file was');
is($m->mail('<x@black.example>'), 'continue', 'a removal is followed');
is($m->counter('reloads'), 1, 'nothing was loaded anew');

# killed: what was in force is there again
ok($t->wait_for(sub { $t->read_file($file) =~ /\Q$id\E/ }, 10),
	'the file is written again');
is($m->stop('KILL'), -9, 'it is killed');
ok($m->start(), 'and starts again, over its old socket');
is($m->mail('<x@expired.example>'), 'reject', 'with the lists');

# killed in mid message
my $session = $m->session();
$session->mail('<a@sender.example>');
$session->rcpt('<x@demo.example>');
$session->header('Subject', 'test');
$m->stop('KILL');
is($session->eom()->{is}, 'gone',
	'P1: killed in mid message it answers nothing, so that Postfix defers');
ok($m->start(), 'it starts again');
is($m->stop(), 0, 'and stops');

# asked to stop while libmilter begins: no failure of the service
unlink $m->path();
is(join(' ', map { $m->start(early => 1); $m->stop() } 1 .. 10),
	join(' ', (0) x 10), 'it stops cleanly also while it starts');

# files that are not to be trusted
my $good = $t->read_file($file);
$t->stop('redis');

my %bad = (
	'an empty file' => '', 'one byte' => 'x',
	'half a file' => substr($good, 0, length($good) / 2),
	'a file without its last byte' => substr($good, 0, -1),
	'a file with a byte too many' => $good . 'x',
	'a changed byte in the head' => $good =~ s/"settings":\d/"settings":9/r,
	'a changed byte in the lists' => substr($good, 0, -60)
		. chr(ord(substr $good, -60, 1) ^ 1) . substr($good, -59),
	'another format' => $good =~ s/snapshot 1 /snapshot 2 /r,
	'a size beyond the file' => $good =~ s/snapshot 1 \d+/snapshot 1 99999/r,
	'noise' => join('', map { chr int rand 256 } 1 .. 5000),
);

for my $what (sort keys %bad) {
	open my $fh, '>:raw', $file or die;
	print $fh $bad{$what};
	close $fh;

	ok($m->start(), "$what: it starts");
	is($m->mail('<x@expired.example>'), 'continue',
		"P2: $what: nobody is refused by it");
	ok($m->logged(qr/snapshot file is not used/), "$what: it says so");
	$m->stop('KILL');
	truncate $m->{log}, 0;
}

# nothing at all to go on
unlink $file;
ok($m->start(), 'with neither Redis nor a file it starts');
is($m->mail('<x@expired.example>'), 'continue', 'P2: and accepts everything');
like($m->log(), qr/no settings and no lists: all mail is accepted/,
	'which it says');
my $reply = $m->session()->message(headers => [['X-Spam', 'Yes']]);
is_deeply($reply->{message}, [], 'spoofed headers go all the same');
$t->start('redis');
$t->wait_for(sub { ref $t->redis('ROLE') eq 'ARRAY' }, 20);
ok($m->beats(sub { $_[0]{settings} == $version
	&& !@{ $_[0]{problems} } }, 20), 'until Redis comes');
is($m->mail('<x@expired.example>'), 'reject', 'then it refuses');
is($m->stop(), 0, 'it stops cleanly');

# a file that cannot be written
$m->write_conf(snapshot => $t->dir() . '/none/milter.snapshot');
ok($m->start(), 'without a folder for the file it starts');
ok($m->problem(qr/snapshot file cannot be written: No such file/),
	'P6: and the portal is told');
$m->stop();
$m->write_conf(snapshot => '');
ok($m->start(), 'without a file, if that is wished');
ok($m->beats(sub { $_[0]{pid} == $m->pid() && !@{ $_[0]{problems} } }),
	'all is well');
$m->stop();

# an unsafe Redis
for my $case (['appendonly', 'no', 'yes'],
	['maxmemory-policy', 'allkeys-lru', 'noeviction'])
{
	my ($name, $bad, $fine) = @$case;
	$t->redis('CONFIG', 'SET', $name, $bad);
	ok(!$m->start(), "it does not start with $name $bad");
	is($m->stop(), 78, 'its exit code is that of a configuration');
	like($m->log(), qr/error: $name/, 'and it says what to change');
	ok(!-e $m->path(), 'no socket is left');
	$t->redis('CONFIG', 'SET', $name, $fine);
}

# a wrong password
$t->write_file('wrong.pw', "wrong\n");
$m->write_conf(redis_password_file => $t->dir() . '/wrong.pw');
ok($m->start(), 'with a wrong password it starts, for mail must flow');
like($m->log(), qr/WRONGPASS/, 'and says why it follows nobody');
$m->stop();

# configuration
for my $case (
	['score_source', 'x', 'score_source must be rspamd'],
	['score_source', 'header', 'score_header is needed'],
	['on_scan_error', 'reject', 'on_scan_error must be accept or defer'],
	['trusted_networks', '10.0.0.0/33', 'trusted_networks "10.0.0.0/33"'],
	['trusted_networks', 'all', 'trusted_networks "all" is no'],
	['socket_mode', '0999', 'socket_mode must be octal'],
	['node', 'a b', 'node may have letters'],
	['scan_timeout', '0s', 'scan_timeout must be more than 0'],
	['greylist_window', '1s', 'greylist_window must be longer'],
	['scan_timeout', 'soon', 'scan_timeout line \d+: must be a time'],
	['colour', 'blue', 'line \d+: has an unknown name'])
{
	my ($name, $value, $text) = @$case;
	my $other = Test::Mailportal::Milter->new($t, start => 0,
		conf => { $name => $value });
	my ($rc, $out) = $t->program('mailportal-milter', '-t', '-c',
		$other->{conf});
	is($rc, 78, "$name = $value is refused");
	like($out, qr/^error: $text/, 'by name');
}

my ($rc, $out) = $t->program('mailportal-milter', '-t', '-c', $m->{conf});
is($rc, 0, '-t takes a good file');
($rc, $out) = $t->program('mailportal-milter', '-c', '/nonexistent');
is($rc, 78, 'a file that is not there is refused');
($rc, $out) = $t->program('mailportal-milter', '-V');
like($out, qr/^mailportal-milter \d+\.\d+/, '-V says the version');
($rc, $out) = $t->program('mailportal-milter', '-h');
like($out, qr/^usage: mailportal-milter/, '-h says how');
($rc, $out) = $t->program('mailportal-milter', '-x');
is($rc, 64, 'an unknown option is refused');

# the man page has every setting, as the program has it
my $page = $t->read_file("$Test::Mailportal::ROOT/docs/man/"
	. 'mailportal-milter.conf.5') // '';
my $rows = $t->read_file("$Test::Mailportal::ROOT/milter/mpm_config.c");

for my $row ($rows =~ /^    ROW\((\w+, \w+, "[^"]*",\s+(?:"[^"]*"\s*)+)\)/mg) {
	my ($name, $default, $text) =
		$row =~ /^(\w+), \w+, "([^"]*)",\s+(.*)/s;
	$text = join '', $text =~ /"([^"]*)"/g;
	my ($item) = $page =~ /^\.It Cm \Q$name\E\n(.*?)(?=^\.It|^\.El)/ms;
	$item = ($item // '') =~ s/\n/ /gr;
	like($item, qr/\Q$text\E/, "the man page explains $name");
	like($item, qr/\Q$default\E/, 'with its default');
}

$t->done();
