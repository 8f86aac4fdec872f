#!/usr/bin/perl

# The master password, from the settings page to a login: what is in force is
# in force at once, also where Dovecot remembers what it has verified.

use warnings;
use strict;

use lib 't/lib';

use POSIX qw/ strftime /;
use Test::More;
use Time::HiRes qw/ time /;
use Test::Mailportal::Dovecot;
use Test::Mailportal::Dovecot::Settings
	qw/ $FAST %IN patch in_force login may refused /;

my $CACHE = "auth_cache_size = 10M\nauth_cache_verify_password_with_worker"
	. " = no\nlisten = 127.0.0.1, ::1\n";
my $d = Test::Mailportal::Dovecot->new(only => [qw/ redis nginx dovecot /],
	conf => $FAST . $CACHE, down => 1);
my $t = $d->t();
my $dict = $d->dir() . '/conf/dovecot/dict';

# Dovecot remembers nothing of a passwd-file, but of others it does

$t->write_file('conf/dovecot/local.d/61-dict.conf', <<"END");
passdb {
  driver = dict
  args = $dict.conf
}
END
$t->write_file('conf/dovecot/dict.conf', <<"END");
uri = file:$dict
default_pass_scheme = PLAIN
key passdb {
  key = %u
  format = json
}
passdb_objects = passdb
END
$t->write_file('conf/dovecot/dict', join '', map {
	"shared/$_\n{\"password\":\"known\"}\n" }
	qw/ helper masteradmin other /);
$d->up();

my $file = $t->env('MP_WORKER_STATE') . '/master.passwd';
my ($user, $own) = ($t->env('MP_USER'), $t->env('MP_USER_PASSWORD'));
my $master = "$user*masteradmin";
my ($one, $two) = ('the-first-password', 'another password: 2');
my @took;


sub at { return strftime('%Y-%m-%dT%H:%M:%SZ', gmtime(time() + $_[0])); }


sub set {
	my (%set) = @_;
	my $from = time();
	my $version = patch($d, imap_master => \%set);

	ok(in_force($d, $version), join ', ', "in force: version $version",
		grep { $_ ne 'password' } sort keys %set);
	push @took, time() - $from;
	return $version;
}


