#!/usr/bin/perl

# The units that are installed: systemd knows each line of them, and judges
# that a program which is taken over could do little.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use File::Temp;
use Test::Lint;

plan(skip_all => 'there is no systemd-analyze')
	unless -x '/usr/bin/systemd-analyze';

my $dir = File::Temp->newdir();

# "safe" from 0 to 10; a unit is taken up to so many tenths
my %most = ('mailportal-agent.service' => 20);


# (exit code, output) of what systemd-analyze says to a unit of that text

sub judge {
	my ($name, $text, $most) = @_;
	my $path = "$dir/$name";

	open my $fh, '>', $path or die "$path: $!\n";
	print {$fh} $text;
	close $fh or die "$path: $!\n";
	my $out = qx(systemd-analyze security --offline=true --no-pager \\
		--threshold=$most $path 2>&1);
	return ($? >> 8, $out);
}

for my $file (sources(qr{^conf/systemd/.*\.service$})) {
	my ($name) = $file =~ m{([^/]+)$};
	my $text = slurp($file);
	my ($rc, $out) = judge($name, $text, $most{$name} // 100);

	unlike($out, qr/Unknown (?:key|section|lvalue)|Failed to parse|ignoring/i,
		"systemd knows all of $name") or diag($out);
	is($rc, 0, "and judges that $name is safe enough") or diag($out);
	next unless $most{$name};

	# the judgement is one: without a line of that kind it is another
	for my $line (qw/ CapabilityBoundingSet SystemCallFilter
		RestrictAddressFamilies ProtectSystem /)
	{
		($rc) = judge($name, $text =~ s/^$line=.*\n//gmr, $most{$name});
		isnt($rc, 0, "without $line it is not");
	}
}

done_testing();
