#!/usr/bin/perl

# The nginx dialect, which clang-format cannot hold.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use Test::Lint;

my @files = sources(qr!^ngx_mailportal_module/.*\.[ch]$!);

ok(scalar @files, 'there are files of the nginx module');

my $type = qr/(?:const |struct |enum |unsigned )*
	(?:ngx_\w+_t|size_t|ssize_t|u_char|char|int|time_t|uint\d+_t|int\d+_t|
	json_t|mp_\w+|redis\w+|double|unsigned)/x;

sub columns {
	my ($text) = @_;

	utf8::decode($text);
	return length $text;
}

for my $file (@files) {
	my @l = split /^/, slurp($file);
	my (@bad, $body);

	for my $i (0 .. $#l) {
		my $s = $l[$i];
		my $n = $i + 1;
		chomp $s;

		push @bad, "$n: over 80 columns" if columns($s) > 80;
		push @bad, "$n: tab" if $s =~ /\t/;
		push @bad, "$n: trailing space" if $s =~ / $/;
		push @bad, "$n: // comment" if $s =~ m!(^|\s)//!;
		push @bad, "$n: else on its own line"
			if $s =~ /^\s*\}$/ && ($l[$n] // '') =~ /^\s*else\b/;
		push @bad, "$n: a keyword and a parenthesis need a space"
			if $s =~ /^\s*(\} else )?(if|for|while|switch)\(/;
		push @bad, "$n: no braces"
			if $s =~ /^\s*(\} else )?(if|for|while) \(.*;$/
			&& $s !~ /^\s*for \(/;
		push @bad, "$n: type and name need two spaces"
			if $s =~ /^    $type( +)\**\w+(?:\[[^]]*\])?(?:, \**\w+)*;/
			&& length $1 < 2;

		$body = $n if $s eq '{';
		next unless $s eq '}' && $body;
		my $gap = 0;
		$gap++ while ($l[$n + $gap] // '.') eq "\n";
		push @bad, "$n: two blank lines follow a function"
			if $n + $gap <= $#l && $l[$n + $gap] !~ /^#/ && $gap != 2;
		undef $body;
	}

	clean("$file is in nginx's dialect", @bad);
}

done_testing();
