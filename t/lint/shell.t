#!/usr/bin/perl

# Every shell script, as shellcheck sees it.  A part that another script
# sources has no first line of its own and uses that script's variables.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use Test::Lint;

my $found = grep { -x "$_/shellcheck" } split /:/, $ENV{PATH};

plan(skip_all => 'shellcheck is not installed') if !$found && !$ENV{CI};

for my $file (sources(
	qr!^(configure|quickstart)$|^auto/[\w-]+$|^\.ci/|(^|/)run$|\.sh$!))
{
	my ($first) = split /\n/, slurp($file);
	next if ($first // '') =~ /^#!.*(perl|python|node)/;
	my @how = ($first // '') =~ /^#!/ ? ()
		: ('-s', 'sh', '-e', 'SC2034,SC2154');

	open my $fh, '-|', 'shellcheck', '-f', 'gcc', '-S', 'warning', '-x',
		'-e', 'SC1090,SC1091', @how, $file or die "shellcheck: $!\n";
	my @bad = <$fh>;
	close $fh;
	chomp @bad;
	push @bad, "shellcheck ended with $?" if $? && !@bad;

	clean("$file has no finding of shellcheck", @bad);
}

done_testing();
