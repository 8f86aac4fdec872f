#!/usr/bin/perl

# A lane under valgrind: all actions, many users, and what goes wrong.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use Test::Mailportal::Dovecot;
use Test::Mailportal::Lane;

plan(skip_all => 'valgrind and sanitizers do not go together')
	if ($ENV{MP_BUILD} // '') =~ /sanitize/;

my $d = Test::Mailportal::Dovecot->new(only => ['dovecot'], valgrind => 1,
	worker => { lane_users => 0 });
my @maildir = $d->add_users(25, 'maildir.test');
my @sdbox = $d->add_users(25, 'sdbox.test', mail => 'sdbox:~/sdbox');
my @new = $d->add_users(3, 'new.test');
my @broken = $d->add_users(3, 'broken.test');
my @actions = ('recalc', 'resync', 'usage', 'clear');
my $seq = 0;

$d->fill([@maildir], 5);
$d->fill([@sdbox], 5);
for my $user ($maildir[0], $sdbox[0]) {
	$d->fill($user, 3, folder => $_) for qw/ Junk Trash Trash.Deep /;
}
$d->copy_home($maildir[0], @maildir[1 .. 24], @broken);
$d->copy_home($sdbox[0], @sdbox[1 .. 24]);
$d->break_user($broken[$_], (qw/ location uid quota /)[$_]) for 0 .. 2;
$d->garble_indexes($_) for @maildir[0 .. 4], @sdbox[0 .. 4];
chmod 0, map { $d->home($_) . '/Maildir/.Junk' } @maildir[5 .. 9];


# each action for each user, one request ahead

sub ask {
	my ($lane, @lines) = @_;
	my %count;

	my $ahead = 0;
	while (@lines || $ahead) {
		while (@lines && $ahead < 2) {
			$lane->put(++$seq . ' ' . shift @lines);
			$ahead++;
		}
		my $line = $lane->line();
		die "the lane is gone\n" if $line eq '';
		next if $line !~ /^\d+ (ok|fail|skip|drop)\b/;
		$count{$1}++;
		$ahead--;
	}
	return \%count;
}


my $lane = Test::Mailportal::Lane->new($d);
$lane->line();
my $count = ask($lane, map { my $user = $_;
	map { "$_ $user" . ($_ eq 'clear' ? ' junk=1 trash=1' : '') } @actions }
	@maildir, @sdbox, @new, @broken, 'nobody@new.test');
is($count->{skip}, 12, 'users who were never there are skipped');
cmp_ok($count->{fail}, '>=', 4 * 4, 'those who are broken fail');
cmp_ok($count->{ok}, '>=', 50 * 4 - 25, 'all others are worked on');

$lane->put('CANCEL', "hello world");
is($lane->line(), '', 'and the connection ends at what is no request');

$d->t()->stop('dovecot');
my $findings = join '', grep { length } map { $d->t()->read_file($_) }
	glob $d->dir() . '/log/valgrind.lane.*';
is($findings, '', 'valgrind finds nothing');
cmp_ok(scalar(() = glob $d->dir() . '/log/valgrind.lane.*'), '>=', 1,
	'and it was there');

$d->done();
