#!/usr/bin/perl

# docs/api.md: each command of it, run by a shell as it stands there, is
# answered.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use Test::Lint;
use Test::Mailportal;

my $t = Test::Mailportal->new(only => [qw/ redis dovecot nginx agent /]);
my @blocks = grep { /\bapi\b/ } slurp('docs/api.md') =~ /^```\n(.*?)^```$/msg;

# what the reader brings, and a stream that has an end
$t->write_file('domains.txt', "bulk.example\n");
$t->write_file('guide.sh', join "\n", 'set -e', 'cd ' . $t->dir(), '. ./env',
	map { s/^(api -N)/$1 --max-time 60/mr } @blocks);
my ($rc, $out) = $t->program('sh', $t->dir() . '/guide.sh');

is($rc, 0, 'every command is run') or diag($out);
cmp_ok(scalar @blocks, '>=', 7, 'those of each section');

# a job may have ended before it is cancelled
my @refused = grep { !/the job has ended/ }
	$out =~ /("status":[45]\d\d,"detail":"[^"]*")/g;
is("@refused", '', 'and none is refused');
like($out, qr/"username":"admin"/, 'the first signs in');
like($out, qr/^ETag: "1"/m, 'the version is as the page says');
like($out, qr/"reject":12\b/, 'a setting is changed');
like($out, qr/"added":1,"already_present":0/, 'a list is imported');
like($t->read_file('domains.txt'), qr/^spam\.example$/m, 'and exported');
like($out, qr/"verdict":"reject"/, 'a sender explained');
like($out, qr/^event: job$/m, 'a job followed');
like($out, qr/"what":"job\.create"/, 'and in the audit log');

$t->done();
