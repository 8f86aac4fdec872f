#!/usr/bin/perl

# A function fits on a page and a half, a file in one sitting.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use Test::Lint;

my $function_max = 80;
my $file_max = 700;
my %page_max = ('README.md' => 119, 'CONTRIBUTING.md' => 150);

# where a function begins and ends, by the kind of file
my %shape = (
	c    => [qr/^\{$/, qr/^\}/],
	h    => [qr/^\{$/, qr/^\}/],
	pm   => [qr/^sub \w+.*\{$/, qr/^\}/],
	t    => [qr/^sub \w+.*\{$/, qr/^\}/],
	js   => [qr/^(export )?(default )?(async )?function\b.*\{$/, qr/^\}/],
	sh   => [qr/^\{$/, qr/^\}/],
	lua  => [qr/^(local )?function\b/, qr/^end/],
);

for my $file (sources(
	qr!\.(c|h|def|pm|t|js|css|html|pl|lua)$|^auto/|^configure$
		|^quickstart$|^Makefile$|^t/\w+/run$|^t/run$!x))
{
	my @l = split /\n/, slurp($file), -1;
	my ($kind) = $file =~ /\.(\w+)$/;
	my ($begin, $end) = @{ $shape{ $kind // 'sh' } // [] };
	my (@bad, $body);

	pop @l;
	push @bad, scalar(@l) . " lines, over $file_max" if @l > $file_max;

	for my $n (1 .. @l) {
		last unless defined $begin;
		my $s = $l[$n - 1];
		$body = $n if !$body && $s =~ $begin;
		next unless $body && $s =~ $end;
		push @bad, "line $body: a function of "
			. ($n - $body - 1) . ' lines'
			if $n - $body - 1 > $function_max;
		undef $body;
	}

	clean("$file and its functions are short", @bad);
}

for my $file (sort keys %page_max) {
	my $lines = -e $file ? slurp($file) =~ tr/\n// : 0;
	cmp_ok($lines, '>', 0, "$file is there");
	cmp_ok($lines, '<=', $page_max{$file},
		"$file has at most $page_max{$file} lines");
}

done_testing();
