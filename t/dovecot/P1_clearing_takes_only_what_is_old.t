#!/usr/bin/perl

# P1: Junk and Trash lose what has been there for longer than the days that
# were asked for, by the date of saving; the date in a message, and the date
# when it was received, count for nothing.  A dry run names the same and
# takes none.

use warnings;
use strict;

use Test::More;

use lib 't/lib';
use Test::Mailportal::Dovecot::Jobs qw/ failures sum_of /;

my $d = Test::Mailportal::Dovecot::Jobs->new(faketime => 1);
my $t = $d->t();

my %sent = (
	future => 'Mon, 01 Jan 2035 10:00:00 +0000',
	long_ago => 'Thu, 01 Jan 1970 00:00:00 +0000',
	none => '',
	garbage => 'the day before yesterday',
	now => 'Sun, 22 Nov 2026 10:00:00 +0000',
);


# A message that was saved so many days ago, by Dovecot's clock.

sub save_ago {
	my ($days, $user, $folder, $subject, $sent) = @_;

	$d->save($user, folder => $folder, subject => $subject,
		date => $sent{$sent}, saved => time - $days * 86400);
	return;
}


sub subjects {
	my ($user, $folder) = @_;
	my $imap = $d->imap($user);
	my @found = map { /^Subject: (.*?)\r?$/m ? $1 : () }
		$imap->headers($folder);

	$imap->logout();
	return join ' ', sort @found;
}


# What the items of a job name, as "folder subject" of this user.

sub named {
	my ($job, $user, $uids) = @_;

	return join ' ', sort map { $uids->{"$_->{folder} $_->{uid}"}
		// "$_->{folder}/$_->{uid}" }
		grep { $_->{target} eq $user } @{ $job->{result}{items} };
}


sub uids {
	my ($user, @folders) = @_;
	my %subject;

	for my $folder (@folders) {
		my ($rc, $out) = $d->stock('-f', 'tab', 'fetch', '-u', $user,
			'uid hdr.subject', 'mailbox', $folder);
		$subject{"$folder $1"} = $2 while $out =~ /^(\d+)\t(.*)$/mg;
	}

	return \%subject;
}


for my $format (qw/ sdbox maildir /) {
	my $domain = "$format.example";
	my ($user, $moved, $other) = $d->crowd(3, $domain, format => $format);

	save_ago(40, $user, 'Junk', 'old1', 'future');
	save_ago(31, $user, 'Junk', 'old2', 'none');
	save_ago(90, $user, 'Junk', 'old3', 'now');
	save_ago(29, $user, 'Junk', 'fresh1', 'long_ago');
	save_ago(0, $user, 'Junk', 'fresh2', 'garbage');
	save_ago(90, $user, 'INBOX', 'inbox', 'long_ago');
	save_ago(90, $user, 'Sent', 'sent', 'long_ago');
	save_ago(90, $user, 'Trash', 'trash', 'long_ago');

	# an old message that is moved to the Trash today stays its full time
	save_ago(400, $moved, 'INBOX', 'thrown', 'long_ago');
	my $imap = $d->imap($moved);
	$imap->cmd('SELECT INBOX');
	like(($imap->cmd('MOVE 1 Trash'))[0], qr/^OK/,
		"$format: an old message is thrown away today");
	$imap->logout();

	my $uids = uids($user, qw/ Junk Trash /);
	my @job = (target => $domain, junk_days => 30);
	my $dry = $d->run('clear-folders', @job, dry_run => 1);

	is($dry->{state}, 'done', 'a dry run') or diag(failures($dry));
	is($dry->{result}{messages}, 3, '3 messages would go');
	is(named($dry, $user, $uids), 'old1 old2 old3', 'it names them');
	is(subjects($user, 'Junk'), 'fresh1 fresh2 old1 old2 old3',
		'and takes none');

	my $job = $d->run('clear-folders', @job);
	is($job->{state}, 'done', 'in earnest') or diag(failures($job));
	is($job->{result}{messages}, 3, '3 messages are gone');
	is($job->{result}{bytes}, $dry->{result}{bytes},
		'as many bytes as were told before');
	cmp_ok($job->{result}{bytes}, '>', 0, 'which are some');
	is(named($job, $user, $uids), 'old1 old2 old3', 'the same ones');
	is(subjects($user, 'Junk'), 'fresh1 fresh2', 'the fresh are there');
	is(subjects($user, 'Trash'), 'trash', 'and the Trash as it was');
	is(subjects($user, $_), lc $_, "$_, too") for qw/ INBOX Sent /;

	$job = $d->run('clear-folders', target => $domain, trash_days => 30);
	is($job->{result}{messages}, 1, 'the Trash: 1 message');
	is(subjects($user, 'Trash'), '', 'is gone');
	is(subjects($moved, 'Trash'), 'thrown',
		'and not what was thrown away today');

	$job = $d->run('clear-folders', target => $domain, junk_days => 30,
		trash_days => 30);
	is($job->{result}{messages}, 0, 'nothing is left to do');
	is($job->{failed}, 0, 'for anybody');
}

# ASan must be the first library of a program, and so must the other clock

if ($t->build() =~ /sanitize/) {
	$d->done();
	exit;
}


# The same mailboxes when time has gone by: by the lanes' clock all of it was
# saved long ago, also where only the file's own time says so.

my $faketime = Test::Mailportal::Dovecot::Mailboxes::_faketime();
my $lane = $t->build() . '/mailportal-lane -c '
	. $t->env('MP_WORKER_CONFIG');
$t->write_file('conf/dovecot/local.d/60-clock.conf', <<"END");
mail_always_cache_fields =
service mailportal-lane {
  executable = /usr/bin/env LD_PRELOAD=$faketime NO_FAKE_STAT=1 FAKETIME=+20d $lane
}
END
$d->reload();
$d->ready();

for my $format (qw/ sdbox maildir /) {
	my ($user) = $d->crowd(1, "later.$format.example", format => $format);

	$d->save($user, folder => 'Junk', subject => 'today');
	my $job = $d->run('clear-folders', target => $user, junk_days => 21);
	is($job->{result}{messages}, 0, "$format: twenty days later, of 21: "
		. 'none') or diag(failures($job));
	$job = $d->run('clear-folders', target => $user, junk_days => 19);
	is($job->{result}{messages}, 1, 'of 19: it goes');
	is(subjects($user, 'Junk'), '', 'and is gone');
}

$d->done();
