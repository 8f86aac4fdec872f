#!/usr/bin/perl

# More items than a ZIP of old can count, and one that is larger than it can
# say: Zip64, which other programs unpack.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use Test::Mailportal qw/ json /;
use Test::Mailportal::Backup;

my $t = Test::Mailportal->new(only => [qw/ redis agent nginx /]);
my $user = 'alice@demo.example';
my $book = collection($t, $user, 'book');
my ($many, $large) = (66_000, (4 << 30) + 5);

# what Python finds in it: the largest member, and how many there are
sub told {
	my ($zip, $test) = @_;
	return ($t->program('/usr/bin/python3', '-c', <<'PYTHON', $zip, $test))[1];
import sys, zipfile
z = zipfile.ZipFile(sys.argv[1])
if sys.argv[2] == 'all':
    assert z.testzip() is None
print(len(z.infolist()), max(i.file_size for i in z.infolist()))
PYTHON
}

sub file_of {
	my ($job, $items) = @_;
	my $one = backup_of($t, $job);
	is($one->{items}, $items, 'it is listed with all items');
	return $t->dir() . "/data/backups/$one->{name}";
}

write_raw("$book/c$_.vcf", "FN:$_") for 1 .. $many;
my $job = make_backup($t);
is($job->{state}, 'done', 'many items are backed up');
is($job->{total}, $many + 1, 'and counted before');
my $zip = file_of($job, $many);
like(told($zip, 'all'), qr/^@{[ $many + 3 ]} /, 'Python unpacks all of them');
my ($rc, $out) = $t->program('sh', '-c', "unzip -tq '$zip' | tail -1");
like($out, qr/^No errors/, 'so does unzip');
unlink glob "$book/c*.vcf";

write_raw("$book/large.vcf", '');
truncate "$book/large.vcf", $large or die "truncate: $!\n";
open my $fh, '+<:raw', "$book/large.vcf" or die;
seek $fh, $large - 5, 0;
print {$fh} 'END:V';
close $fh;
$job = backup_end($t, backup_begin($t), 500);
is($job->{state}, 'done', 'an item of more than 4 GiB is backed up');
$zip = file_of($job, 1);
is(told($zip, 'sizes'), "4 $large\n", 'Python knows how large it is');
my ($end) = ($t->program('sh', '-c', "unzip -p '$zip' '*large.vcf' | tail -c 5"))[1];
is($end, 'END:V', 'and unzip unpacks it to its end');

$t->done();
