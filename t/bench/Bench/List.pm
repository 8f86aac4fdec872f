package Bench::List;

# The lists in memory, without any server.

use warnings;
use strict;

use Test::Bench qw/ run_json say_now median /;


# What bench_list prints, flattened; it knows its own names.

sub lookup {
	my ($bench) = @_;

	for my $count (1_000_000, 10_000_000) {
		my @runs = map { run_json('taskset', '-c',
			$Test::Bench::SERVER_CPU,
			"$bench->{build}/bench/bench_list", $count) } 1 .. 3;
		my %is = map { my $key = $_; $key => median(map { $_->{$key} }
			@runs) } grep { $runs[0]{$_} =~ /^[\d.e+-]+$/ }
			keys %{ $runs[0] };
		my $millions = $count / 1e6 . 'M';

		my ($slowest) = sort { $is{$b} <=> $is{$a} }
			grep { /_ns$/ } keys %is;
		$bench->result(name => "lookup-$millions", unit => 'us',
			what => "lookup incl. parent domains, $millions entries",
			value => $is{$slowest} / 1000, at_most => 0.5,
			raw => { slowest => $slowest, runs => \@runs });
		$bench->result(name => "memory-$millions", unit => 'bytes',
			what => "memory a domain, $millions entries",
			value => $is{bytes_per_domain}, at_most => 17,
			raw => { runs => \@runs });
	}

	return;
}


1;
