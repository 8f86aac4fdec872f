#!/usr/bin/perl

# The table of the measurements is printed whatever was measured.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use Test::Bench;

my $bench = Test::Bench->new();

open my $stderr, '>&', \*STDERR or die;
close STDERR;
open STDERR, '>', \my $said or die;
$bench->result(name => 'a', what => 'alone', unit => 'ms', value => 1,
	at_most => 2);
$bench->result(name => 'b', what => 'with rounds', unit => 'ms', value => 3,
	at_most => 2, raw => [3, 4]);
$bench->result(name => 'c', what => 'with parts', unit => 's', value => 5,
	raw => { text => [1], json => [2] });
$bench->result(name => 'd', what => 'with a cost of its own', unit => 'us',
	value => 6, raw => { cpu_us => 6 });
$bench->result(name => 'e', what => 'not measured', unit => 'MiB',
	value => undef, at_least => 1);
$bench->ratio({ our => [{ per_second => 10, cpu_us => 2 }],
	their => [{ per_second => 5, cpu_us => 4 }] }, 'our', 'their',
	name => 'f', what => 'against others', at_least => 0.8);
close STDERR;
open STDERR, '>&', $stderr or die;

my @rows = split /\n/, $bench->table();

is(scalar @rows, 7, 'a head, and a row each');
like($rows[0], qr/^what +measured +floor +verdict +by processor time$/,
	'what the columns are');
like($rows[1], qr/^alone +1\.000 ms +<= 2 +ok$/, 'what is good');
like($rows[2], qr/^with rounds +3\.000 ms +<= 2 +MISSED$/, 'what is not');
like($rows[3], qr/^with parts +5\.000 s +-$/, 'what has no floor');
like($rows[4], qr/^with a cost of its own +6\.000 us +-$/,
	'what has a cost, but no other to compare it with');
like($rows[5], qr/^not measured +none MiB +>= 1 +MISSED$/,
	'what could not be measured');
like($rows[6], qr/^against others +2\.000 ratio +>= 0\.8 +ok +2\.00: our /,
	'and a ratio, with what both cost');
is($bench->failed(), 2, 'two floors are missed');

done_testing();
