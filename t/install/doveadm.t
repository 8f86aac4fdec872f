#!/usr/bin/perl

# The link by which doveadm finds our command while quickstart's servers run:
# it comes, is shared, and goes, and what is not ours is left alone.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use File::Path qw/ make_path /;
use Test::Mailportal;

my $name = 'lib20_doveadm_mailportal_plugin.so';
my @t = map { Test::Mailportal->new(only => ['dovecot'], down => $_ > 2) }
	1 .. 3;
my $lib = $t[0]->dir() . '/lib';
my $link = "$lib/modules/doveadm/$name";

make_path("$lib/modules/doveadm");
$_->write_file($name, $_->dir()) for @t;
$ENV{DOVECOT_LIB} = $lib;
$ENV{MP_LINK_USERS} = $t[0]->dir() . '/users';


sub module { return $_[0]->dir() . "/$name"; }


sub doveadm {
	my ($verb, $t, @more) = @_;
	my ($rc, $out) = $t->program("$Test::Mailportal::ROOT/auto/doveadm",
		$verb, $t->dir(), @more);

	is($rc, 0, "$verb succeeds") or diag($out);
	return $out;
}


sub aim { return -l $link ? readlink $link : undef; }

like(doveadm('link', $t[0], module($t[0])), qr/by a link in \Q$lib\E/,
	'a link is made, and said');
is(aim(), module($t[0]), 'it leads to the module of this build');
is(doveadm('link', $t[0], module($t[0])), '', 'a second time nothing is said');

doveadm('link', $t[1], module($t[1]));
is(aim(), module($t[0]), 'a second stack leaves it to the first');
$t[0]->down();
doveadm('unlink', $t[0]);
is(aim(), module($t[1]), 'when the first ends it leads to the second');
$t[1]->down();
doveadm('unlink', $t[1]);
ok(!-l $link, 'the last one takes it away');
ok(!-e $ENV{MP_LINK_USERS}, 'and nothing stays');

# of a run that ended without a word

symlink '/nowhere/at/all', $link or die $!;
doveadm('link', $t[2], module($t[2]));
is(aim(), module($t[2]), 'a link of an earlier run is replaced');
doveadm('link', $t[1], module($t[1]));
is(aim(), module($t[1]), 'and so is one of a stack that does not run');
unlink $link;

# an installed module

open my $fh, '>', $link or die $!;
print $fh 'installed';
close $fh;
is(doveadm('link', $t[0], module($t[0])), '',
	'an installed module is left alone');
doveadm('unlink', $t[0]);
is($t[0]->read_file($link), 'installed', 'also at the end');

is(join('', map { $_->alerts() } @t), '', 'no alerts');
done_testing();
