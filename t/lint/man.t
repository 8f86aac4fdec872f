#!/usr/bin/perl

# Manual pages without a warning of mandoc, one for every program.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use Test::Lint;

my $found = grep { -x "$_/mandoc" } split /:/, $ENV{PATH};

plan(skip_all => 'mandoc is not installed') if !$found && !$ENV{CI};

for my $file (sources(qr!^docs/man/.*\.\d$!)) {
	open my $fh, '-|', 'mandoc', '-Tlint', '-W', 'warning', $file
		or die "mandoc: $!\n";
	my @bad = <$fh>;
	close $fh;
	chomp @bad;

	clean("$file has no warning of mandoc", @bad);
}

for my $program (slurp('Makefile') =~ m!^\$\(B\)/(mailportal-[\w-]+):!mg) {
	ok((() = glob("docs/man/$program.[18]")) > 0,
		"$program has a man page");
}

done_testing();
