#!/usr/bin/perl

# The form of a commit: "Area: lower-case sentence" within 72 columns, a
# blank line, and a body of 72 columns.

use warnings;
use strict;

use Test::More;

my $areas = join '|', qw(Nginx Dovecot Milter Shared Redis Agent Ctl Web Conf
	Stack Tests Docs Configure Bench);

plan(skip_all => 'no git history is here') unless -e '.git';

open my $fh, '-|', 'git', 'log', '--no-merges', '--format=%h%n%B%x00'
	or die "git: $!\n";
my $log = do { local $/; <$fh> };
close $fh or plan(skip_all => 'git cannot read the history');

for my $commit (split /\0\n?/, $log // '') {
	my ($id, @l) = split /\n/, $commit;
	next unless defined $id && length $id;
	my ($subject, $blank, @body) = @l;
	my @bad;

	push @bad, 'the subject is over 72 columns' if length $subject > 72;
	push @bad, 'the subject has no known area'
		unless $subject =~ /^($areas): /;
	push @bad, 'the sentence begins with a capital'
		if $subject =~ /^\w+: [A-Z][a-z]/;
	push @bad, 'the subject ends with a full stop' if $subject =~ /\.$/;
	push @bad, 'no blank line follows the subject' if $blank // '';
	push @bad, map { "over 72 columns: $_" }
		grep { length > 72 && !/^\S+$/ } @body;
	push @bad, map { "a path of a machine: $_" }
		grep { m!(^|[\s'"(])/(work|home|root|tmp)/! } $subject, @body;

	is(join("\n", @bad), '', "$id $subject");
}

done_testing();
