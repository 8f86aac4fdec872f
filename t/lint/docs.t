#!/usr/bin/perl

# The documents: links lead somewhere, and the generated tables are what the
# tables in shared/ give today.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use File::Basename;
use File::Spec;
use File::Temp;
use Test::Lint;

my $build = $ENV{MP_BUILD} // 'build';

# Headings as GitHub makes addresses of them.

sub anchors {
	my ($file) = @_;
	my $text = slurp($file) =~ s/^```.*?^```//msgr;

	return { map { lc =~ s/`|\*\*|\[|\]\([^)]*\)//gr =~ s/[^\w\- ]//gr
		=~ tr/ /-/r => 1 } $text =~ /^#+\s+(.*?)\s*$/mg };
}

for my $file (sources(qr!\.md$!)) {
	my $text = slurp($file) =~ s/^```.*?^```//msgr =~ s/`[^`\n]*`//gr;
	my @bad;

	for my $link ($text =~ /\]\(\s*<?([^)>\s]+)/g,
		$text =~ /^\[[^]]+\]:\s*(\S+)/mg)
	{
		next if $link =~ m!^(https?|mailto):!;
		my ($path, $anchor) = split /#/, $link, 2;
		my $to = length $path
			? File::Spec->catfile(dirname($file), $path) : $file;
		push @bad, "$link leads nowhere" unless -e $to;
		push @bad, "$link: no such heading"
			if -f $to && defined $anchor && $to =~ /\.md$/
			&& !anchors($to)->{$anchor};
	}

	clean("the links of $file lead somewhere", @bad);
}

SKIP: {
	skip('mp_schema is not built', 1)
		if !-x "$build/mp_schema" && !$ENV{CI};

	my $dir = File::Temp->newdir();
	is(system('auto/docs', "$build/mp_schema", "$dir"), 0,
		'auto/docs writes the tables');

	my @made = map { s!^\Q$dir\E/!!r } glob("$dir/*.md $dir/man/*");
	cmp_ok(scalar @made, '>=', 4, 'settings, keys, errors and actions');

	for my $file (@made) {
		ok(-e "docs/$file" && slurp("docs/$file") eq slurp("$dir/$file"),
			"docs/$file is as its table in shared/ (make docs)");
	}
}

done_testing();
