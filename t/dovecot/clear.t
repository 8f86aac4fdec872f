#!/usr/bin/perl

# doveadm mailportal clear: by the date of saving, and by nothing else.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use Test::Mailportal::Dovecot;

my $d = Test::Mailportal::Dovecot->new(faketime => 1, conf => <<'END');
namespace inbox {
  separator = /
}
namespace public {
  type = public
  separator = /
  prefix = Public/
  location = maildir:~/Public
  subscriptions = no
  mailbox Trash {
    special_use = \Trash
  }
}
END

my $day = 86400;
my @flags = ('--config', $d->t()->env('MP_WORKER_CONFIG'));
my %format = (maildir => 'maildir:~/Maildir', sdbox => 'sdbox:~/sdbox');
my $serial = 0;


sub user {
	my ($format) = @_;
	my ($name) = $d->add_users(['c' . ++$serial . "\@$format.test"],
		mail => $format{$format});

	return $name;
}


# the rows of a run: folder and uid, and (exit code, output)

sub clear {
	my ($user, @args) = @_;
	my ($rc, $out) = $d->doveadm('-f', 'tab', 'mailportal', 'clear',
		@flags, '-u', $user, @args);

	return { rc => $rc, out => $out, rows => join ' ',
		map { /^\Q$user\E\t(.*?)\t(\d+)\t/ ? "$1:$2" : () }
		split /\n/, $out };
}


sub subjects {
	my ($user, $folder) = @_;
	my $imap = $d->imap($user);
	my @found = map { /^Subject: (\S+)/mi } $imap->headers($folder);

	$imap->logout();
	return join ' ', @found;
}


sub at_imap {
	my ($user, @commands) = @_;
	my $imap = $d->imap($user);

	for my $command (@commands) {
		my ($status) = $imap->cmd($command);
		die "$command: $status\n" if $status !~ /^OK/;
	}

	$imap->logout();
	return;
}


# Three that were saved long ago with dates of sending that say otherwise, and
# two fresh ones that were sent and received long ago.

sub five {
	my ($user, $folder, $age) = @_;
	my $now = time();
	my $imap;

	$d->save($user, folder => $folder, saved => $now - $age,
		subject => 'old-1', date => 'Fri, 01 Jan 2100 00:00:00 +0000');
	$d->save($user, folder => $folder, saved => $now - 2 * $age,
		subject => 'old-2', date => 'no date');
	$d->save($user, folder => $folder, saved => $now - $age - 60,
		subject => 'old-3');
	$d->save($user, folder => $folder, saved => $now - 60,
		subject => 'fresh-1', date => 'Thu, 01 Jan 1970 00:00:01 +0000');
	$imap = $d->imap($user);
	$imap->append($folder, $d->text(subject => 'fresh-2'),
		'02-Mar-2010 10:00:00 +0000');
	$imap->logout();
	return;
}


sub goes {
	my ($format) = @_;
	my $user = user($format);

	five($user, 'Junk', 1000);
	five($user, 'Trash', 40 * $day);
	five($user, 'INBOX', 40 * $day);

	my $dry = clear($user, '--junk', '900s', '--trash', '30d', '-n');
	is($dry->{rc}, 0, "$format: a dry run");
	is($dry->{rows}, 'Junk:1 Junk:2 Junk:3 Trash:1 Trash:2 Trash:3',
		'names those that are old by the date of saving');
	is(subjects($user, $_), 'old-1 old-2 old-3 fresh-1 fresh-2',
		"and all are in $_ as before") for qw/ Junk Trash INBOX /;

	is(clear($user, '--trash', '41d')->{rows}, 'Trash:2',
		'an interval that only one has reached');
	is(clear($user, '--junk', '20min')->{rows}, 'Junk:2',
		'and the same in Junk; Trash has none');

	my $real = clear($user, '--junk', '900s', '--trash', '30d');
	is($real->{rows}, 'Junk:1 Junk:3 Trash:1 Trash:3',
		'then the others that are old');
	is(subjects($user, $_), 'fresh-1 fresh-2', "are gone from $_")
		for qw/ Junk Trash /;
	is(subjects($user, 'INBOX'), 'old-1 old-2 old-3 fresh-1 fresh-2',
		'the INBOX is never cleared');
	is(clear($user, '--junk', '900s', '--trash', '30d')->{rows}, '',
		'a second time there is nothing to do');
	return;
}


sub moved {
	my ($format) = @_;
	my $user = user($format);
	my $old = time() - 400 * $day;

	$d->save($user, saved => $old, subject => 'moved');
	$d->save($user, saved => $old, subject => 'copied');
	at_imap($user, 'CREATE Trash', 'SELECT INBOX', 'MOVE 1 Trash',
		'COPY 1 Trash');
	is(clear($user, '--trash', '30d')->{rows}, '',
		"$format: an old message that was moved to Trash today");
	is(subjects($user, 'Trash'), 'moved copied', 'stays its full time');
	return;
}


