#!/usr/bin/perl

# The house dialect, and Dovecot's in its folder, which has a .clang-format of
# its own: clang-format 14 would change nothing.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use Test::Lint;

my $format = 'clang-format-14';
my $found = grep { -x "$_/$format" } split /:/, $ENV{PATH};

plan(skip_all => "$format is not installed") if !$found && !$ENV{CI};

my @files = sources(
	qr!^(shared|daemon|dovecot-plugin|milter|agent|t/unit|t/fuzz|t/bench)/.*\.[ch]$!);

for my $file (@files) {
	open my $fh, '-|', $format, '--style=file', $file
		or die "$format: $!\n";
	my @want = <$fh>;
	close $fh or die "$format $file: exit status $?\n";

	my @have = split /^/, slurp($file);
	my ($n) = grep { ($have[$_] // '') ne ($want[$_] // '') }
		0 .. ($#have > $#want ? $#have : $#want);

	clean("$file is as $format writes it",
		defined $n ? 'line ' . ($n + 1) . ":\n- "
			. ($have[$n] // "\n") . '+ ' . ($want[$n] // "\n") : ());
}

done_testing();
