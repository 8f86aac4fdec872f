#!/usr/bin/perl

# doveadm mailportal recalc, resync, usage and status; clear is in clear.t.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use File::Path qw/ make_path /;
use File::Temp qw/ tempdir /;
use IO::Socket::UNIX;
use MIME::Base64;
use Test::Mailportal qw/ json /;
use Test::Mailportal::Dovecot;

my %format = (maildir => 'maildir:~/Maildir', sdbox => 'sdbox:~/sdbox');
my $d = Test::Mailportal::Dovecot->new(conf => <<'END');
service doveadm {
  unix_listener http {
    mode = 0600
  }
}
doveadm_api_key = secret
END
my $serial = 0;


sub run {
	my ($of, @args) = @_;
	my ($rc, $out) = $of->doveadm('-f', 'tab', 'mailportal', @args);
	my ($head, @rows) = grep { /\t/ && !/^doveadm\(/ } split /\n/, $out;
	my @names = split /\t/, $head // '';
	my %rows;

	for my $row (@rows) {
		my %value;
		@value{@names} = split /\t/, $row;
		$rows{ $value{Username} } = \%value;
	}

	return { rc => $rc, out => $out, rows => \%rows };
}


sub user {
	my ($format, $count) = @_;
	my ($name) = $d->add_users(['d' . ++$serial . "\@$format.test"],
		mail => $format{$format});

	$d->fill($name, $count) if $count;
	return $name;
}


# resync

sub comes_back {
	my ($format, $what, $break) = @_;
	my $user = user($format, 30);

	$d->fill($user, 5, folder => 'Archive');
	is($break->($user) > 0, 1, "$format: $what");
	isnt($d->count($user) // 0, 30, 'messages vanish')
		if $format eq 'sdbox';

	my $run = run($d, 'resync', '-u', $user);
	is($run->{rc}, 0, 'resync') or diag($run->{out});
	is_deeply($run->{rows}{$user}, { Username => $user, Folders => 2,
		Messages => 35 }, 'says what it found');
	is($d->count($user), 30, 'and every message is back');
	is($d->count($user, 'Archive'), 5, 'in each folder');
	return;
}

for my $format (sort keys %format) {
	comes_back($format, 'without index files',
		sub { $d->remove_indexes(@_) });
	comes_back($format, 'with random bytes for index files',
		sub { $d->garble_indexes(@_) });
}

my $user = user('maildir', 3);
$d->fill($user, 3, folder => $_) for qw/ Bad Good /;
my $bad = $d->home($user) . '/Maildir/.Bad';
chmod 0, "$bad/cur" or die "chmod: $!\n";
my $run = run($d, 'resync', '-u', $user);
is($run->{rc}, 75, 'a folder that cannot be read');
like($run->{out}, qr/^doveadm\(\Q$user\E\): Error: Bad: .*Permission denied/m,
	'is named with the reason');
is($run->{rows}{$user}{Folders}, 2, 'and the others are done');
is($run->{rows}{$user}{Messages}, 6, 'and counted');
chmod 0700, "$bad/cur";

# a folder that was put back on the disk, where Dovecot trusts its own list

my $v = Test::Mailportal::Dovecot->new(only => ['dovecot'],
	conf => "mailbox_list_index_very_dirty_syncs = yes\n");
for (['maildir', 'Maildir/.Archive', 'Maildir/.Restored'],
	['sdbox', 'sdbox/mailboxes/Archive', 'sdbox/mailboxes/Restored'])
{
	my ($format, $from, $to) = @$_;
	my ($name) = $v->add_users(["v\@$format.test"],
		mail => $format{$format});
	my $home = $v->home($name);

	$v->fill($name, 2);
	$v->fill($name, 3, folder => 'Archive');
	my $imap = $v->imap($name);
	$imap->cmd('LIST "" *');
	$imap->logout();
	system('cp', '-a', "$home/$from", "$home/$to") == 0 or die "cp: $?\n";
	unlink glob "$home/$to/dovecot* $home/$to/dbox-Mails/dovecot.index*";
	$run = run($v, 'resync', '-u', $name);
	is_deeply($run->{rows}{$name}, { Username => $name, Folders => 3,
		Messages => 8 }, "$format: a folder that came back is found");
}
$v->t()->down();

# the same through doveadm's API, whose process outlives what is wrong


sub api {
	my ($command, $parameters) = @_;
	my $body = json()->encode([[$command, $parameters, 'tag']]);
	my $sock = IO::Socket::UNIX->new(Peer => $d->dir()
		. '/run/dovecot/http') or die "doveadm: $!\n";
	my $reply;

	print $sock "POST /doveadm/v1 HTTP/1.1\r\nHost: d\r\n",
		'Authorization: X-Dovecot-API ', encode_base64('secret', ''),
		"\r\nContent-Length: ", length $body, "\r\n\r\n$body";
	local $/;
	$reply = <$sock>;
	return json()->decode($reply =~ s/\A.*?\r\n\r\n//sr)->[0][1];
}


$user = user('sdbox', 2);
is_deeply(api('mailportalResync', { user => $user }),
	[{ username => $user, folders => 1, messages => 2 }],
	'the API of doveadm');
is(api('mailportalUsage', { user => 'nobody@api.test' })->{exitCode}, 67,
	'says that a user is missing');
is(api('mailportalClear', { user => $user })->{exitCode}, 64,
	'and that an interval is');
like(api('mailportalStatus', {})->[0]{status}, qr/^worker /, 'and the status');

# where Dovecot takes for empty what it cannot read, we do not

for my $format (sort keys %format) {
	$user = user($format, 2);
	$d->fill($user, 1, folder => 'Hidden') if $format eq 'sdbox';
	my $root = $d->home($user) . ($format eq 'sdbox'
		? '/sdbox/mailboxes/Hidden' : '/Maildir');
	chmod 0, $root or die "chmod: $!\n";
	for my $command ($format eq 'sdbox' ? qw/ resync /
		: qw/ recalc resync usage /)
	{
		$run = run($d, $command, '-u', $user);
		is($run->{rc}, 75, "$format: $command of what is unreadable");
		like($run->{out}, qr/^doveadm\(\Q$user\E\): Error: .*\(\Q$root\E\b.*Permission denied/m,
			'is an error');
	}
	chmod 0700, $root;
}

# usage

$user = user('sdbox', 4);
make_path($d->home($user) . '/sieve');
for my $name (qw/ one two /) {
	open my $fh, '>', $d->home($user) . "/sieve/$name.sieve" or die;
	print $fh "keep;\n";
	close $fh;
}
$d->own($user);
$run = run($d, 'usage', '-u', $user);
my ($kilo) = $d->quota($user);
is($run->{rows}{$user}{Messages}, 4, 'usage: messages');
is(int(($run->{rows}{$user}{Bytes} + 1023) / 1024), $kilo, 'bytes');
is($run->{rows}{$user}{Limit}, 1 << 30, 'the limit');
is($run->{rows}{$user}{Scripts}, 2, 'and Sieve scripts');

# users who were never there, and such who have a home and no more

my @new = map { user($_) } qw/ maildir maildir sdbox sdbox /;
for my $name ($new[1], $new[3]) {
	make_path($d->home($name));
	$d->own($name);
}
for my $command (['usage'], ['recalc'], ['resync'],
	['clear', '--junk', '1s', '--trash', '1s'])
{
	$run = run($d, @$command, '-A');
	is($run->{rc}, 0, "$command->[0] of all") or diag($run->{out});
	run($d, @$command, '-u', $_) for @new;
	ok(!-e $d->home($new[0]) && !-e $d->home($new[2]),
		'nobody gets a home');
	is(scalar(() = glob($d->home($_) . '/*')), 0, 'nor anything in it')
		for $new[1], $new[3];
}
is(run($d, 'usage', '-u', $new[0])->{out}, "Username\tBytes\tMessages\tLimit"
	. "\tScripts\n", 'a user without a home has no row');
is(run($d, 'usage', '-u', $new[1])->{rows}{$new[1]}{Limit}, 1 << 30,
	'an empty home has its limit');

# who is meant

my @mask = $d->add_users(3, 'mask.test');
$d->fill([@mask], 1);
is(join(' ', sort keys %{ run($d, 'usage', '-u', '*@mask.test')->{rows} }),
	"@mask", 'a mask');
my $file = $d->t()->write_file('users.txt', join '', map { "$_\n" }
	@mask[0, 2], 'nobody@mask.test');
$run = run($d, 'usage', '-F', $file);
is(join(' ', sort keys %{ $run->{rows} }), "@mask[0, 2]", 'a file');
is($run->{rc}, 67, 'with one who is not there');
like($run->{out}, qr/^doveadm\(nobody\@mask\.test\): Error: there is no such user$/m,
	'who is named');
$run = run($d, 'recalc', '-u', 'nobody@mask.test');
is($run->{rc}, 67, 'the same for one alone');
$run = run($d, 'recalc');
is($run->{rc}, 64, 'nobody is refused');
like($run->{out}, qr/-u, -A or -F is wanted/, 'with what is wanted');
for my $who (['-A', '-u', $mask[0]], ['-u', '*', '-F', $file], ['-AF', $file],
	['-u', ''], ['-A', '-u', ''])
{
	$run = run($d, 'usage', @$who);
	is($run->{rc}, 64, "so is @$who");
	like($run->{out}, qr/wanted: whose mailboxes$/m, 'in the same way');
	is_deeply($run->{rows}, {}, 'and nothing is done');
}

# users who are broken: named, and all others done

my %reason = (
	location => qr/Unknown mail storage driver nosuchformat/,
	uid => qr/UID 70 not permitted .*first_valid_uid/,
	quota => qr/Invalid rule.*plenty/,
);
my ($good, @broken) = $d->add_users(4, 'broken.test');
$d->fill([$good, @broken], 1);
$d->break_user($broken[$_], (sort keys %reason)[$_]) for 0 .. 2;
for my $command (qw/ recalc resync usage /) {
	$run = run($d, $command, '-u', '*@broken.test');
	is($run->{rc}, 75, "$command with users who are broken");
	is(join(' ', keys %{ $run->{rows} }), $good, 'does the others');
	for my $i (0 .. 2) {
		my $how = (sort keys %reason)[$i];
		like($run->{out}, qr/^doveadm\(\Q$broken[$i]\E\): Error: .*$reason{$how}/m,
			"and says what is wrong with $how");
	}
}

# recalc

my $m = Test::Mailportal::Dovecot->new(only => ['dovecot'],
	quota => 'maildir:User quota',
	conf => "plugin {\n  quota_vsizes = no\n}\n");
($user, my $other) = $m->add_users(2, 'quota.test');
$m->fill([$user], 7);
$m->fill([$other], 1);
$m->quota($_) for $user, $other;
my ($true) = run($m, 'usage', '-u', $user)->{rows}{$user}{Bytes};
$m->fake_maildirsize($user, 999999, 777);
is(join(' ', $m->quota($user)), '977 777', 'maildirsize says what is not so');
$run = run($m, 'recalc', '-A');
is($run->{rc}, 0, 'recalc');
is_deeply($run->{rows}{$user}, { Username => $user, Before => 999999,
	After => $true, Messages => 7, Limit => 1 << 30 },
	'mends it, and shows what was and what is');
is($run->{rows}{$other}{Before}, $run->{rows}{$other}{After},
	'where nothing was wrong, both are the same');
is(($m->quota($user))[1], 7, 'Dovecot has it');

my ($kib) = $m->quota($user);
$m->fill($user, 3, folder => 'Junk', size => 30000);
my $then = time();
cmp_ok(($m->quota($user))[0], '>', $kib + 80, 'mail in Junk counts');
$m->wait_for(sub { time() > $then + 3 }, 30, 'the clock');
run($m, 'clear', '-u', $user, '--junk', '1s', '--config',
	$m->t()->env('MP_WORKER_CONFIG'));
is(($m->quota($user))[0], $kib, 'until it is cleared');

chmod 0, $m->home($user) . '/Maildir/cur' or die "chmod: $!\n";
is(($m->stock('quota', 'recalc', '-u', $user))[0], 0,
	"Dovecot's own command is silent when it fails");
$run = run($m, 'recalc', '-u', $user);
is($run->{rc}, 75, 'ours is not');
like($run->{out}, qr/^doveadm\(\Q$user\E\): Error: .*Maildir.*Permission denied/m,
	'and says why');
chmod 0700, $m->home($user) . '/Maildir/cur';
is(join('', $m->t()->alerts()), '', 'and no daemon complained');
$m->t()->down();

# without the quota plugin the commands are there all the same

my $elsewhere = tempdir(CLEANUP => 1, DIR => $ENV{MP_TMP} // '/tmp');
my $n = Test::Mailportal::Dovecot->new(only => ['dovecot'], conf => <<"END");
mail_plugins =

userdb {
  driver = static
  args = uid=5000 gid=5000 mail=maildir:$elsewhere/%n allow_all_users=yes
}
END
chown 5000, 5000, $elsewhere;
($user) = $n->add_users(1, 'plain.test');
$n->fill($user, 2);
$run = run($n, 'recalc', '-u', $user);
is($run->{rc}, 75, 'recalc without the quota plugin');
like($run->{out}, qr/^doveadm\(\Q$user\E\): Error: the quota plugin is not loaded/m,
	'says so');
$run = run($n, 'usage', '-u', $user);
is($run->{rc}, 0, 'usage without it') or diag($run->{out});
is($run->{rows}{$user}{Messages}, 2, 'counts messages');
cmp_ok($run->{rows}{$user}{Bytes}, '>', 200, 'and bytes');
is($run->{rows}{$user}{Limit}, 0, 'and knows no limit');

# mail need not be at home, and there need not be a home

my ($away) = $n->add_users(['away@plain.test'],
	mail => "maildir:$elsewhere/%n");
for my $name ($away, 'homeless@nowhere.test') {
	$n->copy_home($user, 'u9@plain.test');
	my ($local) = split /@/, $name;
	rename $n->home('u9@plain.test') . '/Maildir', "$elsewhere/$local"
		or die "$local: $!\n";
	$run = run($n, 'resync', '-u', $name);
	is($run->{rows}{$name}{Messages}, 2, "the mail of $name")
		or diag($run->{out});
}
ok(!-e $n->home($away), 'and none is made');

# status

$run = run($d, 'status');
is($run->{rc}, 0, 'status of a worker that runs');
like($run->{out}, qr/^worker +\Q${\$d->node()}\E\b.*\n.*^lanes +\d/ms,
	'is what the worker says');
$n->t()->stop('dovecot');
$run = run($n, 'status');
is($run->{rc}, 75, 'status without a Dovecot');
like($run->{out}, qr/mailportal-worker does not run: connect\(.*\) failed/,
	'says that the worker does not run');
$n->t()->down();

$d->done();
