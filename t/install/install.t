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
	'/usr/sbin/mailportal-agent',
	'/usr/sbin/mailportal-ctl',
	'/usr/lib/dovecot/mailportal-worker',
	'/usr/lib/dovecot/mailportal-lane',
	'/usr/lib/dovecot/modules/doveadm/lib20_doveadm_mailportal_plugin.so',
	'/usr/lib/systemd/system/mailportal-agent.service',
	'/usr/lib/systemd/system/mailportal-milter.service',
	'/usr/lib/sysusers.d/mailportal.conf',
	'/usr/lib/tmpfiles.d/mailportal.conf',
	'/usr/share/mailportal/web/index.html',
	'/usr/share/mailportal/conf/redis/users.acl',
	'/usr/share/man/man8/mailportal-milter.8',
	'/usr/share/man/man8/mailportal-ctl.8',
	'/usr/share/man/man8/mailportal-worker.8',
	'/usr/share/man/man5/mailportal-worker.conf.5',
);

ok(-x "$root/usr/sbin/$_", "$_ can be executed")
	for qw/ mailportal-milter mailportal-agent mailportal-ctl /;

# what is copied into /etc as it is

sub installed { return slurp("$root/usr/share/mailportal/conf/$_[0]"); }

for my $file (qw! agent.conf milter.conf nginx/mailportal.conf
	dovecot/90-mailportal.conf dovecot/worker.conf !)
{
	unlike(installed($file), qr/\@[A-Z_]+\@/, "$file has no placeholder");
}
like(installed('dovecot/90-mailportal.conf'),
	qr! /usr/lib/dovecot/mailportal-worker !,
	'it names the worker by where it was put');

# what systemd says of its units; those that they stand beside are not ours

SKIP: {
	skip('systemd is not installed', 4)
		if system('systemd-analyze --version > /dev/null 2>&1') != 0
		&& !$ENV{CI};

	my $units = "$root/usr/lib/systemd/system";

	for my $name (qw/ agent milter /) {
		my $unit = "$units/mailportal-$name.service";
		my ($program) = slurp($unit) =~ m!^ExecStart=(\S+)!m;
		my $text = slurp($unit) =~ s!^(ExecStart=)!$1$root!mr;

		ok(-x "$root$program", "the unit of the $name starts what is there");
		open my $fh, '>', "$dir/mailportal-$name.service" or die $!;
		print $fh $text;
		close $fh;
		is(qx(systemd-analyze verify --man=no $dir/mailportal-$name.service 2>&1),
			'', 'and systemd has nothing to say against it');
	}
}

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
