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

# what the root helper does stands in a table, and is told in full

my $agent = slurp('docs/man/mailportal-agent.8') =~ s/\s+/ /gr;

for my $op (slurp('agent/mpa_ops.def') =~ /^MPA_OP\((.*?)\)$/msg) {
	my ($id, $doc) = $op =~ /^(\w+), \d+,\s*(".*")$/s;
	next unless defined $doc;

	my $name = lc($id) =~ tr/_/-/r;
	$doc = join '', $doc =~ /"([^"]*)"/g;
	ok(index($agent, ".It Cm $name $doc") >= 0,
		"mailportal-agent(8) says what $name does");
}

done_testing();
