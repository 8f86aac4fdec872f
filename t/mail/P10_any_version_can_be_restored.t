#!/usr/bin/perl

# P10: any version can be restored, and is what the next message meets.

use warnings;
use strict;

use Test::More;

use lib 't/lib';
use Test::Mailportal::Mail qw/ outcome /;

my $mail = Test::Mailportal::Mail->new();
my $t = $mail->t();

# what becomes of a message with 8 points under each version

my @version = (
	[{ reject => 10, add_header => 4, defer => 3 }, 'Junk'],
	[{ reject => 7, add_header => 4, defer => 3 }, '550'],
	[{ reject => 30, add_header => 25, defer => 20 }, 'INBOX'],
	[{ reject => 999, add_header => 8, defer => 999 }, 'Junk'],
	[{ reject => 30, add_header => 20, defer => 8 }, '451'],
);

my $serial = 0;

sub eight {
	# numbers in an address are all the same to the greylist
	my $name = 'n' x ++$serial;

	return outcome($mail, $mail->send(score => 8,
		from => "$name\@stranger.example"));
}

for my $v (@version[1 .. $#version]) {
	my ($levels, $want) = @$v;
	ok($mail->settled($mail->settings(%$levels)), 'a version is in force');
	is(eight(), $want, "which makes $want of 8 points");
}

my $etag = '"' . @version . '"';
my $cookie = $t->role('MasterAdmin');

for my $n (1 .. @version, 3, 2) {
	my $res = $t->api(POST => '/settings/restore', cookie => $cookie,
		json => { version => $n }, headers => { 'If-Match' => $etag });

	is($res->{status}, 200, "P10: version $n is restored");
	$etag = $res->{headers}{etag};
	ok($mail->settled($res), 'and is in force');
	is(eight(), $version[$n - 1][1], "8 points are what they were then");
}

is(scalar @{ $t->api(GET => '/settings/history', cookie => $cookie)
	->{json}{versions} }, @version + 7, 'each restoring is a version');

$mail->done();
