#!/usr/bin/perl

# The sample configuration: every placeholder has a value in auto/prepare.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use Test::Lint;

my $fill = -e 'auto/prepare' ? slurp('auto/prepare') : '';
my %known = map { $_ => 1 } $fill =~ /\b(?:@)?([A-Z][A-Z0-9_]+)(?:@)?\b/g;

ok(length $fill, 'auto/prepare is there');

for my $file (sources(qr!^conf/!)) {
	my $text = slurp($file);
	my %seen;
	clean("$file has only placeholders that auto/prepare has a value for",
		grep { !$known{$_} && !$seen{$_}++ } $text =~ /@([A-Z][A-Z0-9_]*)@/g);
	clean("$file has no path or port of one machine",
		scan($text =~ s/^\s*(#|--).*//mgr,
			qr{/tmp/|(?<![\w.])/(home|root|work)/}, 'fixed'));
}

done_testing();
