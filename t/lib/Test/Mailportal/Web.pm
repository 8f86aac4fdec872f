package Test::Mailportal::Web;

# Runs a script of t/web in a headless Chromium against the servers of a test.
# The script prints TAP, which becomes part of the test's own.

use warnings;
use strict;

use Exporter 'import';
use Test::More;
use Test::Mailportal;

our @EXPORT = qw/ browse /;

my $PASSWORD = 'another-password-of-tests';


# name of an administrator => role, all with one password

my %MORE = (colleague => 'master', tenant => 'domain');


sub browse {
	my ($t, $script) = @_;
	my $root = $Test::Mailportal::ROOT;
	my ($rc, $modules) = $t->program("$root/auto/web", '--tests');

	die "auto/web --tests: $modules\n" if $rc;
	chomp $modules;
	_add_administrators($t) unless $t->{web_administrators}++;

	local %ENV = (%ENV, %{ $t->env() },
		NODE_PATH => $modules,
		MP_MORE_PASSWORD => $PASSWORD,
		MP_STACK => "$root/auto/stack",
		MP_STACK_DIR => $t->dir());

	open my $fh, '-|', 'node', "$root/t/web/$script"
		or die "node: $!\n";
	while (<$fh>) {
		if (/^(not )?ok \d+ - (.*)/) {
			ok(!$1, $2);
		} elsif (/^# ?(.*)/) {
			diag($1);
		} elsif (/^skip (.*)/) {
			pass("skipped: $1");
		}
	}
	close $fh;

	is($?, 0, "$script ran to its end");
}


sub _add_administrators {
	my ($t) = @_;
	my $file = $t->write_file('more.pw', "$PASSWORD\n");

	for my $name (sort keys %MORE) {
		my ($rc, $out) = $t->ctl('admin', 'add', $name, '--role',
			$MORE{$name}, '--password-file', $file);
		die "admin add $name: $out\n" if $rc;
	}
}


1;
