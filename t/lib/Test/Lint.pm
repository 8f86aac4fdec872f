package Test::Lint;

# What the lints share: the files of the tree, C without its comments, and
# one test a file whose failure lists what was found.

use warnings;
use strict;

use base 'Exporter';

use Test::More;
use File::Find;

our @EXPORT = qw(sources slurp without_comments without_strings scan clean);

# Every file of ours whose path matches, sorted; what is generated, fetched
# or git's own is none of ours.

sub sources {
	my ($re) = @_;
	my @found;

	find({
		no_chdir => 1,
		wanted => sub {
			my $path = $File::Find::name =~ s!^\./!!r;
			if (-d && $path =~ m!^(\.git|build)$|(^|/)node_modules$!) {
				$File::Find::prune = 1;
				return;
			}
			push @found, $path
				if -f && $path ne '.git' && $path =~ $re;
		},
	}, '.');

	return sort @found;
}

sub slurp {
	my ($file) = @_;

	open my $fh, '<', $file or die "$file: $!\n";
	local $/;
	return scalar <$fh> // '';
}

# Comments become blanks, so that line numbers stay.

sub without_comments {
	my ($text) = @_;

	$text =~ s{("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')|(/\*.*?\*/|//[^\n]*)}
		{ $1 // $2 =~ s/[^\n]/ /gr }gesx;
	return $text;
}

sub without_strings {
	my ($text) = @_;

	$text =~ s{("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')}
		{ '"' . ' ' x (length($1) - 2) . '"' }gesx;
	return $text;
}

# The lines of a text that a pattern matches, as "line N: what".

sub scan {
	my ($text, $re, $what) = @_;
	my (@bad, $n);

	for my $line (split /\n/, $text) {
		$n++;
		push @bad, "line $n: $what: " . $line =~ s/^\s+//r
			if $line =~ $re;
	}

	return @bad;
}

sub clean {
	my ($name, @bad) = @_;

	return is(join("\n", @bad), '', $name);
}

1;