sub file_is {
	my ($what, $re) = @_;
	my @stat = stat $file;
	my $text = $t->read_file($file) // '';

	is(sprintf('%o', ($stat[2] // 0) & 07777), '640', "$what: 0640");
	is($stat[4], 0, "$what: it is root's");
	is(getgrgid($stat[5] // 0), 'dovecot', "$what: and Dovecot reads it");
	like($text, $re, "$what: it says so");
	unlike($text, qr/\Q$one\E|\Q$two\E/, "$what: and no password");
	return;
}


# How many of these users Dovecot's auth has in its cache, which forgets them.

sub forgotten {
	return join ' ', map {
		my ($rc, $out) = $d->stock(qw/ auth cache flush /, $_);
		$out =~ /^(\d+) / ? $1 : $out;
	} @_;
}


sub remembered {
	my ($rc) = map { ($d->stock(qw/ auth test /, $_, 'known'))[0] } @_;

	return $rc == 0;
}

my $name_only = qr/\A# mailportal version=\d+ .* name=- .*\n#.*\n\z/;

# off, as it is in the beginning

ok(in_force($d, 1), 'the first settings are in force');
file_is('off', $name_only);
ok(refused($d, $master, ''), 'nobody gets in without a password');
ok(refused($d, $master, $own), 'nor by the password of the user');
ok(may($d, $user, $own), 'users do as ever');

# on

set(enabled => JSON::PP::true, password => $one);
file_is('on', qr/^masteradmin:\{ARGON2ID\}\$argon2id\$\S+::::::
	mailportal_master=masteradmin\n\z/mx);
ok(may($d, $master, $one), 'IMAP and POP3 let the master user in');
ok(refused($d, $master, $two), 'not by another password');
ok(refused($d, "nosuch\@x.test*masteradmin", $one),
	'nor into a mailbox that is not there');
ok(refused($d, 'masteradmin', $one), 'nor as a user of that name');
ok(refused($d, "$user*somebody", $one), 'nor under another name');
ok(may($d, $user, $own), 'users do as ever');

# another password, another name

set(password => $two);
ok(refused($d, $master, $one), 'the old password is dead at once');
ok(may($d, $master, $two), 'and the new one works');

set(username => 'helper');
ok(refused($d, $master, $two), 'the old name is dead at once');
ok(may($d, "$user*helper", $two), 'and the new one works');
set(username => 'masteradmin');
ok(refused($d, "$user*helper", $two), 'and dies with the old one back');

# what Dovecot's auth has in its cache by these names, and by no others

my @names = qw/ helper masteradmin other /;
ok(remembered($_), "Dovecot's auth remembers $_") for @names;
is(forgotten(@names), '1 1 1', 'until it is told to forget them');
remembered($_) for @names;
set(password => $two);
is(forgotten(@names), '0 0 1',
	'as it is by each change, of the master user and the one before');
remembered($_) for @names;
set(enabled => JSON::PP::false);
is(forgotten(@names), '1 0 1', 'also when it is switched off');
set(enabled => JSON::PP::true);

# networks

set(allow_nets => ['192.0.2.0/24', '2001:db8::/32']);
ok(refused($d, $master, $two), 'from another network it does not work');
ok(may($d, $user, $own), 'which is nothing to users');
set(allow_nets => ['2001:db8::/32', '127.0.0.1']);
ok(may($d, $master, $two), 'from one that is named it does');

SKIP: {
	skip 'there is no IPv6', 3
		if login($d, 'imap', $user, $own, '::1') =~ /^connect/;
	$CACHE = 'ipv6';
	ok(refused($d, $master, $two, '::1'), 'not by an IPv6 address');
	set(allow_nets => ['::1/128']);
	ok($CACHE && may($d, $master, $two, '::1'), 'until that is named');
}
set(allow_nets => []);

# two changes in one second, and more

patch($d, imap_master => { password => $_ })
	for 'of no use at all', $two, 'of no use either';
set(password => $one);
ok(refused($d, $master, $two), 'of four passwords the last one counts');
ok(may($d, $master, $one), 'and it does');
patch($d, imap_master => { username => $_ }) for qw/ a1 b2 c3 /;
set(username => 'masteradmin');
ok(refused($d, "$user*$_", $one), "nobody is $_ any more") for qw/ a1 b2 c3 /;

# its end

set(expires => at(10));
ok(may($d, $master, $one), 'it works while its time is not over');
ok($d->wait_for(sub { refused($d, $master, $one) }, 30, 'its end'),
	'and then it does not');
file_is('over', $name_only);
set(expires => at(3600));
ok(may($d, $master, $one), 'until it gets more time');

$t->stop('redis');
ok(may($d, $master, $one), 'without Redis it works');
$d->kill_worker();
ok(may($d, $master, $one), 'also when the worker begins anew');
ok(refused($d, $master, $two), 'and no other does');
$t->start('redis');

set(expires => at(10));
$t->stop('redis');
$d->kill_worker();
ok($d->wait_for(sub { ($t->read_file($file) // '') =~ $name_only }, 30,
	'its end'), 'a worker that came without Redis ends it in time');
ok($d->wait_for(sub { refused($d, $master, $one) }, 30), 'and it is');
$t->start('redis');
set(expires => undef);
ok(may($d, $master, $one), 'and it lives again');

# trouble

my $version;
mkdir "$file.new" or die "$file.new: $!\n";
$version = patch($d, imap_master => { password => $two });
ok($d->wait_for(sub { grep { /master password is not in force: open/ }
	@{ ($d->heartbeat() // {})->{problems} } }, 20, 'a problem'),
	'a file that cannot be written is a problem');
cmp_ok($d->heartbeat()->{settings}, '<', $version, 'and not in force');
ok(may($d, $master, $one), 'it is as it was');
rmdir "$file.new" or die "$file.new: $!\n";
ok(in_force($d, $version), 'it is written when it can be');
ok($d->wait_for(sub { !@{ $d->heartbeat()->{problems} } }, 20, 'no problem'),
	'and then there is no problem');
ok(refused($d, $master, $one) && may($d, $master, $two), 'and in force');

for my $how (sub { unlink $file }, sub { $t->write_file(
	'data/worker/master.passwd', "masteradmin:{PLAIN}x\n") })
{
	my $text = $t->read_file($file);
	$how->();
	ok($d->wait_for(sub { ($t->read_file($file) // '') eq $text }, 20),
		'a file that was removed or changed is made anew');
	ok($d->wait_for(sub { may($d, $master, $two) }, 20), 'and works');
	ok(refused($d, $master, 'x'), 'and no other does');
}

# a worker that ends at the worst moment, and what Redis says then

$version = patch($d, imap_master => { password => $one });
$d->wait_for(sub { ($t->read_file($file) // '') =~ /version=$version / }, 20);
$d->kill_worker();
ok(in_force($d, $version), 'a worker that is killed on the way');
ok(refused($d, $master, $two) && may($d, $master, $one), 'does no harm');

my ($secret) = @{ $t->redis('XREVRANGE', 'mp:{sec}:log', '+', '-', 'COUNT',
	1) };
my %fields = @{ $secret->[1] };

sub secret {
	my ($hash) = @_;

	$t->redis('DEL', 'mp:{sec}:log');
	$t->redis('XADD', 'mp:{sec}:log', $secret->[0], 'name', $fields{name},
		'hash', $hash);
	$d->kill_worker();
	return;
}


for my $hash ("$fields{hash}\nx:{PLAIN}x", "$fields{hash}:x", '{PLAIN}x',
	$fields{hash} =~ s/m=\d+/m=9999999/r)
{
	secret($fields{hash});
	$d->wait_for(sub { $t->read_file($file) !~ $name_only }, 20, 'a name')
		or die "nobody can sign in\n";
	secret($hash);
	ok($d->wait_for(sub { $t->read_file($file) =~ $name_only }, 20,
		'nobody'), 'what is no hash lets nobody in');
}
ok($d->wait_for(sub { grep { /does not have the master password/ }
	@{ ($d->heartbeat() // {})->{problems} } }, 20, 'a problem'),
	'and is a problem');
ok($d->wait_for(sub { refused($d, $master, $one) }, 20, 'nobody'),
	'then nobody is let in');
secret($fields{hash});
ok($d->wait_for(sub { may($d, $master, $one) }, 20, 'the right one'),
	'until Redis has it again');

$t->redis('DEL', 'mp:{sec}:log');
unlink $file;
ok($d->wait_for(sub { ($t->read_file($file) // '') =~ $name_only }, 20,
	'nobody'), 'a password that is nowhere any more');
ok($d->wait_for(sub { refused($d, $master, $one) }, 20, 'nobody'),
	'is forgotten by Dovecot, too');
secret($fields{hash});
ok($d->wait_for(sub { may($d, $master, $one) }, 20, 'the right one'),
	'until it is there again');

# without Dovecot's cache

$t->write_file('conf/dovecot/local.d/60-cache.conf', "auth_cache_size = 0\n");
$d->reload();
set(password => $two);
ok(refused($d, $master, $one), 'without a cache: the old password is dead');
ok(may($d, $master, $two), 'and the new one works');

# each login, once, in the audit and in the counter

my %want = map { /^(\S+) (.*)\*(\S+) (\S+)$/
	? ("$1-master-login $2 $3 $4" => $IN{$_}) : () } keys %IN;
my ($sum, %have) = (0);
$sum += $_ for values %want;
$d->wait_for(sub {
	my ($cursor, $path) = ('', '/audit?limit=100');
	%have = ();
	do {
		my $res = $t->api(GET => $path . $cursor,
			role => 'MasterAdmin');
		$have{join ' ', @{$_}{qw/ what target actor from /}}++
			for grep { $_->{what} =~ /-master-login$/ }
			@{ $res->{json}{entries} };
		$cursor = "&cursor=" . ($res->{json}{cursor} // '');
	} while ($cursor ne '&cursor=');
	my $count = 0;
	$count += $_ for values %have;
	$count >= $sum;
}, 30);
is_deeply(\%have, \%want, 'each of them is in the audit, once');
cmp_ok($sum, '>', 20, 'and that they are some');
is($d->hash('mp:{stat}:dovecot:' . $d->node())->{master_logins}, $sum,
	'so says the counter');

# off

set(enabled => JSON::PP::false);
file_is('off again', $name_only);
ok(refused($d, $master, $_), 'nobody gets in') for $one, $two;
ok(may($d, $user, $own), 'and users do as ever');

# how long it took; a machine that is busy makes some of them late

cmp_ok(4 * (grep { $_ < 2 } @took), '>=', scalar @took,
	'a change is in force within two seconds')
	or diag(join ' ', map { sprintf '%.1f', $_ } @took);

$d->done();
