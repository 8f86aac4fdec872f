#!/usr/bin/perl

# Another Dovecot than the one that was compiled for is not touched.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use IO::Socket::UNIX;
use Test::Mailportal::Dovecot;

my $d = Test::Mailportal::Dovecot->new(down => 1, only => ['dovecot'],
	allow => [qr/mailportal-(?:worker|lane).*returned error/]);
my ($dir, $build) = ($d->dir(), $d->t()->build());
my $conf = "$dir/conf/dovecot/worker.conf";


sub service {
	my ($name, $env) = @_;

	return <<"END";
service mailportal-$name {
  executable = /usr/bin/env $env $build/mailportal-$name -c $conf
}
END
}


sub log_lines {
	my ($name) = @_;

	return grep { /mailportal-$name: / }
		split /\n/, $d->t()->read_file('log/dovecot.log') // '';
}


# by hand

for my $name (qw/ worker lane /) {
	local %ENV = %ENV;

	delete $ENV{DOVECOT_VERSION};
	my ($rc, $out) = $d->t()->program("mailportal-$name");
	isnt($rc, 0, "$name by hand ends");
	like($out, qr/\A[^\n]*mailportal-$name is started by Dovecot's master, not by hand, and not with version_ignore\n\z/,
		'with one line that says how it is started');

	$ENV{DOVECOT_VERSION} = '2.3.21';
	($rc, $out) = $d->t()->program("mailportal-$name");
	isnt($rc, 0, "$name under another Dovecot ends");
	like($out, qr/\A[^\n]*mailportal-$name is compiled for Dovecot \S+, and this is 2\.3\.21: compile it anew\n\z/,
		'with one line that says what to do');
}

# under a master that says it is another one

$d->t()->write_file('conf/dovecot/local.d/60-version.conf',
	service('worker', 'DOVECOT_VERSION=2.3.21')
	. service('lane', 'DOVECOT_VERSION=2.3.21'));
$d->up();
my ($user) = $d->add_users(1, 'version.test');
$d->fill_maildir($user, 2);

my $lane = IO::Socket::UNIX->new(Peer => "$dir/run/dovecot/mailportal-lane")
	or die "lane: $!\n";
print $lane "VERSION\tmailportal-lane\t1\t0\n1\tresync\t$user\n";

for my $name (qw/ worker lane /) {
	ok($d->wait_for(sub { grep { /mailportal-$name is compiled for Dovecot \S+, and this is 2\.3\.21: compile it anew$/ }
		log_lines($name) }, 30, "the log of $name"),
		"$name: the log says what to do");
	is(scalar(grep { !/compiled for|returned error/ } log_lines($name)), 0,
		'and nothing else is said or done');
}

my @made = glob "$dir/data/mail/version.test/u1/Maildir/dovecot*";
is("@made", '', 'no mailbox was touched');
like($d->deliver($user), qr/^250/, 'and mail is delivered');
close $lane;

# the module of doveadm looks at the libraries that are loaded

my ($rc, $out) = $d->doveadm('mailportal', 'usage', '-u', $user);
is($rc, 0, 'doveadm is of the right version') or diag($out);

# and one that was compiled for others does nothing, whatever it is told

my ($version) = ($d->t()->program(qw/ dovecot --version /))[1]
	=~ /^([0-9.]+)/ or die "no version\n";
my $other = $version =~ s/[1-8]/9/gr;
my $module = 'lib20_doveadm_mailportal_plugin.so';
my $bytes = $d->t()->read_file("$build/$module");
cmp_ok(scalar($bytes =~ s/\Q$version\E/$other/g), '>', 0,
	'a module for another Dovecot');
$d->t()->write_file($module, $bytes);
$d->t()->program("$Test::Mailportal::ROOT/auto/doveadm", 'copy',
	"$dir/data/doveadm", "$dir/$module");
@made = glob "$dir/data/mail/version.test/u1/Maildir/dovecot*";
for my $command (['usage'], ['recalc'], ['resync'], ['clear', '--junk', '1s'])
{
	($rc, $out) = $d->doveadm('mailportal', @$command, '-A');
	is($rc, 69, "doveadm mailportal $command->[0] of it is refused");
	is($out, "Error: this module is compiled for Dovecot $other, and this "
		. "is $version: compile it anew\n", 'with one line');
}
is_deeply([glob "$dir/data/mail/version.test/u1/Maildir/dovecot*"], \@made,
	'and no mailbox is touched');

# when the operator wants versions to be ignored, it is not told

$d->t()->write_file('conf/dovecot/local.d/60-version.conf',
	"version_ignore = yes\n");
$d->t()->restart('dovecot');
ok($d->wait_for(sub { grep { /not with version_ignore$/ }
	log_lines('worker') }, 30, 'the log of the worker'),
	'with version_ignore the worker does not run');

$d->done();