# Folders below Trash.  One that was deleted, which is moving it there, stays
# its full time with all that is in it.

sub below {
	my ($format) = @_;
	my $user = user($format);
	my $old = time() - 400 * $day;

	at_imap($user, 'CREATE Trash', 'CREATE Trash/Long', 'CREATE Work',
		'CREATE Work/Deep', 'CREATE None/Deep', 'CREATE Trash/Drafts2');
	$d->save($user, folder => $_, saved => $old, subject => 'x')
		for qw{ Trash/Long Work Work/Deep None/Deep };
	at_imap($user, 'RENAME Work Trash/Work', 'RENAME None Trash/None');

	my $dry = clear($user, '--trash', '30d', '-n');
	is($dry->{rows}, 'Trash/Long:1',
		"$format: what lies below Trash since long");
	is(clear($user, '--trash', '30d')->{rows}, $dry->{rows},
		'goes, and the folders that came today stay');
	is(clear($user, '--trash', '30d')->{rows}, '', 'now and later');
	is(subjects($user, "Trash/$_"), 'x', "Trash/$_ is whole")
		for qw{ Work Work/Deep None/Deep };
	return;
}


sub by_name {
	my ($format) = @_;
	my $user = user($format);
	my $conf = $d->t()->write_file('spam.conf', "junk_folder = Spam\n");
	my @args = ('--junk', '30d', '--trash', '30d');

	at_imap($user, 'CREATE Spam', 'CREATE Other');
	five($user, $_, 40 * $day) for qw/ Spam Other /;
	is(clear($user, @args)->{rows}, '',
		"$format: without a folder marked \\Junk there is nothing");
	is(clear($user, @args, '--config', $conf)->{rows},
		'Spam:1 Spam:2 Spam:3', 'but for the one of the name given');

	five($user, $_, 40 * $day) for qw/ Spam Junk /;
	is(clear($user, @args, '--config', $conf)->{rows},
		'Junk:1 Junk:2 Junk:3', 'which does not count beside a marked');

	$user = user($format);
	$conf = $d->t()->write_file('inbox.conf',
		"junk_folder = INBOX\ntrash_folder = INBOX\n");
	five($user, 'INBOX', 40 * $day);
	is(clear($user, @args, '--config', $conf)->{rows}, '',
		'and the INBOX is not cleared, whatever it is called');
	return;
}


# What belongs to all is nobody's to clear.

sub public {
	my ($format) = @_;
	my $user = user($format);
	my @args = ('--junk', '30d', '--trash', '30d');

	at_imap($user, "CREATE Public/$_") for qw/ Trash Junk /;
	five($user, $_, 40 * $day) for qw{ Public/Trash Public/Junk };
	is(clear($user, @args)->{rows}, '',
		"$format: folders that are not the user's own are left alone");
	five($user, 'Trash', 40 * $day);
	is(clear($user, @args)->{rows}, 'Trash:1 Trash:2 Trash:3',
		'also beside one that is');
	return;
}


# Maildir: a message whose file is gone, and a folder that cannot be read.

sub odd_files {
	my $user = user('maildir');
	my $dir = $d->home($user) . '/Maildir';

	five($user, 'Junk', 40 * $day);
	five($user, 'Trash', 40 * $day);
	my ($file) = grep { $d->t()->read_file($_) =~ /^Subject: old-1$/m }
		glob "$dir/.Junk/{cur,new}/*";
	unlink $file or die "$file: $!\n";
	is(clear($user, '--junk', '30d')->{rows}, 'Junk:2 Junk:3',
		'a message whose file is gone hinders nobody');

	chmod 0, "$dir/.Junk" or die "chmod: $!\n";
	my $run = clear($user, '--junk', '30d', '--trash', '30d');
	is($run->{rc}, 75, 'a folder that cannot be read');
	like($run->{out}, qr/^doveadm\(\Q$user\E\): Error: Junk: .*Permission denied/m,
		'is named, with the reason');
	is($run->{rows}, 'Trash:1 Trash:2 Trash:3', 'and Trash is cleared');
	chmod 0700, "$dir/.Junk";
	return;
}


sub wrong_use {
	for (
		[[], qr/--junk, --trash or both/, 'no interval'],
		[['--junk', '30'], qr/--junk: .*30/, 'one without a unit'],
		[['--trash', 'soon'], qr/--trash: .*soon/, 'no number'],
		[['--trash', '0s'], qr/--trash: must be more than 0/, 'none'],
		[['--junk', '1d', '--config', '/nowhere'],
			qr!/nowhere: No such file!, 'no worker.conf'],
	) {
		my ($args, $says, $what) = @$_;
		my $run = clear('u1@example.com', @$args);
		is($run->{rc}, 64, "$what is refused");
		like($run->{out}, $says, 'by name');
	}
	return;
}


for my $format (sort keys %format) {
	goes($format);
	moved($format);
	below($format);
	by_name($format);
	public($format);
}
odd_files();
wrong_use();

$d->done();
