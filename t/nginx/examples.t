#!/usr/bin/perl

# The commands of docs/api.md do what the page says, as they stand there.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;
use Test::Mailportal;

my $t = Test::Mailportal->new();
my $page = $t->read_file("$Test::Mailportal::ROOT/docs/api.md");
my @block = grep { /^api/ } $page =~ /^```\n(.*?)^```/msg;

cmp_ok(scalar @block, '>=', 3, 'the page has commands');
$t->write_file('domains.txt', "one.example\nco..uk\ntwo.example\n");


# A block, in a shell that has begun as the page begins.

my ($function) = $block[0] =~ /^(api\(\).*\})$/m;
my $dir = $t->dir();

sub run {
	my ($commands) = @_;
	my ($rc, $out) = $t->program('sh', '-c', "cd $dir && . ./env\n"
		. "export no_proxy='*'\n$function\n$commands");

	is($rc, 0, 'the commands succeed');
	return $out;
}


like(run($block[0]), qr/"role":"MasterAdmin"/, 'one signs in');

my $out = run($block[1]);
like($out, qr/^ETag: "1"\r?$/m, 'the settings have their version');
like($out, qr/"reject":12\D/, 'and are changed');

$out = run($block[2]);
like($out, qr/"comment":"since May"/, 'an entry is made');
like($out, qr/"added":2\D/, 'a list is imported');
like($out, qr/"line":2,"text":"co\.\.uk"/, 'with a report of what is refused');
like($out, qr/"verdict":"reject"/, 'and explained');
is(join(' ', sort split /\n/, $t->read_file('domains.txt') =~ s/\n\n\z/\n/r),
	'one.example spam.example two.example', 'and exported');

$out = run((grep { m!/jobs! } @block)[0]);
like($out, qr/"dry_run":true,"junk_days":30,"trash_days":null/,
	'one sees what clearing would do');
like($out, qr/"action":"quota-recalc".*"state":"queued"/, 'a job is made');
like($out, qr/^\{"jobs":\[\],"cursor":null\}$/m, 'jobs are listed');
like($out, qr/"cancelled_by":"\w+","state":"cancelled"/, 'one is cancelled');
like($out, qr/^event: job\nid: [\d-]+\ndata: \{"id"/m, 'and watched');

$out = run((grep { m!/audit\?! } @block)[0]);
like($out, qr/"what":"settings\.patch"/, 'one sees who did what');
like($out, qr/\n\{"entries":\[\],"cursor":null\}\n/,
	'and who used the master password');

for my $what (qw! logs/postfix usage trace !) {
	$out = run((grep { m!/v1/$what\?! } @block)[0] // 'false');
	unlike($out, qr/"status":[45]\d\d/, "$what is answered");
}

my ($problem) = $page =~ /^(\{"type":.*?\]\})$/ms;
my $is = $t->api(PATCH => '/settings', role => 'MasterAdmin',
	json => { antispam => { reject => 'x' } },
	headers => { 'If-Match' => '"2"' })->{body};
s/"request_id":"[^"]*"/"request_id":""/, s/\s+/ /g, s/, "/,"/g
	for $problem, $is;
is($is, $problem, 'an error looks as the page shows it');

$t->done();
