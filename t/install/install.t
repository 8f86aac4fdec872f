#!/usr/bin/perl

# make install puts the product where an operator's servers look for it, and
# make uninstall takes away exactly that.

use warnings;
use strict;

use File::Find;
use File::Path qw/ make_path remove_tree /;
use File::Temp;

use lib 't/lib';

use Test::More;
use Test::Lint;

my $dir = File::Temp->newdir();
my $root = "$dir/root";
my $sanitize = ($ENV{MP_BUILD} // '') =~ /sanitize/ ? 'SANITIZE=1' : '';

sub make {
	my $out = qx(make -s @_ DESTDIR=$root $sanitize 2>&1);
	return ($? >> 8, $out);
}

sub files {
	my @found;
	return () unless -d $root;
	find(sub { push @found, $File::Find::name =~ s/^\Q$root\E//r if -f },
		$root);
	return sort @found;
}

# quickstart's servers live below build/, and rspamd has a folder local.d

my $build = ($ENV{MP_BUILD} // 'build');
make_path("$build/servers-of-a-test/local.d");
my ($code, $out) = make('-n', 'all');
is($code, 0, 'make works beside the servers of quickstart') or diag($out);
remove_tree("$build/servers-of-a-test");

($code, $out) = make('install');
is($code, 0, 'make install succeeds') or diag($out);

my %files = map { $_ => 1 } files();

ok($files{$_}, "$_ is installed") for (
	'/usr/lib/nginx/modules/ngx_http_mailportal_module.so',
	'/usr/sbin/mailportal-milter',
	'/usr/sbin/mailportal-ctl',
	'/usr/lib/dovecot/mailportal-worker',
	'/usr/lib/dovecot/mailportal-lane',
	'/usr/lib/dovecot/modules/doveadm/lib20_doveadm_mailportal_plugin.so',
	'/usr/share/mailportal/web/index.html',
	'/usr/share/mailportal/conf/redis/users.acl',
	'/usr/share/man/man8/mailportal-milter.8',
	'/usr/share/man/man8/mailportal-ctl.8',
	'/usr/share/man/man8/mailportal-worker.8',
	'/usr/share/man/man5/mailportal-worker.conf.5',
);

ok(-x "$root/usr/sbin/mailportal-ctl", 'a program can be executed');
# what Dovecot gets is copied as it is

sub installed { return slurp("$root/usr/share/mailportal/conf/dovecot/$_[0]"); }

for my $file ('90-mailportal.conf', 'worker.conf') {
	unlike(installed($file), qr/\@[A-Z_]+\@/, "$file has no placeholder");
}
like(installed('90-mailportal.conf'), qr! /usr/lib/dovecot/mailportal-worker !,
	'it names the worker by where it was put');

is(scalar(grep { m!^/etc/! } keys %files), 0, 'nothing is put into /etc');

open my $other, '>', "$root/usr/share/mailportal/web/mine" or die $!;
close $other;

($code, $out) = make('uninstall');
is($code, 0, 'make uninstall succeeds') or diag($out);
is(join(' ', files()), '/usr/share/mailportal/web/mine',
	'what install put is gone, what it did not put stays');

($code, $out) = make('uninstall');
isnt($code, 0, 'a second uninstall fails');
like($out, qr/nothing is installed/, '... and says why');

done_testing();
