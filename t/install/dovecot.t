#!/usr/bin/perl

# docs/install.md on a Dovecot as Debian ships it: what stands there is run,
# and the worker is there; taken away, Dovecot is what it was.  All of it in a
# mount namespace in which /etc, /run, /var/lib, /usr/share and Dovecot's own
# folder are copies of ours.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use File::Path qw/ make_path /;
use File::Temp;
use IO::Socket::INET;
use POSIX ();
use Test::Lint;
use Test::Mailportal qw/ wait_for /;
use Test::Mailportal::IMAP;
use Test::Mailportal::RedisServer;

plan(skip_all => 'Dovecot bounds the memory of a service, and ASan wants more')
	if ($ENV{MP_BUILD} // '') =~ /sanitize/;
plan(skip_all => 'no mount namespaces here')
	if system('unshare -m true 2> /dev/null') != 0 && !$ENV{CI};

my $tmp = File::Temp->newdir('mp-t-XXXXXX', DIR => $ENV{MP_TMP} // '/tmp');
my $dir = "$tmp";
my $user = 'anna@install.test';
my $port = free_port();
my $redis = Test::Mailportal::RedisServer->new();
my $pid;

chmod 0755, $dir;


sub free_port {
	my $sock = IO::Socket::INET->new(Listen => 1,
		LocalAddr => '127.0.0.1') or die "listen: $!\n";
	return $sock->sockport();
}


sub run { return system(@_) == 0 || die "@_: $?\n"; }


sub write_file {
	my ($name, $text) = @_;

	open my $fh, '>', "$dir/$name" or die "$name: $!\n";
	print $fh $text;
	close $fh or die "$name: $!\n";
	return;
}


# the machine of before

sub machine {
	make_path(map { "$dir/$_" } qw! etc/dovecot/private etc/mailportal run
		var-lib mail log !);
	run("cp -a /etc/passwd /etc/group /etc/nsswitch.conf /etc/hosts"
		. " /etc/ld.so.* $dir/etc");
	run("cp -a /usr/share/dovecot/dovecot.conf /usr/share/dovecot/conf.d"
		. " $dir/etc/dovecot");
	run("cp -a /usr/lib/dovecot $dir/lib");
	run("make -s install DESTDIR=$dir/root > $dir/log/install 2>&1");
	run("cp -a $dir/root/usr/lib/dovecot/. $dir/lib");
	run("cp -a /usr/share/dovecot $dir/root/usr/share");

	write_file("etc/dovecot/private/dovecot.$_", '') for qw/ pem key /;
	write_file('users', "$user:{PLAIN}pass:5000:5000::$dir/mail::\n");
	write_file('etc/dovecot/conf.d/10-auth.conf', <<"END");
disable_plaintext_auth = no
passdb {
  driver = passwd-file
  args = $dir/users
}
userdb {
  driver = passwd-file
  args = $dir/users
}
END
	write_file('etc/dovecot/conf.d/99-test.conf', <<"END");
protocols = imap
listen = 127.0.0.1
ssl = no
log_path = $dir/log/dovecot
mail_location = maildir:~/Maildir
service imap-login {
  inet_listener imap {
    port = $port
  }
  inet_listener imaps {
    port = 0
  }
}
END
	chown 5000, 5000, "$dir/mail";
	symlink $redis->dir() . '/run', "$dir/run/mailportal-redis";
	return;
}


sub start {
	$pid = fork() // die "fork: $!\n";
	if ($pid == 0) {
		open STDIN, '<', '/dev/null';
		open STDOUT, '>>', "$dir/log/out";
		open STDERR, '>&', \*STDOUT;
		exec 'unshare', '-m', 'sh', '-ec', <<'END', 'sh', $dir
mount --bind "$1/etc" /etc
mount --bind "$1/run" /run
mount --bind "$1/var-lib" /var/lib
mount --bind "$1/root/usr/share" /usr/share
mount --bind "$1/lib" /usr/lib/dovecot
exec dovecot -F
END
			or POSIX::_exit(127);
	}

	return wait_for(\&reads, 30, 'Dovecot');
}


sub stop {
	return unless $pid;
	kill 'TERM', $pid;
	waitpid $pid, 0;
	$pid = undef;
	return;
}


# A shell on that machine; (exit code, output).

sub shell {
	my ($text) = @_;

	open my $fh, '-|', 'nsenter', '-t', $pid, '-m', 'sh', '-ec',
		"exec 2>&1\n$text" or die "nsenter: $!\n";
	local $/;
	my $out = <$fh> // '';
	close $fh;
	return ($? >> 8, $out);
}


sub reads {
	my $imap = Test::Mailportal::IMAP->new('127.0.0.1', $port, $user,
		'pass');
	my ($status) = $imap->cmd('SELECT INBOX');

	$imap->logout();
	return $status =~ /^OK/;
}


# What stands in a block of the page, the first with these words.

sub block {
	my ($words) = @_;
	my ($found) = grep { /\Q$words\E/ }
		slurp('docs/install.md') =~ /^```sh\n(.*?)^```$/msg;

	return $found // die "no block with '$words'\n";
}


sub beat { return $redis->do('KEYS', 'mp:{hb}:dovecot:*'); }


machine();
write_file('etc/mailportal/redis-mp-dovecot.pw', "password of dovecot\n");
ok(start(), 'Dovecot of Debian is up')
	or die slurp("$dir/log/out");

my ($rc, $out) = shell(block('90-mailportal.conf'));
is($rc, 0, 'the commands of docs/install.md succeed') or diag($out);
ok(wait_for(sub { @{ beat() } == 1 }, 30, 'a heartbeat'),
	'and the worker speaks with Redis');
ok(wait_for(sub { (($rc, $out) = shell('doveadm mailportal status'))[0] == 0 },
	30), 'doveadm has our command') or diag($out);
ok(eval { reads() }, 'mail is read as before') or diag($@);

# the programs first, which is not what the page says

stop();
run("rm $dir/lib/mailportal-worker $dir/lib/mailportal-lane");
ok(start(), 'Dovecot starts without our programs');

($rc, $out) = shell('rm /etc/dovecot/conf.d/90-mailportal.conf');
($rc, $out) = shell('doveadm reload; doveconf -n');
unlike($out, qr/mailportal/, 'without the file there is nothing of ours');
ok(wait_for(\&reads, 30, 'Dovecot'), 'and mail is read');

stop();
done_testing();


END {
	local $?;
	stop();
}
