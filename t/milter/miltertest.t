#!/usr/bin/perl

# Every script of miltertest in this folder, an MTA side that is not ours.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use Test::Mailportal;
use Test::Mailportal::Milter;

my $found = grep { -x "$_/miltertest" } split /:/, $ENV{PATH};
plan(skip_all => 'miltertest is not installed') if !$found && !$ENV{CI};

my $t = Test::Mailportal->new(only => [qw/ redis /]);
my @milters = map { Test::Mailportal::Milter->new($t, conf => $_) }
	{ score_source => 'none' },
	{ score_source => 'rspamd', rspamd_url => 'http://127.0.0.1:9' };

Test::Mailportal::Milter::change($t, 'add', 'black', 'black.example');
my $id = Test::Mailportal::Milter::change($t, 'add', 'white',
	'white.example');

for my $m (@milters) {
	ok($m->lists_in_force($id), 'the lists are in force');

	for my $script (glob "$Test::Mailportal::ROOT/t/milter/*.lua") {
		my ($rc, $out) = $t->program('timeout', 60, 'miltertest', '-D',
			'SOCKET=unix:' . $m->path(), '-s', $script);
		my ($name) = $script =~ m!([^/]+)$!;

		is($rc, 0, "$name, score source $m->{values}{score_source}")
			or diag($out);
	}

	is($m->stop(), 0, 'it stops cleanly');
}

$t->done();
