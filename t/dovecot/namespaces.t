#!/usr/bin/perl

# Folders have names with a prefix, as INBOX.Trash, and may lie in several
# places: all that is the user's own is rebuilt and cleared, and nothing else.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use File::Path qw/ make_path /;
use Test::Mailportal::Dovecot;

my $old = time() - 40 * 86400;


sub conf {
	my ($separator, $prefix) = @_;

	return <<"END";
namespace inbox {
  separator = $separator
  prefix = $prefix
}
namespace more {
  type = private
  separator = $separator
  prefix = More$separator
  location = sdbox:~/more
}
namespace old-names {
  separator = $separator
  prefix = Mail$separator
  alias_for = $prefix
  hidden = yes
  list = no
}
namespace public {
  type = public
  separator = $separator
  prefix = Public$separator
  location = sdbox:~/public
  subscriptions = no
  mailbox Trash {
    special_use = \\Trash
  }
}
END
}


# Its index away, sdbox has no messages until it is made anew.

sub lost {
	my ($d, $user) = @_;
	my $home = $d->home($user);

	unlink glob "$home/{sdbox,more}/mailboxes/*/dbox-Mails/dovecot.index*";
	unlink glob "$home/{sdbox,more}/mailboxes/*/*/dbox-Mails/dovecot.index*";
	return;
}


for (['/', ''], ['/', 'INBOX/'], ['.', 'INBOX.'], ['/', 'Folders/']) {
	my ($s, $prefix) = @$_;
	my $d = Test::Mailportal::Dovecot->new(faketime => 1,
		conf => conf($s, $prefix), worker => { junk_folder => 'Spam' });
	my ($user) = $d->add_users(['u1@prefix.test'], mail => 'sdbox:~/sdbox');
	my @own = map { "$prefix$_" } 'Work', "Work${s}Deep", 'Trash', 'Spam';
	my %count = (INBOX => 2, map { $_ => 3 } @own, "More${s}Kept");
	my $left = 2 + 3 * (keys(%count) - 3);
	my $what = $prefix eq '' ? 'no prefix' : $prefix;

	$d->stock(qw/ mailbox create -u /, $user, @own, "More${s}Kept",
		map { "Public$s$_" } qw/ Trash Spam /);
	for my $folder (sort keys %count) {
		$d->save($user, folder => $folder, saved => $old)
			for 1 .. $count{$folder};
	}
	$d->save($user, folder => "Public$s$_", saved => $old)
		for qw/ Trash Spam /;

	my $job = $d->job_end($d->job_push(action => 'clear-folders',
		junk_days => 30, trash_days => 30, dry_run => 1));
	is(join(' ', sort map { "$_->{folder}:$_->{uid}" }
		@{ $job->{details} }), join(' ', map { my $folder = $_;
		map { "$folder:$_" } 1 .. 3 } "${prefix}Spam", "${prefix}Trash"),
		"$what: what would go is in Trash, and in the folder of the name");
	$job = $d->job_end($d->job_push(action => 'clear-folders',
		junk_days => 30, trash_days => 30));
	is($job->{messages}, 6, 'and goes');
	@count{"${prefix}Spam", "${prefix}Trash"} = (0, 0);
	is_deeply({ map { $_ => $d->count($user, $_) } keys %count }, \%count,
		'and nothing else');
	is_deeply([map { $d->count($user, "Public$s$_") } qw/ Trash Spam /],
		[1, 1], "what is everybody's is left alone");

	lost($d, $user);
	$job = $d->job_end($d->job_push(action => 'index-rebuild'));
	is_deeply({ map { $_ => $d->count($user, $_) } keys %count }, \%count,
		'every folder comes back');
	is($job->{messages}, $left, 'each is counted once');
	my (undef, $out) = $d->doveadm(qw/ -f tab mailportal usage -u /, $user);
	like($out, qr/^\Q$user\E\t\d+\t$left\t/m, 'and is usage');

	$d->t()->down();
	is(join('', $d->t()->alerts()), '', 'no alerts');
}

# A virtual folder shows the messages of others, as here those of the INBOX.

my %plugins = (imap => 'quota virtual', lmtp => 'quota sieve virtual',
	doveadm => 'quota virtual', mailportal => 'quota virtual');
my $d = Test::Mailportal::Dovecot->new(faketime => 1,
	conf => join('', map { "protocol $_ {\n  mail_plugins = $plugins{$_}\n}\n" }
	sort keys %plugins) . <<'END');
namespace inbox {
  separator = /
}
namespace virtual {
  separator = /
  prefix = virtual/
  location = virtual:~/virtual
  mailbox Trash {
    special_use = \Trash
  }
}
END
my ($user) = $d->add_users(['u1@virtual.test'], mail => 'sdbox:~/sdbox');

$d->save($user, saved => $old) for 1 .. 3;
make_path($d->home($user) . '/virtual/Trash');
open my $fh, '>', $d->home($user) . '/virtual/Trash/dovecot-virtual' or die;
print $fh "INBOX\n  all\n";
close $fh;
$d->own($user);
is($d->count($user, 'virtual/Trash'), 3, 'a virtual folder');
my $job = $d->job_end($d->job_push(action => 'clear-folders',
	target => $user, trash_days => 30));
is_deeply([@$job{qw/ state messages /}], ['done', 0], 'is not cleared');
is($d->count($user), 3, 'for it is the INBOX');
$job = $d->job_end($d->job_push(action => 'index-rebuild', target => $user));
is_deeply([@$job{qw/ state folders messages /}], ['done', 1, 3],
	'and its messages are counted once');

$d->done();
